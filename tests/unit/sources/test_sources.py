"""One contract for all sources, whatever they read."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from pipeline.domain.catalog import Product
from pipeline.domain.errors import InvalidReason
from pipeline.domain.identity.config import IdentityConfig
from pipeline.sources import SOURCES, AnyLine, CatalogRead, Read, Rejected, SourceError, find_source, source_names
from pipeline.sources.files import STANDARD_INPUT
from pipeline.wire.catalog import encode as encode_catalog
from pipeline.wire.catalog import product_decoder, stock_decoder, told
from pipeline.wire.channel_event import Decoder, encode
from pipeline.wire.input_decoder import MAX_BYTES
from pipeline.wire.normalise import normalise

REES46_HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
CDNOW_HEADER = "customer_id,date,number_of_cds,dollar_value"
COMPLETE_JOURNEY_HEADER = (
    "household_id,store_id,basket_id,product_id,quantity,sales_value,retail_disc,coupon_disc,coupon_match_disc,week,"
    "transaction_timestamp"
)
ONLINE_RETAIL_HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
RETENTIONEERING_HEADER = "user_id,session_id,event,timestamp,platform,acquisition_channel,user_cohort,user_lifecycle"


class Sample(NamedTuple):
    """A file of three lines that are no blanks, the second of them wrong in its time, and how such a file is called."""

    name: str
    suffix: str
    header: str
    first: str
    wrong: str
    last: str
    holds: type = Read

    @property
    def text(self) -> str:
        """The file, with a blank line."""
        return f"{self.header}{self.first}\n\n{self.wrong}\n{self.last}"

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Where the three lines stand."""
        first = 1 + self.header.count("\n")
        return first, first + 2, first + 3


SAMPLES = {
    "cdnow": Sample(
        "transactions", ".csv", f"{CDNOW_HEADER}\n", "00001,19970101,1,11.77", "00001,1997,1,12.00",
        "00002,19970112,5,77.00",
    ),
    "channel_event": Sample(
        "events", ".jsonl", "",
        '{"event_id":"e-1","event_type":"page_viewed","channel":"web","occurred_at":1795514400000,"identifiers":{}}',
        '{"event_id":"e-2","event_type":"page_viewed","channel":"web","occurred_at":"noon","identifiers":{}}',
        '{"event_id":"e-3","event_type":"page_viewed","channel":"app","occurred_at":1795514400001,"identifiers":{}}',
    ),
    "complete_journey": Sample(
        "transactions", ".csv", f"{COMPLETE_JOURNEY_HEADER}\n",
        "993,32004,31198515122,840361,1,1.0,0.09,0.0,0.0,1,2017-01-01T14:16:13",
        "993,32004,31198515123,859075,1,1.67,0.22,0.0,0.0,1,new year",
        "993,32004,31198515124,866227,2,1.0,0.0,0.0,0.0,1,2017-01-01T14:16:14",
    ),
    "online_retail": Sample(
        "germany", ".csv", f"{ONLINE_RETAIL_HEADER}\n",
        "536527,22809,SET OF 6 T-LIGHTS SANTA,6,12/1/2010 13:04,2.95,12662,Germany",
        "536528,84347,ROTATING SILVER ANGELS T-LIGHT HLDR,6,13/1/2010 13:04,2.55,12662,Germany",
        "536529,84945,MULTI COLOUR SILVER T-LIGHT HOLDER,12,12/1/2010 13:05,0.85,12662,Germany",
    ),
    "product": Sample(
        "products", ".jsonl", "",
        '{"sku":"A","name":"Shoe","price_minor":12900,"currency":"EUR","updated_at":1795514400000,"update_id":"p-1"}',
        '{"sku":"B","updated_at":"noon"}',
        '{"sku":"C","deleted":true,"updated_at":1795514400001,"update_id":"p-3"}',
        CatalogRead,
    ),
    "shopify_catalog": Sample(
        "webhooks", ".jsonl", "",
        '{"topic":"variants/in_stock","payload":{"id":1,"sku":"A","product_id":7,"inventory_quantity":3,'
        '"updated_at":"2026-11-24T10:00:00Z"}}',
        '{"topic":"variants/in_stock","payload":{"id":2,"sku":"B","product_id":7,"inventory_quantity":3,'
        '"updated_at":"noon"}}',
        '{"id":3,"sku":"C","product_id":7,"inventory_quantity":0,"updated_at":"2026-11-24T10:00:01Z"}',
        CatalogRead,
    ),
    "stock_level": Sample(
        "stock", ".jsonl", "",
        '{"sku":"A","levels":{"38":4},"updated_at":1795514400000,"update_id":"s-1"}',
        '{"sku":"B","levels":{"38":4},"updated_at":"noon"}',
        '{"sku":"C","store":"HH","mode":"delta","levels":{"":-1},"updated_at":1795514400001,"update_id":"s-3"}',
        CatalogRead,
    ),
    "rees46": Sample(
        "events", ".csv", f"{REES46_HEADER}\n",
        "2019-10-01 00:00:00 UTC,view,3900821,2053013552326770905,,aqua,33.20,554748717,s-1",
        "2019-10-01 00:00:00,view,3900821,2053013552326770905,,aqua,33.20,554748717,s-1",
        "2019-10-01 00:00:01 UTC,purchase,1307067,2053013558920217191,a.b,,251.74,554748717,s-1",
    ),
    "retentioneering": Sample(
        "ecom", ".csv", f"{RETENTIONEERING_HEADER}\n",
        "user_0000,sess_000001,home,2024-03-13 10:21:14,desktop,email,2024-01,returning",
        "user_0000,sess_000001,promo_page,2024-03-13,desktop,email,2024-01,returning",
        "user_0000,sess_000001,product_view,2024-03-13 10:22:12,desktop,email,2024-01,returning",
    ),
}  # fmt: skip
"""For each source."""


def test_every_source_has_a_sample() -> None:
    assert sorted(SAMPLES) == sorted(SOURCES)
    assert set(SOURCES) <= set(source_names())


@pytest.fixture(params=sorted(SAMPLES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def plain(folder: Path, sample: Sample) -> Path:
    path = folder / f"{sample.name}{sample.suffix}"
    path.write_text(sample.text)
    return path


def windows(folder: Path, sample: Sample) -> Path:
    path = folder / f"{sample.name}{sample.suffix}"
    path.write_bytes(b"\xef\xbb\xbf" + sample.text.replace("\n", "\r\n").encode())
    return path


def zipped(folder: Path, sample: Sample) -> Path:
    path = folder / f"{sample.name}{sample.suffix}.gz"
    path.write_bytes(gzip.compress(sample.text.encode()))
    return path


def folder_of_two(folder: Path, sample: Sample) -> Path:
    inside = folder / "many"
    inside.mkdir()
    (inside / "notes.txt").write_text("not for us")
    (inside / f"{sample.name}1{sample.suffix}").write_text(sample.text)
    (inside / f"{sample.name}2{sample.suffix}.gz").write_bytes(gzip.compress(sample.header.encode()))
    return inside


def read(name: str, path: Path) -> list[AnyLine]:
    return list(find_source(name).read(path))


@pytest.mark.parametrize("form", [plain, windows, zipped, folder_of_two])
def test_b24_a_wrong_line_is_a_rejection_in_its_place_and_stops_nothing(
    name: str, form: Callable[[Path, Sample], Path], tmp_path: Path
) -> None:
    sample = SAMPLES[name]

    first, wrong, last = read(name, form(tmp_path, sample))

    assert isinstance(first, Read | CatalogRead)
    assert isinstance(last, Read | CatalogRead)
    assert type(first) is type(last) is sample.holds
    assert (first.line, wrong.line, last.line) == sample.numbers
    assert (first.original.decode(), last.original.decode()) == (sample.first, sample.last)
    assert isinstance(wrong, Rejected)
    assert wrong.reason is InvalidReason.BAD_TIME
    assert wrong.original.decode() == sample.wrong
    assert f"line {wrong.line}: bad_time: " in str(wrong)


def test_a_line_larger_than_any_record_is_rejected(name: str, tmp_path: Path) -> None:
    sample = SAMPLES[name]
    large = sample._replace(last=f"{sample.last}\n{'x' * (MAX_BYTES + 1)}\n")

    lines = read(name, plain(tmp_path, large))

    assert isinstance(lines[-1], Rejected)
    assert (len(lines), lines[-1].reason) == (4, InvalidReason.VALUE_TOO_LONG)


def test_the_same_file_gives_the_same_events(name: str, tmp_path: Path) -> None:
    path = plain(tmp_path, SAMPLES[name])

    assert read(name, path) == read(name, path)


def test_events_are_valid_and_survive_the_wire(name: str, tmp_path: Path) -> None:
    lines = read(name, plain(tmp_path, SAMPLES[name]))
    events = [line.event for line in lines if isinstance(line, Read)]
    records = [line.record for line in lines if isinstance(line, CatalogRead)]

    assert [normalise(event, IdentityConfig()).event for event in events] == events
    assert [Decoder().decode(encode(event)) for event in events] == events
    for record in records:
        decoder = product_decoder() if isinstance(record, Product) else stock_decoder()
        assert decoder.decode(encode_catalog(record)) == record
        assert (told(record).sku, told(record).update_id) == (record.sku, record.update_id)
    assert len(records if SAMPLES[name].holds is CatalogRead else events) == 2


def test_standard_input_is_a_file_called_dash(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO(SAMPLES[name].text.encode())
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream))

    assert len(read(name, STANDARD_INPUT)) == 3


def test_a_file_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gone: no such file"):
        read(name, tmp_path / "gone")


def test_a_folder_without_such_files_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no files here that end in"):
        read(name, tmp_path)


@pytest.mark.parametrize("damage", [b"no gzip", gzip.compress(b"x" * 999, mtime=0)[:-9]])
def test_a_damaged_gzip_file_is_named(name: str, damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sample.gz"
    path.write_bytes(damage)

    with pytest.raises(SourceError, match=r"not a whole gzip file|its columns are"):
        read(name, path)


def test_an_unknown_source_names_the_nearest() -> None:
    with pytest.raises(SourceError, match=r"no source called rees64. Did you mean rees46\?"):
        find_source("rees64")

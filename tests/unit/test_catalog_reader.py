"""The door of the catalogue: what it takes, a product can handle down to bytes; what it does not take stops nothing."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.catalog_reader import CatalogReader
from pipeline.domain.catalog import MODES, CatalogRecord, Product, StockLevel
from pipeline.domain.errors import InvalidEvent
from pipeline.domain.messages.to_product import ProductTold, StockTold
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.records import DeadLetter
from pipeline.settings import Settings
from pipeline.streaming.ingest import Fuse, IngestPartition
from pipeline.streaming.memory_bus import MemoryBus
from pipeline.streaming.units import Output, Record
from pipeline.topology import InstallationTopology
from pipeline.wire.catalog import encode, product_decoder, stock_decoder
from pipeline.wire.records import decode_record

TEN = 1_795_514_400_000
SETTINGS = Settings(partitions=1)
ANY_INTEGER = st.integers(-(2**63), 2**63 - 1)
PIECES = st.integers(-5, 5) | ANY_INTEGER
TEXTS = st.text(max_size=8)
TIMES = st.integers(TEN, TEN + 5) | ANY_INTEGER
LEVELS = st.dictionaries(TEXTS, PIECES, max_size=3)
RECORDS: st.SearchStrategy[CatalogRecord] = st.one_of(
    st.builds(
        Product, sku=TEXTS, tenant=st.sampled_from(["default", "a", "a/b", ""]), name=TEXTS, category=TEXTS,
        price_minor=st.none() | ANY_INTEGER, currency=st.sampled_from([None, "EUR", "eur", "€", ""]),
        attributes=st.dictionaries(TEXTS, TEXTS, max_size=2), updated_at_ms=TIMES, version=ANY_INTEGER,
        deleted=st.booleans(), update_id=TEXTS,
    ),
    st.builds(
        StockLevel, sku=TEXTS, store=TEXTS, levels=LEVELS, mode=st.sampled_from([*MODES, "FULL ", "none"]),
        updated_at_ms=TIMES, version=st.just(0) | ANY_INTEGER, update_id=TEXTS,
        stores=st.dictionaries(TEXTS, LEVELS, max_size=2),
    ),
)  # fmt: skip


def reader(record: CatalogRecord | None = None, kind: type = Product, event_clock: bool = True) -> CatalogReader:
    decoder: Any = product_decoder() if (kind if record is None else type(record)) is Product else stock_decoder()
    return CatalogReader(decoder.decode, event_clock)


@pytest.mark.parametrize("clock", ["wall", "event"])
@settings(max_examples=100, deadline=None)
@given(records=st.lists(RECORDS, max_size=8))
def test_what_ingest_takes_a_product_handles_down_to_bytes(
    clock: Literal["wall", "event"], records: list[CatalogRecord]
) -> None:
    """Nothing may raise but InvalidEvent, at the door."""
    taken = []
    for record in records:
        try:
            taken.append(reader(record)(Record(0, TEN, None, encode(record))))
        except InvalidEvent:
            continue
    bus = MemoryBus([ProductActor(clock)], InstallationTopology(SETTINGS), 1, lambda output: None)
    bus.put(taken)
    bus.advance(8_000_000_000_000)

    assert {key for key, _ in bus.states("product")} == {each.key for each in taken}


def test_now_is_when_the_broker_took_it_and_on_the_event_clock_when_it_holds() -> None:
    record = Record(0, TEN, None, encode(Product("A", updated_at_ms=TEN - 5, update_id="p-1")))

    wall, event = reader(event_clock=False)(record), reader(event_clock=True)(record)

    assert (wall.at_ms, event.at_ms) == (TEN, TEN - 5)
    assert wall.message == event.message == ProductTold("default", "A", "p-1", TEN - 5)
    assert (wall.actor, wall.key) == ("product", "default\x1fA")


def test_a_store_without_a_level_has_nothing() -> None:
    level = StockLevel("A", store="HH", mode="store", updated_at_ms=TEN, update_id="s-1")

    taken = reader(level)(Record(0, TEN, None, encode(level)))

    assert taken.message == StockTold("default", "A", "s-1", TEN, "store", (("HH", "", 0),))


def test_a_record_without_an_id_has_one_that_a_repetition_has_too() -> None:
    first, again, other = (
        reader(record)(Record(number, TEN, None, encode(record))).message
        for number, record in enumerate([Product("A", updated_at_ms=at_ms) for at_ms in (TEN, TEN, TEN + 1)])
    )

    assert isinstance(first, ProductTold)
    assert isinstance(other, ProductTold)
    assert first == again
    assert len({"", first.update_id, other.update_id}) == 3


@pytest.mark.parametrize(
    ("kind", "bad", "reason", "said"),
    [
        (StockLevel, {"levels": {"38": -1}}, "bad_value", "levels of store '', size '38': -1 is negative; what"),
        (Product, {"price_minor": 999}, "missing_field", "currency is missing: price_minor 999 says nothing"),
        (StockLevel, {"mode": "delta", "levels": {"38": -1}}, "missing_field", "update_id is missing: a delta counts"),
    ],
)  # fmt: skip
def test_b21_a_bad_record_is_a_dead_letter_with_field_place_and_remedy_and_its_partition_goes_on(
    kind: type, bad: dict[str, Any], reason: str, said: str
) -> None:
    topology = InstallationTopology(SETTINGS)
    fuse = Fuse(1.0, 1)
    partition = IngestPartition("catalog.x", 0, reader(kind=kind), topology.dead_letter, topology, fuse, True)
    good = {"levels": {"38": 1}} if kind is StockLevel else {"price_minor": 999, "currency": "EUR"}
    records = [
        Record(number, TEN, None, json.dumps({"sku": "A", "updated_at": TEN, **fields}).encode())
        for number, fields in enumerate([bad, good])
    ]

    (unit,) = partition.apply(records)

    assert [output.topic for output in unit.outputs] == ["deadletter", "product.inbox"]
    letter = decode_record(DeadLetter, unit.outputs[0].value)
    assert (letter.topic, letter.offset, letter.reason, letter.value) == ("catalog.x", 0, reason, records[0].value)
    assert said in letter.detail


def test_a_channel_event_among_products_is_a_dead_letter() -> None:
    topology = InstallationTopology(SETTINGS)
    partition = IngestPartition(
        "catalog.products", 0, reader(), topology.dead_letter, topology, Fuse(1.0, 1), event_clock=True
    )
    outputs: list[Output] = []

    for unit in partition.apply([Record(0, TEN, None, b'{"event_id":"e-1","event_type":"page_viewed"}')]):
        outputs += unit.outputs

    assert [output.topic for output in outputs] == ["deadletter"]

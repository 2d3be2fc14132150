"""One contract for all sources, whatever they read."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.domain.errors import InvalidReason
from pipeline.domain.identity_config import IdentityConfig
from pipeline.sources import SOURCES, Line, Read, Rejected, SourceError, find_source, source_names
from pipeline.sources.files import STANDARD_INPUT
from pipeline.wire.channel_event import MAX_BYTES, Decoder, encode
from pipeline.wire.normalise import normalise

REES46_HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
SAMPLES = {
    "channel_event": (
        ".jsonl",
        '{"event_id":"e-1","event_type":"page_viewed","channel":"web","occurred_at":1795514400000,"identifiers":{}}\n'
        "\n"
        '{"event_id":"e-2","event_type":"page_viewed","channel":"web","occurred_at":"noon","identifiers":{}}\n'
        '{"event_id":"e-3","event_type":"page_viewed","channel":"app","occurred_at":1795514400001,"identifiers":{}}',
    ),
    "rees46": (
        ".csv",
        f"{REES46_HEADER}\n"
        "2019-10-01 00:00:00 UTC,view,3900821,2053013552326770905,,aqua,33.20,554748717,s-1\n"
        "\n"
        "2019-10-01 00:00:00,view,3900821,2053013552326770905,,aqua,33.20,554748717,s-1\n"
        "2019-10-01 00:00:01 UTC,purchase,1307067,2053013558920217191,a.b,,251.74,554748717,s-1\n",
    ),
}
"""For each source a file of three lines that are no blanks, the second of them wrong in its time."""


def test_every_source_has_a_sample() -> None:
    assert sorted(SAMPLES) == sorted(SOURCES)
    assert set(SOURCES) <= set(source_names())


@pytest.fixture(params=sorted(SAMPLES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def plain(folder: Path, suffix: str, text: str) -> Path:
    path = folder / f"sample{suffix}"
    path.write_text(text)
    return path


def windows(folder: Path, suffix: str, text: str) -> Path:
    path = folder / f"sample{suffix}"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    return path


def zipped(folder: Path, suffix: str, text: str) -> Path:
    path = folder / f"sample{suffix}.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return path


def folder_of_two(folder: Path, suffix: str, text: str) -> Path:
    inside = folder / "many"
    inside.mkdir()
    (inside / "notes.txt").write_text("not for us")
    (inside / f"1{suffix}").write_text(text)
    (inside / f"2{suffix}.gz").write_bytes(gzip.compress(b"" if suffix == ".jsonl" else f"{REES46_HEADER}\n".encode()))
    return inside


def read(name: str, path: Path) -> list[Line]:
    return list(find_source(name).read(path))


@pytest.mark.parametrize("form", [plain, windows, zipped, folder_of_two])
def test_b24_a_wrong_line_is_a_rejection_in_its_place_and_stops_nothing(
    name: str, form: Callable[[Path, str, str], Path], tmp_path: Path
) -> None:
    first, wrong, last = read(name, form(tmp_path, *SAMPLES[name]))

    assert isinstance(first, Read)
    assert isinstance(last, Read)
    assert (first.line, last.line) == {"channel_event": (1, 4), "rees46": (2, 5)}[name]
    assert last.original.decode() == SAMPLES[name][1].rstrip().rpartition("\n")[2]
    assert isinstance(wrong, Rejected)
    assert wrong.reason is InvalidReason.BAD_TIME
    assert wrong.line == {"channel_event": 3, "rees46": 4}[name]
    assert wrong.original.decode() in SAMPLES[name][1]
    assert f"line {wrong.line}: bad_time: " in str(wrong)


def test_a_line_larger_than_any_record_is_rejected(name: str, tmp_path: Path) -> None:
    suffix, text = SAMPLES[name]
    lines = read(name, plain(tmp_path, suffix, f"{text.rstrip()}\n{'x' * (MAX_BYTES + 1)}\n"))

    assert isinstance(lines[-1], Rejected)
    assert (len(lines), lines[-1].reason) == (4, InvalidReason.VALUE_TOO_LONG)


def test_the_same_file_gives_the_same_events(name: str, tmp_path: Path) -> None:
    path = plain(tmp_path, *SAMPLES[name])

    assert read(name, path) == read(name, path)


def test_events_are_valid_and_survive_the_wire(name: str, tmp_path: Path) -> None:
    found = [line.event for line in read(name, plain(tmp_path, *SAMPLES[name])) if isinstance(line, Read)]

    assert [normalise(event, IdentityConfig()).event for event in found] == found
    assert [Decoder().decode(encode(event)) for event in found] == found
    assert len(found) == 2


def test_standard_input_is_a_file_called_dash(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO(SAMPLES[name][1].encode())
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream))

    assert len(read(name, STANDARD_INPUT)) == 3


def test_a_file_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gone: no such file"):
        read(name, tmp_path / "gone")


def test_a_folder_without_such_files_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no files here that end in"):
        read(name, tmp_path)


@pytest.mark.parametrize("damage", [b"no gzip", gzip.compress(b"x" * 999)[:-9]])
def test_a_damaged_gzip_file_is_named(name: str, damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sample.gz"
    path.write_bytes(damage)

    with pytest.raises(SourceError, match=r"not a whole gzip file|its columns are"):
        read(name, path)


def test_an_unknown_source_names_the_nearest() -> None:
    with pytest.raises(SourceError, match=r"no source called rees64. Did you mean rees46\?"):
        find_source("rees64")

"""What the tests of sources share: rows written under a header, read with a source."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.domain.events import ChannelEvent
from pipeline.sources import AnyLine, Read, find_source


def read_rows(source: str, header: str, folder: Path, *rows: str) -> list[AnyLine]:
    """Write a table and read it."""
    path = folder / "transactions.csv"
    path.write_text("\n".join((header, *rows)))
    return list(find_source(source).read(path))


def events_in(lines: Iterable[AnyLine]) -> list[ChannelEvent]:
    """Return what was read, without what was rejected."""
    return [line.event for line in lines if isinstance(line, Read)]

"""Our own form, JSON, one object a line: `.jsonl`, `.ndjson` or `.json`, gzipped or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.sources import AnyLine
from pipeline.sources.files import files_in, lines_of, records_of
from pipeline.wire.json_catalog import decode_any

SUFFIXES = (".jsonl", ".ndjson", ".json")


class ChannelEvents:
    """Channel events, and records of the catalogue among them, known by their fields; empty lines are passed over."""

    def read(self, path: Path) -> Iterator[AnyLine]:
        """Read a file, standard input (`-`), or every file of a folder."""
        for file in files_in(path, SUFFIXES):
            yield from records_of(file, lines_of(file), decode_any)

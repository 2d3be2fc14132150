"""Channel events as JSON, one object a line: `.jsonl`, `.ndjson` or `.json`, gzipped or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.sources import Line
from pipeline.sources.files import events_of, files_in, lines_of
from pipeline.wire import json_event


class ChannelEvents:
    """The form of our own; empty lines are passed over."""

    def read(self, path: Path) -> Iterator[Line]:
        """Read a file, standard input (`-`), or every file of a folder."""
        for file in files_in(path, (".jsonl", ".ndjson", ".json")):
            yield from events_of(file, lines_of(file), json_event.decode)

"""Channel events as JSON, one object a line: `.jsonl`, `.ndjson` or `.json`, gzipped or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.domain.errors import InvalidEvent
from pipeline.sources import Read, Rejected
from pipeline.sources.files import files_in, lines_of
from pipeline.wire import json_event


class ChannelEvents:
    """The form of our own; empty lines are passed over."""

    def read(self, path: Path) -> Iterator[Read]:
        """Read a file, standard input (`-`), or every file of a folder."""
        for file in files_in(path, (".jsonl", ".ndjson", ".json")):
            for number, line in lines_of(file):
                if line.isspace() or not line:
                    continue
                try:
                    yield json_event.decode(line)
                except InvalidEvent as error:
                    yield Rejected(str(file), number, error.reason, error.detail, line)

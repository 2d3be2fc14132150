"""Files for `omni simulate`: read, checked, merged by time; what is refused becomes a dead letter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from pathlib import Path

from pipeline.domain.errors import InvalidEvent
from pipeline.domain.records import DeadLetter
from pipeline.simulation import Simulation
from pipeline.sources import DEFAULT, Rejected, Source
from pipeline.sources.files import STANDARD_INPUT, files_in
from pipeline.streaming.ingest import Ingested

SUFFIXES = (".jsonl", ".ndjson", ".json")


class Input:
    """The files of one run. Dead letters gather in `refused`, one for each line, in the order of reading."""

    def __init__(self, paths: Iterable[Path], source: Source, source_name: str) -> None:
        """Check that the files are there. Raises SourceError."""
        self._source = source
        self.paths: list[Path] = []
        for path in paths:
            if source_name == DEFAULT:  # each file of the folder is a stream of its own
                self.paths += files_in(path, SUFFIXES)
            elif path == STANDARD_INPUT or path.exists():
                self.paths.append(path)
            else:
                self.paths += files_in(path, ())  # which says what is wrong
        self.refused: list[DeadLetter] = []

    def events(self, simulation: Simulation) -> Iterator[Ingested]:
        """Yield every event; several files by time, each in its own order. Raises SourceError."""
        streams = [self._one(path, simulation) for path in self.paths]
        return streams[0] if len(streams) == 1 else merge(*streams, key=_time)

    def _one(self, path: Path, simulation: Simulation) -> Iterator[Ingested]:
        read: Callable[..., Ingested] = simulation.read
        for found in self._source.read(path):
            if isinstance(found, Rejected):
                self.refused.append(_dead_letter(found))
                continue
            try:
                yield read(found.event)
            except InvalidEvent as error:
                self.refused.append(_dead_letter(found.rejected(error)))


def _dead_letter(line: Rejected) -> DeadLetter:
    return DeadLetter(
        topic=line.path,
        partition=0,
        offset=line.line,
        reason=line.reason,
        detail=line.detail,
        appended_at_ms=0,
        key=None,
        value=line.original,
    )


def _time(event: Ingested) -> int:
    return event.occurred_at_ms

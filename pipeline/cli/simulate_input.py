"""Files for `omni simulate`: read, checked, merged by time; what is refused becomes a dead letter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from pathlib import Path

from pipeline.domain.errors import InvalidEvent
from pipeline.domain.records import DeadLetter
from pipeline.simulation import Simulation
from pipeline.sources import DEFAULT, CatalogRead, Rejected, Source, find_source
from pipeline.sources.channel_event import SUFFIXES
from pipeline.sources.files import STANDARD_INPUT, files_in
from pipeline.streaming.ingest import Ingested


class Input:
    """The files of one run. Dead letters gather in `refused`, one for each line, in the order of reading."""

    def __init__(self, paths: Iterable[Path], source: Source, source_name: str, catalog: Iterable[Path] = ()) -> None:
        """Check that the files are there. `catalog` are files of the catalogue in our own form. Raises SourceError."""
        self._source = source
        self._catalog = [file for path in catalog for file in files_in(path, SUFFIXES)]
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
        """Yield everything; several files by time, each in its own order. Raises SourceError.

        A catalogue stands in the order of its products, not of time: its records are sorted first.
        """
        streams = [self._one(path, simulation, self._source) for path in self.paths]
        ours = find_source(DEFAULT)
        streams += [iter(sorted(self._one(path, simulation, ours), key=_time)) for path in self._catalog]
        return streams[0] if len(streams) == 1 else merge(*streams, key=_time)

    def _one(self, path: Path, simulation: Simulation, source: Source) -> Iterator[Ingested]:
        read: Callable[..., Ingested] = simulation.read
        for found in source.read(path):
            if isinstance(found, Rejected):
                self.refused.append(_dead_letter(found))
                continue
            try:
                yield read(found.record if isinstance(found, CatalogRead) else found.event)
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

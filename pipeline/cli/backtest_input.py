"""The events of `omni backtest`, from the history or from files: the same ones as often as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from pipeline.cli.progress import lines_in
from pipeline.cli.simulate_input import Input
from pipeline.domain.errors import InvalidEvent
from pipeline.errors import USAGE, OmniError
from pipeline.history.stored_events import StoredEvents
from pipeline.simulation import Simulation
from pipeline.sources import find_source
from pipeline.sources.files import STANDARD_INPUT
from pipeline.streaming.ingest import Ingested


class Events(Protocol):
    """`count` is about how many there are, None if not known; `refused` how many were no valid events the last time."""

    count: int | None
    refused: int

    def read_by(self, simulation: Simulation) -> Iterator[Ingested]:
        """Yield them, as the simulation reads them, in order; what is no valid event is left out."""


class FromHistory:
    """The events of a history, by time."""

    def __init__(self, stored: StoredEvents) -> None:
        self._stored = stored
        self.count: int | None = stored.count
        self.refused = 0

    def read_by(self, simulation: Simulation) -> Iterator[Ingested]:
        """Yield them; identity rules that became stricter may refuse one."""
        self.refused = 0
        for event in self._stored:
            try:
                yield simulation.read(event)
            except InvalidEvent:
                self.refused += 1


class FromFiles:
    """The events of files, in the order of `omni simulate`."""

    def __init__(self, paths: Sequence[Path], source_name: str, runs: int, since_ms: int | None) -> None:
        """Leave out what happened before `since_ms`, but for what the catalogue told. Raises SourceError."""
        if STANDARD_INPUT in paths and runs > 1:
            raise OmniError(
                "Standard input can be read once, and two rules files are to be tried: name a file, or --against none.",
                USAGE,
            )
        self._paths, self._source_name = paths, source_name
        self._source = find_source(source_name)
        self._since_ms = since_ms
        self.count = lines_in(Input(paths, self._source, source_name).paths)
        self.refused = 0

    def read_by(self, simulation: Simulation) -> Iterator[Ingested]:
        """Yield them."""
        files = Input(self._paths, self._source, self._source_name)
        for event in files.events(simulation):
            if event.is_of_catalog or self._since_ms is None or event.occurred_at_ms >= self._since_ms:
                yield event
        self.refused = len(files.refused)

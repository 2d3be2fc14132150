"""The demo on the in-memory bus: the same actors in this process, for machines where no Kafka is to be had."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing

from pipeline.demo.stream import Stream, paced
from pipeline.demo.tally import Summary, Tally
from pipeline.domain.records import Decision, IdentityChange, Trigger
from pipeline.domain.rules.in_force import Rules
from pipeline.history.recorder import Recorder
from pipeline.history.writer import open_history
from pipeline.identity_file import load_identity
from pipeline.settings import Settings
from pipeline.simulation import Simulation
from pipeline.streaming.ingest import Ingested
from pipeline.wire.normalise import Normalised


def play_in_memory(
    settings: Settings, rules: Rules, stream: Stream, seconds: float, tally: Tally, progress: Callable[[int], None]
) -> Summary:
    """Play the stream in `seconds` (0: as fast as it goes) and count. Raises HistoryUnavailable."""
    began = time.monotonic()
    rejected = 0
    with closing(open_history(settings.history_path)) as writer:
        recorder = Recorder(writer)

        def published(record: Trigger | Decision | IdentityChange) -> None:
            recorder.published(record)
            tally.note(record)

        simulation = Simulation(
            settings, rules, load_identity(settings.identity_file), None, published, recorder.arrived
        )

        def events() -> Iterator[Ingested]:
            nonlocal rejected
            for read in paced(stream, seconds, time.sleep):
                if isinstance(read, Normalised):
                    yield simulation.read(read.event)
                else:
                    rejected += 1

        simulation.play(events(), stream.end_ms, progress)
        return Summary(
            bus="memory",
            broker=None,
            events=simulation.distinct_events(),
            customers=len(simulation.customer_lines()),
            merges=tally.merges,
            triggers=tally.triggers,
            decisions=tally.decisions,
            dead_letters=tally.dead_letters,
            history_rows=recorder.rows(),
            seconds=round(time.monotonic() - began, 3),
            published=simulation.handed_over,
            rejected=rejected,
        )

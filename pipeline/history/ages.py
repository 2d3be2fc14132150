"""How old rows are when they can be asked for: of the first rows of each topic in a write, which waited longest."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final

from pipeline import metrics
from pipeline.domain.messages.to_customer import Arrived
from pipeline.domain.records import Trigger
from pipeline.history.rows import Row

SAMPLED_ROWS: Final = 100  # by topic, so that busy ones do not leave out events, nor one rule's triggers another's
OF_A_MESSAGE: Final = 10


class Ages:
    """The rows of one write that are looked at."""

    def __init__(self, channels: Collection[str]) -> None:
        """`channels` are those configured: any other is measured as `other`."""
        self._channels = channels
        self._rows: defaultdict[str, list[Row]] = defaultdict(list)

    def add(self, topic: str, rows: Sequence[Row]) -> None:
        """Take some of a message's rows, while there are few of its topic."""
        sampled = self._rows[topic]
        if len(sampled) < SAMPLED_ROWS:
            sampled += rows[:: max(1, len(rows) // OF_A_MESSAGE)]

    def stored(self) -> None:
        """Measure: all that was taken has just been stored. Begin anew."""
        now = time.time()
        for sampled in self._rows.values():
            for row in sampled[:SAMPLED_ROWS]:
                self._measure(row, now)
        self._rows.clear()

    def _measure(self, row: Row, now: float) -> None:
        record = row.record
        if isinstance(record, Arrived):
            channel = metrics.channel_label(record.event.channel, self._channels)
            age = now - record.event.occurred_at_ms / 1000
            metrics.OCCURRED_TO_STORED_SECONDS.labels(channel).observe(max(0.0, age))
        elif isinstance(record, Trigger) and record.status == "fired":  # a revoke bears the time of what it revokes
            age = now - record.fired_at_ms / 1000
            metrics.TRIGGER_TO_STORED_SECONDS.labels(record.rule).observe(max(0.0, age))

"""History written by the process that plays the events itself (`omni simulate`, the demo without Kafka)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from pipeline.domain.messages.to_customer import Arrived
from pipeline.domain.records import DeadLetter, Decision, IdentityChange, Trigger
from pipeline.domain.referral_codes import is_word_to_sender
from pipeline.history.columns import TABLES
from pipeline.history.rows import Kind, Origin, Row
from pipeline.history.writer import HistoryWriter

BLOCK_ROWS = 20_000
"""Rows gathered before they are written: a good block for the database, about 20 MB of memory."""

KINDS: dict[type, Kind] = {
    Trigger: Kind.TRIGGER,
    Decision: Kind.DECISION,
    IdentityChange: Kind.IDENTITY_CHANGE,
}


class Recorder:
    """Writes history as the simulation goes. Without a writer it does nothing."""

    def __init__(self, writer: HistoryWriter | None) -> None:
        """`writer` is open and stays the caller's to close."""
        self._writer = writer
        self._rows: list[Row] = []
        self._published: Counter[Kind] = Counter()
        self._began_ms = time.time_ns() // 1_000_000

    def arrived(self, source: str, position: int, event: Arrived) -> None:
        """Note an event that has found its customer."""
        if is_word_to_sender(event.event):
            return
        self._note(Row(Kind.EVENT, event, source, position, Origin(source, 0, position, event.received_at_ms)))

    def published(self, record: Trigger | Decision | IdentityChange) -> None:
        """Note a trigger, decision or identity change."""
        kind = KINDS[type(record)]
        position = self._published[kind]
        source = f"simulation/{kind}"
        origin = Origin(source, 0, position, self._began_ms)  # no broker took it
        self._note(Row(kind, record, source, position, origin))
        self._published[kind] += 1

    def refused(self, letters: Iterable[DeadLetter]) -> None:
        """Note the dead letters."""
        for letter in letters:
            origin = Origin(letter.topic, letter.partition, letter.offset, letter.appended_at_ms)
            self._note(Row(Kind.DEAD_LETTER, letter, letter.topic, letter.offset, origin))

    def rows(self) -> dict[str, int]:
        """Write what is left and return how many rows users see in each table."""
        if self._writer is None:
            return {}
        self._flush()
        views = [table.view for table in TABLES.values()]
        counted = [self._writer.engine.query(f"SELECT count() FROM {view}") for view in views]
        return {view: int(answer.rows[0][0]) for view, answer in zip(views, counted, strict=True)}

    def _note(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) >= BLOCK_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._writer is not None:
            self._writer.write(self._rows)
        self._rows.clear()

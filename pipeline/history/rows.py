"""What history keeps: one record of the pipeline, and where it came from."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from pipeline.domain.errors import InvalidReason
from pipeline.domain.messages.to_customer import Arrived
from pipeline.domain.records import DeadLetter, Decision, IdentityChange, Trigger

Record = Arrived | Trigger | Decision | IdentityChange | DeadLetter


class Kind(StrEnum):
    """What a row is about; one table each."""

    EVENT = "event"
    TRIGGER = "trigger"
    DECISION = "decision"
    IDENTITY_CHANGE = "identity_change"
    DEAD_LETTER = "dead_letter"


class Origin(NamedTuple):
    """The record on Kafka (or the line of a file) that a row was read from, and when the broker took it (ms)."""

    topic: str
    partition: int
    offset: int
    appended_at_ms: int

    @property
    def place(self) -> str:
        """Return `topic/partition`."""
        return f"{self.topic}/{self.partition}"


class Row(Struct, frozen=True, gc=False):
    """One record and where it came from: `position` grows within its `source` and is the same when sent again."""

    kind: Kind
    record: Record
    source: str
    position: int
    origin: Origin


def refusal(
    origin: Origin,
    reason: InvalidReason,
    detail: str,
    value: bytes,
    key: bytes | None = None,
    tenant: str | None = None,
) -> Row:
    """Return the row of what history itself refuses: the dead letter of the record that `origin` names.

    `detail` and `value` tell the entries of one record apart.
    """
    topic, partition, offset, appended_at_ms = origin
    letter = DeadLetter(topic, partition, offset, reason, detail, appended_at_ms, key, value, tenant)
    return Row(Kind.DEAD_LETTER, letter, origin.place, offset, origin)


def refused_here(rows: Iterable[Row]) -> list[DeadLetter]:
    """Return the dead letters among `rows` that are about the very record they came in: history's own."""
    return [
        row.record
        for row in rows
        if row.kind is Kind.DEAD_LETTER
        and isinstance(row.record, DeadLetter)
        and (row.record.topic, row.record.partition, row.record.offset) == row.origin[:3]
    ]

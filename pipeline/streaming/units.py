"""What one step of a partition produces: a unit of outputs and changes that become durable together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from pipeline.domain.messages.effects import Publish

Headers: TypeAlias = tuple[tuple[str, bytes], ...]


class Record(NamedTuple):
    """One Kafka record of an input partition. `timestamp_ms` is its append time."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class Output(NamedTuple):
    """One record to deliver. Partition None: chosen by Kafka's default partitioner from the key."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes
    headers: Headers = ()


@dataclass(slots=True)
class Unit:
    """The smallest step that is durable as a whole.

    `changes` (table key → bytes as in `values.py`) go to the changelog as one atomic record batch. `outputs` are
    delivered before the changelog, so that a crash in between repeats them from the log – except for a unit that
    the clock caused (`write_ahead`): the log cannot repeat that, so its outputs stand in the changelog first.
    `next_offset` is what may be committed once the unit is durable, None if nothing new may be. `handled` counts
    messages, `earliest_ms` is the earliest logical time among them (0: none). `occurred_ms` is when the first of them
    occurred, as far as that is known here (0: it is not). `fired_ms` is by rule the earliest time that one of the
    unit's triggers fired, `due_ms` when the first of the timers that caused it was due (0: none).
    """

    outputs: list[Output] = field(default_factory=list)
    changes: dict[bytes, bytes] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    next_offset: int | None = None
    write_ahead: bool = False
    handled: int = 0
    earliest_ms: int = 0
    occurred_ms: int = 0
    fired_ms: dict[str, int] = field(default_factory=dict)
    due_ms: int = 0


class Store(Protocol):
    """The bytes of one partition of a table."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, None if absent."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Return every key with its value (used once, after recovery)."""

    def overwritten(self) -> Collection[bytes]:
        """Return the keys whose last changelog record is a replaced worker's, not what is held (or absent) here."""

    def write(self, changes: Mapping[bytes, bytes], offset: int) -> None:
        """Apply a durable unit's changes, which end at `offset` of the changelog. See `values.py` for removals."""


class Topology(Protocol):
    """Where things go: topic and partition names of this installation."""

    def inbox(self, actor: str, key: str) -> tuple[str, int]:
        """Return the inbox topic of `actor` and the partition of `key`."""

    def record(self, publish: Publish) -> Output:
        """Encode a public record for its topic."""

"""Ingest of one partition of a producers' topic, without any I/O: records in, units of envelopes and dead letters out.

Stateless: what it sends carries the position of its record, so whatever a crash makes it send again is dropped by
the actor that it is for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from pipeline.domain.errors import InvalidEvent
from pipeline.domain.messages.to_product import Message
from pipeline.errors import OmniError
from pipeline.streaming import envelope
from pipeline.streaming.envelope import Entry, position
from pipeline.streaming.units import Output, Record, Topology, Unit

MAX_UNIT_BYTES = 4 * 1024 * 1024
"""Bound of the records that make one unit. A fetch of large events that compress well may bring a hundred times more
than went over the wire."""


class Ingested(Struct, frozen=True, gc=False):
    """What became of a readable record: a message for the shard of `key` at `actor`, or (None) a control event."""

    key: str
    at_ms: int
    message: Message | None
    occurred_at_ms: int
    counts: tuple[tuple[str, str], ...] = ()
    actor: str = "identity"

    @property
    def is_event(self) -> bool:
        """Whether it is an event on its way to a customer: no control event, and not of the catalogue."""
        return self.message is not None and self.actor == "identity"

    @property
    def is_of_catalog(self) -> bool:
        """Whether the catalogue told it."""
        return self.actor == "product"


class FuseBlown(OmniError):
    """Far too much is invalid: a producer is broken, and draining it into the dead letters would hide that.

    Ends the worker for good: every start would let some more through before it is sure again.
    """


class Fuse:
    """Stops a partition when more than `ratio` of the last `minimum` records or more were invalid."""

    def __init__(self, ratio: float, minimum: int) -> None:
        """Blow when at least `minimum` records were seen and more than `ratio` of them were invalid."""
        self._ratio = ratio
        self._minimum = minimum
        self._seen = 0
        self._invalid = 0
        self._example = ""

    def note(self, seen: int, invalid: int, place: str, example: str) -> None:
        """Count a batch; halve the memory now and then, so that old good records do not hide new bad ones.

        `example` says why records of this batch were refused: they are not in the dead letters yet.
        """
        self._seen += seen
        self._invalid += invalid
        self._example = example or self._example
        if self._seen >= self._minimum:
            if self._invalid > self._seen * self._ratio:
                raise FuseBlown(
                    f"{place}: {self._invalid} of the last {self._seen} records are invalid, the limit is "
                    f"{self._ratio:.0%}. {self._example}. Mend the producer, or raise fuse_invalid_ratio to let "
                    "them go to the dead letters."
                )
            self._seen //= 2
            self._invalid //= 2


class IngestPartition:
    """One partition of one topic."""

    def __init__(
        self,
        topic: str,
        partition: int,
        read: Callable[[Record], Ingested],
        dead_letter: Callable[[str, int, Record, str, str], Output],
        topology: Topology,
        fuse: Fuse,
        event_clock: bool,
    ) -> None:
        """Read with `read`, which raises `InvalidEvent` for what `dead_letter` then makes a dead letter of.

        `dead_letter(topic, partition, record, reason, detail)`.
        """
        self._topic = topic
        self._partition = partition
        self._source = f"{topic}/{partition}"
        self._read = read
        self._dead_letter = dead_letter
        self._topology = topology
        self._fuse = fuse
        self._event_clock = event_clock
        #: Everything up to this time (ms) has been handled: event time, or the broker's append time on a wall clock.
        self.watermark: int | None = None
        self._reached: int | None = None

    def apply(self, records: Sequence[Record]) -> Iterator[Unit]:
        """Turn records into units of as many as `MAX_UNIT_BYTES` holds."""
        start, size = 0, 0
        for index, record in enumerate(records):
            size += len(record.value or b"")
            if size >= MAX_UNIT_BYTES:
                yield self._unit(records[start : index + 1])
                start, size = index + 1, 0
        if start < len(records):
            yield self._unit(records[start:])

    def _unit(self, records: Sequence[Record]) -> Unit:
        unit = Unit(next_offset=records[-1].offset + 1, handled=len(records))
        sends: dict[tuple[str, int], list[Entry[Message]]] = {}
        counts = unit.counts
        inbox, read = self._topology.inbox, self._read
        newest = self.watermark or 0
        refused: list[InvalidEvent] = []
        for record in records:
            try:
                event = read(record)
            except InvalidEvent as error:
                refused.append(error)
                counts["dead_letters", error.reason] += 1
                unit.outputs.append(self._dead_letter(self._topic, self._partition, record, error.reason, error.detail))
                continue
            for count in event.counts:
                counts[count] += 1
            message = event.message
            if event.occurred_at_ms > newest:  # only a control event says that nothing of its instant will follow
                newest = event.occurred_at_ms if message is None else event.occurred_at_ms - 1
            if message is None:
                continue
            if not unit.occurred_ms and event.is_event:
                unit.occurred_ms = event.occurred_at_ms
            entry = Entry(position(record.offset), event.key, event.at_ms, message)
            place = inbox(event.actor, event.key)
            if place in sends:
                sends[place].append(entry)
            else:
                sends[place] = [entry]
        self._fuse.note(len(records), len(refused), self._source, _example(refused))
        times = [record.timestamp_ms for record in records]  # a producer's, or a new broker's, may step back
        first_ms, last_ms = min(times), max(times)
        for (topic, number), entries in sends.items():
            for value in envelope.pack(self._source, first_ms, last_ms, entries):
                unit.outputs.append(Output(topic, number, None, value))
        self._reached = newest if self._event_clock else records[-1].timestamp_ms
        return unit

    def next_wake(self) -> int | None:
        """Nothing waits here."""
        return None

    def tick(self, clock_ms: int) -> Unit | None:
        """Nothing waits here."""
        return None

    def takeover(self) -> Unit | None:
        """Nothing to take over: there is no state."""
        return None

    def leave(self) -> Unit | None:
        """Nothing to leave behind."""
        return None

    def durable(self, unit: Unit, offset: int) -> None:
        """Only now has the source come so far: a commit before the delivery would let the clock pass the records."""
        self.watermark = self._reached


def _example(refused: list[InvalidEvent]) -> str:
    """Name the commonest reason, and what was wrong with one such record."""
    if not refused:
        return ""
    reasons = Counter(error.reason for error in refused)
    ((reason, number),) = reasons.most_common(1)
    detail = next(error.detail for error in refused if error.reason == reason)
    return f"{number} of {len(refused)} are {reason}, for example: {detail}"

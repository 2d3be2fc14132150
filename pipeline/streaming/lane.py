"""Lanes: one per owned partition; batches go through in order, ticks in between, one durable unit at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Protocol

from pipeline.streaming.batch import Batch
from pipeline.streaming.delivery import Delivery, NotDelivered
from pipeline.streaming.lease import Lease, Replaced
from pipeline.streaming.units import Record, Unit

log = logging.getLogger(__name__)

MAX_PENDING_BYTES = 256 * 1024
"""What a lane holds before its partition is no longer fetched: a thousand events, so that work never waits. Counted in
bytes because a record of an inbox may be one message or thousands."""
RECORD_BYTES = 64
"""What a record takes besides its value."""
MARKERS = 2
"""Offsets without a record that are nothing to tell of: a producer's transactions end with a marker each."""
TICK_AFTER_SECONDS: Final = 0.1
"""Least time between two ticks of a partition: each that finds something due has its own round trips to the broker."""


class RecordsMissing(RuntimeError):
    """Records of an internal topic were skipped between two batches: going on would lose them silently."""


class LogCut(RuntimeError):
    """A partition goes on before where it was: it has lost its end. Starting again finds out where it is new."""


class Engine(Protocol):
    """What a lane drives: `ActorPartition`, or ingest.

    `watermark` is the time (ms) up to which the partition's source is handled, for channel topics; None elsewhere.
    """

    watermark: int | None

    def apply(self, records: Sequence[Record]) -> Iterator[Unit]:
        """Handle records in order."""

    def tick(self, clock_ms: int) -> Unit | None:
        """Do what waits for the clock, None when nothing does."""

    def next_wake(self) -> int | None:
        """Return the earliest time (ms) anything waits for, None when nothing does."""

    def takeover(self) -> Unit | None:
        """Return the unit that makes the partition ours, None if nothing is to be done."""

    def leave(self) -> Unit | None:
        """Return the last unit before the partition goes, None if nothing is to be done."""

    def durable(self, unit: Unit, offset: int) -> None:
        """Note that `unit` is durable."""


@dataclass(slots=True, frozen=True)
class Place:
    """Where a lane reads and where its changes go. `gapless`: nothing may be missing between two records."""

    topic: str
    partition: int
    changelog: str | None
    gapless: bool


class Lane:
    """One partition at work. `start` and `stop` by its owner; `submit` for each batch."""

    def __init__(
        self,
        place: Place,
        engine: Engine,
        delivery: Delivery,
        clock: Callable[[], int | None],
        lease: Lease,
        on_unit: Callable[[Lane, Unit, float], None],
        tick_seconds: float,
        may_work: Callable[[], bool] = lambda: True,
        end: Callable[[], int | None] = lambda: 0,
    ) -> None:
        """Drive `engine`. `on_unit` is told of each durable unit and its seconds; `clock` gives the time in ms.

        While `may_work` says no, nothing is handled and nothing ticks. `end` is the offset of the partition's next
        record, None while that is not known.
        """
        self.place = place
        self.engine = engine
        self.next_offset = 0
        self._delivery = delivery
        self._clock = clock
        self._lease = lease
        self._on_unit = on_unit
        self._tick_seconds = tick_seconds
        self._may_work = may_work
        self._end = end
        self._repeat_until: int | None = None
        self._waiting: list[Record] = []
        self._called = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._ticked_at = 0.0
        self._work = asyncio.Lock()
        #: Offset of the last record that this lane knows of in its changelog.
        self.changelog_end: int | None = None
        #: Whether work on a unit was cut short: the engine may be ahead of what is durable.
        self.failed = False
        #: Size of the records handed over and not yet durable.
        self.pending_bytes = 0

    def start(self, next_offset: int, changelog_end: int | None, on_failure: Callable[[BaseException], None]) -> None:
        """Begin at `next_offset`; the changelog was recovered up to `changelog_end` (last offset).

        `on_failure` is called once if the lane dies; nothing later is acknowledged.
        """
        self.next_offset = next_offset
        self.changelog_end = changelog_end
        self._task = asyncio.create_task(self._run(), name=f"lane {self.name}")

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                on_failure(error)

        self._task.add_done_callback(ended)

    @property
    def name(self) -> str:
        """Topic and partition, for people."""
        return f"{self.place.topic}/{self.place.partition}"

    @property
    def has_room(self) -> bool:
        """Whether another batch may be fetched for it."""
        return self.pending_bytes < MAX_PENDING_BYTES

    def submit(self, batch: Batch) -> None:
        """Queue a batch, to be handled together with what waits already: one unit, one round trip."""
        self.pending_bytes += _size(batch.records)
        self._waiting += batch.records
        self._called.set()

    async def stop(self) -> None:
        """Finish the unit under way, drop the rest, end."""
        self._stopping = True
        self._called.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        async with self._work:  # the stock transport brings its records past the queue
            pass

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        async with self._work:
            try:
                yield
            except BaseException:
                self.failed = True
                raise

    async def _run(self) -> None:
        async with self._working():
            if not self._stopping and (taken := self.engine.takeover()) is not None:
                await self._make_durable(taken, time.monotonic())
        while not self._stopping:
            records = await self._next()
            if records:
                if records[0].offset < self.next_offset:
                    raise LogCut(f"{self.name}: after offset {self.next_offset - 1} came {records[0].offset}")
                await self.process(records)
                self.pending_bytes -= _size(records)
            if not self._stopping and (not records or self._rest_seconds() <= 0):
                await self.tick()
        await self._leave()

    async def _leave(self) -> None:
        """Tidy up for the next owner. Without it that owner delivers the clock's last unit again, as after a crash."""
        try:
            async with self._working():
                if not self.failed and (unit := self.engine.leave()) is not None:
                    await self._make_durable(unit, time.monotonic())
        except (NotDelivered, Replaced) as error:
            log.warning("%s: what the clock caused last may be delivered again: %s", self.name, error)

    async def _next(self) -> Sequence[Record]:
        """Return all that waits, nothing when it is time for a tick."""
        if not self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._rest_seconds()):
                    await self._called.wait()
        self._called.clear()
        records, self._waiting = self._waiting, []
        return records

    def _rest_seconds(self) -> float:
        """Return how long there is until the next tick: no longer than until something is due."""
        due_ms, clock_ms, passed = self.engine.next_wake(), self._clock(), time.monotonic() - self._ticked_at
        longest = self._tick_seconds - passed
        if due_ms is None or clock_ms is None:
            return longest
        return min(longest, max(TICK_AFTER_SECONDS - passed, (due_ms - clock_ms) / 1000))

    async def process(self, records: Sequence[Record]) -> None:
        """Apply records from where this lane stands; make each unit durable before the next.

        Does nothing once the lane is to stop, or has failed.
        """
        while not self._may_work():
            if self._stopping:
                return
            await asyncio.sleep(self._tick_seconds)
        async with self._working():
            if not self._stopping and not self.failed:
                await self._process(records)

    async def _process(self, records: Sequence[Record]) -> None:
        first = records[0].offset
        skipped = max(0, first - self.next_offset)
        if skipped and self.place.gapless:
            raise RecordsMissing(
                f"{self.name}: records {self.next_offset} to {first - 1} are gone, unhandled: the topic's retention is "
                "shorter than the workers were away, or somebody deleted them. What they said is lost. To go on "
                f"without them, stop all workers and set their group's offset of {self.name} to {first} "
                f"(kafka-consumer-groups.sh --reset-offsets --topic {self.place.topic}:{self.place.partition} "
                f"--to-offset {first} --execute)"
            )
        if skipped > MARKERS:
            log.warning("%s: records %d to %d are gone, unhandled", self.name, self.next_offset, first - 1)
        if first < self.next_offset:
            records = [record for record in records if record.offset >= self.next_offset]
        if not records:
            return
        began = time.monotonic()
        for unit in self.engine.apply(records):
            if skipped:
                unit.counts["offsets_skipped", self.place.topic] += skipped
                skipped = 0
            await self._make_durable(unit, began)
            began = time.monotonic()
            if self._stopping:
                return

    async def tick(self) -> None:
        """Let the engine do what waits for the clock."""
        self._ticked_at = time.monotonic()
        clock = self._clock()
        if clock is None or not self._may_work() or not self._has_repeated():
            return
        async with self._working():
            began = time.monotonic()
            while not self._stopping and not self.failed and (unit := self.engine.tick(clock)) is not None:
                await self._make_durable(unit, began)
                began = time.monotonic()

    def _has_repeated(self) -> bool:
        """Whether all is handled that the last owner may have begun; it had read no further than the end is now.

        Its last unit may be delivered and not in the changelog. Repeated after a tick, it would meet another state, and
        what comes of it then would contradict what was delivered.
        """
        if self._repeat_until is None:
            self._repeat_until = self._end()
        return self._repeat_until is not None and self.next_offset >= self._repeat_until

    async def _make_durable(self, unit: Unit, began: float) -> None:
        if unit.changes and self.place.changelog is not None:
            self._lease.check()  # first of all: what was delivered cannot be taken back
        if unit.outputs and not unit.write_ahead:
            await self._delivery.outputs(unit.outputs)
        offset = -1
        if unit.changes and self.place.changelog is not None:
            self._lease.check()
            offset = await self._delivery.changelog(self.place.changelog, self.place.partition, unit.changes)
            self._check_nobody_else_wrote(offset, len(unit.changes))
        if unit.outputs and unit.write_ahead:
            await self._delivery.outputs(unit.outputs)
        self.engine.durable(unit, offset)
        if unit.next_offset is not None:
            self.next_offset = unit.next_offset
        self._on_unit(self, unit, time.monotonic() - began)

    def _check_nobody_else_wrote(self, last_offset: int, records: int) -> None:
        before, self.changelog_end = self.changelog_end, last_offset
        if before is not None and last_offset - records != before:
            raise Replaced(
                f"{self.place.changelog}/{self.place.partition}: {last_offset - records - before} records after offset "
                f"{before} are not ours; starting again from the changelog"
            )


def _size(records: Sequence[Record]) -> int:
    return sum(len(record.value or b"") + RECORD_BYTES for record in records)

"""All lanes of one worker: who owns what, from assignment to revocation."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

from faust.types import TP

from pipeline import metrics
from pipeline.streaming.batch import Batch
from pipeline.streaming.delivery import Delivery
from pipeline.streaming.lane import Engine, Lane, Place
from pipeline.streaming.lease import Lease
from pipeline.streaming.table import ActorTable
from pipeline.streaming.units import Record, Unit

log = logging.getLogger(__name__)


class Stage(Protocol):
    """One step of the path: which topics it reads, how to build the engine of one partition, its table if any."""

    topics: frozenset[str]
    table: ActorTable | None
    gapless: bool

    def engine(self, topic: str, partition: int) -> Engine:
        """Build the engine of one recovered partition."""


class Lanes:
    """Starts a lane for each assigned partition and stops it before the partition goes.

    On the batch transport lanes are given batches (`submit`); on the stock one each record is awaited (`run_one`).
    """

    def __init__(
        self,
        stages: list[Stage],
        delivery: Callable[[], Delivery],
        clock: Callable[[], int | None],
        on_unit: Callable[[Lane, Unit, float], None],
        on_failure: Callable[[BaseException], None],
        tick_seconds: float,
        lease: Lease,
        wall_clock: bool,
        may_work: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Serve `stages`; `delivery` is asked for when the first lane starts, after the producer has.

        `may_work` says of a topic whether its messages may be handled now.
        """
        self._stages = {topic: stage for stage in stages for topic in stage.topics}
        self._new_delivery = delivery
        self._clock = clock
        self._on_unit = on_unit
        self._on_failure = on_failure
        self._tick_seconds = tick_seconds
        self._lease = lease
        self._wall_clock = wall_clock
        self._may_work = may_work
        self._lanes: dict[TP, Lane] = {}
        #: Lanes stopped since partitions last flowed: their engines serve again if their partitions come back.
        self._stopped: dict[TP, Lane] = {}
        self._stops = 0
        self._stopped_at = time.monotonic()
        self._delivery: Delivery | None = None
        self._consumer: Any = None
        self._in_batches = False
        self._epoch = 0
        self._flowing = asyncio.Event()

    def attach(self, consumer: Any) -> None:
        """Let the batch consumer tell of revocation and flow, and ask for room."""
        self.attach_stock(consumer)
        consumer.has_room = self._has_room
        self._in_batches = True

    def attach_stock(self, consumer: Any) -> None:
        """Let a consumer tell of revocation and flow, and say how far the sources are."""
        self._consumer = consumer
        consumer.on_revoking = self.stop
        consumer.on_flowing = self.flow
        consumer.on_committing = self._watermarks

    def __iter__(self) -> Iterator[Lane]:
        """Iterate over the running lanes."""
        return iter(list(self._lanes.values()))

    def lag(self, lane: Lane) -> int:
        """Return how many records of the lane's partition are not durable yet (0 where that is not known)."""
        highwater = self._consumer and self._consumer.highwater(TP(lane.place.topic, lane.place.partition))
        return max(0, highwater - lane.next_offset) if highwater is not None else 0

    def _end(self, tp: TP) -> int | None:
        """Return the offset of a partition's next record, None before its first fetch."""
        if self._consumer is None:
            return 0
        try:
            highwater: int | None = self._consumer.highwater(tp)
        except AssertionError:  # how aiokafka says that a partition has just left: its lane is about to be stopped
            return None
        return highwater

    def _has_room(self, tp: TP) -> bool:
        lane = self._lanes.get(tp)
        return lane is None or lane.has_room

    def _watermarks(self) -> dict[TP, int]:
        """How far the sources have come: caught up on a wall clock means up to now.

        Lanes that were stopped for a revocation still count: the commit that follows would erase what they had said.
        """
        now = int(time.time() * 1000)
        stopped = {tp: lane.engine.watermark for tp, lane in self._stopped.items()}
        found = {tp: watermark for tp, watermark in stopped.items() if watermark is not None}
        for tp, lane in self._lanes.items():
            watermark = lane.engine.watermark
            if self._wall_clock and self._stages[tp.topic].table is None and not lane.pending_bytes:
                highwater = self._consumer.highwater(tp)
                if highwater is not None and lane.next_offset >= highwater:
                    watermark = now
            if watermark is not None:
                found[tp] = watermark
        return found

    def submit(self, batch: Batch) -> None:
        """Queue a batch with its lane; one fetched before the last rebalance or seek is void."""
        lane = self._lanes.get(TP(batch.topic, batch.partition))
        if lane is not None and batch.epoch == self._epoch:
            lane.submit(batch)

    async def run_one(self, topic: str, partition: int, record: Record) -> None:
        """Stock transport: handle one record to the end, before the next of its agent.

        One that was read before partitions were given out anew is left alone: reading goes on from what is committed,
        here or at another worker, and brings it again after those before it. After a failure this waits for ever.
        """
        stops = self._stops
        while True:
            await self._flowing.wait()
            lane = self._lanes.get(TP(topic, partition))
            if lane is None or self._stops != stops:
                return
            try:
                await lane.process([record])
            except Exception as error:  # noqa: BLE001 - Faust would log it and go on with the next record
                self._on_failure(error)
                await asyncio.Future()
            if lane.failed and self._stops == stops:  # at a tick: the worker is about to end
                await asyncio.Future()
            if lane.next_offset > record.offset:
                return

    async def flow(self, started_at: Mapping[TP, int], watermarks: Mapping[TP, int]) -> None:
        """Start a lane per assigned partition; its table is recovered, reading begins at `started_at`.

        `watermarks` are those of the last commits. A revocation meanwhile ends this: what was started is stopped.
        """
        if self._delivery is None:
            self._delivery = self._new_delivery()
        stops = self._stops + 1
        await self.stop()
        self._lease.renew()
        began = time.monotonic()
        owned: dict[ActorTable, set[int]] = {}
        try:
            for tp, offset in started_at.items():
                if self._stops != stops:
                    return
                stage = self._stages.get(tp.topic)
                if stage is None:
                    continue
                if stage.table is not None:
                    owned.setdefault(stage.table, set()).add(tp.partition)
                self._start(tp, stage, offset, watermarks.get(tp))
                await asyncio.sleep(0)
            if self._stops != stops:
                return
        except asyncio.CancelledError:
            await self.stop()
            raise
        self._stopped.clear()
        for stage in self._stages.values():
            if stage.table is not None:
                stage.table.partitions_of.keep_only(owned.get(stage.table, set()))
        if self._in_batches:
            self._epoch = self._consumer.epoch
        self._flowing.set()
        now = time.monotonic()
        metrics.RECOVERY_SECONDS.set(now - self._stopped_at)
        log.info("%d partitions flow, %.2f s to set up", len(self._lanes), now - began)

    def _start(self, tp: TP, stage: Stage, offset: int, watermark: int | None) -> None:
        reached = stage.table.partitions_of.partition(tp.partition).offset if stage.table is not None else None
        before = self._stopped.get(tp)
        if before is not None and not before.failed and before.changelog_end == reached:
            engine = before.engine
        else:
            engine = stage.engine(tp.topic, tp.partition)
        if watermark is not None:
            engine.watermark = max(watermark, engine.watermark or 0)
        changelog = stage.table.changelog_topic.get_topic_name() if stage.table is not None else None
        place = Place(tp.topic, tp.partition, changelog, stage.gapless)
        assert self._delivery is not None
        may_work = partial(self._may_work, tp.topic)
        hooks = (self._lease, self._noted, self._tick_seconds, may_work, partial(self._end, tp))
        lane = Lane(place, engine, self._delivery, self._clock, *hooks)
        lane.start(offset, reached, self._on_failure)
        self._lanes[tp] = lane
        if self._consumer is not None:
            self._consumer.on_durable(tp, offset)

    def _noted(self, lane: Lane, unit: Unit, seconds: float) -> None:
        if self._consumer is not None and unit.next_offset is not None:
            self._consumer.on_durable(TP(lane.place.topic, lane.place.partition), unit.next_offset)
        self._on_unit(lane, unit, seconds)

    async def stop(self) -> None:
        """Stop every lane after the unit under way, also those that another call has begun to stop."""
        self._stops += 1
        self._stopped |= self._lanes
        self._lanes = {}
        self._epoch = -1
        if self._flowing.is_set():
            self._flowing.clear()
            self._stopped_at = time.monotonic()
        await asyncio.gather(*(lane.stop() for lane in self._stopped.values()))

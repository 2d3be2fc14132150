"""All lanes of one worker: who owns what, from assignment to revocation."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from faust.types import TP

from pipeline.streaming.batch import Batch
from pipeline.streaming.delivery import Delivery
from pipeline.streaming.lane import Engine, Lane, Place, Replaced
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

    `consumer` is the batch consumer, or None on the stock transport, where Faust acknowledges for itself and each
    record is awaited.
    """

    def __init__(
        self,
        stages: list[Stage],
        delivery: Callable[[], Delivery],
        clock: Callable[[], int | None],
        on_unit: Callable[[Lane, Unit, float], None],
        on_failure: Callable[[BaseException], None],
        tick_seconds: float,
        lease_seconds: float,
        wall_clock: bool,
    ) -> None:
        """Serve `stages`; `delivery` is asked for when the first lane starts, after the producer has.

        `lease_seconds` is how long this process may have stood still and still own what it owned.
        """
        self._stages = {topic: stage for stage in stages for topic in stage.topics}
        self._new_delivery = delivery
        self._clock = clock
        self._on_unit = on_unit
        self._on_failure = on_failure
        self._tick_seconds = tick_seconds
        self._lease_seconds = lease_seconds
        self._wall_clock = wall_clock
        self._alive_at = time.monotonic()
        self._lanes: dict[TP, Lane] = {}
        self._stopped: dict[TP, Lane] = {}
        self._kept: dict[TP, tuple[Engine, int | None]] = {}
        self._delivery: Delivery | None = None
        self._consumer: Any = None
        self._highwater: Callable[[TP], int | None] = lambda _tp: None
        self._epoch = 0
        self._flowing = asyncio.Event()

    def attach(self, consumer: Any) -> None:
        """Let the batch consumer tell of revocation and flow, and ask for room."""
        self._consumer = consumer
        self.attach_stock(consumer)
        consumer.has_room = self._has_room

    def attach_stock(self, consumer: Any) -> None:
        """Let a consumer that acknowledges for itself tell of revocation and flow, and say how far the sources are."""
        self._highwater = consumer.highwater
        consumer.on_revoking = self.stop
        consumer.on_flowing = self.flow
        consumer.on_committing = self._watermarks

    def __iter__(self) -> Iterator[Lane]:
        """Iterate over the running lanes."""
        return iter(list(self._lanes.values()))

    def lag(self, lane: Lane) -> int:
        """Return how many records of the lane's partition are not durable yet (0 where that is not known)."""
        highwater = self._consumer and self._highwater(TP(lane.place.topic, lane.place.partition))
        return max(0, highwater - lane.next_offset) if highwater is not None else 0

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
            if self._wall_clock and self._stages[tp.topic].table is None and not lane.pending:
                highwater = self._highwater(tp)
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
        """Stock transport: handle one record to the end, before Faust acknowledges it.

        While the group settles it waits: returning would acknowledge what nobody has handled.
        """
        while True:
            await self._flowing.wait()
            lane = self._lanes.get(TP(topic, partition))
            if lane is None:
                return  # another worker's now
            lane.next_offset = record.offset
            await lane.process([record])
            if lane.next_offset > record.offset:
                return

    async def flow(self, started_at: Mapping[TP, int]) -> None:
        """Start a lane per assigned partition; its table is recovered, reading begins at `started_at`."""
        if self._delivery is None:
            self._delivery = self._new_delivery()
        await self.stop()
        self._stopped.clear()
        self._alive_at = began = time.monotonic()  # the group has just given us these: joining it may have taken long
        owned: dict[ActorTable, set[int]] = {}
        for tp, offset in started_at.items():
            stage = self._stages.get(tp.topic)
            if stage is None:
                continue
            if stage.table is not None:
                owned.setdefault(stage.table, set()).add(tp.partition)
            lane = self._new_lane(tp, stage)
            lane.start(offset, self._reached(stage, tp.partition), self._on_failure)
            self._lanes[tp] = lane
            if self._consumer is not None:
                self._consumer.durable[tp] = offset
            await asyncio.sleep(0)
        self._kept.clear()
        for stage in self._stages.values():
            if stage.table is not None:
                stage.table.partitions_of.keep_only(owned.get(stage.table, set()))
        if self._consumer is not None:
            self._epoch = self._consumer.epoch
        self._flowing.set()
        log.info("%d partitions flow, %.2f s to set up", len(self._lanes), time.monotonic() - began)

    def _new_lane(self, tp: TP, stage: Stage) -> Lane:
        changelog = stage.table.changelog_topic.get_topic_name() if stage.table is not None else None
        engine, reached = self._kept.get(tp, (None, None))
        if engine is None or reached != self._reached(stage, tp.partition):
            engine = stage.engine(tp.topic, tp.partition)
        place = Place(tp.topic, tp.partition, changelog, stage.gapless and self._consumer is not None)
        assert self._delivery is not None
        return Lane(place, engine, self._delivery, self._clock, self._check_lease, self._noted, self._tick_seconds)

    async def watch(self) -> None:
        """Keep the lease: run for as long as the lanes do."""
        while True:
            self._alive_at = time.monotonic()
            await asyncio.sleep(self._lease_seconds / 10)

    def _check_lease(self) -> None:
        stood_still = time.monotonic() - self._alive_at
        if stood_still > self._lease_seconds:
            raise Replaced(f"this process stood still for {stood_still:.1f} s; its partitions may be another's by now")

    @staticmethod
    def _reached(stage: Stage, partition: int) -> int | None:
        return stage.table.partitions_of.partition(partition).offset if stage.table is not None else None

    def _noted(self, lane: Lane, unit: Unit, seconds: float) -> None:
        consumer = self._consumer
        if consumer is not None and unit.next_offset is not None:
            consumer.durable[TP(lane.place.topic, lane.place.partition)] = unit.next_offset
            consumer.room_made.set()
        self._on_unit(lane, unit, seconds)

    async def stop(self) -> None:
        """Stop every lane after the unit under way; keep the engines in case their partitions come back."""
        lanes, self._lanes = self._lanes, {}
        self._stopped |= lanes
        self._epoch = -1
        self._flowing.clear()
        await asyncio.gather(*(lane.stop() for lane in lanes.values()))
        for tp, lane in lanes.items():
            stage = self._stages[tp.topic]
            if not lane.failed:
                self._kept[tp] = (lane.engine, self._reached(stage, tp.partition))

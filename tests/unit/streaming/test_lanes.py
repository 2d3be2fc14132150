"""Lanes between assignment and revocation: who runs, what is said with the last commit, what ends the worker."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from faust.types import TP

from pipeline.streaming.batch import Batch
from pipeline.streaming.delivery import NotDelivered
from pipeline.streaming.lane import Engine, Lane, Place, RecordsMissing
from pipeline.streaming.lanes import Lanes
from pipeline.streaming.lease import Lease, Replaced
from pipeline.streaming.table import ActorTable
from pipeline.streaming.units import Record, Unit

PLACE = TP("channel.web", 0)
PLACES = [TP("channel.web", number) for number in range(3)]
TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""


class Source:
    """An engine that knows how far its source has come, and may have something to leave behind."""

    def __init__(self, broken: bool = False) -> None:
        self.watermark: int | None = None
        self.due_ms: int | None = None
        self.ticks: list[int] = []
        self.ticked = asyncio.Event()
        self.left = Unit(write_ahead=True)
        self._broken = broken

    def apply(self, records: Sequence[Record]) -> Iterator[Unit]:
        if self._broken:
            raise ArithmeticError("what nobody thought of")
        self.watermark = records[-1].timestamp_ms
        yield Unit(next_offset=records[-1].offset + 1)

    def next_wake(self) -> int | None:
        return self.due_ms

    def tick(self, clock_ms: int) -> Unit | None:
        self.ticks.append(clock_ms)
        self.ticked.set()
        return None

    def takeover(self) -> Unit | None:
        return None

    def leave(self) -> Unit | None:
        return self.left

    def durable(self, unit: Unit, offset: int) -> None:
        pass


class Stage:
    """Builds sources; `built` are those so far."""

    topics = frozenset({PLACE.topic})
    table: ActorTable | None = None

    def __init__(self, broken: bool = False, gapless: bool = False) -> None:
        self.gapless = gapless
        self.built: list[Source] = []
        self._broken = broken

    def engine(self, topic: str, partition: int) -> Engine:
        self.built.append(Source(self._broken))
        return self.built[-1]


class Consumer:
    """Stands for either consumer."""

    def __init__(self) -> None:
        self.durable: dict[TP, int] = {}
        self.epoch = 0
        self.moved = asyncio.Event()
        self.on_committing: Any = None

    def highwater(self, tp: TP) -> int:
        raise AssertionError("Partition is not assigned")

    def on_durable(self, tp: TP, next_offset: int) -> None:
        self.durable[tp] = next_offset
        if next_offset:
            self.moved.set()


class Told:
    """What lanes told of units and failures."""

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self.failures: list[BaseException] = []
        self.failed = asyncio.Event()

    def fail(self, error: BaseException) -> None:
        self.failures.append(error)
        self.failed.set()


def lanes_of(
    stage: Stage | None = None,
    told: Told | None = None,
    wall_clock: bool = False,
    may_work: Callable[[str], bool] = lambda _: True,
) -> Lanes:
    delivery: Any = object()  # nothing here is delivered
    told = told or Told()
    hooks = (lambda: delivery, lambda: None, lambda lane, unit, seconds: told.units.append(unit), told.fail)
    return Lanes([stage or Stage()], *hooks, 0.01, Lease(5.0), wall_clock, may_work)


def batch(offset: int) -> Batch:
    return Batch(PLACE.topic, PLACE.partition, [Record(offset, TEN, None, b"")], TEN, caught_up=True)


def lane_tasks() -> list[str]:
    return sorted(task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("lane "))


@pytest.mark.parametrize("wall_clock", [True, False])
def test_the_commit_before_a_revocation_says_how_far_the_source_had_come(wall_clock: bool) -> None:
    async def story() -> dict[TP, int]:
        consumer = Consumer()
        lanes = lanes_of(wall_clock=wall_clock)
        lanes.attach(consumer)
        await lanes.flow({PLACE: 0}, {})
        lanes.submit(batch(0))
        await asyncio.wait_for(consumer.moved.wait(), 5)
        await lanes.stop()
        await lanes.stop()  # Faust may ask twice: when it stops, and when it leaves the group
        said: dict[TP, int] = consumer.on_committing()
        return said

    assert asyncio.run(story()) == {PLACE: TEN}


def test_a_new_owner_goes_on_from_the_watermark_that_the_last_one_has_committed() -> None:
    async def story() -> dict[TP, int]:
        consumer = Consumer()
        lanes = lanes_of()
        lanes.attach(consumer)
        await lanes.flow({PLACE: 7}, {PLACE: TEN})
        said: dict[TP, int] = consumer.on_committing()
        await lanes.stop()
        return said

    assert asyncio.run(story()) == {PLACE: TEN}


def test_what_is_due_before_the_next_tick_is_not_kept_waiting_for_it() -> None:
    async def story() -> list[int]:
        engine = Source()
        began = time.monotonic()
        delivery: Any = object()

        def clock() -> int:
            return TEN + int((time.monotonic() - began) * 1000)

        lane = Lane(
            Place(PLACE.topic, 0, None, False), engine, delivery, clock, Lease(5.0), lambda *_: None, tick_seconds=3_600
        )
        lane.start(0, None, lambda error: None)
        await asyncio.wait_for(engine.ticked.wait(), 5)  # the first comes at once
        engine.ticked.clear()
        engine.due_ms = clock() + 200
        lane.submit(batch(0))
        await asyncio.wait_for(engine.ticked.wait(), 5)
        await lane.stop()
        return [engine.ticks[1] - engine.due_ms]

    (late_ms,) = asyncio.run(story())
    assert late_ms >= 0


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_revocation_while_lanes_are_set_up_leaves_none_running(steps: int) -> None:
    async def story() -> tuple[list[str], int]:
        lanes = lanes_of()
        lanes.attach(Consumer())
        flow = asyncio.create_task(lanes.flow(dict.fromkeys(PLACES, 0), {}))
        for _ in range(steps):
            await asyncio.sleep(0)
        assert not flow.done()
        await lanes.stop()
        await flow
        return lane_tasks(), len(list(lanes))

    assert asyncio.run(story()) == ([], 0)


class Gate:
    """Says whether a topic may be worked on; tells when it was asked several times."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self.asked = asyncio.Event()
        self.is_open = False

    def __call__(self, topic: str) -> bool:
        self.topics.append(topic)
        if len(self.topics) == 3:
            self.asked.set()
        return self.is_open


@pytest.mark.parametrize("in_batches", [True, False])
def test_while_a_topic_may_not_be_worked_on_its_messages_wait_and_are_handled_then(in_batches: bool) -> None:
    async def story() -> tuple[set[str], dict[TP, int]]:
        consumer, gate = Consumer(), Gate()
        lanes = lanes_of(may_work=gate)
        (lanes.attach if in_batches else lanes.attach_stock)(consumer)
        await lanes.flow({PLACE: 0}, {})
        if in_batches:
            lanes.submit(batch(0))
        else:
            single = asyncio.create_task(lanes.run_one(PLACE.topic, 0, Record(0, TEN, None, b"")))
        await asyncio.wait_for(gate.asked.wait(), 5)
        assert not consumer.moved.is_set()
        gate.is_open = True
        await asyncio.wait_for(consumer.moved.wait(), 5)
        if not in_batches:
            await single
        await lanes.stop()
        return set(gate.topics), consumer.durable

    assert asyncio.run(story()) == ({PLACE.topic}, {PLACE: 1})


def test_a_lane_that_may_not_work_can_be_stopped_and_has_handled_nothing() -> None:
    async def story() -> dict[TP, int]:
        consumer, gate = Consumer(), Gate()
        lanes = lanes_of(may_work=gate)
        lanes.attach(consumer)
        await lanes.flow({PLACE: 0}, {})
        lanes.submit(batch(0))
        await asyncio.wait_for(gate.asked.wait(), 5)
        await asyncio.wait_for(lanes.stop(), 5)
        return consumer.durable

    assert asyncio.run(story()) == {PLACE: 0}


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_set_up_that_is_cancelled_leaves_no_lane_running(steps: int) -> None:
    async def story() -> tuple[list[str], int]:
        lanes = lanes_of()
        lanes.attach(Consumer())
        flow = asyncio.create_task(lanes.flow(dict.fromkeys(PLACES, 0), {}))
        for _ in range(steps):
            await asyncio.sleep(0)
        assert flow.cancel()
        await asyncio.wait([flow])
        return lane_tasks(), len(list(lanes))

    assert asyncio.run(story()) == ([], 0)


def test_after_a_set_up_that_was_cut_short_the_next_one_serves_all_partitions_with_the_engines_there_are() -> None:
    async def story() -> tuple[list[str], int]:
        stage = Stage()
        lanes = lanes_of(stage)
        lanes.attach(Consumer())
        await lanes.flow(dict.fromkeys(PLACES, 0), {})
        await lanes.stop()
        flow = asyncio.create_task(lanes.flow(dict.fromkeys(PLACES, 0), {}))
        await asyncio.sleep(0)
        await lanes.stop()
        await flow
        await lanes.flow(dict.fromkeys(PLACES, 0), {})
        running = lane_tasks()
        await lanes.stop()
        return running, len(stage.built)

    assert asyncio.run(story()) == ([f"lane channel.web/{number}" for number in range(3)], 3)


def test_a_set_up_that_takes_longer_than_the_lease_is_no_standstill() -> None:
    seconds = 100.0
    lease = Lease(5.0, lambda: seconds)

    class Slow(Stage):
        def engine(self, topic: str, partition: int) -> Engine:
            nonlocal seconds
            for _ in range(60):  # it scans a large table, while the watch goes on in its thread
                seconds += 1.0
                lease.beat()
            return super().engine(topic, partition)

    async def story() -> None:
        nothing: Any = object()
        lanes = Lanes([Slow()], lambda: nothing, lambda: None, lambda *_: None, nothing, 0.01, lease, False)
        await lanes.flow(dict.fromkeys(PLACES, 0), {})
        lease.check()
        await lanes.stop()

    asyncio.run(story())


def test_a_stop_waits_for_lanes_that_another_stop_has_begun_to_stop() -> None:
    async def story() -> list[str]:
        lanes = lanes_of()
        lanes.attach(Consumer())
        await lanes.flow(dict.fromkeys(PLACES, 0), {})
        first = asyncio.create_task(lanes.stop())
        await asyncio.sleep(0)
        first.cancel()
        await lanes.stop()
        return lane_tasks()

    assert asyncio.run(story()) == []


def test_a_lane_that_is_stopped_in_order_leaves_its_partition_tidy() -> None:
    async def story() -> bool:
        stage, told = Stage(), Told()
        lanes = lanes_of(stage, told)
        lanes.attach(Consumer())
        await lanes.flow({PLACE: 0}, {})
        await lanes.stop()
        return told.units == [stage.built[0].left]

    assert asyncio.run(story())


@pytest.mark.parametrize("error", [NotDelivered("no broker"), Replaced("another's by now")])
def test_a_lane_that_cannot_tidy_up_stops_all_the_same_and_its_engine_is_not_used_again(error: Exception) -> None:
    async def story() -> tuple[list[BaseException], int]:
        stage, told = Stage(), Told()
        lanes = lanes_of(stage, told)
        lanes.attach(Consumer())
        await lanes.flow({PLACE: 0}, {})

        def refuse(unit: Unit, offset: int) -> None:
            raise error

        stage.built[0].durable = refuse  # type: ignore[method-assign]
        await lanes.stop()
        await lanes.flow({PLACE: 0}, {})
        await lanes.stop()
        return told.failures, len(stage.built)

    assert asyncio.run(story()) == ([], 2)


def test_on_the_stock_transport_a_record_that_fails_ends_the_worker_and_is_never_acknowledged() -> None:
    async def story() -> tuple[list[str], bool, dict[TP, int]]:
        told, consumer = Told(), Consumer()
        lanes = lanes_of(Stage(broken=True), told)
        lanes.attach_stock(consumer)
        await lanes.flow({PLACE: 7}, {})
        handling = asyncio.create_task(lanes.run_one(PLACE.topic, PLACE.partition, Record(7, TEN, None, b"")))
        await asyncio.wait_for(told.failed.wait(), 5)
        await asyncio.sleep(0)
        returned = handling.done()
        handling.cancel()
        await lanes.stop()
        return [str(error) for error in told.failures], returned, consumer.durable

    assert asyncio.run(story()) == (["what nobody thought of"], False, {PLACE: 7})


def single(offset: int) -> Record:
    return Record(offset, TEN, None, b"")


def test_on_the_stock_transport_a_record_read_before_a_rebalance_does_not_take_the_place_of_those_before_it() -> None:
    async def story() -> list[dict[TP, int]]:
        consumer = Consumer()
        lanes = lanes_of()
        lanes.attach_stock(consumer)
        await lanes.flow({PLACE: 7}, {})
        await lanes.stop()
        waiting = asyncio.create_task(lanes.run_one(PLACE.topic, 0, single(9)))
        await asyncio.sleep(0)
        await lanes.flow({PLACE: 7}, {})  # the partition has come back, and is read from what is committed
        await asyncio.wait_for(waiting, 5)
        found = [{**consumer.durable}]
        for offset in (7, 8, 9):
            await lanes.run_one(PLACE.topic, 0, single(offset))
        await lanes.stop()
        return [*found, consumer.durable]

    assert asyncio.run(story()) == [{PLACE: 7}, {PLACE: 10}]


def test_on_the_stock_transport_a_record_of_a_partition_that_has_gone_to_another_worker_is_left_to_it() -> None:
    async def story() -> dict[TP, int]:
        consumer = Consumer()
        lanes = lanes_of()
        lanes.attach_stock(consumer)
        await lanes.flow({PLACES[0]: 7, PLACES[1]: 3}, {})
        await lanes.stop()
        waiting = asyncio.create_task(lanes.run_one(PLACE.topic, 0, single(7)))
        consumer.durable.clear()  # as the consumer does when partitions are revoked
        await lanes.flow({PLACES[1]: 3}, {})
        await asyncio.wait_for(waiting, 5)
        await lanes.stop()
        return consumer.durable

    assert asyncio.run(story()) == {PLACES[1]: 3}


def test_on_the_stock_transport_a_record_that_comes_again_moves_nothing_back() -> None:
    async def story() -> tuple[dict[TP, int], int]:
        consumer, told = Consumer(), Told()
        lanes = lanes_of(told=told)
        lanes.attach_stock(consumer)
        await lanes.flow({PLACE: 7}, {})
        for offset in (7, 8, 7):
            await lanes.run_one(PLACE.topic, 0, single(offset))
        handled = len(told.units)
        await lanes.stop()
        return consumer.durable, handled

    assert asyncio.run(story()) == ({PLACE: 9}, 2)


def test_on_the_stock_transport_a_record_missing_from_an_inbox_stops_the_worker() -> None:
    async def story() -> tuple[list[BaseException], dict[TP, int]]:
        consumer, told = Consumer(), Told()
        lanes = lanes_of(Stage(gapless=True), told)
        lanes.attach_stock(consumer)
        await lanes.flow({PLACE: 7}, {})
        handling = asyncio.create_task(lanes.run_one(PLACE.topic, 0, single(9)))
        await asyncio.wait_for(told.failed.wait(), 5)
        handling.cancel()
        await lanes.stop()
        return told.failures, consumer.durable

    (error,), durable = asyncio.run(story())
    assert isinstance(error, RecordsMissing)
    assert durable == {PLACE: 7}


def test_on_the_stock_transport_a_lane_that_has_failed_at_a_tick_handles_nothing_more() -> None:
    async def story() -> tuple[bool, dict[TP, int]]:
        consumer = Consumer()
        lanes = lanes_of()
        lanes.attach_stock(consumer)
        await lanes.flow({PLACE: 7}, {})
        next(iter(lanes)).failed = True  # its engine is ahead of what is durable
        handling = asyncio.create_task(lanes.run_one(PLACE.topic, 0, single(7)))
        for _ in range(100):  # turns of the loop: more than a record takes that is handled
            await asyncio.sleep(0)
        returned = handling.done()
        handling.cancel()
        await lanes.stop()
        return returned, consumer.durable

    assert asyncio.run(story()) == (False, {PLACE: 7})


def test_on_the_stock_transport_a_lane_that_was_stopped_while_it_might_not_work_handles_nothing_later() -> None:
    async def story() -> dict[TP, int]:
        consumer, gate = Consumer(), Gate()
        lanes = lanes_of(may_work=gate)
        lanes.attach_stock(consumer)
        await lanes.flow({PLACE: 0}, {})
        waiting = asyncio.create_task(lanes.run_one(PLACE.topic, 0, single(0)))
        await asyncio.wait_for(gate.asked.wait(), 5)
        await lanes.stop()
        gate.is_open = True
        await lanes.flow({PLACES[1]: 0}, {})  # the partition is another worker's by now
        await asyncio.wait_for(waiting, 5)
        await lanes.stop()
        return consumer.durable

    assert asyncio.run(story()) == {PLACE: 0, PLACES[1]: 0}


def _after_a_gap(gapless: bool, first: int) -> Told:
    async def story() -> Told:
        told, consumer = Told(), Consumer()
        lanes = lanes_of(Stage(gapless=gapless), told)
        lanes.attach(consumer)
        await lanes.flow({PLACE: 1}, {})
        consumer.moved.clear()
        lanes.submit(batch(first))
        ended: Callable[[], Any] = told.failed.wait if gapless else consumer.moved.wait
        await asyncio.wait_for(ended(), 5)
        await lanes.stop()
        return told

    return asyncio.run(story())


def test_records_missing_from_an_inbox_stop_the_worker_which_says_how_to_go_on_without_them() -> None:
    told = _after_a_gap(gapless=True, first=9)

    (error,) = told.failures
    assert isinstance(error, RecordsMissing)
    assert "records 1 to 8 are gone" in str(error)
    assert "--reset-offsets --topic channel.web:0 --to-offset 9 --execute" in str(error)


@pytest.mark.parametrize(("first", "said"), [(9, ["channel.web/0: records 1 to 8 are gone, unhandled"]), (2, [])])
def test_offsets_skipped_in_a_channel_are_counted_and_more_than_a_transaction_takes_are_told(
    first: int, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        told = _after_a_gap(gapless=False, first=first)

    assert told.units[0].counts["offsets_skipped", "channel.web"] == first - 1
    assert caplog.messages == said

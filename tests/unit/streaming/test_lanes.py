"""Lanes between assignment and revocation: who runs, what is said with the last commit, what ends the worker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from faust.types import TP

from pipeline.streaming.delivery import NotDelivered
from pipeline.streaming.lane import Engine, RecordsMissing
from pipeline.streaming.lanes import Lanes
from pipeline.streaming.lease import Lease, Replaced
from pipeline.streaming.units import Record, Unit
from tests.unit.streaming.stand_ins import PLACE, PLACES, TEN, Consumer, Gate, Stage, Told, batch, lanes_of


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

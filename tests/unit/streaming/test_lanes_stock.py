"""Lanes on the stock transport, record by record: what a rebalance, a repeat, a gap and a failure do to them."""

from __future__ import annotations

import asyncio

from faust.types import TP

from pipeline.streaming.lane import RecordsMissing
from pipeline.streaming.units import Record
from tests.unit.streaming.stand_ins import PLACE, PLACES, TEN, Consumer, Gate, Stage, Told, lanes_of


def single(offset: int) -> Record:
    return Record(offset, TEN, None, b"")


def test_on_the_stock_transport_a_record_that_fails_ends_the_worker_and_is_never_acknowledged() -> None:
    async def story() -> tuple[list[str], bool, dict[TP, int]]:
        told, consumer = Told(), Consumer()
        lanes = lanes_of(Stage(broken=True), told)
        lanes.attach_stock(consumer)
        await lanes.flow({PLACE: 7}, {})
        handling = asyncio.create_task(lanes.run_one(PLACE.topic, PLACE.partition, single(7)))
        await asyncio.wait_for(told.failed.wait(), 5)
        await asyncio.sleep(0)
        returned = handling.done()
        handling.cancel()
        await lanes.stop()
        return [str(error) for error in told.failures], returned, consumer.durable

    assert asyncio.run(story()) == (["what nobody thought of"], False, {PLACE: 7})


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

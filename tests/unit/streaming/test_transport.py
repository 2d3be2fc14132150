"""The consumers: what they commit, and how long they wait for what has come."""

from __future__ import annotations

import asyncio
import logging
import socket
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop
from faust.types import TP

from pipeline.streaming import consumer as consumers
from pipeline.streaming.consumer import FETCH_WAIT_SECONDS, LaneConsumerThread
from pipeline.streaming.stock import StockConsumer
from pipeline.streaming.transport import HELD_BACK_WAIT_SECONDS, BatchConsumer

ONE, TWO = TP("channel.web", 0), TP("channel.web", 1)


def test_the_commit_before_a_revocation_waits_for_one_under_way_and_then_says_what_is_durable_since() -> None:
    async def story() -> list[str]:
        told: list[str] = []
        consumer: Any = BatchConsumer.__new__(BatchConsumer)
        consumer._crashed = asyncio.Event()
        consumer._commit_fut = asyncio.get_running_loop().create_future()

        async def force_commit() -> None:
            told.append("committed")

        consumer.force_commit = force_commit
        revoking = asyncio.create_task(consumer.commit_now())
        await asyncio.sleep(0)
        told.append("the other is done")
        consumer._commit_fut.set_result(None)
        await revoking
        return told

    assert asyncio.run(story()) == ["the other is done", "committed"]


@pytest.mark.parametrize("crashed", [True, False])
def test_a_commit_that_nobody_answers_holds_up_neither_a_revocation_nor_the_end_of_a_worker(
    crashed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "COMMIT_SECONDS", 0.01)

    async def story() -> int:
        asked = 0
        never: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        consumer: Any = BatchConsumer.__new__(BatchConsumer)
        consumer._crashed = asyncio.Event()
        consumer._commit_fut = never
        if crashed:
            consumer._crashed.set()

        async def force_commit() -> bool:
            nonlocal asked
            asked += 1
            return await asyncio.shield(never)

        consumer.force_commit = force_commit
        await asyncio.wait_for(consumer.commit_now(), 5)
        return asked

    assert asyncio.run(story()) == (0 if crashed else 1)


def test_a_commit_on_a_connection_that_has_just_closed_is_one_to_be_tried_again() -> None:
    async def story() -> bool:
        _, writer = await asyncio.open_connection(sock=socket.socketpair()[0])
        writer.transport.abort()
        await asyncio.sleep(0)

        async def commit(_offsets: Any) -> None:
            writer.write(b"commit")

        thread: Any = LaneConsumerThread.__new__(LaneConsumerThread)
        thread.consumer = SimpleNamespace(watermarks={})
        thread.assignment = lambda: {ONE}
        thread._ensure_consumer = lambda: SimpleNamespace(commit=commit)
        thread.log = logging.getLogger("test")
        return bool(await thread._commit({ONE: 5}))

    assert uvloop.run(story()) is False


@pytest.mark.parametrize(
    ("without_room", "asked", "seconds"),
    [(None, {ONE, TWO}, FETCH_WAIT_SECONDS), (TWO, {ONE}, HELD_BACK_WAIT_SECONDS)],
)
def test_a_fetch_that_leaves_a_partition_out_is_short_because_it_will_soon_have_room(
    without_room: TP | None, asked: set[TP], seconds: float
) -> None:
    async def story() -> list[tuple[set[TP], float]]:
        fetches: list[tuple[set[TP], float]] = []
        fetcher = SimpleNamespace(should_stop=False)
        consumer: Any = BatchConsumer.__new__(BatchConsumer)
        consumer._stopped, consumer._crashed = asyncio.Event(), asyncio.Event()
        consumer._delivering = asyncio.Lock()
        consumer.flow_active, consumer.epoch = True, 0
        consumer._active_partitions = {ONE, TWO}
        consumer.has_room = lambda tp: tp != without_room

        async def getmany(wanted: set[TP], wait_seconds: float) -> dict[TP, list[Any]]:
            fetches.append((wanted, wait_seconds))
            fetcher.should_stop = True
            return {}

        consumer._thread = SimpleNamespace(getmany=getmany)
        await consumer._drain_messages(fetcher)
        return fetches

    assert asyncio.run(story()) == [(asked, seconds)]


def test_a_commit_that_failed_is_made_again_though_nothing_has_come_since() -> None:
    async def story() -> list[dict[TP, int]]:
        asked: list[dict[TP, int]] = []

        async def commit(offsets: dict[TP, int]) -> bool:
            asked.append(offsets)
            return len(asked) > 1

        consumer: Any = StockConsumer.__new__(StockConsumer)
        consumer.durable, consumer._committed, consumer.on_committing = {}, {ONE: (7, None)}, dict
        consumer._thread = SimpleNamespace(commit=commit)
        consumer.on_durable(ONE, 8)
        for _ in range(3):
            await consumer.force_commit()
        return asked

    assert asyncio.run(story()) == [{ONE: 8}, {ONE: 8}]


@pytest.mark.parametrize("is_stopped", [True, False])
def test_the_stock_transport_drops_a_fetch_in_which_the_flow_was_stopped(is_stopped: bool) -> None:
    async def story() -> Any:
        consumer: Any = StockConsumer.__new__(StockConsumer)
        consumer.flow_active, consumer.epoch = True, 0
        consumer._delivering = asyncio.Lock()
        consumer.can_resume_flow, consumer.suspend_flow = asyncio.Event(), asyncio.Event()
        consumer.not_waiting_next_records = asyncio.Event()
        consumer.app = SimpleNamespace(client_only=False)
        consumer._active_partitions = {ONE}

        async def getmany(active_partitions: set[TP], timeout: float) -> dict[TP, list[Any]]:
            assert consumer._delivering.locked()  # so no seek comes in between
            if is_stopped:
                consumer.stop_flow()
                consumer.resume_flow()
            return {ONE: ["a record"]}

        consumer._getmany = getmany
        records, _ = await consumer._wait_next_records(1.0)
        return records

    assert asyncio.run(story()) == (None if is_stopped else {ONE: ["a record"]})

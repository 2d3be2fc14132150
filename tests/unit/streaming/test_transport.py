"""The consumers: what they commit, and how long they wait for what has come."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop
from faust.types import TP

from pipeline.streaming import transport
from pipeline.streaming.consumer import LaneConsumerThread
from pipeline.streaming.stock import StockConsumer
from pipeline.streaming.transport import FETCH_WAIT_SECONDS, HELD_BACK_WAIT_SECONDS, BatchConsumer

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
    monkeypatch.setattr(transport, "COMMIT_SECONDS", 0.01)

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


def test_the_stock_transport_commits_no_event_that_was_acknowledged_without_being_durable() -> None:
    consumer: Any = StockConsumer.__new__(StockConsumer)
    consumer._acked, consumer._acked_index = defaultdict(list, {ONE: [7, 8]}), defaultdict(set)
    consumer._gap, consumer._committed_offset = defaultdict(set), defaultdict(lambda: None)
    consumer.durable = {}
    consumer.on_durable(ONE, 8)

    assert consumer._new_offset(ONE) == 8

"""Lanes between assignment and revocation: what is said with the last commit, and when a standstill counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from faust.types import TP

from pipeline.streaming.batch import Batch
from pipeline.streaming.lanes import Lanes
from pipeline.streaming.table import ActorTable
from pipeline.streaming.units import Record, Unit

PLACE = TP("channel.web", 0)
TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""


class Source:
    """An engine that knows how far its source has come."""

    def __init__(self) -> None:
        self.watermark: int | None = None

    def apply(self, records: Sequence[Record]) -> Iterator[Unit]:
        self.watermark = records[-1].timestamp_ms
        yield Unit(next_offset=records[-1].offset + 1)

    def tick(self, clock_ms: int) -> Unit | None:
        return None

    def takeover(self) -> Unit | None:
        return None

    def durable(self, unit: Unit, offset: int) -> None:
        pass


class Stage:
    topics = frozenset({PLACE.topic})
    table: ActorTable | None = None
    gapless = False

    def engine(self, topic: str, partition: int) -> Source:
        return Source()


class Consumer:
    """Stands for the batch consumer."""

    def __init__(self) -> None:
        self.durable: dict[TP, int] = {}
        self.epoch = 0
        self.room_made = asyncio.Event()
        self.on_committing: Any = None

    def highwater(self, tp: TP) -> int:
        raise AssertionError("Partition is not assigned")


def lanes_of(lease_seconds: float = 5.0, wall_clock: bool = False) -> Lanes:
    delivery: Any = object()  # nothing here is delivered
    failures: list[BaseException] = []
    nothing = (lambda: delivery, lambda: None, lambda *_: None, failures.append)
    return Lanes([Stage()], *nothing, 0.01, lease_seconds, wall_clock)


@pytest.mark.parametrize("wall_clock", [True, False])
def test_the_commit_before_a_revocation_says_how_far_the_source_had_come(wall_clock: bool) -> None:
    async def story() -> dict[TP, int]:
        consumer = Consumer()
        lanes = lanes_of(wall_clock=wall_clock)
        lanes.attach(consumer)
        await lanes.flow({PLACE: 0})
        lanes.submit(Batch(PLACE.topic, PLACE.partition, [Record(0, TEN, None, b"")], TEN, caught_up=True))
        await asyncio.wait_for(consumer.room_made.wait(), 5)
        await lanes.stop()
        await lanes.stop()  # Faust may ask twice: when it stops, and when it leaves the group
        said: dict[TP, int] = consumer.on_committing()
        return said

    assert asyncio.run(story()) == {PLACE: TEN}


def test_the_time_it_took_to_join_the_group_is_no_standstill() -> None:
    async def story() -> None:
        lanes = lanes_of(lease_seconds=0.05)
        await asyncio.sleep(0.2)
        await lanes.flow({PLACE: 0})
        lanes._check_lease()
        await lanes.stop()

    asyncio.run(story())

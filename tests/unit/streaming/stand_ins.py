"""What lanes are tested with in place of a pipeline: a stage, its engines, a consumer, and who hears of it all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from faust.types import TP

from pipeline.streaming.batch import Batch
from pipeline.streaming.lane import Engine
from pipeline.streaming.lanes import Lanes
from pipeline.streaming.lease import Lease
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

"""One lane: when it ticks, and what it delivers while another may own its partition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest
from msgspec import Struct

from pipeline.domain.messages.effects import Effect, Publish, Send
from pipeline.domain.messages.to_product import AskComplements
from pipeline.streaming import envelope
from pipeline.streaming.batch import Batch
from pipeline.streaming.delivery import NotDelivered
from pipeline.streaming.envelope import Entry, Envelope
from pipeline.streaming.lane import Lane, Place
from pipeline.streaming.lease import Lease, Replaced
from pipeline.streaming.partition import ActorPartition
from pipeline.streaming.table import MemoryPartition
from pipeline.streaming.units import Output, Record
from tests.unit.streaming.stand_ins import Source, batch

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
PLACE = Place("customer.inbox", 0, "changelog", gapless=True)


class Cart(Struct, frozen=True, array_like=True):
    """A cart, and when to remind of it (None: not any more)."""

    remind_at_ms: int | None


class Change(Struct, frozen=True, array_like=True, tag="change"):
    """The cart is changed; bought, if there is no time to remind of it."""

    remind_at_ms: int | None


class Carts:
    """A small actor: reminds of what was not bought in time, and tells what becomes of each purchase."""

    name = "customer"
    state_type = Cart
    message_type = Change

    def handle(self, state: Cart | None, message: Change, now_ms: int) -> tuple[Cart | None, Sequence[Effect]]:
        """Arm the reminder, or call it off."""
        if message.remind_at_ms is not None:
            return Cart(message.remind_at_ms), ()
        in_time = state is not None and state.remind_at_ms is not None
        return Cart(None), [_tell("called off" if in_time else "reminded in vain", now_ms)]

    def wake(self, state: Cart, clock_ms: int) -> tuple[Cart | None, Sequence[Effect]]:
        """Remind."""
        return Cart(None), [_tell("reminded", clock_ms)]

    def wakes_at(self, state: Cart) -> int | None:
        """Return when to remind."""
        return state.remind_at_ms


def _tell(what: str, at_ms: int) -> Send:
    return Send("product", "sku", AskComplements("default", "sku", what, "e", at_ms, "web"))


class OnePartition:
    """Where messages of the small actor go."""

    def inbox(self, actor: str, key: str) -> tuple[str, int]:
        """Return the only partition."""
        return f"{actor}.inbox", 0

    def record(self, publish: Publish) -> Output:
        """Publish nothing."""
        raise AssertionError(publish)


class Broker:
    """Takes outputs, and changelogs unless told to refuse them; tells when a unit became durable."""

    def __init__(self) -> None:
        self.delivered: list[Output] = []
        self.refuses = False
        self.end = 0
        self.appended = asyncio.Event()
        self.told = asyncio.Event()

    async def outputs(self, outputs: Iterable[Output]) -> None:
        """Take outputs."""
        self.delivered += outputs
        if self.delivered:
            self.told.set()

    async def changelog(self, topic: str, partition: int, changes: Mapping[bytes, bytes]) -> int:
        """Take changes."""
        if self.refuses:
            raise NotDelivered("the worker dies here")
        self.end += len(changes)
        self.appended.set()
        return self.end - 1


class Owner:
    """A worker that owns the partition from now on."""

    def __init__(
        self,
        store: MemoryPartition,
        broker: Broker,
        clock: Callable[[], int | None],
        end: Callable[[], int | None] = lambda: 0,
        lease: Lease | None = None,
        tick_seconds: float = 0.01,
    ) -> None:
        self.broker = broker
        self.failures: list[BaseException] = []
        self.failed = asyncio.Event()
        self.engine = ActorPartition(Carts(), 0, store, OnePartition())
        delivery: Any = broker
        hooks = (lease or Lease(60.0), lambda *_: None, tick_seconds, lambda: True, end)
        self.lane = Lane(PLACE, self.engine, delivery, clock, *hooks)

    async def start(self, next_offset: int) -> None:
        """Begin, and take over."""
        self.broker.appended.clear()
        self.lane.start(next_offset, None, self._fail)
        await asyncio.wait_for(self.broker.appended.wait(), 5)
        self.broker.appended.clear()

    def _fail(self, error: BaseException) -> None:
        self.failures.append(error)
        self.failed.set()

    async def take(self, record: Record) -> None:
        """Handle a record, or die of it."""
        self.lane.submit(Batch(PLACE.topic, 0, [record], TEN, caught_up=True))
        ends = [asyncio.create_task(each.wait()) for each in (self.broker.appended, self.failed)]
        await asyncio.wait(ends, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        for each in ends:
            each.cancel()
        self.broker.appended.clear()


def _record(offset: int, change: Change) -> Record:
    entries = [Entry(offset, "a", TEN, change)]
    return Record(offset, TEN, None, envelope.encode(Envelope("identity/0", TEN, TEN, entries)))


ARMED, BOUGHT = _record(0, Change(TEN + 60_000)), _record(1, Change(None))


class Asked:
    """Says where the partition ends, once that is known; tells when it was asked some times."""

    def __init__(self) -> None:
        self.times = 0
        self.known: int | None = None
        self.enough = asyncio.Event()

    def __call__(self) -> int | None:
        self.times += 1
        if self.times >= 3:
            self.enough.set()
        return self.known


@pytest.mark.parametrize("known", [False, True])
def test_no_timer_fires_before_what_the_last_owner_has_delivered_is_handled_again(known: bool) -> None:
    async def story() -> tuple[list[Output], list[Output]]:
        store, broker = MemoryPartition(), Broker()
        first = Owner(store, broker, lambda: TEN)
        await first.start(0)
        await first.take(ARMED)
        broker.refuses = True
        await first.take(BOUGHT)  # delivered, not in the changelog
        assert isinstance(first.failures[0], NotDelivered)
        before, broker.delivered, broker.refuses = broker.delivered, [], False

        end, ticked = Asked(), asyncio.Event()

        def later() -> int:
            ticked.set()
            return TEN + 60_000

        second = Owner(store, broker, later, end)
        end.known = 2 if known else None
        await second.start(1)
        if not known:
            await asyncio.wait_for(end.enough.wait(), 5)  # three ticks have come and done nothing
            end.known = 2
        ticked.clear()
        await asyncio.wait_for(ticked.wait(), 5)
        await second.take(BOUGHT)
        await second.lane.stop()
        return before, broker.delivered

    before, again = asyncio.run(story())
    assert again == before


def test_with_nothing_left_to_repeat_a_timer_fires_at_once() -> None:
    async def story() -> list[Output]:
        store, broker = MemoryPartition(), Broker()
        first = Owner(store, broker, lambda: TEN)
        await first.start(0)
        await first.take(ARMED)
        await first.lane.stop()

        second = Owner(store, broker, lambda: TEN + 60_000, end=lambda: 1, tick_seconds=3_600)
        await second.start(1)
        await asyncio.wait_for(broker.told.wait(), 5)
        await second.lane.stop()
        return broker.delivered

    (reminder,) = asyncio.run(story())
    assert b"reminded" in reminder.value


def test_a_worker_that_stood_still_for_too_long_delivers_nothing_any_more() -> None:
    async def story() -> tuple[list[BaseException], list[Output]]:
        seconds = 100.0
        broker, lease = Broker(), Lease(5.0, lambda: seconds)
        owner = Owner(MemoryPartition(), broker, lambda: None, lease=lease)
        await owner.start(1)

        seconds += 6.0
        await owner.take(BOUGHT)
        return owner.failures, broker.delivered

    failures, delivered = asyncio.run(story())
    assert [type(each) for each in failures] == [Replaced]
    assert delivered == []


def test_a_clock_that_stands_still_just_before_something_is_due_is_not_asked_all_the_time() -> None:
    async def story() -> int:
        asked = 0
        ticked = asyncio.Event()
        store, broker = MemoryPartition(), Broker()
        first = Owner(store, broker, lambda: TEN)
        await first.start(0)
        await first.take(ARMED)
        await first.lane.stop()

        def clock() -> int:
            nonlocal asked
            asked += 1
            return TEN + 59_999

        second = Owner(store, broker, clock, tick_seconds=0.5)
        ticks = 0
        tick = second.engine.tick

        def count(clock_ms: int) -> Any:
            nonlocal ticks
            ticks += 1
            if ticks == 3:
                ticked.set()
            return tick(clock_ms)

        second.engine.tick = count  # type: ignore[method-assign]
        await second.start(1)
        await asyncio.wait_for(ticked.wait(), 5)
        await second.lane.stop()
        return asked

    assert asyncio.run(story()) <= 20


def test_what_is_due_before_the_next_tick_is_not_kept_waiting_for_it() -> None:
    async def story() -> list[int]:
        engine = Source()
        began = time.monotonic()
        delivery: Any = object()

        def clock() -> int:
            return TEN + int((time.monotonic() - began) * 1000)

        place = Place("channel.web", 0, None, False)
        lane = Lane(place, engine, delivery, clock, Lease(5.0), lambda *_: None, tick_seconds=3_600)
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

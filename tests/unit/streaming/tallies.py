"""A small actor that adds, and a partition of it: what the tests of the partition engine work on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from pipeline.domain.messages.effects import Effect, Publish, Send
from pipeline.domain.messages.to_product import AskComplements
from pipeline.streaming import envelope
from pipeline.streaming.envelope import Entry, Envelope
from pipeline.streaming.partition import ActorPartition
from pipeline.streaming.units import Output, Record, Unit
from pipeline.streaming.values import is_absent


class Tally(Struct, frozen=True, array_like=True):
    """Sum of what was added, and the time at which the sum is to be told (None: not)."""

    total: int = 0
    tell_at_ms: int | None = None


class Add(Struct, frozen=True, array_like=True, tag="add"):
    """Add `amount`; with `tell_at_ms`, tell the sum then; with `ask`, ask `ask` products at once."""

    amount: int
    tell_at_ms: int | None = None
    ask: int = 0


class Tallies:
    """A small actor: adds, and tells its sum to the product actor when its time comes."""

    name = "customer"
    state_type = Tally
    message_type = Add

    def handle(self, state: Tally | None, message: Add, now_ms: int) -> tuple[Tally | None, Sequence[Effect]]:
        """Add up; an amount of 0 removes the key."""
        if message.amount == 0:
            return None, ()
        before = state or Tally()
        asks = [_ask("sku", message.amount, now_ms) for _ in range(message.ask)]
        return Tally(before.total + message.amount, message.tell_at_ms or before.tell_at_ms), asks

    def wake(self, state: Tally, clock_ms: int) -> tuple[Tally | None, Sequence[Effect]]:
        """Tell the sum."""
        return Tally(state.total), [_ask("told", state.total, state.tell_at_ms or 0)]

    def wakes_at(self, state: Tally) -> int | None:
        """Return when the sum is to be told."""
        return state.tell_at_ms


def _ask(sku: str, amount: int, at_ms: int) -> Send:
    return Send("product", sku, AskComplements("default", sku, str(amount), "e", at_ms, "web"))


class Everywhere:
    """A topology with one partition per inbox."""

    def inbox(self, actor: str, key: str) -> tuple[str, int]:
        """Return the only partition."""
        return f"{actor}.inbox", 0

    def record(self, publish: Publish) -> Output:
        """Publish nothing in these tests."""
        raise AssertionError(publish)


class Table:
    """A store in memory that remembers the changelog it came from."""

    def __init__(self, data: Mapping[bytes, bytes] = {}) -> None:
        self.data = dict(data)
        self.overwritten_keys: set[bytes] = set()

    def get(self, key: bytes) -> bytes | None:
        return self.data.get(key)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        return list(self.data.items())

    def overwritten(self) -> Collection[bytes]:
        return self.overwritten_keys

    def write(self, changes: Mapping[bytes, bytes], offset: int) -> None:
        for key, value in changes.items():
            if is_absent(value):
                self.data.pop(key, None)
            else:
                self.data[key] = value


def recovered(table: Table) -> ActorPartition[Tally, Add]:
    return ActorPartition(Tallies(), 3, table, Everywhere())


def taken_over(table: Table) -> ActorPartition[Tally, Add]:
    engine = recovered(table)
    taken = engine.takeover()
    assert taken is not None
    engine.durable(taken, 0)
    return engine


def record_of(offset: int, source: str, *adds: tuple[int, str, Add], appended_ms: int = 1_000) -> Record:
    entries = [Entry(position, key, 5_000, add) for position, key, add in adds]
    return Record(offset, appended_ms, None, envelope.encode(Envelope(source, appended_ms, appended_ms, entries)))


def applied(engine: ActorPartition[Tally, Add], *records: Record) -> list[Unit]:
    units = []
    for unit in engine.apply(records):
        engine.durable(unit, 0)
        units.append(unit)
    return units

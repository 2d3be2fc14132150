"""The partition engine's memory: which states it holds decoded, and how much all of them take."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import ref

import pytest
from msgspec import Struct

from pipeline.domain.messages.effects import Effect
from pipeline.streaming import cache
from pipeline.streaming.partition import ActorPartition
from pipeline.streaming.values import META
from tests.unit.streaming.tallies import Add, Everywhere, Table, Tally, applied, record_of, recovered, taken_over


def test_a_partition_that_may_hold_nothing_decoded_counts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "PASSING_BYTES", 0)
    monkeypatch.setattr(cache, "REGULAR_BYTES", 0)
    engine = taken_over(Table())
    for number in range(1_000):
        applied(
            engine, record_of(number, "identity/0", (number, f"key-{number % 7}", Add(1)), appended_ms=1_000 + number)
        )

    assert sum((engine.state(f"key-{number}") or Tally()).total for number in range(7)) == 1_000
    assert engine.keys == 7


class Large(Struct, frozen=True, array_like=True, weakref=True):
    """A state of some size."""

    filler: str


class Unmoved:
    """Changes no state that is there; notes how many it has seen are still held, decoded."""

    name = "customer"
    state_type = Large
    message_type = Add

    def __init__(self) -> None:
        self.seen: list[ref[Large]] = []
        self.most_held = 0

    @property
    def held(self) -> int:
        return sum(each() is not None for each in self.seen)

    def handle(self, state: Large | None, message: Add, now_ms: int) -> tuple[Large | None, Sequence[Effect]]:
        if state is None:
            return Large("x" * 2_000), ()
        self.seen.append(ref(state))
        self.most_held = max(self.most_held, self.held)
        return state, ()

    def wake(self, state: Large, clock_ms: int) -> tuple[Large | None, Sequence[Effect]]:
        raise AssertionError("nothing waits")

    def wakes_at(self, state: Large) -> int | None:
        return None


def test_states_that_a_unit_only_looks_at_are_let_go_like_those_it_changes() -> None:
    actor = Unmoved()
    engine = ActorPartition(actor, 3, Table(), Everywhere())
    engine.takeover()
    for told in range(2):
        for unit in engine.apply([record_of(told, "s/0", *((told * 400 + n, f"k{n}", Add(1)) for n in range(400)))]):
            engine.durable(unit, 0)

    assert len(actor.seen) == 400
    assert actor.most_held < 20


def test_who_reads_every_state_of_a_partition_leaves_none_of_them_decoded() -> None:
    engine = ActorPartition(Unmoved(), 3, Table(), Everywhere())
    engine.takeover()
    for unit in engine.apply([record_of(0, "s/0", *((n, f"k{n}", Add(1)) for n in range(400)))]):
        engine.durable(unit, 0)

    read = [ref(state) for n in range(400) if (state := engine.state(f"k{n}")) is not None]
    del state

    assert len(read) == 400
    assert sum(each() is not None for each in read) < 20


def test_how_much_the_states_take_is_known_while_they_change_and_after_a_recovery() -> None:
    table = Table()
    engine = taken_over(table)

    applied(engine, record_of(0, "s/0", (1, "a", Add(1)), (2, "b", Add(1_000_000)), (3, "c", Add(5))))
    applied(engine, record_of(1, "s/0", (4, "b", Add(2)), (5, "a", Add(100_000)), (6, "c", Add(0))))

    stored = sum(len(value) for key, value in table.data.items() if not key.startswith(META))
    assert engine.bytes == stored > 0
    assert recovered(table).bytes == stored

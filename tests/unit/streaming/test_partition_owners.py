"""The partition engine from owner to owner: epochs, and what a replaced worker wrote."""

from __future__ import annotations

from pipeline.streaming.partition import ActorPartition
from pipeline.streaming.table import MemoryPartition, recover
from pipeline.streaming.units import Record, Unit
from pipeline.streaming.values import EPOCH_BYTES, is_absent, state_bytes
from tests.unit.streaming.tallies import (
    Add,
    Everywhere,
    Table,
    Tallies,
    Tally,
    applied,
    record_of,
    recovered,
    taken_over,
)


def test_each_owner_writes_with_a_higher_epoch_than_the_one_before() -> None:
    table = Table()
    first = taken_over(table)
    applied(first, record_of(0, "identity/0", (1, "a", Add(5))))
    before = table.data[b"a"][:EPOCH_BYTES]

    second = taken_over(table)
    applied(second, record_of(1, "identity/0", (2, "a", Add(5))))

    assert table.data[b"a"][:EPOCH_BYTES] > before
    assert second.takeover() is None


def test_what_a_replaced_worker_overwrote_is_written_again_at_takeover() -> None:
    table = Table()
    applied(taken_over(table), record_of(0, "identity/0", (1, "a", Add(5))))
    table.overwritten_keys = {b"a"}

    taken = recovered(table).takeover()

    assert taken is not None
    assert state_bytes(taken.changes[b"a"]) == state_bytes(table.data[b"a"])


class Log:
    """A changelog partition and those who write to it; whoever recovers reads it from its start."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None]] = []

    def owner(self) -> tuple[MemoryPartition, ActorPartition[Tally, Add]]:
        """Recover, and take over."""
        store = MemoryPartition()
        recover(store, self.records, len(self.records) - 1)
        engine = ActorPartition(Tallies(), 3, store, Everywhere())
        taken = engine.takeover()
        assert taken is not None
        self.append(engine, taken)
        return store, engine

    def append(self, engine: ActorPartition[Tally, Add], unit: Unit) -> None:
        """Make a unit durable."""
        self.records += unit.changes.items()
        engine.durable(unit, len(self.records) - 1)

    def apply(self, engine: ActorPartition[Tally, Add], record: Record) -> None:
        """Handle a record."""
        for unit in engine.apply([record]):
            self.append(engine, unit)


def test_of_a_replaced_workers_unit_nothing_is_kept_not_even_keys_the_new_owner_has_not_written() -> None:
    log = Log()
    _, zombie = log.owner()
    log.apply(zombie, record_of(0, "identity/0", (1, "b", Add(1)), (2, "c", Add(1))))
    _, owner = log.owner()
    log.apply(owner, record_of(1, "identity/0", (3, "a", Add(10))))
    late = record_of(1, "identity/0", (3, "a", Add(10)), (4, "c", Add(0)), (5, "b", Add(10)), (6, "d", Add(10)))
    log.apply(zombie, late)

    _, again = log.owner()
    log.apply(again, late)

    assert [again.state(key) for key in "abcd"] == [Tally(10), Tally(11), None, Tally(10)]


def test_what_a_replaced_worker_wrote_is_written_over_at_takeover_also_where_there_was_nothing() -> None:
    log = Log()
    _, zombie = log.owner()
    log.apply(zombie, record_of(0, "identity/0", (1, "c", Add(1))))
    log.owner()
    log.apply(zombie, record_of(1, "identity/0", (4, "c", Add(0)), (6, "d", Add(10))))
    log.owner()

    latest = dict(log.records)  # what compaction leaves: each key's last record, whichever epochs stood before it

    assert state_bytes(latest[b"c"] or b"") is not None
    assert is_absent(latest[b"d"] or b"")

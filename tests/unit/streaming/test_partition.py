"""The partition engine on messages: whatever is repeated or lost in a crash, state and outputs stay exact."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipeline.domain.messages.effects import Publish
from pipeline.streaming import envelope, partition
from pipeline.streaming.envelope import Entry, Envelope
from pipeline.streaming.partition import shard
from pipeline.streaming.step import Step
from pipeline.streaming.units import Output, Record
from pipeline.streaming.values import is_absent, state_bytes
from tests.history_rows import TRIGGER
from tests.unit.streaming.tallies import Add, Everywhere, Table, Tally, applied, record_of, taken_over


class Publishing(Everywhere):
    """A topology that can publish."""

    def record(self, publish: Publish) -> Output:
        """Send it anywhere."""
        return Output("triggers", None, None, b"")


def test_a_message_repeated_at_a_later_offset_changes_nothing_and_is_counted() -> None:
    table = Table()
    engine = taken_over(table)
    applied(engine, record_of(0, "identity/0", (10, "a", Add(5)), (11, "b", Add(7))))

    units = applied(engine, record_of(1, "identity/0", (10, "a", Add(5)), (11, "b", Add(7)), (12, "a", Add(1))))

    assert (engine.state("a"), engine.state("b")) == (Tally(6), Tally(7))
    assert units[0].counts["repeats_dropped", "customer"] == 2


def test_positions_of_two_sources_do_not_hide_each_other() -> None:
    engine = taken_over(Table())

    applied(engine, record_of(0, "identity/0", (99, "a", Add(1))), record_of(1, "identity/1", (5, "a", Add(1))))

    assert engine.state("a") == Tally(2)


def test_a_crash_before_the_changelog_repeats_the_same_outputs_byte_for_byte() -> None:
    record = record_of(7, "identity/0", (10, "a", Add(5, ask=2)), (11, "b", Add(7, ask=1)))
    before = next(iter(taken_over(Table()).apply([record])))  # delivered, then the worker dies

    again = next(iter(taken_over(Table()).apply([record])))

    assert again.outputs == before.outputs


def test_a_crash_after_the_changelog_handles_nothing_again() -> None:
    table = Table()
    record = record_of(7, "identity/0", (10, "a", Add(5, ask=2)))
    applied(taken_over(table), record)

    units = applied(taken_over(table), record)

    assert (units[0].outputs, units[0].handled) == ([], 0)


def test_a_topic_made_anew_starts_its_source_again_instead_of_being_dropped() -> None:
    engine = taken_over(Table())
    applied(engine, record_of(0, "channel.web/0", (500, "a", Add(1)), appended_ms=1_000))

    units = applied(engine, record_of(1, "channel.web/0", (1, "a", Add(1)), appended_ms=2_000))

    assert engine.state("a") == Tally(2)
    assert units[0].counts["sources_restarted", "channel.web"] == 1


def test_a_long_envelope_is_split_into_bounded_units_and_a_crash_between_them_loses_nothing() -> None:
    adds = [(n, f"k{n % 50}", Add(1)) for n in range(4_000)]
    record = record_of(3, "identity/0", *adds)
    table = Table()
    first = taken_over(table)
    units = first.apply([record])
    unit = next(units)
    first.durable(unit, 0)  # the second unit is lost
    assert (unit.handled, unit.next_offset) == (partition.MAX_UNIT_MESSAGES, None)

    engine = taken_over(table)
    applied(engine, record)

    assert sum(state.total for n in range(50) if (state := engine.state(f"k{n}"))) == 4_000


def test_a_removed_key_leaves_a_value_that_says_so_and_no_timer() -> None:
    table = Table()
    engine = taken_over(table)
    applied(engine, record_of(0, "identity/0", (1, "a", Add(5, tell_at_ms=60_000))))

    units = applied(engine, record_of(1, "identity/0", (2, "a", Add(0))))

    assert is_absent(units[0].changes[b"a"])
    assert (engine.keys, engine.timers, engine.state("a")) == (0, 0, None)


def test_the_engines_own_records_are_no_states() -> None:
    table = Table()
    applied(taken_over(table), record_of(0, "identity/0", (1, "a", Add(5))))

    states = [key for key, value in table.items() if state_bytes(value) is not None]

    assert states == [b"a"]


def test_keys_spread_evenly_over_partitions() -> None:
    counts = [0] * 8
    for number in range(8_000):
        counts[shard(f"default\x1faccount:u-{number}", 8)] += 1

    assert max(counts) < 1.2 * min(counts)


def test_a_unit_with_large_outputs_is_cut_before_it_holds_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "MAX_UNIT_BYTES", 30_000)
    adds = [(n, "a", Add(1, ask=1)) for n in range(100)]
    fat = envelope.encode(
        Envelope("identity/0", 1_000, 1_000, [Entry(n, "a" * 1_000, 5_000, add) for n, _, add in adds])
    )

    units = applied(taken_over(Table()), Record(0, 1_000, None, fat))

    assert [unit.handled for unit in units] == [30, 30, 30, 10]


def test_a_unit_tells_the_earliest_time_among_its_messages() -> None:
    entries = [Entry(1, "a", 5_000, Add(1)), Entry(2, "a", 4_000, Add(1)), Entry(3, "a", 6_000, Add(1))]
    record = Record(0, 1_000, None, envelope.encode(Envelope("identity/0", 1_000, 1_000, entries)))

    (unit,) = applied(taken_over(Table()), record)

    assert unit.earliest_ms == 4_000


def test_a_unit_tells_by_rule_when_its_earliest_trigger_fired_and_nothing_of_what_was_taken_back() -> None:
    step: Step[None] = Step(Publishing(), "customer/0")

    step.emit([Publish("k", replace(TRIGGER, fired_at_ms=at_ms), "e") for at_ms in (9, 7, 8)], 0, 9)
    step.emit([Publish("k", replace(TRIGGER, rule="other", status="revoked"), "e")], 0, 9)

    assert step.pack().fired_ms == {TRIGGER.rule: 7}

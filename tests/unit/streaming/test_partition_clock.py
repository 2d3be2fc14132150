"""The partition engine and the clock: what it wakes, once, and how that is delivered whatever dies in between."""

from __future__ import annotations

from pipeline.streaming import partition
from tests.unit.streaming.tallies import Add, Table, applied, record_of, recovered, taken_over


def test_what_the_clock_causes_stands_in_the_changelog_before_it_is_delivered() -> None:
    table = Table()
    engine = taken_over(table)
    applied(engine, record_of(0, "identity/0", (10, "a", Add(5, tell_at_ms=60_000))))

    unit = engine.tick(60_000)

    assert unit is not None
    assert unit.write_ahead
    engine.durable(unit, 1)  # in the changelog; the worker dies before it delivers
    taken = recovered(table).takeover()
    assert taken is not None
    assert taken.outputs == unit.outputs


def test_the_unit_after_a_tick_empties_the_outbox() -> None:
    table = Table()
    engine = taken_over(table)
    applied(engine, record_of(0, "identity/0", (10, "a", Add(5, tell_at_ms=60_000))))
    unit = engine.tick(60_000)
    assert unit is not None
    engine.durable(unit, 1)

    applied(engine, record_of(1, "identity/0", (11, "b", Add(1))))

    taken = recovered(table).takeover()
    assert taken is not None
    assert taken.outputs == []


def test_a_partition_left_in_order_has_nothing_for_the_next_owner_to_deliver_again() -> None:
    table = Table()
    engine = taken_over(table)
    applied(engine, record_of(0, "identity/0", (10, "a", Add(5, tell_at_ms=60_000))))
    woken = engine.tick(60_000)
    assert woken is not None
    engine.durable(woken, 1)  # and delivered

    left = engine.leave()
    assert left is not None
    engine.durable(left, 2)

    taken = recovered(table).takeover()
    assert taken is not None
    assert (taken.outputs, engine.leave()) == ([], None)


def test_a_partition_left_before_it_was_taken_over_keeps_what_is_still_to_be_delivered() -> None:
    table = Table()
    engine = taken_over(table)
    applied(engine, record_of(0, "identity/0", (10, "a", Add(5, tell_at_ms=60_000))))
    woken = engine.tick(60_000)
    assert woken is not None
    engine.durable(woken, 1)  # the worker dies before it delivers

    assert recovered(table).leave() is None

    taken = recovered(table).takeover()
    assert taken is not None
    assert taken.outputs == woken.outputs


def test_nothing_fires_before_its_time_and_nothing_twice() -> None:
    engine = taken_over(Table())
    applied(engine, record_of(0, "identity/0", (10, "a", Add(5, tell_at_ms=60_000))))

    early, due = engine.tick(59_999), engine.tick(60_000)
    assert due is not None
    engine.durable(due, 1)

    assert (early, engine.tick(90_000), engine.timers) == (None, None, 0)


def test_a_timer_moved_later_fires_only_at_its_new_time() -> None:
    engine = taken_over(Table())
    applied(
        engine, record_of(0, "identity/0", (10, "a", Add(5, tell_at_ms=60_000)), (11, "a", Add(5, tell_at_ms=70_000)))
    )

    assert engine.tick(69_999) is None
    assert engine.tick(70_000) is not None


def test_pending_timers_are_found_again_after_recovery_without_decoding_states() -> None:
    table = Table()
    adds = [(n, f"k{n}", Add(1, tell_at_ms=1_000 + n)) for n in range(2_000)]
    applied(taken_over(table), record_of(0, "identity/0", *adds))

    engine = taken_over(table)

    assert (engine.timers, engine.next_wake(), engine.keys) == (2_000, 1_000, 2_000)
    woken = 0
    while (unit := engine.tick(10_000)) is not None:
        engine.durable(unit, 1)
        woken += 1
    assert woken == 2_000 // partition.MAX_WAKES


def test_a_unit_that_timers_caused_tells_when_the_first_of_them_was_due() -> None:
    engine = taken_over(Table())
    later, sooner = Add(1, tell_at_ms=60_000), Add(1, tell_at_ms=50_000)
    (told,) = applied(engine, record_of(0, "s/0", (1, "a", later), (2, "b", sooner)))

    unit = engine.tick(90_000)

    assert unit is not None
    assert (told.due_ms, unit.due_ms) == (0, 50_000)

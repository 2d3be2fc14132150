"""The partition engine: whatever is repeated, lost in a crash or woken by the clock, state and outputs stay exact."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from weakref import ref

import pytest
from msgspec import Raw, Struct
from msgspec.structs import replace

from pipeline.domain.messages.effects import Effect, Publish, Send
from pipeline.domain.messages.to_product import AskComplements
from pipeline.streaming import cache, envelope, partition
from pipeline.streaming.envelope import Entry, Envelope
from pipeline.streaming.partition import ActorPartition, shard
from pipeline.streaming.step import Step, TooManyEffects
from pipeline.streaming.table import MemoryPartition, recover
from pipeline.streaming.units import Output, Record, Unit
from pipeline.streaming.values import EPOCH, EPOCH_BYTES, META, is_absent, state_bytes
from tests.history_rows import TRIGGER


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


class Publishing(Everywhere):
    """A topology that can publish."""

    def record(self, publish: Publish) -> Output:
        """Send it anywhere."""
        return Output("triggers", None, None, b"")


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


def _recovered(table: Table) -> ActorPartition[Tally, Add]:
    return ActorPartition(Tallies(), 3, table, Everywhere())


def _engine(table: Table) -> ActorPartition[Tally, Add]:
    engine = _recovered(table)
    taken = engine.takeover()
    assert taken is not None
    engine.durable(taken, 0)
    return engine


def _record(offset: int, source: str, *adds: tuple[int, str, Add], appended_ms: int = 1_000) -> Record:
    entries = [Entry(position, key, 5_000, add) for position, key, add in adds]
    return Record(offset, appended_ms, None, envelope.encode(Envelope(source, appended_ms, appended_ms, entries)))


def _apply(engine: ActorPartition[Tally, Add], *records: Record) -> list[Unit]:
    units = []
    for unit in engine.apply(records):
        engine.durable(unit, 0)
        units.append(unit)
    return units


def test_a_message_repeated_at_a_later_offset_changes_nothing_and_is_counted() -> None:
    table = Table()
    engine = _engine(table)
    _apply(engine, _record(0, "identity/0", (10, "a", Add(5)), (11, "b", Add(7))))

    units = _apply(engine, _record(1, "identity/0", (10, "a", Add(5)), (11, "b", Add(7)), (12, "a", Add(1))))

    assert (engine.state("a"), engine.state("b")) == (Tally(6), Tally(7))
    assert units[0].counts["repeats_dropped", "customer"] == 2


def test_positions_of_two_sources_do_not_hide_each_other() -> None:
    engine = _engine(Table())

    _apply(engine, _record(0, "identity/0", (99, "a", Add(1))), _record(1, "identity/1", (5, "a", Add(1))))

    assert engine.state("a") == Tally(2)


def test_a_crash_before_the_changelog_repeats_the_same_outputs_byte_for_byte() -> None:
    record = _record(7, "identity/0", (10, "a", Add(5, ask=2)), (11, "b", Add(7, ask=1)))
    before = next(iter(_engine(Table()).apply([record])))  # delivered, then the worker dies

    again = next(iter(_engine(Table()).apply([record])))

    assert again.outputs == before.outputs


def test_a_crash_after_the_changelog_handles_nothing_again() -> None:
    table = Table()
    record = _record(7, "identity/0", (10, "a", Add(5, ask=2)))
    _apply(_engine(table), record)

    units = _apply(_engine(table), record)

    assert (units[0].outputs, units[0].handled) == ([], 0)


def test_a_topic_made_anew_starts_its_source_again_instead_of_being_dropped() -> None:
    engine = _engine(Table())
    _apply(engine, _record(0, "channel.web/0", (500, "a", Add(1)), appended_ms=1_000))

    units = _apply(engine, _record(1, "channel.web/0", (1, "a", Add(1)), appended_ms=2_000))

    assert engine.state("a") == Tally(2)
    assert units[0].counts["sources_restarted", "channel.web"] == 1


def test_what_the_clock_causes_stands_in_the_changelog_before_it_is_delivered() -> None:
    table = Table()
    engine = _engine(table)
    _apply(engine, _record(0, "identity/0", (10, "a", Add(5, tell_at_ms=60_000))))

    unit = engine.tick(60_000)

    assert unit is not None
    assert unit.write_ahead
    engine.durable(unit, 1)  # in the changelog; the worker dies before it delivers
    taken = _recovered(table).takeover()
    assert taken is not None
    assert taken.outputs == unit.outputs


def test_the_unit_after_a_tick_empties_the_outbox() -> None:
    table = Table()
    engine = _engine(table)
    _apply(engine, _record(0, "identity/0", (10, "a", Add(5, tell_at_ms=60_000))))
    unit = engine.tick(60_000)
    assert unit is not None
    engine.durable(unit, 1)

    _apply(engine, _record(1, "identity/0", (11, "b", Add(1))))

    taken = _recovered(table).takeover()
    assert taken is not None
    assert taken.outputs == []


def test_a_partition_left_in_order_has_nothing_for_the_next_owner_to_deliver_again() -> None:
    table = Table()
    engine = _engine(table)
    _apply(engine, _record(0, "identity/0", (10, "a", Add(5, tell_at_ms=60_000))))
    woken = engine.tick(60_000)
    assert woken is not None
    engine.durable(woken, 1)  # and delivered

    left = engine.leave()
    assert left is not None
    engine.durable(left, 2)

    taken = _recovered(table).takeover()
    assert taken is not None
    assert (taken.outputs, engine.leave()) == ([], None)


def test_a_partition_left_before_it_was_taken_over_keeps_what_is_still_to_be_delivered() -> None:
    table = Table()
    engine = _engine(table)
    _apply(engine, _record(0, "identity/0", (10, "a", Add(5, tell_at_ms=60_000))))
    woken = engine.tick(60_000)
    assert woken is not None
    engine.durable(woken, 1)  # the worker dies before it delivers

    assert _recovered(table).leave() is None

    taken = _recovered(table).takeover()
    assert taken is not None
    assert taken.outputs == woken.outputs


def test_nothing_fires_before_its_time_and_nothing_twice() -> None:
    engine = _engine(Table())
    _apply(engine, _record(0, "identity/0", (10, "a", Add(5, tell_at_ms=60_000))))

    early, due = engine.tick(59_999), engine.tick(60_000)
    assert due is not None
    engine.durable(due, 1)

    assert (early, engine.tick(90_000), engine.timers) == (None, None, 0)


def test_a_timer_moved_later_fires_only_at_its_new_time() -> None:
    engine = _engine(Table())
    _apply(engine, _record(0, "identity/0", (10, "a", Add(5, tell_at_ms=60_000)), (11, "a", Add(5, tell_at_ms=70_000))))

    assert engine.tick(69_999) is None
    assert engine.tick(70_000) is not None


def test_pending_timers_are_found_again_after_recovery_without_decoding_states() -> None:
    table = Table()
    adds = [(n, f"k{n}", Add(1, tell_at_ms=1_000 + n)) for n in range(2_000)]
    _apply(_engine(table), _record(0, "identity/0", *adds))

    engine = _engine(table)

    assert (engine.timers, engine.next_wake(), engine.keys) == (2_000, 1_000, 2_000)
    woken = 0
    while (unit := engine.tick(10_000)) is not None:
        engine.durable(unit, 1)
        woken += 1
    assert woken == 2_000 // partition.MAX_WAKES


def test_a_long_envelope_is_split_into_bounded_units_and_a_crash_between_them_loses_nothing() -> None:
    adds = [(n, f"k{n % 50}", Add(1)) for n in range(4_000)]
    record = _record(3, "identity/0", *adds)
    table = Table()
    first = _engine(table)
    units = first.apply([record])
    unit = next(units)
    first.durable(unit, 0)  # the second unit is lost
    assert (unit.handled, unit.next_offset) == (partition.MAX_UNIT_MESSAGES, None)

    engine = _engine(table)
    _apply(engine, record)

    assert sum(state.total for n in range(50) if (state := engine.state(f"k{n}"))) == 4_000


def test_a_removed_key_leaves_a_value_that_says_so_and_no_timer() -> None:
    table = Table()
    engine = _engine(table)
    _apply(engine, _record(0, "identity/0", (1, "a", Add(5, tell_at_ms=60_000))))

    units = _apply(engine, _record(1, "identity/0", (2, "a", Add(0))))

    assert is_absent(units[0].changes[b"a"])
    assert (engine.keys, engine.timers, engine.state("a")) == (0, 0, None)


def test_a_record_that_is_no_envelope_becomes_a_dead_letter_and_its_batch_goes_on() -> None:
    def refuse(record: Record, error: Exception) -> Output:
        return Output("deadletter", 0, None, record.value or b"")

    engine = ActorPartition(Tallies(), 3, Table(), Everywhere(), refuse)
    engine.takeover()
    bad = [Record(0, 1_000, None, b"\x01not msgpack"), Record(1, 1_000, None, b"{}"), Record(2, 1_000, None, None)]
    damaged = envelope.encode(Envelope("identity/0", 1, 1, [Entry(1, "key", 1, Add(1))])).replace(b"key", b"k\xffy")
    bad.append(Record(3, 1_000, None, damaged))
    good = _record(4, "identity/0", (1, "a", Add(5)))

    units = list(engine.apply([*bad, good]))

    assert [output.value for output in units[0].outputs] == [b"\x01not msgpack", b"{}", b"", damaged]
    assert engine.state("a") == Tally(5)


def test_of_an_envelope_with_a_message_that_cannot_be_read_the_others_are_handled() -> None:
    def dead_letter(record: Record, error: Exception) -> Output:
        return Output("deadletter", 0, None, record.value or b"")

    told: list[Entry[Add | Raw]] = [Entry(n, "a", 5_000, Add(1)) for n in range(5)]
    told[1] = Entry(1, "a", 5_000, Raw(b"\x92\xa3add\xa3one"))
    told[3] = Entry(3, "a", 5_000, Raw(b"\xc0"))
    value = envelope.encode(Envelope("identity/0", 1_000, 1_000, told))
    engine = ActorPartition(Tallies(), 0, Table(), Everywhere(), dead_letter)

    (unit,) = _apply(engine, Record(7, 1_000, None, value))

    assert (engine.state("a") or Tally()).total == 3
    assert [output.value for output in unit.outputs if output.topic == "deadletter"] == [value]
    assert unit.counts["dead_letters", "undecodable"] == 1


def test_a_message_of_a_newer_version_stops_the_worker_instead_of_being_lost() -> None:
    with pytest.raises(envelope.UnknownVersion, match="version 2, known is 1"):
        _apply(_engine(Table()), Record(0, 1_000, None, b"\x02..."))


def test_a_message_with_more_effects_than_can_be_numbered_stops_the_worker() -> None:
    with pytest.raises(TooManyEffects, match="1025 effects"):
        _apply(_engine(Table()), _record(0, "identity/0", (1, "a", Add(1, ask=1_025))))


def test_a_state_of_an_unknown_version_is_refused() -> None:
    table = Table()
    engine = _engine(table)
    table.data[b"a"] = bytes(4) + b"\x09" + bytes(8) + b"\x90"

    with pytest.raises(envelope.UnknownVersion, match="version 9"):
        engine.state("a")


def test_a_changelog_of_an_unknown_layout_is_refused_with_the_remedy() -> None:
    table = Table()
    _engine(table)
    table.data[EPOCH] = bytes(4) + b"\x07"

    with pytest.raises(envelope.UnknownVersion, match="layout 07, known is 0001: upgrade this worker"):
        _recovered(table)


def test_the_engines_own_records_are_no_states() -> None:
    table = Table()
    _apply(_engine(table), _record(0, "identity/0", (1, "a", Add(5))))

    states = [key for key, value in table.items() if state_bytes(value) is not None]

    assert states == [b"a"]


def test_keys_spread_evenly_over_partitions() -> None:
    counts = [0] * 8
    for number in range(8_000):
        counts[shard(f"default\x1faccount:u-{number}", 8)] += 1

    assert max(counts) < 1.2 * min(counts)


def test_raw_events_pass_through_an_envelope_untouched() -> None:
    entry = Entry(1, "a", 2, Raw(b"\x93\x01\x02\x03"))

    decoded = envelope.EnvelopeDecoder[Raw](Raw).decode(envelope.encode(Envelope("s", 0, 0, [entry])))

    assert bytes(decoded.entries[0].message) == b"\x93\x01\x02\x03"


def test_each_owner_writes_with_a_higher_epoch_than_the_one_before() -> None:
    table = Table()
    first = _engine(table)
    _apply(first, _record(0, "identity/0", (1, "a", Add(5))))
    before = table.data[b"a"][:EPOCH_BYTES]

    second = _engine(table)
    _apply(second, _record(1, "identity/0", (2, "a", Add(5))))

    assert table.data[b"a"][:EPOCH_BYTES] > before
    assert second.takeover() is None


def test_what_a_replaced_worker_overwrote_is_written_again_at_takeover() -> None:
    table = Table()
    _apply(_engine(table), _record(0, "identity/0", (1, "a", Add(5))))
    table.overwritten_keys = {b"a"}

    taken = _recovered(table).takeover()

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
    log.apply(zombie, _record(0, "identity/0", (1, "b", Add(1)), (2, "c", Add(1))))
    _, owner = log.owner()
    log.apply(owner, _record(1, "identity/0", (3, "a", Add(10))))
    late = _record(1, "identity/0", (3, "a", Add(10)), (4, "c", Add(0)), (5, "b", Add(10)), (6, "d", Add(10)))
    log.apply(zombie, late)

    _, again = log.owner()
    log.apply(again, late)

    assert [again.state(key) for key in "abcd"] == [Tally(10), Tally(11), None, Tally(10)]


def test_what_a_replaced_worker_wrote_is_written_over_at_takeover_also_where_there_was_nothing() -> None:
    log = Log()
    _, zombie = log.owner()
    log.apply(zombie, _record(0, "identity/0", (1, "c", Add(1))))
    log.owner()
    log.apply(zombie, _record(1, "identity/0", (4, "c", Add(0)), (6, "d", Add(10))))
    log.owner()

    latest = dict(log.records)  # what compaction leaves: each key's last record, whichever epochs stood before it

    assert state_bytes(latest[b"c"] or b"") is not None
    assert is_absent(latest[b"d"] or b"")


def test_a_unit_with_large_outputs_is_cut_before_it_holds_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "MAX_UNIT_BYTES", 30_000)
    adds = [(n, "a", Add(1, ask=1)) for n in range(100)]
    fat = envelope.encode(
        Envelope("identity/0", 1_000, 1_000, [Entry(n, "a" * 1_000, 5_000, add) for n, _, add in adds])
    )

    units = _apply(_engine(Table()), Record(0, 1_000, None, fat))

    assert [unit.handled for unit in units] == [30, 30, 30, 10]


def test_a_partition_that_may_hold_nothing_decoded_counts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "PASSING_BYTES", 0)
    monkeypatch.setattr(cache, "REGULAR_BYTES", 0)
    engine = _engine(Table())
    for number in range(1_000):
        _apply(engine, _record(number, "identity/0", (number, f"key-{number % 7}", Add(1)), appended_ms=1_000 + number))

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
        for unit in engine.apply([_record(told, "s/0", *((told * 400 + n, f"k{n}", Add(1)) for n in range(400)))]):
            engine.durable(unit, 0)

    assert len(actor.seen) == 400
    assert actor.most_held < 20


def test_who_reads_every_state_of_a_partition_leaves_none_of_them_decoded() -> None:
    engine = ActorPartition(Unmoved(), 3, Table(), Everywhere())
    engine.takeover()
    for unit in engine.apply([_record(0, "s/0", *((n, f"k{n}", Add(1)) for n in range(400)))]):
        engine.durable(unit, 0)

    read = [ref(state) for n in range(400) if (state := engine.state(f"k{n}")) is not None]
    del state

    assert len(read) == 400
    assert sum(each() is not None for each in read) < 20


def test_a_unit_tells_the_earliest_time_among_its_messages() -> None:
    entries = [Entry(1, "a", 5_000, Add(1)), Entry(2, "a", 4_000, Add(1)), Entry(3, "a", 6_000, Add(1))]
    record = Record(0, 1_000, None, envelope.encode(Envelope("identity/0", 1_000, 1_000, entries)))

    (unit,) = _apply(_engine(Table()), record)

    assert unit.earliest_ms == 4_000


def test_entries_of_many_bytes_go_in_several_envelopes_in_order() -> None:
    entries = [Entry(n, "a", 2, bytes(60_000)) for n in range(300)]

    packed = list(envelope.pack("s", 0, 0, entries))

    assert max(map(len, packed)) <= envelope.MAX_BYTES
    decode = envelope.EnvelopeDecoder[bytes](bytes).decode
    assert [entry.position for value in packed for entry in decode(value).entries] == list(range(300))


def test_an_envelope_holds_no_more_entries_than_a_position_can_number() -> None:
    packed = list(envelope.pack("s", 0, 0, [Entry(n, "a", 2, b"") for n in range(envelope.MAX_ENTRIES + 1)]))

    decode = envelope.EnvelopeDecoder[bytes](bytes).decode
    assert sum(len(decode(value).entries) for value in packed) == envelope.MAX_ENTRIES + 1
    assert len(packed) == 2


def test_how_much_the_states_take_is_known_while_they_change_and_after_a_recovery() -> None:
    table = Table()
    engine = _engine(table)

    _apply(engine, _record(0, "s/0", (1, "a", Add(1)), (2, "b", Add(1_000_000)), (3, "c", Add(5))))
    _apply(engine, _record(1, "s/0", (4, "b", Add(2)), (5, "a", Add(100_000)), (6, "c", Add(0))))

    stored = sum(len(value) for key, value in table.data.items() if not key.startswith(META))
    assert engine.bytes == stored > 0
    assert _recovered(table).bytes == stored


def test_a_unit_tells_by_rule_when_its_earliest_trigger_fired_and_nothing_of_what_was_taken_back() -> None:
    step: Step[None] = Step(Publishing(), "customer/0")

    step.emit([Publish("k", replace(TRIGGER, fired_at_ms=at_ms), "e") for at_ms in (9, 7, 8)], 0, 9)
    step.emit([Publish("k", replace(TRIGGER, rule="other", status="revoked"), "e")], 0, 9)

    assert step.pack().fired_ms == {TRIGGER.rule: 7}


def test_a_unit_that_timers_caused_tells_when_the_first_of_them_was_due() -> None:
    engine = _engine(Table())
    later, sooner = Add(1, tell_at_ms=60_000), Add(1, tell_at_ms=50_000)
    (told,) = _apply(engine, _record(0, "s/0", (1, "a", later), (2, "b", sooner)))

    unit = engine.tick(90_000)

    assert unit is not None
    assert (told.due_ms, unit.due_ms) == (0, 50_000)

"""The partition engine on what it cannot read: dead letters, and what stops the worker instead."""

from __future__ import annotations

import pytest
from msgspec import Raw

from pipeline.streaming import envelope
from pipeline.streaming.envelope import Entry, Envelope
from pipeline.streaming.partition import ActorPartition
from pipeline.streaming.step import TooManyEffects
from pipeline.streaming.units import Output, Record
from pipeline.streaming.values import EPOCH
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


def dead_letter(record: Record, error: Exception) -> Output:
    return Output("deadletter", 0, None, record.value or b"")


def test_a_record_that_is_no_envelope_becomes_a_dead_letter_and_its_batch_goes_on() -> None:
    engine = ActorPartition(Tallies(), 3, Table(), Everywhere(), dead_letter)
    engine.takeover()
    bad = [Record(0, 1_000, None, b"\x01not msgpack"), Record(1, 1_000, None, b"{}"), Record(2, 1_000, None, None)]
    damaged = envelope.encode(Envelope("identity/0", 1, 1, [Entry(1, "key", 1, Add(1))])).replace(b"key", b"k\xffy")
    bad.append(Record(3, 1_000, None, damaged))
    good = record_of(4, "identity/0", (1, "a", Add(5)))

    units = list(engine.apply([*bad, good]))

    assert [output.value for output in units[0].outputs] == [b"\x01not msgpack", b"{}", b"", damaged]
    assert engine.state("a") == Tally(5)


def test_of_an_envelope_with_a_message_that_cannot_be_read_the_others_are_handled() -> None:
    told: list[Entry[Add | Raw]] = [Entry(n, "a", 5_000, Add(1)) for n in range(5)]
    told[1] = Entry(1, "a", 5_000, Raw(b"\x92\xa3add\xa3one"))
    told[3] = Entry(3, "a", 5_000, Raw(b"\xc0"))
    value = envelope.encode(Envelope("identity/0", 1_000, 1_000, told))
    engine = ActorPartition(Tallies(), 0, Table(), Everywhere(), dead_letter)

    (unit,) = applied(engine, Record(7, 1_000, None, value))

    assert (engine.state("a") or Tally()).total == 3
    assert [output.value for output in unit.outputs if output.topic == "deadletter"] == [value]
    assert unit.counts["dead_letters", "undecodable"] == 1


def test_a_message_of_a_newer_version_stops_the_worker_instead_of_being_lost() -> None:
    with pytest.raises(envelope.UnknownVersion, match="version 2, known is 1"):
        applied(taken_over(Table()), Record(0, 1_000, None, b"\x02..."))


def test_a_message_with_more_effects_than_can_be_numbered_stops_the_worker() -> None:
    with pytest.raises(TooManyEffects, match="1025 effects"):
        applied(taken_over(Table()), record_of(0, "identity/0", (1, "a", Add(1, ask=1_025))))


def test_a_state_of_an_unknown_version_is_refused() -> None:
    table = Table()
    engine = taken_over(table)
    table.data[b"a"] = bytes(4) + b"\x09" + bytes(8) + b"\x90"

    with pytest.raises(envelope.UnknownVersion, match="version 9"):
        engine.state("a")


def test_a_changelog_of_an_unknown_layout_is_refused_with_the_remedy() -> None:
    table = Table()
    taken_over(table)
    table.data[EPOCH] = bytes(4) + b"\x07"

    with pytest.raises(envelope.UnknownVersion, match="layout 07, known is 0001: upgrade this worker"):
        recovered(table)

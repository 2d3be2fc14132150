from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import pytest

from pipeline.domain.messages.to_customer import Complements
from pipeline.domain.records import DeadLetter
from pipeline.history.intake import Intake
from pipeline.history.rows import Kind, refused_here
from pipeline.settings import load_settings
from pipeline.streaming.envelope import Entry, Envelope, UnknownVersion, encode
from pipeline.wire.records import encode_record
from tests.history_rows import CHANGE, DECISION, LETTER, TRIGGER, arrived

INTAKE = Intake(load_settings(environ={}, topic_prefix="shop."))
ANSWER = Complements("default", "customer-1", "a", (), "e-1", 0, "web")


class Message(NamedTuple):
    topic: str
    value: bytes | None
    partition: int = 2
    offset: int = 9
    timestamp: int = 1_795_514_400_000
    key: bytes | None = None


def envelope(*messages: Any) -> bytes:
    entries = [Entry(10 + number, "key", 0, message) for number, message in enumerate(messages)]
    return encode(Envelope("channel.web/3", 0, 0, entries))


def test_events_come_out_of_an_envelope_with_their_own_source_and_position() -> None:
    rows = INTAKE.rows_of(Message("shop.customer.inbox", envelope(arrived("e-1"), ANSWER, arrived("e-2"))))

    assert [(row.kind, row.source, row.position) for row in rows] == [
        (Kind.EVENT, "channel.web/3", 10),
        (Kind.EVENT, "channel.web/3", 12),
    ]
    assert [row.record for row in rows] == [arrived("e-1"), arrived("e-2")]


@pytest.mark.parametrize(
    ("topic", "record", "kind"),
    [
        ("shop.triggers.cart_reminder", TRIGGER, Kind.TRIGGER),
        ("shop.decisions", DECISION, Kind.DECISION),
        ("shop.identity.changes", CHANGE, Kind.IDENTITY_CHANGE),
        ("shop.deadletter", LETTER, Kind.DEAD_LETTER),
    ],
)
def test_public_records_are_read_from_their_topics(topic: str, record: Any, kind: Kind) -> None:
    (row,) = INTAKE.rows_of(Message(topic, encode_record(record)))

    assert (row.kind, row.record, row.source, row.position) == (kind, record, f"{topic}/2", 9)


def test_b22_a_field_that_a_newer_version_added_does_not_stop_the_sink() -> None:
    message = msgspec.to_builtins(arrived("e-1"))
    *before, event, part, hops = message
    newer = [*before, [*event, "a new field"], part, hops, "another"]

    (row,) = INTAKE.rows_of(Message("shop.customer.inbox", envelope(newer)))

    assert row.record == arrived("e-1")


def test_b22_a_message_of_a_kind_yet_unknown_does_not_cost_its_neighbours() -> None:
    rows = INTAKE.rows_of(Message("shop.customer.inbox", envelope(arrived("e-1"), ["merge", 1, 2], arrived("e-2"))))

    assert [row.record for row in rows] == [arrived("e-1"), arrived("e-2")]


def test_b21_an_event_that_cannot_be_read_is_a_dead_letter_and_its_neighbours_are_rows() -> None:
    value = envelope(arrived("e-1"), ["e", "default", 5], arrived("e-2"))

    rows = INTAKE.rows_of(Message("shop.customer.inbox", value))

    assert [row.kind for row in rows] == [Kind.EVENT, Kind.DEAD_LETTER, Kind.EVENT]
    assert isinstance(rows[1].record, DeadLetter)
    assert "entry 11 of channel.web/3" in rows[1].record.detail


def test_b21_an_event_with_a_text_that_is_none_is_a_dead_letter_and_its_neighbours_are_rows() -> None:
    value = envelope(arrived("e-1"), arrived("e-2", session_id="damaged"), arrived("e-3"))

    rows = INTAKE.rows_of(Message("shop.customer.inbox", value.replace(b"damaged", b"damage\xff")))

    assert [row.kind for row in rows] == [Kind.EVENT, Kind.DEAD_LETTER, Kind.EVENT]


def test_b21_arrays_in_arrays_without_end_are_a_dead_letter_and_no_crash() -> None:
    (row,) = INTAKE.rows_of(Message("shop.customer.inbox", envelope(msgspec.Raw(b"\x91" * 100_000 + b"\xc0"))))

    assert row.kind is Kind.DEAD_LETTER


@pytest.mark.parametrize("value", [b"\x01\xff nonsense", b'{"event_id": "e-1"}', b""])
@pytest.mark.parametrize("topic", ["shop.customer.inbox", "shop.decisions", "shop.triggers.x", "shop.deadletter"])
def test_b21_bytes_that_are_no_record_are_a_dead_letter_with_their_place_and_themselves(
    topic: str, value: bytes
) -> None:
    (row,) = INTAKE.rows_of(Message(topic, value))

    assert row.kind is Kind.DEAD_LETTER
    assert isinstance(row.record, DeadLetter)
    assert (row.record.topic, row.record.partition, row.record.offset) == (topic, 2, 9)
    assert (row.record.value, row.record.reason) == (value, "undecodable")


def test_an_envelope_of_a_newer_version_stops_the_sink_instead_of_being_skipped() -> None:
    with pytest.raises(UnknownVersion):
        INTAKE.rows_of(Message("shop.customer.inbox", b"\x02whatever"))


@pytest.mark.parametrize("topic", ["shop.decisions", "shop.triggers.x", "shop.identity.changes", "shop.deadletter"])
def test_a_record_of_a_schema_yet_unknown_stops_the_sink_instead_of_becoming_a_dead_letter(topic: str) -> None:
    with pytest.raises(UnknownVersion, match=rf"{topic}/2, offset 9: .* its schema is 0102030405060708"):
        INTAKE.rows_of(Message(topic, b"\xc3\x01\x01\x02\x03\x04\x05\x06\x07\x08 and more"))


def test_a_record_of_another_kind_is_a_dead_letter_as_its_schema_is_known() -> None:
    (row,) = INTAKE.rows_of(Message("shop.decisions", encode_record(TRIGGER)))

    assert row.kind is Kind.DEAD_LETTER


def test_every_row_knows_the_record_it_was_read_from_and_when_the_broker_took_it() -> None:
    (event,) = INTAKE.rows_of(Message("shop.customer.inbox", envelope(arrived("e-1"))))
    (decision,) = INTAKE.rows_of(Message("shop.decisions", encode_record(DECISION)))

    assert event.origin == ("shop.customer.inbox", 2, 9, 1_795_514_400_000)
    assert decision.origin == ("shop.decisions", 2, 9, 1_795_514_400_000)


def test_what_history_refuses_itself_is_told_from_what_was_refused_before() -> None:
    read = INTAKE.rows_of(Message("shop.deadletter", encode_record(LETTER)))
    refused = INTAKE.rows_of(Message("shop.deadletter", b"no letter"))

    assert refused_here(read + refused) == [refused[0].record]


def test_a_tombstone_is_no_row() -> None:
    assert INTAKE.rows_of(Message("shop.decisions", None)) == []


def test_history_wants_every_rules_triggers_and_nothing_of_another_installation() -> None:
    wanted = ["shop.customer.inbox", "shop.decisions", "shop.identity.changes", "shop.deadletter", "shop.triggers.new"]

    assert all(INTAKE.wants(topic) for topic in wanted)
    assert not any(
        map(INTAKE.wants, ["decisions", "triggers.x", "shop.triggers.", "shop.channel.web", "shop.customers"])
    )

"""The timeline of a customer: what is told, in which order and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.event_types import EVENT_TYPES
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.records import Decision
from pipeline.timeline import Records, event_says, lines, timeline
from tests.history_rows import DECISION, TEN_O_CLOCK, TRIGGER

MINUTE_MS = 60_000


def seen(minute: int, event_id: str, event_type: str = "product_viewed", **fields: Any) -> tuple[int, ChannelEvent]:
    at_ms = TEN_O_CLOCK + minute * MINUTE_MS
    given: dict[str, Any] = {"channel": "web", "occurred_at_ms": at_ms, "identifiers": {"account": "u-1"}} | fields
    return at_ms, ChannelEvent(event_id, event_type, **given)


def decided(minute: int, outcome: Any, reason: str, **fields: Any) -> Decision:
    at_ms = TEN_O_CLOCK + minute * MINUTE_MS
    given: dict[str, Any] = {"decision_id": f"d-{minute}", "decided_at_ms": at_ms, "outcome": outcome, "reason": reason}
    return replace(DECISION, **given | fields)


def text(*parts: tuple[int, ChannelEvent] | Decision, limit: int = 100) -> list[str]:
    events = [part for part in parts if isinstance(part, tuple)]
    decisions = [part for part in parts if isinstance(part, Decision)]
    entries, _ = timeline(Records("customer-1", events, decisions, [TRIGGER]), limit)
    return list(lines(entries))


def test_events_and_decisions_stand_under_their_day_by_time_the_newest_last() -> None:
    assert text(
        seen(42, "e-2", "order_completed", channel="pos", order_id="o-7", amount_minor=5998, currency="EUR"),
        decided(60, "fired", "sent", trigger_id="t-1"),
        decided(42, "dropped", "bought"),
        seen(0, "e-1", items=(Item("SKU-1"),)),
        seen(15 * 60, "e-3", "call_started", channel="call_center", properties={"topic": "delivery"}),
    ) == [
        "2026-11-24",
        "  10:00  web: a product was looked at: SKU-1",
        "  10:42  pos: an order was placed, in any channel: o-7, 59.98 EUR",
        "  10:42  cart_reminder not sent: it was bought",
        "  11:00  cart_reminder sent by email to a@example.com: cart left for an hour",
        "2026-11-25",
        "  01:00  call_center: a call began: delivery",
    ]


def test_of_what_waited_it_is_told_until_when_and_of_what_still_waits_that_it_does() -> None:
    night = {"outcome": "held", "reason": "quiet_hours"}
    assert text(
        decided(0, **night),
        decided(60, "deferred", "capped"),
        decided(22 * 60, "fired", "sent", trigger_id="t-1"),
        decided(30, **night, caused_by="e-2"),
        decided(40, **night, rule="welcome"),
    ) == [
        "2026-11-24",
        "  10:00  cart_reminder waits until 2026-11-24 11:00: quiet hours, by the customer's clock",
        "  10:30  cart_reminder waits: quiet hours, by the customer's clock",
        "  10:40  welcome waits: quiet hours, by the customer's clock",
        "  11:00  cart_reminder put off until 2026-11-25 08:00: the customer has had as many messages as a cap allows",
        "2026-11-25",
        "  08:00  cart_reminder sent by email to a@example.com: cart left for an hour",
    ]


def test_an_event_that_is_told_twice_and_a_decision_that_is_there_twice_are_told_once() -> None:
    twice = seen(0, "e-1"), seen(0, "e-1"), decided(1, "dropped", "bought"), decided(1, "dropped", "bought")

    assert len(text(*twice)) == 3


def test_the_newest_are_kept_and_that_earlier_ones_are_not_is_said() -> None:
    records = Records("customer-1", [seen(minute, f"e-{minute}") for minute in (3, 1, 2)], [], [])

    entries, cut = timeline(records, 2)
    _, cut_by_nobody = timeline(records, 3)
    _, cut_before = timeline(replace(records, cut=True), 3)

    assert [entry.told["event_id"] for entry in entries] == ["e-2", "e-3"]
    assert (cut, cut_by_nobody, cut_before) == (True, False, True)


def test_for_machines_an_entry_is_the_whole_record_its_words_and_the_message_that_it_is_about() -> None:
    decisions = [decided(60, "fired", "sent", trigger_id="t-1"), decided(61, "dropped", "bought")]

    event, sent, dropped = (each.told for each in timeline(Records("c", [seen(0, "e-1")], decisions, [TRIGGER]), 9)[0])

    assert event["what"] == "event"
    assert (event["says"], event["occurred_at"]) == ("web: a product was looked at", "2026-11-24T10:00:00.000Z")
    assert (sent["what"], sent["outcome"], sent["trigger"]["address"]) == ("decision", "fired", "a@example.com")
    assert dropped["says"] == "cart_reminder not sent: it was bought"
    assert "trigger" not in dropped


def test_a_message_that_is_not_known_and_one_bound_to_no_channel_are_told_as_sent() -> None:
    unknown, boundless = decided(0, "fired", "sent", trigger_id="t-9"), decided(1, "fired", "sent", trigger_id="t-1")
    records = Records("c", [], [unknown, boundless], [replace(TRIGGER, channel=None, address=None)])

    assert [entry.says for entry in timeline(records, 9)[0]] == [
        "cart_reminder sent: the rule's condition came true and nothing spoke against it",
        "cart_reminder sent: cart left for an hour",
    ]


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_every_known_event_is_told_in_its_own_words(event_type: str) -> None:
    _, event = seen(0, "e-1", event_type)

    assert event_says(event) == f"web: {EVENT_TYPES[event_type].says}"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"items": (Item("A"), Item("B", 2), Item("C"), Item("D"), Item("E"))}, ": A, 2 × B, C, 2 more"),
        ({"properties": {"query": "boots", "path": "/search"}}, ": boots"),
        ({"properties": {"query": "", "comment": "x" * 100}}, f": {'x' * 59}…"),
        ({"store_id": "7"}, ": store 7"),
        ({"items": (Item("A", 1, 1999, "EUR"),)}, ": A"),
    ],
)
def test_what_an_event_was_about_is_named_shortly(fields: dict[str, Any], said: str) -> None:
    _, event = seen(0, "e-1", **fields)

    assert event_says(event) == f"web: a product was looked at{said}"

"""What happened to one customer, and why each message was sent or not: one list by time, each entry in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct

from pipeline.domain.arbiter.decision_words import in_words
from pipeline.domain.customer.orders import amount_of
from pipeline.domain.event_types import EVENT_TYPES
from pipeline.domain.events import ChannelEvent
from pipeline.domain.money import money_text
from pipeline.domain.records import Decision, Trigger
from pipeline.domain.time import rfc3339
from pipeline.wire.json_event import to_object
from pipeline.wire.records import to_json

ITEMS_NAMED: Final = 3
"""Lines of a cart or order that fit into one line of text; the others are counted."""
TELLING: Final = ("query", "topic", "intent", "subject", "reason", "comment", "score", "path", "url", "code")
"""Properties that say what an event was about, the most telling first: the first one there is shown."""
TEXT_SHOWN: Final = 60
WAITING: Final = ("held", "deferred")
ORDER_FAMILY: Final = "orders"


class Records(Struct, frozen=True):
    """What is known of one customer, in any order: events with the time they were received (ms), decisions, triggers.

    `cut`: there are earlier ones.
    """

    customer_id: str
    events: list[tuple[int, ChannelEvent]]
    decisions: list[Decision]
    triggers: list[Trigger]
    cut: bool = False


class Entry(Struct, frozen=True):
    """One thing of the timeline: when, in words, and all that is known of it as JSON."""

    at_ms: int
    says: str
    told: dict[str, Any]


def timeline(records: Records, limit: int) -> tuple[list[Entry], bool]:
    """Return the latest `limit` entries, newest last, and whether there are earlier ones.

    At the same time the event that caused a decision comes first. What was told twice is there once.
    """
    sent = {trigger.trigger_id: trigger for trigger in records.triggers if trigger.status == "fired"}
    entries: dict[tuple[str, str], tuple[int, int, Entry]] = {}
    for received_at_ms, event in records.events:
        entries.setdefault(("event", event.event_id), (event.occurred_at_ms, 0, _of_event(received_at_ms, event)))
    next_ms: dict[tuple[str, str], int] = {}
    for decision in sorted(records.decisions, key=lambda decision: -decision.decided_at_ms):
        entry = _of_decision(
            decision, sent.get(decision.trigger_id or ""), next_ms.get((decision.rule, decision.caused_by))
        )
        entries["decision", decision.decision_id] = (decision.decided_at_ms, 1, entry)
        next_ms[decision.rule, decision.caused_by] = decision.decided_at_ms
    ordered = [entry for _, _, entry in sorted(entries.values(), key=lambda entry: entry[:2])]
    return ordered[-limit:], records.cut or len(ordered) > limit


def lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the entries as text, under the day (UTC) they are of."""
    day = ""
    for entry in entries:
        date, _, clock = rfc3339(entry.at_ms).partition("T")
        if date != day:
            day = date
            yield day
        yield f"  {clock[:5]}  {entry.says}"


def event_says(event: ChannelEvent) -> str:
    """Return an event in words: its channel, what happened, and what it was about.

    >>> from pipeline.domain.events import Item
    >>> items = (Item("A", 2, 1999, "EUR"), Item("B", 1, 1, "EUR"))
    >>> event_says(ChannelEvent("e-1", "order_completed", "pos", 0, {}, store_id="7", order_id="o-1", items=items))
    'pos: an order was placed, in any channel: o-1, 2 × A, B, 39.99 EUR, store 7'
    >>> event_says(ChannelEvent("e-2", "quiz_taken", "web", 0, {}, properties={"score": 9}))
    'web: quiz taken: 9'
    """
    known = EVENT_TYPES.get(event.event_type)
    what = event.event_type.replace("_", " ") if known is None else known.says
    about = ", ".join(_about(event, is_order=known is not None and known.family == ORDER_FAMILY))
    return f"{event.channel}: {what}{': ' if about else ''}{about}"


def _about(event: ChannelEvent, is_order: bool) -> Iterator[str]:
    if event.order_id:
        yield event.order_id
    for item in event.items[:ITEMS_NAMED]:
        yield item.sku if item.quantity == 1 else f"{item.quantity} × {item.sku}"
    if len(event.items) > ITEMS_NAMED:
        yield f"{len(event.items) - ITEMS_NAMED} more"
    amount = amount_of(event) if event.amount_minor is not None or (is_order and event.items) else None
    if amount is not None and amount[0]:
        yield money_text(*amount)
    if event.store_id:
        yield f"store {event.store_id}"
    telling = next((event.properties[name] for name in TELLING if event.properties.get(name) not in (None, "")), None)
    if telling is not None:
        text = str(telling)
        yield text if len(text) <= TEXT_SHOWN else text[: TEXT_SHOWN - 1] + "…"


def decision_says(decision: Decision, trigger: Trigger | None, until_ms: int | None) -> str:
    """Return a decision in words; of a message that went out by which channel, where to, and the rule's own reason.

    `trigger` is the message that it is about, None if it is about none or is not known; `until_ms` when was decided
    again, None if never.
    """
    outcome, reason = in_words(decision.outcome, decision.reason)
    if decision.outcome in WAITING and until_ms is not None:
        return f"{decision.rule} {outcome} until {rfc3339(until_ms)[:16].replace('T', ' ')}: {reason}"
    if decision.outcome != "fired" or trigger is None:
        return f"{decision.rule} {outcome}: {reason}"
    by = f" by {trigger.channel} to {trigger.address}" if trigger.channel else ""
    return f"{decision.rule} {outcome}{by}: {trigger.reason}"


def _of_event(received_at_ms: int, event: ChannelEvent) -> Entry:
    says = event_says(event)
    told = {"what": "event", "says": says, "received_at": rfc3339(received_at_ms), **to_object(event)}
    return Entry(event.occurred_at_ms, says, told)


def _of_decision(decision: Decision, trigger: Trigger | None, until_ms: int | None) -> Entry:
    says = decision_says(decision, trigger, until_ms)
    sent = {} if trigger is None else {"trigger": to_json(trigger)}
    return Entry(decision.decided_at_ms, says, {"what": "decision", "says": says, **to_json(decision), **sent})

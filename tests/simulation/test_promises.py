"""Random days of a shop against what its messages promise: to the right person, once, in time, by day, as agreed.

What is promised is worked out here from the events alone, by a slow and obvious reading of the rules of behaviour:
B10 to B16, B19, B20, B25 to B27 and B29, all at once, with merges between. Streams run for a week, with purchases told
late, events told twice or again with another content, rules that change in the middle, and customers in three zones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent, Context, Item
from pipeline.domain.identity.actor import founded_by
from pipeline.domain.records import Decision, Trigger
from pipeline.domain.time import DAY_MS, HOUR_MS, MINUTE_MS
from tests.harness.rounds import ROUNDS
from tests.scenarios.scenario import clock_ms
from tests.simulation.days import Days
from tests.simulation.shop import results

RULES = """\
caps: [{{channel: email, class: marketing, at_most: 1, per: 24h}}]
rules:
  - name: cart
    kind: abandoned_cart
    delay: {delay}
    channels: [email]
    quiet_hours: "22:00-08:00"
    when_capped: defer
    expires_after: 30h
  - name: thanks
    kind: post_purchase
    class: transactional
    after: order_completed
    delay: 10m
    channels: [email]
    expires_after: none
"""
SWITCHED = "+2d 12:00"
DELAYS_MS = {"test-1": HOUR_MS, "test-2": 3 * HOUR_MS}
EXPIRES_MS = 30 * HOUR_MS
ZONES = {"DE": "Europe/Berlin", "JP": "Asia/Tokyo", "US": "America/New_York"}
PEOPLE = 3


class Heard(NamedTuple):
    """An event, and when it was told."""

    event: ChannelEvent
    at_ms: int


def stream(seed: int, events: int = 70, late: bool = True) -> Iterator[ChannelEvent]:
    """Yield what a few people do on devices that become known as theirs."""
    chance = Random(seed)
    at_ms = clock_ms("08:00")
    made: list[ChannelEvent] = []
    for number in range(events):
        at_ms += chance.choice((1, 20, 50, 61, 150, 400)) * MINUTE_MS + chance.randrange(1_000)
        if late and made and chance.random() < 0.08:
            again = chance.choice(made)
            yield again if chance.random() < 0.5 else replace(again, items=(Item("other", 9),))
            continue
        made.append(_event(number, at_ms, chance, late))
        yield made[-1]


def _event(number: int, at_ms: int, chance: Random, late: bool) -> ChannelEvent:
    person = chance.randrange(PEOPLE)
    known_as = [{"cookie": f"c{person}"}, {"email": f"m{person}@example.com"}, {"account": f"u{person}"}]
    ago_ms = chance.choice((0, 0, 0, 0, 90, 600)) * MINUTE_MS if late else 0
    identifiers = chance.choice(known_as) | (chance.choice(known_as) if not ago_ms and chance.random() < 0.25 else {})
    country = chance.choice(tuple(ZONES)) if chance.random() < 0.15 else None
    event = ChannelEvent(f"e-{number}", "page_viewed", "web", at_ms, identifiers, context=Context(country=country))
    cart_id = chance.choice((None, f"cart-{person}-0", f"cart-{person}-1"))
    items = tuple(Item(f"sku-{each}") for each in chance.sample(range(4), chance.randint(1, 2)))
    what = chance.random()
    if what < 0.5:  # told before its reminder is due
        ago_ms = min(ago_ms, 50 * MINUTE_MS)
        event = replace(event, event_type="cart_updated", cart_id=cart_id, items=items)
    elif what < 0.65:
        event = replace(event, event_type="order_completed", order_id=f"o-{number}", cart_id=cart_id, items=items[:1])
    elif what < 0.72:
        event = replace(event, consent={"email": chance.random() < 0.5})
    return replace(event, occurred_at_ms=at_ms - ago_ms)


class Shop:
    """The stream played as a day brings it, and what was known of customers at a time."""

    def __init__(self, seed: int) -> None:
        self.days = Days(RULES.format(delay="1h")).rules_from(SWITCHED, RULES.format(delay="3h"))
        self.heard: list[Heard] = []
        clock = 0
        for event in stream(seed):
            clock = max(clock, event.occurred_at_ms)
            self.days.tell(event)
            self.heard.append(Heard(event, clock))
        self.end_ms = clock_ms("+30d 12:00")
        self.days.until("+30d 12:00")
        self.fired = [trigger for trigger in self.days.triggers() if trigger.status == "fired"]
        self.revoked = {trigger.trigger_id for trigger in self.days.triggers() if trigger.status == "revoked"}

    def known(self, customer_id: str, at_ms: int) -> list[ChannelEvent]:
        """Return what was told until `at_ms` of the customer with this id, and of all it is known to be one with."""
        told = [each for each in self.heard if each.at_ms <= at_ms]
        pairs = {pair for each in told for pair in each.event.identifiers.items()}
        mine = {pair for pair in pairs if founded_by("default", pair) == customer_id}
        while True:
            of_mine = [each.event for each in told if mine & each.event.identifiers.items()]
            more = {pair for event in of_mine for pair in event.identifiers.items()}
            if more == mine:
                break
            mine = more
        first: dict[str, ChannelEvent] = {}
        for event in of_mine:
            first.setdefault(event.event_id, event)
        return sorted(first.values(), key=lambda event: event.occurred_at_ms)

    def decisions(self, rule: str) -> list[Decision]:
        return [each for each in self.days.simulation.decisions() if each.rule == rule]

    def first(self, event_id: str) -> Heard:
        """Return an event as it was told first."""
        return next(each for each in self.heard if each.event.event_id == event_id)


def ids_of(known: list[ChannelEvent]) -> set[str]:
    return {founded_by("default", pair) for event in known for pair in event.identifiers.items()}


def addresses_of(known: list[ChannelEvent]) -> set[str]:
    return {event.identifiers["email"] for event in known if "email" in event.identifiers}


def last_changes(known: list[ChannelEvent]) -> dict[str, ChannelEvent]:
    return {event.cart_id or "": event for event in known if event.event_type == "cart_updated"}


def orders_of(known: list[ChannelEvent], cart: ChannelEvent) -> list[ChannelEvent]:
    """Return the orders that bought a cart."""
    return [
        event
        for event in known
        if event.event_type == "order_completed"
        and event.cart_id in (None, cart.cart_id)
        and event.occurred_at_ms >= cart.occurred_at_ms
    ]


def left_in(cart: ChannelEvent, known: list[ChannelEvent]) -> list[str]:
    """Return what lies in a cart and was not bought since, in whatever order."""
    orders = [event for event in known if event.event_type == "order_completed"]
    bought = {item.sku for each in orders for item in each.items if each.occurred_at_ms >= cart.occurred_at_ms}
    return sorted(item.sku for item in cart.items if item.sku not in bought)


def broken_by(reminder: Trigger, shop: Shop) -> Iterator[str]:
    """Yield what is wrong with a reminder, by what was known when it went out."""
    at_ms = reminder.fired_at_ms
    known = shop.known(reminder.customer_id, at_ms)
    cart = last_changes(known)[str(reminder.context["cart_id"])]
    if reminder.address not in addresses_of(known):
        yield "to another person"
    places = [event.context.country for event in known if event.context and event.context.country]
    zone = ZoneInfo(ZONES[places[-1]] if places else "Europe/Berlin")
    if not 8 <= datetime.fromtimestamp(at_ms / 1000, zone).hour < 22:
        yield "at night"
    words = [event.consent["email"] for event in known if event.consent]
    if words and not words[-1]:
        yield "after a denial"
    before = [each for each in shop.fired if each.rule == "cart" and each.customer_id in ids_of(known)]
    if sum(at_ms - DAY_MS < each.fired_at_ms <= at_ms for each in before) > 1:
        yield "beyond the cap"
    if cart.event_id != reminder.caused_by:
        yield "of a cart that was changed since"
    if orders_of(known, cart):
        yield "of a cart that was bought"
    if sorted(item.sku for item in reminder.items) != left_in(cart, known):
        yield f"not of {left_in(cart, known)}"
    if reminder.due_at_ms != cart.occurred_at_ms + DELAYS_MS[reminder.rules_version]:
        yield "not due then"
    if (reminder.rules_version == "test-1") != (cart.occurred_at_ms < clock_ms(SWITCHED)):
        yield "by the wrong rules"
    if not reminder.due_at_ms <= at_ms < reminder.due_at_ms + EXPIRES_MS:
        yield "too early or too late"


@pytest.mark.parametrize("seed", range(40 * ROUNDS))
def test_no_reminder_goes_to_another_person_or_at_night_or_unasked_or_beyond_the_cap_or_of_what_was_bought(
    seed: int,
) -> None:
    shop = Shop(seed)
    reminders = [trigger for trigger in shop.fired if trigger.rule == "cart"]

    assert len(reminders) > 2
    assert [(wrong, each) for each in reminders for wrong in broken_by(each, shop)] == []
    causes = Counter(each.caused_by for each in reminders)
    assert [cause for cause, times in causes.items() if times > 1] == []


@pytest.mark.parametrize("seed", range(40 * ROUNDS))
def test_every_cart_left_behind_is_reminded_of_or_there_is_a_reason_that_holds(seed: int) -> None:
    shop = Shop(seed)
    final = [
        each
        for each in shop.days.simulation.decisions()
        if each.rule == "cart" and each.outcome in ("fired", "dropped")
    ]
    by_cause = {each.caused_by: each for each in final if each.reason not in ("bought", "superseded")}

    for customer in shop.days.customers:
        known = shop.known(customer["customer_id"], shop.end_ms)
        for cart in last_changes(known).values():
            orders = orders_of(known, cart)
            decision = by_cause.get(cart.event_id)
            if decision is None:
                assert orders or not left_in(cart, known), cart
                continue
            then = shop.known(decision.customer_id, decision.decided_at_ms)
            held = {
                "sent": True,
                "no_address": not addresses_of(then),
                "no_consent": any(event.consent == {"email": False} for event in then),
                "capped": any(each.customer_id in ids_of(then) for each in shop.fired),
                "expired": decision.decided_at_ms >= cart.occurred_at_ms + EXPIRES_MS,
            }
            assert held.get(decision.reason, False), decision


@pytest.mark.parametrize("seed", range(40 * ROUNDS))
def test_a_reminder_is_taken_back_once_an_order_becomes_known_that_came_before_it_and_never_else(seed: int) -> None:
    shop = Shop(seed)

    for reminder in (trigger for trigger in shop.fired if trigger.rule == "cart"):
        cart = shop.first(reminder.caused_by).event
        known_then = shop.known(reminder.customer_id, reminder.fired_at_ms)
        overtook = [
            order
            for order in orders_of(shop.known(reminder.customer_id, shop.end_ms), cart)
            if order.occurred_at_ms <= reminder.fired_at_ms and order not in known_then
        ]
        assert (reminder.trigger_id in shop.revoked) == bool(overtook), reminder


@pytest.mark.parametrize("seed", range(40 * ROUNDS))
def test_every_order_is_thanked_for_once_whatever_the_hour_the_cap_and_the_consent(seed: int) -> None:
    shop = Shop(seed)
    orders = {each.event.event_id: each.event for each in reversed(shop.heard) if each.event.order_id is not None}
    decided = shop.decisions("thanks")

    assert sorted(each.caused_by for each in decided) == sorted(orders)
    for each in decided:
        order = orders[each.caused_by]
        known = shop.known(each.customer_id, max(each.decided_at_ms, shop.first(order.event_id).at_ms))
        assert each.decided_at_ms == order.occurred_at_ms + 10 * MINUTE_MS
        assert (each.outcome == "fired") == bool(addresses_of(known)), each


@pytest.mark.parametrize("seed", range(20 * ROUNDS))
def test_repeats_another_order_of_arrival_and_crashes_change_nothing_of_it(seed: int) -> None:
    def played(**conditions: Any) -> Days:
        days = Days(RULES.format(delay="1h"), **conditions).rules_from(SWITCHED, RULES.format(delay="3h"))
        read = [days.simulation.read(event) for event in stream(seed, late=False)]
        days.simulation.play(read, clock_ms("+30d 12:00"))
        return days

    straight = played(partitions=1, seed=None)
    disturbed = played(partitions=1 + seed % 7, seed=seed, duplicate=0.3, shuffle=5, crash=0.3)

    assert disturbed.simulation.bus.crashes.happened > 0
    assert results(disturbed.simulation) == results(straight.simulation)

"""Random lives of a customer, in which every rule kind has something to say: visits of all sorts, some told late.

A life is the same for a seed. It lasts some months, in visits hours and days apart.
"""

from __future__ import annotations

import random
from functools import cache
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages.to_customer import ProductNews
from pipeline.domain.time import DAY_MS, HOUR_MS, MINUTE_MS, rfc3339
from pipeline.domain.triggers.near_store import Store
from pipeline.domain.triggers.upsell import Upgrade
from pipeline.domain.triggers.view import CustomerView
from tests.unit.domain.triggers.story import (
    MIDNIGHT_MS,
    cart_emptied,
    event,
    order_completed,
    product_added,
    product_removed,
    told,
    viewed,
)

SEEDS = range(10)
VISITS = 80

_LATE_MS = (0,) * 16 + (10 * MINUTE_MS, 2 * HOUR_MS, 2 * DAY_MS, 30 * DAY_MS, -2 * DAY_MS)
"""How much later than it happened an event arrives: a clock may be wrong (B23)."""

Told: TypeAlias = ChannelEvent | ProductNews


class SeenLately(Struct, frozen=True):
    """A condition that time alone ends: seen within half a day."""

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        seen_at_ms = customer.last_seen_at_ms
        return seen_at_ms is not None and at_ms < seen_at_ms + DAY_MS // 2

    def changes_at(self, customer: CustomerView, at_ms: int, *, now: bool) -> int | None:
        return (customer.last_seen_at_ms or 0) + DAY_MS // 2 if now else None


Example: TypeAlias = dict[str, Any]

EXAMPLES: dict[str, tuple[Example, ...]] = {
    "birthday": ({"during_case": True},),
    "event_invitation": ({"starts_at": rfc3339(MIDNIGHT_MS + 30 * DAY_MS)},),
    "low_balance": ({"below_minor": 900},),
    "loyalty": ({"on": "tier_reached"}, {"on": "points_expiring"}, {"on": "reward_usable", "points": 300}),
    "near_store": ({"stores": (Store("s", 52.52, 13.405),)},),
    "post_purchase": ({}, {"after": "order_completed", "delay": "1d", "about": "review"}),
    "replenishment": ({"categories": ("food",)}, {}),
    "segment_entered": ({"condition": SeenLately()}, {"condition": SeenLately(), "for_at_least": "2h"}),
    "segment_left": ({"condition": SeenLately()},),
    "upsell": ({"upgrades": (Upgrade("A", "A+"),)},),
    "vip": ({"orders": 2},),
    "welcome": ({"on": "identified"}, {"on": "subscribed"}, {"on": "first_order", "delay": "1h"}),
    "win_back": ({"times": 1.0, "at_least": "5d"},),
}
"""Parameters under which a kind has something to say in these lives; one not named has with its defaults."""

ONCE = frozenset({"event_invitation", "vip", "welcome"})
"""Kinds that speak to a customer once."""


@cache
def life(seed: int) -> tuple[tuple[Told, int], ...]:
    """Return what is told and when it arrives: some late, some with an impossible time."""
    chance = random.Random(seed)
    now = MIDNIGHT_MS
    made: list[tuple[Told, int]] = [(replace(event("page_viewed"), event_id="e-0", occurred_at_ms=now), now)]
    for _ in range(VISITS):
        now += chance.choice((2 * HOUR_MS, 5 * HOUR_MS, DAY_MS, 3 * DAY_MS))
        for what in _visit(chance, now):
            now += chance.choice((0, 1_000, MINUTE_MS, 10 * MINUTE_MS))
            name = f"e-{len(made)}"
            if isinstance(what, ProductNews):
                made.append((replace(what, event_id=name, occurred_at_ms=now), now))
                continue
            late_ms = chance.choice(_LATE_MS)
            made.append((replace(what, event_id=name, occurred_at_ms=now - late_ms), now))
    return tuple(made)


def _visit(chance: random.Random, now: int) -> list[Told]:
    cart, sku, other = chance.choice(("c1", "c2", None)), chance.choice("ABCD"), chance.choice("ABCD")
    order, name = f"o-{chance.randrange(12)}", f"n-{chance.randrange(6)}"
    adding = product_added(sku, cart=cart, price=100)
    food = Item("A", chance.randrange(1, 3), 100, "EUR", {"category": "food", "size": "M"})
    buying = event("order_completed", items=(food, Item(sku, 1, 100, "EUR")), cart_id=cart, order_id=order)
    soon = rfc3339(now + chance.randrange(1, 20) * DAY_MS)
    appointment = told("appointment_booked", appointment_id=name)
    appointment = replace(appointment, properties={**appointment.properties, "starts_at": soon})
    earning = told("points_earned", points=300, expires_at=soon)
    visits: list[list[Told]] = [
        [viewed("E", "F", price=50), viewed(other)],
        [viewed("A", sku, price=100), viewed(other), event("page_viewed")],
        [viewed(sku), viewed(other), adding, _news(sku, in_stock=2, pieces_before=4)],
        [told("products_searched", query="shoes", results=chance.choice((0, 5)))],
        [told("products_searched", query="hats"), viewed(sku)],
        [adding, product_removed(other, cart=cart)],
        [adding, cart_emptied(cart)],
        [adding, event("checkout_started", cart_id=cart), event("checkout_step_completed", cart_id=cart)],
        [_news("A", in_stock=4), event("payment_info_entered", cart_id=cart), buying],
        [buying, event("order_delivered", order_id=order)],
        [buying, event("order_delivered", order_id=order)],
        [_news("A", in_stock=4), order_completed("A", channel="pos"), buying],
        [event(chance.choice(("order_cancelled", "order_refunded")), order_id=order)],
        [event("order_refunded", items=(Item(sku, 1, 100, "EUR"),), order_id=order)],
        [event("product_reviewed", items=(Item(sku),), properties={"rating": chance.randrange(1, 6)})],
        [told("feedback_given", score=chance.random()), told("feedback_given", nps=chance.randrange(11))],
        [told("case_opened", case_id=name), told("case_closed", case_id=name)],
        [appointment, told("appointment_booked", appointment_id="n-7", starts_at="40d 10:00")],
        [appointment, told(chance.choice(("appointment_cancelled", "appointment_done")), appointment_id=name)],
        [told("identified", birthday=chance.choice(("12-24", "01-03", "1992-02-29", "1990-06-30", "soon")))],
        [told("identified", birthday=chance.choice(("12-24", "01-03", "1992-02-29", "1990-06-30")))],
        [told("location_seen", latitude=52.52, longitude=longitude) for longitude in (13.5, 13.405, 13.406)],
        [event("identified", properties={"tier": chance.choice(("silver", "gold"))}), event("subscribed")],
        [earning, told("tier_changed", tier=f"tier {chance.randrange(9)}")],
        [earning, told("points_redeemed", points=chance.randrange(100, 700))],
        [
            event("card_topped_up", currency="EUR", properties={"card_id": "k", "balance_minor": 2_000}),
            event("page_viewed"),
            event("card_charged", amount_minor=chance.randrange(500, 2_500), properties={"card_id": "k"}),
        ],
        [event("card_charged", properties={"card_id": "k", "balance_minor": chance.randrange(2_500)})],
        [
            told("referral_sent", code=name),
            told("referral_redeemed", code=f"r-{chance.randrange(99)}"),
            told("referral_redeemed", code=name, by_friend=True),
        ],
        [
            event("product_added_to_wishlist", items=(Item(sku, 1, 100, "EUR"),)),
            event("stock_alert_requested", items=(Item(other, 1, 100, "EUR", {"size": "M"}),)),
            event("price_alert_requested", items=(Item(other, 1, 100, "EUR"),)),
        ],
        [
            event("product_added_to_wishlist", items=(Item(sku, 1, 100, "EUR"),)),
            _news(sku, in_stock=2),
            _news(sku, unit_price_minor=80, before_minor=100, currency="EUR"),
            _news(sku, in_stock=0),
        ],
        [_news(sku, in_stock=chance.choice((0, 3)), size=chance.choice(("M", "S", None)))],
        [_news(sku, unit_price_minor=chance.randrange(50, 100), before_minor=100, currency="EUR")],
    ]
    return chance.choice(visits)


def _news(sku: str, **fields: Any) -> ProductNews:
    return ProductNews("default", "customer-1", sku, "", 0, **fields)

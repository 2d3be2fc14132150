from __future__ import annotations

from typing import get_args, get_type_hints

import pytest
from msgspec.structs import replace

from pipeline.domain.customer.changes import APPLY
from pipeline.domain.event_types import CONTROL_TYPES, EVENT_TYPES, Changes
from pipeline.domain.events import ChannelEvent, Context, Item
from pipeline.domain.facets import NO_FACETS, Facets, learn

TELLING = ChannelEvent(
    "e-1",
    "",
    "pos",
    1_795_514_400_000,
    {"email": "m@example.com"},
    store_id="s1",
    order_id="o-1",
    items=(Item("A", 1, 1_999, "EUR", {"size": "38", "category": "shoes"}),),
    amount_minor=1_999,
    currency="EUR",
    context=Context("phone"),
    properties={
        "card_id": "c", "case_id": "7", "category": "shoes", "code": "X", "first_name": "Mia", "latitude": 53.5,
        "longitude": 10.0, "points": 5, "query": "boots", "score": 1, "size": "38", "step": "address", "tier": "gold",
    },
)  # fmt: skip
"""Something for every facet to learn from."""


def test_the_table_says_of_exactly_those_types_that_change_a_customer_that_they_do() -> None:
    beside = {Changes.LAST_SEEN, Changes.CLOCK, Changes.IDENTITY} | set(Facets.__struct_fields__)
    changing = {name for name, kind in EVENT_TYPES.items() if set(kind.changes) - beside}

    assert changing == set(APPLY)


def _learning(event_type: str) -> set[str]:
    """The facets that learn from an event with everything in it, and not the same as from one of an unknown type."""

    def learnt(name: str) -> Facets:
        return learn(NO_FACETS, replace(TELLING, event_type=name), TELLING.occurred_at_ms)

    told, unknown = learnt(event_type), learnt("never_heard_of")
    names = {name for name in Facets.__struct_fields__ if getattr(told, name) != getattr(unknown, name)}
    names -= {"activity"}  # it counts every known type: part of "last seen"
    return names | ({"journey"} if told.stage != unknown.stage else set())


@pytest.mark.parametrize("name", [name for name in EVENT_TYPES if name not in CONTROL_TYPES])
def test_the_table_says_of_exactly_those_facets_that_learn_from_a_type_that_they_do(name: str) -> None:
    facets = {change for change in EVENT_TYPES[name].changes if change in Facets.__struct_fields__}
    silent = {
        "case_closed": {"journey"},  # nothing is left where nothing was entered
        "coupon_applied": {"loyalty"},  # a coupon is only learnt of where it is a voucher of the customer
    }

    assert _learning(name) == facets - silent.get(name, set())


def test_every_type_that_a_facet_learns_from_is_one_of_the_table() -> None:
    for hint in get_type_hints(Facets).values():
        assert (get_args(hint)[0].EVENTS or set()) <= EVENT_TYPES.keys()


@pytest.mark.parametrize(
    "name",
    [
        "product_viewed", "product_added", "product_removed", "cart_viewed", "checkout_started", "order_completed",
        "order_cancelled", "order_refunded", "coupon_applied", "product_added_to_wishlist", "product_shared",
        "product_reviewed", "products_searched", "promotion_clicked", "identified", "page_viewed", "screen_viewed",
        "email_delivered", "email_opened", "email_link_clicked", "unsubscribed", "cart_updated", "cart_emptied",
        "stock_alert_requested", "price_alert_requested", "store_entered", "store_exited", "shelf_item_picked",
        "shelf_item_returned", "barcode_scanned", "item_tried_on", "case_opened", "case_closed", "call_started",
        "call_ended", "appointment_booked", "appointment_done", "card_topped_up", "points_earned", "points_redeemed",
        "referral_sent", "referral_redeemed", "location_seen", "feedback_given", "consent_granted", "consent_denied",
        "voice_intent", "merge_undone", "merge_confirmed", "identifier_blocked",
    ],
)  # fmt: skip
def test_the_types_of_the_contract_are_known(name: str) -> None:
    assert name in EVENT_TYPES

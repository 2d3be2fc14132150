from __future__ import annotations

import pytest

from pipeline.domain.changes import APPLY
from pipeline.domain.event_types import EVENT_TYPES, Changes


def test_the_table_says_of_exactly_those_types_that_change_a_customer_that_they_do() -> None:
    beside = {Changes.LAST_SEEN, Changes.CLOCK, Changes.IDENTITY}
    changing = {name for name, kind in EVENT_TYPES.items() if set(kind.changes) - beside}

    assert changing == set(APPLY)


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

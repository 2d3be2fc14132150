"""The event types we know by name, and what each changes: one table, printed by `omni schemas types`.

The words are those of Segment's e-commerce specification, version 2, in snake_case, and our own for stores, call
centres, voice, loyalty and logistics. Any other type is kept and counted, and changes only what every event does
(`Changes.LAST_SEEN`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct


class Changes(StrEnum):
    """What an event may change in the state. Closed."""

    LAST_SEEN = "last_seen"
    """When, and in which channel, the customer was last seen; its identifiers. And what any event may bring along:
    how often its type happened, its context, consent, session and store, the message that led there."""
    CART = "cart"
    """The lines of the cart it names."""
    CART_ACTIVITY = "cart_activity"
    """When that cart was last touched."""
    CARTS_CLOSED = "carts_closed"
    """The cart it names is bought; all open ones where it names none."""
    ORDERS = "orders"
    """The customer's orders and spend."""
    COMPLEMENTS = "complements"
    """Which products are bought together."""
    SENDER = "sender"
    """The customer who had sent the code is told."""
    CLOCK = "clock"
    """The event clock of its partition, and no customer."""
    IDENTITY = "identity"
    """Which identifiers belong together."""
    TRAITS = "traits"
    """What the customer told of themselves."""
    PERMISSIONS = "permissions"
    """Consent by channel or purpose, subscriptions, addresses that must not be written to."""
    RESPONSES = "responses"
    """How messages of a channel are received."""
    VISITS = "visits"
    """Visits to stores, orders there, where the customer is."""
    INTERESTS = "interests"
    """Products viewed and wished for, searches, alerts, categories, sizes."""
    PURCHASES = "purchases"
    """On which days the customer bought, and what."""
    LOYALTY = "loyalty"
    """Points, tier, vouchers, referrals."""
    CARDS = "cards"
    """Stored-value cards."""
    SERVICE = "service"
    """Support cases, calls, appointments, feedback, steps done."""
    JOURNEY = "journey"
    """The stage of the customer's journey."""


class EventType(Struct, frozen=True):
    """One known type: its name, what it means, what it changes."""

    name: str
    family: str
    says: str
    changes: tuple[Changes, ...] = (Changes.LAST_SEEN,)


END_OF_STREAM: Final = "end_of_stream"
"""Control event: nothing older than its time will come on this partition any more."""
STREAM_TIME: Final = "stream_time"
"""Control event: the stream has come as far as its time."""
MERGE_UNDONE: Final = "merge_undone"
"""An operator's event about a customer: it goes the way of the customer's own, and is not counted as one."""
MERGE_CONFIRMED: Final = "merge_confirmed"
"""An operator's event: whose its identifiers are is one customer. Evidence like any other, and not counted as one."""
IDENTIFIER_BLOCKED: Final = "identifier_blocked"
"""An operator's event about an identifier; it reaches no customer."""
REFERRAL: Final = "referral"
"""Identifier kind of a referral code, which `referral_sent` makes its sender's."""
OF_OPERATORS: Final = frozenset({IDENTIFIER_BLOCKED, MERGE_CONFIRMED, MERGE_UNDONE})
"""What operators say, about identities."""
OPERATOR: Final = "operator"
"""The channel it is said in, where there is one."""
OPERATOR_EVENTS: Final = "operator_events"
"""Counter of these, by type: no customer counts them among its events."""

_SEEN, _CART = Changes.LAST_SEEN, Changes.CART

_EFFECTIVE = (
    EventType("product_added", "shopping", "a product was put into a cart", (_SEEN, _CART)),
    EventType("product_removed", "shopping", "a product was taken out of a cart", (_SEEN, _CART)),
    EventType("cart_updated", "shopping", "the whole contents of a cart", (_SEEN, _CART)),
    EventType("cart_emptied", "shopping", "a cart was emptied", (_SEEN, _CART)),
    EventType("checkout_started", "shopping", "a checkout was begun", (_SEEN, Changes.CART_ACTIVITY)),
    EventType(
        "order_completed",
        "orders",
        "an order was placed, in any channel",
        (_SEEN, Changes.CARTS_CLOSED, Changes.ORDERS, Changes.COMPLEMENTS),
    ),
    EventType("order_cancelled", "orders", "an order was called off", (_SEEN, Changes.ORDERS)),
    EventType(
        "order_refunded",
        "orders",
        "money went back, for an order or part of it; the sign of the amount does not matter",
        (_SEEN, Changes.ORDERS),
    ),
    EventType("referral_redeemed", "loyalty", "an invited friend bought", (_SEEN, Changes.SENDER)),
    EventType(
        MERGE_UNDONE,
        "operators",
        "two customers are not one: takes back the merge `properties.merge_id`, else the latest that brought the "
        "identifier in",
        (Changes.IDENTITY,),
    ),
    EventType(
        MERGE_CONFIRMED,
        "operators",
        "whose its identifiers are is one customer, within the limits of identity.yaml",
        (Changes.IDENTITY,),
    ),
    EventType(
        IDENTIFIER_BLOCKED,
        "operators",
        "its strongest identifier identifies nobody: it links nothing from now on",
        (Changes.IDENTITY,),
    ),
    EventType(END_OF_STREAM, "control", "nothing older will come on this partition", (Changes.CLOCK,)),
    EventType(STREAM_TIME, "control", "the stream has come this far", (Changes.CLOCK,)),
)

_OTHERS = {
    "browsing": {
        "products_searched": "a search was made",
        "product_list_viewed": "a list or category was looked at",
        "product_list_filtered": "a list was narrowed down",
        "product_clicked": "a product was chosen from a list",
        "product_viewed": "a product was looked at",
        "product_shared": "a product was shown to somebody",
        "product_reviewed": "a product was reviewed",
        "promotion_viewed": "a promotion was seen",
        "promotion_clicked": "a promotion was followed",
        "page_viewed": "a page was looked at",
        "screen_viewed": "a screen of the app was looked at",
        "video_viewed": "a video was watched",
        "identified": "somebody said who they are",
    },
    "shopping": {
        "cart_viewed": "a cart was looked at",
        "cart_shared": "a cart was shown to somebody",
        "checkout_step_viewed": "a step of the checkout was looked at",
        "checkout_step_completed": "a step of the checkout was done",
        "payment_info_entered": "payment details were given",
        "coupon_entered": "a coupon was typed in",
        "coupon_applied": "a coupon was accepted",
        "coupon_denied": "a coupon was refused",
        "coupon_removed": "a coupon was taken back",
        "product_added_to_wishlist": "a product was wished for",
        "product_removed_from_wishlist": "a product is no longer wished for",
        "wishlist_product_added_to_cart": "a wish was put into the cart",
        "stock_alert_requested": "tell me when it is there again",
        "price_alert_requested": "tell me when it is cheaper",
    },
    "orders": {
        "order_updated": "an order was changed",
        "order_shipped": "an order left the warehouse",
        "order_delivered": "an order arrived",
        "order_collected": "an order was picked up",
    },
    "messages": {
        "email_delivered": "an e-mail arrived",
        "email_opened": "an e-mail was opened",
        "email_link_clicked": "a link in an e-mail was followed",
        "email_bounced": "an e-mail came back",
        "email_marked_as_spam": "an e-mail was called spam",
        "push_received": "a push message arrived",
        "push_opened": "a push message was tapped",
        "sms_delivered": "a text message arrived",
        "sms_link_clicked": "a link in a text message was followed",
        "ad_viewed": "an advertisement was seen",
        "ad_clicked": "an advertisement was followed",
        "subscribed": "messages were asked for",
        "unsubscribed": "no more messages are wanted",
        "consent_granted": "consent was given",
        "consent_denied": "consent was withdrawn",
    },
    "store": {
        "store_entered": "somebody came into a store",
        "store_exited": "somebody left a store",
        "shelf_item_picked": "an item was taken off a shelf",
        "shelf_item_returned": "an item was put back",
        "barcode_scanned": "a barcode was scanned",
        "item_tried_on": "an item was tried on",
        "location_seen": "somebody was at a place",
    },
    "service": {
        "case_opened": "a support case was opened",
        "case_closed": "a support case was closed",
        "call_started": "a call began",
        "call_ended": "a call ended",
        "chat_started": "a chat began",
        "chat_ended": "a chat ended",
        "appointment_booked": "an appointment was made",
        "appointment_done": "an appointment was kept",
        "appointment_cancelled": "an appointment was called off",
        "step_completed": "a step of a form or a flow was done",
        "feedback_given": "an opinion or score was given",
        "voice_intent": "a wish was spoken",
    },
    "loyalty": {
        "card_topped_up": "money was put on a card",
        "card_charged": "money on a card was spent",
        "tier_changed": "the customer's tier is another",
        "voucher_issued": "a voucher or reward was given",
        "voucher_redeemed": "a voucher or reward was used",
        "points_earned": "points were earned",
        "points_redeemed": "points were spent",
        "referral_sent": "a friend was invited",
    },
}

_FACETS: Final[dict[Changes, str]] = {
    Changes.TRAITS: "identified",
    Changes.PERMISSIONS: "consent_granted consent_denied subscribed unsubscribed email_bounced email_marked_as_spam "
    "email_delivered email_opened email_link_clicked",
    Changes.RESPONSES: "email_delivered email_opened email_link_clicked push_received push_opened sms_delivered "
    "sms_link_clicked ad_viewed ad_clicked",
    Changes.VISITS: "store_entered store_exited location_seen order_completed",
    Changes.INTERESTS: "barcode_scanned item_tried_on order_completed price_alert_requested product_added "
    "product_added_to_wishlist product_clicked product_list_filtered product_list_viewed "
    "product_removed_from_wishlist product_viewed products_searched shelf_item_picked stock_alert_requested "
    "wishlist_product_added_to_cart",
    Changes.PURCHASES: "order_completed",
    Changes.LOYALTY: "points_earned points_redeemed tier_changed voucher_issued voucher_redeemed referral_sent "
    "referral_redeemed coupon_applied identified",
    Changes.CARDS: "card_topped_up card_charged",
    Changes.SERVICE: "case_opened case_closed call_started call_ended chat_started chat_ended appointment_booked "
    "appointment_done appointment_cancelled feedback_given product_reviewed checkout_step_completed step_completed",
    Changes.JOURNEY: "ad_clicked ad_viewed page_viewed promotion_clicked promotion_viewed screen_viewed video_viewed "
    "barcode_scanned cart_updated cart_viewed checkout_started item_tried_on price_alert_requested "
    "product_added product_added_to_wishlist product_clicked product_list_filtered product_list_viewed "
    "product_viewed products_searched shelf_item_picked stock_alert_requested wishlist_product_added_to_cart "
    "order_completed order_collected order_delivered product_reviewed case_opened case_closed",
}
"""What facets learn from by its type. A test holds it against what each of them does learn."""


def _known(kind: EventType) -> EventType:
    """Return the type with what facets learn from it."""
    learnt = tuple(changes for changes, names in _FACETS.items() if kind.name in names.split())
    return EventType(kind.name, kind.family, kind.says, kind.changes + learnt)


EVENT_TYPES: Final[dict[str, EventType]] = {
    kind.name: _known(kind)
    for kind in (
        *_EFFECTIVE,
        *(EventType(name, family, says) for family, types in _OTHERS.items() for name, says in types.items()),
    )
}
"""Name to type, those that change carts, orders, identity or the clock first."""

CONTROL_TYPES: Final = frozenset(kind.name for kind in EVENT_TYPES.values() if kind.family == "control")
"""Types that only move the clock: they have no identifiers and reach no customer."""

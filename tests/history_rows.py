"""Rows as the pipeline makes them, with literal times, for the tests of history."""

from __future__ import annotations

from typing import Any

from pipeline.domain.events import Campaign, ChannelEvent, Context, Item
from pipeline.domain.messages.to_customer import Arrived
from pipeline.domain.records import DeadLetter, Decision, IdentityChange, Offer, Trigger
from pipeline.history.rows import Kind, Origin, Row

TEN_O_CLOCK = 1_795_514_400_000  # 2026-11-24T10:00:00Z
ORIGIN = Origin("customer.inbox", 2, 9, TEN_O_CLOCK + 60)
SHOE = Item("shoe-38", 2, 4999, "EUR", {"size": "38"})
SOCKS = Item("socks", 1, 501, "EUR")


def arrived(
    event_id: str = "e-1",
    *,
    tenant: str = "default",
    customer_id: str = "customer-1",
    received_at_ms: int = TEN_O_CLOCK + 40,
    digest: int = 7,
    part: str = "",
    hops: int = 0,
    **fields: Any,
) -> Arrived:
    given: dict[str, Any] = {
        "event_type": "order_completed",
        "channel": "web",
        "occurred_at_ms": TEN_O_CLOCK,
        "items": (SHOE, SOCKS),
        "order_id": f"order-{event_id}",
    }
    event = ChannelEvent(event_id=event_id, tenant=tenant, identifiers={"account": "u-1"}, **given | fields)
    return Arrived(
        tenant, customer_id, (("account", "u-1"), ("cookie", "c-9")), received_at_ms, digest, event, part, hops
    )


def event_row(event_id: str = "e-1", position: int = 0, **fields: Any) -> Row:
    return Row(Kind.EVENT, arrived(event_id, **fields), "channel.web/3", position, ORIGIN)


FULL_EVENT = arrived(
    "e-full",
    sent_at_ms=TEN_O_CLOCK + 20,
    session_id="s-1",
    store_id="store-7",
    cart_id="cart-1",
    trigger_id="t-0",
    amount_minor=10_499,
    currency="EUR",
    context=Context(
        device="phone",
        locale="de-DE",
        country="DE",
        city="Köln",
        latitude=50.94,
        longitude=6.96,
        time_zone="Europe/Berlin",
        weather="rain",
        campaign=Campaign("google", "cpc", "autumn", "banner", "boots"),
    ),
    consent={"sms": False, "email": True},
    properties={"coupon": "BACK10", "first": True, "rank": 3},
)
TRIGGER = Trigger(
    trigger_id="t-1",
    status="fired",
    rule="cart_reminder",
    kind="abandoned_cart",
    rules_version="2026-11-24",
    tenant="default",
    customer_id="customer-1",
    channel="email",
    address="a@example.com",
    caused_by="e-1",
    due_at_ms=TEN_O_CLOCK + 3_600_000,
    fired_at_ms=TEN_O_CLOCK + 3_600_000,
    expires_at_ms=None,
    items=(SHOE,),
    offer=Offer("BACK-1", 10, TEN_O_CLOCK + 7_200_000),
    context={"country": "DE"},
    content_variant=None,
    reason="cart left for an hour",
)
DECISION = Decision(
    decision_id="d-1",
    tenant="default",
    customer_id="customer-1",
    rule="cart_reminder",
    outcome="dropped",
    reason="bought",
    trigger_id=None,
    decided_at_ms=TEN_O_CLOCK + 1_000,
    rules_version="2026-11-24",
    caused_by="e-1",
)
CHANGE = IdentityChange(
    change_id="i-1",
    tenant="default",
    change="attached",
    customer_id="customer-1",
    kind="cookie",
    value="c-9",
    reason="seen_together",
    caused_by="e-1",
    occurred_at_ms=TEN_O_CLOCK,
)
LETTER = DeadLetter(
    topic="channel.web",
    partition=3,
    offset=12,
    reason="undecodable",
    detail="it ends too soon",
    appended_at_ms=TEN_O_CLOCK,
    key=None,
    value=b"\x00\xff'\n",
)
ONE_OF_EACH = (
    Row(Kind.EVENT, FULL_EVENT, "channel.web/3", 0, ORIGIN),
    Row(Kind.TRIGGER, TRIGGER, "triggers.cart_reminder/1", 5, ORIGIN),
    Row(Kind.DECISION, DECISION, "decisions/0", 6, ORIGIN),
    Row(Kind.IDENTITY_CHANGE, CHANGE, "identity.changes/0", 7, ORIGIN),
    Row(Kind.DEAD_LETTER, LETTER, "deadletter/0", 8, ORIGIN),
)

"""What is told to the history that the reports are asked about, a tenant for each story."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from pipeline.domain.events import Campaign, Context, Item
from pipeline.domain.time import DAY_MS, HOUR_MS, MINUTE_MS
from pipeline.history.rows import Kind, Row
from tests.history_rows import CHANGE, DECISION, LETTER, ORIGIN, TEN_O_CLOCK, TRIGGER, event_row

PLAIN: dict[str, Any] = {"items": (), "order_id": None}


def event(
    tenant: str,
    customer_id: str,
    after_ms: int,
    event_type: str,
    channel: str = "web",
    event_id: str = "",
    **fields: Any,
) -> Row:
    at_ms = TEN_O_CLOCK + after_ms
    given: dict[str, Any] = {
        "event_type": event_type, "channel": channel, "occurred_at_ms": at_ms, "received_at_ms": at_ms + 40, **PLAIN,
    }  # fmt: skip
    return event_row(event_id or uuid4().hex, 0, tenant=tenant, customer_id=customer_id, **given | fields)


def order(tenant: str, customer_id: str, after_ms: int, amount_minor: int = 1_000, **fields: Any) -> Row:
    given: dict[str, Any] = {"order_id": uuid4().hex, "amount_minor": amount_minor, "currency": "EUR"} | fields
    return event(tenant, customer_id, after_ms, "order_completed", **given)


def refund(tenant: str, customer_id: str, after_ms: int, order_id: str, **fields: Any) -> Row:
    return event(tenant, customer_id, after_ms, "order_refunded", **{"order_id": order_id, "currency": "EUR"} | fields)


def by_way_of(name: str, medium: str = "", source: str = "") -> dict[str, Any]:
    return {
        "context": Context(campaign=Campaign(source or None, medium or None, name or None)),
        "session_id": uuid4().hex,
    }


def decided(tenant: str, customer_id: str, after_ms: int, outcome: Any, reason: str, **fields: Any) -> Row:
    given = replace(
        DECISION, decision_id=uuid4().hex, tenant=tenant, customer_id=customer_id, outcome=outcome, reason=reason,
        decided_at_ms=TEN_O_CLOCK + after_ms, **fields,
    )  # fmt: skip
    return Row(Kind.DECISION, given, "decisions/0", 0, ORIGIN)


def reminded(
    tenant: str, customer_id: str, after_ms: int, cause: str, cart_id: str, amount_minor: int
) -> Iterator[Row]:
    """The rule `left` reminds of a cart: what was decided and what was sent."""
    at_ms, trigger_id = TEN_O_CLOCK + after_ms, uuid4().hex
    sent = replace(
        TRIGGER, tenant=tenant, trigger_id=trigger_id, rule="left", customer_id=customer_id, caused_by=cause,
        due_at_ms=at_ms, fired_at_ms=at_ms,
        context={"cart_id": cart_id, "amount_minor": amount_minor, "currency": "EUR"},
    )  # fmt: skip
    yield Row(Kind.TRIGGER, sent, "triggers.left/0", 0, ORIGIN)
    yield decided(tenant, customer_id, after_ms, "fired", "", rule="left", caused_by=cause, trigger_id=trigger_id)


# Paths, how many ended with a purchase of 1.00, how many without.
PATHS = (
    ("search > email > direct", 30, 120),
    ("search", 50, 400),
    ("email > direct", 20, 90),
    ("social > search > direct", 10, 110),
    ("direct", 80, 300),
    ("social > email", 5, 95),
    ("email > search > email", 15, 45),
)


def published_paths() -> Iterator[Row]:
    for path, purchases, lost in PATHS:
        for number in range(purchases + lost):
            customer_id = f"{path} {number}"
            names = path.split(" > ")
            visits = [by_way_of(name, "cpc") for name in names]
            for place, visit in enumerate(visits):
                yield event("paths", customer_id, place * HOUR_MS, "page_viewed", **visit)
            if number < purchases:
                yield order("paths", customer_id, len(names) * HOUR_MS, 100, session_id=visits[-1]["session_id"])


def visits_of_one() -> Iterator[Row]:
    """Three visits: ten days, two days and an hour before a purchase of 100.00; one too early to count."""
    newsletter, found, typed = by_way_of("spring", "email"), by_way_of("", "organic", "google"), by_way_of("")
    yield event("one", "anna", -40 * DAY_MS, "ad_clicked", "ads", **by_way_of("old", "cpc", "facebook"))
    yield event("one", "anna", -10 * DAY_MS, "page_viewed", **newsletter)
    yield event("one", "anna", -2 * DAY_MS, "product_viewed", **found)
    yield event("one", "anna", -HOUR_MS, "page_viewed", **typed)
    yield event("one", "anna", -1 * DAY_MS, "email_delivered", "email")
    for _ in range(2):  # told twice, under two event ids
        yield order("one", "anna", 0, 10_000, order_id="o-1", session_id=typed["session_id"])


def merged() -> Iterator[Row]:
    """A cookie that looked around and bought turns out to be an account that bought before."""
    yield order("merged", "known", 0, 2_000, channel="pos")
    yield event("merged", "cookie", DAY_MS, "page_viewed", **by_way_of("spring", "email"))
    yield order("merged", "cookie", DAY_MS + MINUTE_MS, 3_000, channel="web")
    created = replace(
        CHANGE, tenant="merged", change_id="i-1", change="created", customer_id="known", kind="account", value="u-7"
    )
    united = replace(
        created, change_id="i-2", change="merged", other_customer_id="cookie", parts={"cookie": 1}, merge_id="m-1"
    )
    for change in (created, united):
        yield Row(Kind.IDENTITY_CHANGE, change, "identity.changes/0", 0, ORIGIN)


def newcombe() -> Iterator[Row]:
    """Of 70 treated 56 bought, of 80 held out 48: example (a) of Newcombe, Statistics in Medicine 17 (1998)."""
    for side, people, buyers in (("fired", 70, 56), ("held_out", 80, 48)):
        reason = "" if side == "fired" else "rule_holdout"
        for number in range(people):
            yield decided("effect", f"{side}-{number}", 0, side, reason, rule="reminder")
            if number < buyers:
                yield order("effect", f"{side}-{number}", HOUR_MS)
    yield decided("effect", "late", 30 * DAY_MS, "fired", "", rule="reminder")
    yield decided("effect", "both", 0, "fired", "", rule="reminder")
    yield decided("effect", "both", 1, "held_out", "rule_holdout", rule="reminder")
    yield decided("effect", "alone", 0, "fired", "", rule="without_holdout")
    yield event("effect", "somebody", 30 * DAY_MS, "page_viewed")
    from_the_future = TEN_O_CLOCK + 30 * DAY_MS
    yield event("effect", "somebody", 90 * DAY_MS, "page_viewed", received_at_ms=from_the_future)


def baskets() -> Iterator[Row]:
    contents = ["bread milk", "bread milk", "bread milk eggs", "bread", "milk", "eggs", "eggs", "tea tea"]
    for number, names in enumerate(contents):
        items = tuple(Item(sku, 1, 100, "EUR", {"category": f"{sku[0]}-shelf"}) for sku in names.split())
        yield order("baskets", "anna", number, items=items)
    cancelled = order("baskets", "anna", 100, items=(Item("bread"), Item("milk")), order_id="gone")
    yield cancelled
    yield event("baskets", "anna", 101, "order_cancelled", order_id="gone")


def gaps() -> Iterator[Row]:
    """A lamp sells in the store and not on the web, a chair everywhere."""
    for sku, channel, people, buyers in (
        ("lamp", "web", 200, 2), ("lamp", "pos", 100, 40), ("chair", "web", 100, 20), ("chair", "pos", 50, 10),
    ):  # fmt: skip
        for number in range(people):
            customer_id = f"{channel}-{number}"
            yield event("gaps", customer_id, number, "product_viewed", channel, items=(Item(sku),))
            bought: dict[str, Any] = {
                "channel": channel,
                "items": (Item(sku, 1, 500, "EUR"),),
                "order_id": f"{sku}-{customer_id}",
            }
            if number < buyers:
                for _ in range(2):  # told twice, under two event ids
                    yield order("gaps", customer_id, HOUR_MS, **bought)
            elif number == buyers:  # and one that is no purchase
                yield order("gaps", customer_id, HOUR_MS, **bought)
                yield event("gaps", customer_id, 2 * HOUR_MS, "order_cancelled", channel, order_id=bought["order_id"])


def opinions() -> Iterator[Row]:
    told: list[tuple[str, dict[str, float]]] = [
        ("checkout", {"nps": 2}),
        ("checkout", {"stars": 2}),
        ("delivery", {"score": 0.9}),
        ("delivery", {"csat": 5}),
    ]
    for number, (touchpoint, said) in enumerate(told):
        yield event("opinions", f"c-{number}", number, "feedback_given", properties={"touchpoint": touchpoint, **said})
    yield event("opinions", "c-9", 9, "product_reviewed", properties={"rating": 3})
    yield event("opinions", "c-9", 10, "feedback_given", properties={"comment": "hm"})


def journey() -> Iterator[Row]:
    """The shopper of scenario S23, and one who only looks."""
    told = [
        (0, "ad_clicked", "ads"), (1, "page_viewed", "web"), (5, "product_viewed", "web"),
        (60, "order_completed", "pos"),
        (120, "order_delivered", "delivery"), (180, "page_viewed", "web"), (240, "case_opened", "chat"),
        (250, "product_viewed", "web"), (300, "case_closed", "chat"), (360, "product_viewed", "app"),
    ]  # fmt: skip
    for minute, event_type, channel in told:
        yield event("journey", "kai", minute * MINUTE_MS, event_type, channel)
    yield event("journey", "ida", 0, "page_viewed")


def shop() -> Iterator[Row]:
    """Anna uses web and store, Ben the web alone, twice with half an hour of silence between, Cem the store alone."""
    yield event("shop", "anna", 0, "page_viewed")
    yield event("shop", "anna", MINUTE_MS, "product_viewed")
    yield order("shop", "anna", 2 * MINUTE_MS, 5_000)
    yield order("shop", "anna", 40 * DAY_MS, 7_000, channel="pos", order_id="o-anna")
    yield refund("shop", "anna", 41 * DAY_MS, "o-anna", amount_minor=2_000)
    yield event("shop", "ben", 0, "page_viewed")
    yield event("shop", "ben", 30 * MINUTE_MS - 1, "page_viewed")
    yield event("shop", "ben", 60 * MINUTE_MS, "page_viewed")
    yield order("shop", "cem", 0, 1_000, channel="pos")


def carts() -> Iterator[Row]:
    """Of four carts one is bought in time, two get a reminder (one of them comes back), one customer is held out."""
    for name in ("anna", "ben", "cem", "dan"):
        cause = f"touched-{name}"
        left = (Item("shoe", 1, 4_000, "EUR"),)
        yield event("carts", name, 0, "product_added", event_id=cause, cart_id=f"cart-{name}", items=left)
        if name == "dan":
            yield decided("carts", name, HOUR_MS, "held_out", "rule_holdout", rule="left", caused_by=cause)
        elif name != "anna":
            yield from reminded("carts", name, HOUR_MS, cause, f"cart-{name}", 4_000)
    yield order("carts", "anna", MINUTE_MS, 4_000, cart_id="cart-anna")
    yield order("carts", "ben", DAY_MS, 3_500, cart_id="cart-ben")
    yield order("carts", "cem", DAY_MS, 900, cart_id="another")
    yield event("carts", "cem", 8 * DAY_MS, "page_viewed")


def steps() -> Iterator[Row]:
    """Of ten phones six pay, of ten desktops nine; who pays first and looks later has not gone the way."""
    for device, people, paying in (("phone", 10, 6), ("desktop", 10, 9)):
        for number in range(people):
            who: dict[str, Any] = {"session_id": f"{device}-{number}", "context": Context(device=device)}
            yield event("steps", f"{device}-{number}", 0, "product_added", **who)
            yield event(
                "steps", f"{device}-{number}", 2_000, "checkout_step_viewed", properties={"step": "shipping"}, **who
            )
            if number < paying:
                who["properties"] = {"step": "payment"}
                yield event("steps", f"{device}-{number}", 4_000, "checkout_step_viewed", **who)
    backwards: dict[str, Any] = {"session_id": "back", "context": Context(device="phone")}
    yield event("steps", "back", 0, "checkout_step_viewed", properties={"step": "payment"}, **backwards)
    yield event("steps", "back", 5_000, "product_added", **backwards)


def flaws() -> Iterator[Row]:
    yield event("flaws", "anna", 0, "page_viewed", session_id="s-1")
    yield event("flaws", "anna", 0, "moon_landed", session_id="s-1", received_at_ms=TEN_O_CLOCK + 2 * DAY_MS)
    yield event("flaws", "anna", HOUR_MS, "product_viewed", received_at_ms=TEN_O_CLOCK)
    yield order("flaws", "anna", 0, 0, currency=None, channel="pos")
    yield Row(Kind.DEAD_LETTER, LETTER, "deadletter/0", 8, ORIGIN)
    for number, tenant in enumerate(("flaws", "another")):
        theirs = replace(LETTER, tenant=tenant, offset=900 + number, reason="bad_time")
        yield Row(Kind.DEAD_LETTER, theirs, "deadletter/0", 9 + number, ORIGIN)


def twins() -> Iterator[Row]:
    """One visit whose every moment is told by two devices, the order among them in two channels with two amounts."""
    here: dict[str, Any] = {"context": Context(device="phone", country="DE", campaign=Campaign("google", "cpc", "a"))}
    there: dict[str, Any] = {"context": Context(device="tablet", country="FR", campaign=Campaign("bing", "email", "b"))}
    for number, (where, sku, channel) in enumerate(((here, "shoe", "web"), (there, "hat", "pos"))):
        told: dict[str, Any] = {"channel": channel, "session_id": "s-1", "items": (Item(sku, 1, 900, "EUR"),), **where}
        for minute, event_type in enumerate(("product_viewed", "product_added", "checkout_started")):
            event_id = f"{event_type}-{number}"
            yield event("twins", "anna", minute * MINUTE_MS, event_type, event_id=event_id, cart_id="c-1", **told)
        amount_minor = 1_000 + number
        yield order("twins", "anna", HOUR_MS, amount_minor, event_id=f"order-{number}", order_id="o-1", **told)


def versions_and_holdouts() -> Iterator[Row]:
    """One rule in two versions of the file, two holdouts, two currencies, and a touchpoint of two channels."""
    left = (Item("shoe", 1, 4_000, "EUR"),)
    sides = (("fired", "", "v1"), ("fired", "", "v2"), ("held_out", "rule_holdout", "v1"))
    for number, (outcome, reason, version) in enumerate((*sides, ("held_out", "global_holdout", "v2"))):
        name, cause = f"customer-{number}", f"touched-{number}"
        yield event("charts", name, 0, "product_added", event_id=cause, cart_id=f"cart-{number}", items=left)
        made: dict[str, Any] = {"rule": "left", "caused_by": cause, "rules_version": version}
        if outcome == "fired":
            made["trigger_id"] = f"t-{number}"
            sent = replace(TRIGGER, tenant="charts", customer_id=name, context={"cart_id": f"cart-{number}"}, **made)
            yield Row(Kind.TRIGGER, sent, "triggers.left/0", 0, ORIGIN)
        yield decided("charts", name, HOUR_MS, outcome, reason, **made)
        opinion = {"touchpoint": "search", "stars": number + 1}
        yield event("charts", name, 0, "feedback_given", ("app", "web")[number // 2], properties=opinion)
        yield order("charts", "customer-0", 9 * DAY_MS + number, currency=("EUR", "CHF")[number % 2])


STORIES = (
    published_paths, visits_of_one, merged, newcombe, baskets, gaps, opinions, journey, shop, carts, steps, flaws,
    twins, versions_and_holdouts,
)  # fmt: skip

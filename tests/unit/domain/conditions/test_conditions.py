"""Conditions: when each holds, and that between now and `changes_at` nothing but an event changes it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.conditions import CONDITIONS
from pipeline.domain.conditions.behaviour import ChannelSeen, Did, DidNot, FirstSeen, InStore, LastSeen, Store
from pipeline.domain.conditions.combined import AllOf, AnyOf, Not
from pipeline.domain.conditions.facts import (
    Address,
    Agreed,
    Has,
    Met,
    Points,
    Stage,
    StepDone,
    Subscribed,
    Tier,
    Trait,
)
from pipeline.domain.conditions.interest import (
    CartWorth,
    InterestedIn,
    LastOrder,
    Orders,
    Owns,
    Size,
    Spent,
    Viewed,
    Wishes,
)
from pipeline.domain.conditions.products import Shows
from pipeline.domain.conditions.word import Ago, Numbers, Word
from pipeline.domain.customer.carts import Cart, Line
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import Context
from pipeline.domain.facets import Facets
from pipeline.domain.facets.activity import Activity, Count
from pipeline.domain.facets.interests import Interests, View, Wish
from pipeline.domain.facets.journey import Journey
from pipeline.domain.facets.ledger import Ledger
from pipeline.domain.facets.loyalty import Loyalty, Voucher
from pipeline.domain.facets.permissions import Consent, Permissions
from pipeline.domain.facets.purchases import Purchases
from pipeline.domain.facets.service import Appointment, Case, Service
from pipeline.domain.facets.situation import Situation
from pipeline.domain.facets.traits import Traits
from pipeline.domain.facets.visits import Store as StoreSeen
from pipeline.domain.facets.visits import Visits
from pipeline.domain.identity.graph import Link, Seen
from pipeline.domain.identity.hashed import hash_of
from pipeline.domain.time import DAY_MS, HOUR_MS
from pipeline.struct_types import head, parameters

NOBODY = Draft(CustomerState("default", "c-0"))
NOW_MS = 100 * DAY_MS

ANNA = Draft(
    CustomerState(
        "default",
        "c-1",
        identifiers={"email": {"anna@example.com": Link(1, "e-1")}, "phone": {"+49": Link(1, "e-1", linked=False)}},
        channels={"web": Seen(9, 98 * DAY_MS), "pos": Seen(1, 20 * DAY_MS)},
        first_seen_at_ms=20 * DAY_MS,
        last_seen_at_ms=98 * DAY_MS,
        carts={"c1": Cart(lines={"A": Line(2, 1, 2_500, "EUR")}), "c2": Cart(amount_minor=900, currency="USD")},
        orders_counted=3,
        spend_minor={"EUR": 49_950},
        owned={"B": 90 * DAY_MS},
        facets=Facets(
            situation=Situation(Context(device="Phone", country="DE"), 1),
            traits=Traits({"country": ("de", 1), "age": (41, 1), "member": (True, 1), "gone": (None, 1)}),
            permissions=Permissions({"email": Consent(True, 1), "sms": Consent(False, 1)}, {"news": Consent(True, 1)}),
            activity=Activity({"order_completed": Count(3, 99 * DAY_MS + 5, {90: 2, 99: 1})}),
            visits=Visits(stores={"berlin-1": StoreSeen(1, 0, 95 * DAY_MS, 95 * DAY_MS), "bonn": StoreSeen(1)}),
            interests=Interests(
                views={"A": View(2, 97 * DAY_MS)},
                wishes={"W": Wish(True, 1), "X": Wish(False, 2)},
                categories={"shoes": (4, 96 * DAY_MS)},
                sizes={"shoes": {"38": (5, 1), "39": (1, 2)}},
            ),
            purchases=Purchases(last_at_ms=90 * DAY_MS),
            loyalty=Loyalty({"": Ledger(120, 1)}, tier=("Gold", 1), vouchers={"V": Voucher(1, 101 * DAY_MS)}),
            service=Service({"k": Case(2, 1)}, appointments={"p": Appointment(103 * DAY_MS, 1)}, steps={"address": 1}),
            journey=Journey({"awareness": (1, 1), "consideration": (2, 2)}),
        ),
    )
)

D = DAY_MS

CASES: list[tuple[Word, bool, str, int | None]] = [
    (Did("order_completed"), True, "order_completed happened", None),
    (Did("order_completed", within_ms=2 * D), True, "order_completed happened within 2 days", 101 * D + 5),
    (Did("order_completed", within_ms=HOUR_MS), False, "order_completed happened within 60 min", None),
    (Did("order_completed", 3), True, "order_completed happened at least 3 times", None),
    (Did("order_completed", 4), False, "order_completed happened at least 4 times", None),
    (Did("order_completed", 3, within_ms=10 * D), True,
     "order_completed happened at least 3 times within 10 days", 101 * D),
    (Did("order_completed", 1, 2, within_ms=9 * D), True,
     "order_completed happened 1 to 2 times within 9 days", 109 * D),
    (Did("order_completed", 1, 2, within_ms=10 * D), False,
     "order_completed happened 1 to 2 times within 10 days", 101 * D),
    (Did("product_viewed"), False, "product_viewed happened", None),
    (DidNot("order_completed"), False, "order_completed did not happen", None),
    (DidNot("order_completed", 30 * D), False, "order_completed did not happen for 30 days", 129 * D + 5),
    (DidNot("product_viewed", 30 * D), True, "product_viewed did not happen for 30 days", None),
    (LastSeen(Ago(more_than_ms=2 * D)), True, "last seen more than 2 days ago", None),
    (LastSeen(Ago(more_than_ms=3 * D)), False, "last seen more than 3 days ago", 101 * D),
    (LastSeen(Ago(D * 2, D * 9)), True, "last seen more than 2 days ago and less than 9 days ago", 107 * D),
    (FirstSeen(Ago(less_than_ms=80 * D)), False, "first seen less than 80 days ago", None),
    (FirstSeen(Ago(less_than_ms=81 * D)), True, "first seen less than 81 days ago", 101 * D),
    (ChannelSeen("web", within_ms=9 * D), True, "seen in web within 9 days", 107 * D),
    (ChannelSeen("pos"), True, "seen in pos", None),
    (ChannelSeen("pos", within_ms=80 * D), False, "seen in pos within 80 days", None),
    (Store("berlin-1", within_ms=6 * D), True, "seen in store berlin-1 within 6 days", 101 * D),
    (Store("rome"), False, "seen in store rome", None),
    (InStore("berlin-1"), True, "in store berlin-1 now", None),
    (InStore("bonn"), False, "in store bonn now", None),
    (Viewed("A", within_ms=4 * D), True, "looked at A within 4 days", 101 * D),
    (Viewed("B"), False, "looked at B", None),
    (InterestedIn("shoes", 4, 9 * D), True,
     "looked at or bought shoes at least 4 times, the last within 9 days", 105 * D),
    (InterestedIn("shoes", 5), False, "looked at or bought shoes at least 5 times", None),
    (Wishes("W"), True, "wishes for W", None),
    (Wishes("X"), False, "wishes for X", None),
    (Owns("B"), True, "bought B", None),
    (Owns("B", within_ms=10 * D), False, "bought B within 10 days", None),
    (Size("38", "shoes"), True, "size 38 in shoes", None),
    (Size("39", "shoes"), False, "size 39 in shoes", None),
    (Orders(Numbers(at_least=3)), True, "at least 3 orders", None),
    (Orders(Numbers(at_most=2)), False, "at most 2 orders", None),
    (LastOrder(Ago(more_than_ms=11 * D)), False, "last order more than 11 days ago", 101 * D),
    (LastOrder(Ago(more_than_ms=9 * D)), True, "last order more than 9 days ago", None),
    (Spent("EUR", 49_950), True, "spent at least 499.50 EUR", None),
    (Spent("EUR", 49_951), False, "spent at least 499.51 EUR", None),
    (Spent("USD", 1, 500), False, "spent at least 0.01 USD and at most 5.00 USD", None),
    (CartWorth("EUR", 5_000), True, "has a cart worth at least 50.00 EUR", None),
    (CartWorth("USD", at_most_minor=899), False, "has a cart worth at most 8.99 USD", None),
    (Shows(("carted", "viewed"), 4 * D), True, "there is a product to show (carted or viewed within 4 days)", 101 * D),
    (Shows(("viewed",), 3 * D), False, "there is a product to show (viewed within 3 days)", None),
    (Shows(("wished", "goes_with_bought")), True, "there is a product to show (wished or goes with bought)", None),
    (Trait("country", is_="DE"), True, "country is DE", None),
    (Trait("country", in_=("AT", "CH")), False, "country is AT or CH", None),
    (Trait("age", at_least=18, at_most=41), True, "age is 18 to 41", None),
    (Trait("age", is_="41"), True, "age is 41", None),
    (Trait("country", at_least=1), False, "country is at least 1", None),
    (Trait("member", is_="true"), True, "member is true", None),
    (Trait("member"), True, "member is known", None),
    (Trait("gone"), False, "gone is known", None),
    (Met("device", is_="phone"), True, "device is phone", None),
    (Met("city", in_=("Berlin", "Bonn")), False, "city is Berlin or Bonn", None),
    (Tier(("gold", "platinum")), True, "tier is gold or platinum", None),
    (Tier(("silver",)), False, "tier is silver", None),
    (Points(Numbers(100, 120)), True, "100 to 120 points", None),
    (Points(Numbers(at_least=121)), False, "at least 121 points", None),
    (Stage("support"), True, "in the stage support", None),
    (Stage("awareness"), False, "in the stage awareness", None),
    (Agreed("email"), True, "consent to email is granted", None),
    (Agreed("sms"), False, "consent to sms is granted", None),
    (Agreed("sms", "denied"), True, "consent to sms is denied", None),
    (Agreed("push", "unknown"), True, "consent to push is unknown", None),
    (Subscribed("news"), True, "subscribed to news", None),
    (Subscribed("offers"), False, "subscribed to offers", None),
    (Address("email"), True, "has an address for email", None),
    (Address("sms"), False, "has an address for sms", None),
    (Has("open_cart"), True, "has an open cart", None),
    (Has("open_case"), True, "has an open case", None),
    (Has("wish"), True, "has a wish", None),
    (Not(Not(Has("wish"))), True, "not (not (has a wish))", None),
    (Has("voucher"), True, "has a voucher", 101 * D),
    (Has("appointment"), True, "has an appointment", 103 * D),
    (Not(Has("open_case")), False, "not (has an open case)", None),
    (Not(Wishes("X")), True, "not (wishes for X)", None),
    (AnyOf((Wishes("X"), Owns("X"))), False, "wishes for X or bought X", None),
    (StepDone("address"), True, "step address is done", None),
    (StepDone("payment"), False, "step payment is done", None),
    (AllOf((Has("wish"), Has("voucher"))), True, "has a wish and has a voucher", 101 * D),
    (AllOf((Wishes("X"), Has("voucher"))), False, "wishes for X and has a voucher", None),
    (AnyOf((Wishes("X"), AllOf((Has("wish"),)))), True, "wishes for X or (has a wish)", None),
    (Not(Has("voucher")), False, "not (has a voucher)", 101 * D),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "holds", "text", "changes_at"), CASES, ids=[case[2] for case in CASES])
def test_a_condition_holds_says_itself_and_knows_when_time_alone_changes_it(
    condition: Word, holds: bool, text: str, changes_at: int | None
) -> None:
    assert condition.holds(ANNA, NOW_MS) is holds
    assert condition.text == text
    assert condition.changes_at(ANNA, NOW_MS, now=holds) == changes_at


def test_who_is_known_by_the_hash_of_an_address_alone_has_none() -> None:
    hashed = CustomerState("default", "c-2", identifiers={"email": {hash_of("anna@example.com"): Link(1, "e-1")}})

    assert not Address("email").holds(Draft(hashed), NOW_MS)


def test_every_condition_is_tried_both_ways() -> None:
    tried = {(type(condition), holds) for condition, holds, _, _ in CASES}

    assert tried == {(kind, holds) for kind in CONDITIONS for holds in (True, False)} - {(Has, False)}
    assert not any(Has(what).holds(NOBODY, NOW_MS) for what in ("open_cart", "open_case", "wish", "voucher"))


@pytest.mark.parametrize("condition", [case[0] for case in CASES], ids=[case[2] for case in CASES])
def test_of_somebody_unknown_every_condition_has_an_answer_that_time_does_not_change(condition: Word) -> None:
    holds = condition.holds(NOBODY, NOW_MS)
    assert holds in (True, False)
    assert condition.changes_at(NOBODY, NOW_MS, now=holds) is None


def test_no_further_key_of_a_condition_is_the_name_of_another() -> None:
    heads = {head(condition) for condition in CONDITIONS}

    assert len(heads) == len(CONDITIONS)
    for condition in CONDITIONS:
        assert not set(list(parameters(condition))[1:]) & heads, condition


# --- time alone ---------------------------------------------------------------------------------------------------

HOURS = st.integers(0, 20 * 24).map(lambda hour: hour * HOUR_MS)
"""Everything happens on the hour, so looking every hour misses nothing."""
LONG = st.integers(1, 12 * 24).map(lambda hours: hours * HOUR_MS)
DAYS = st.integers(1, 12).map(lambda days: days * DAY_MS)
MAYBE = st.none() | LONG


@st.composite
def customers(draw: st.DrawFn) -> Draft:
    happened = draw(st.lists(HOURS, max_size=8))
    days: dict[int, int] = {}
    for at_ms in happened:
        days[at_ms // DAY_MS] = days.get(at_ms // DAY_MS, 0) + 1
    count = Count(len(happened), max(happened, default=0), days)
    vouchers = {f"v{n}": Voucher(1, at_ms) for n, at_ms in enumerate(draw(st.lists(HOURS, max_size=2)))}
    appointments = {f"a{n}": Appointment(at_ms, 1) for n, at_ms in enumerate(draw(st.lists(HOURS, max_size=2)))}
    return Draft(
        CustomerState(
            "default",
            "c-1",
            channels=draw(st.dictionaries(st.just("web"), st.builds(Seen, st.just(1), HOURS))),
            first_seen_at_ms=draw(st.none() | HOURS),
            last_seen_at_ms=draw(st.none() | HOURS),
            owned=draw(st.dictionaries(st.just("A"), HOURS)),
            facets=Facets(
                activity=Activity({"order_completed": count}) if happened else None,
                visits=Visits(stores=draw(st.dictionaries(st.just("s"), st.builds(StoreSeen, last_at_ms=HOURS)))),
                interests=Interests(
                    views=draw(st.dictionaries(st.just("A"), st.builds(View, st.just(1), HOURS))),
                    categories=draw(st.dictionaries(st.just("shoes"), st.tuples(st.just(2), HOURS))),
                ),
                purchases=Purchases(last_at_ms=draw(st.none() | HOURS)),
                loyalty=Loyalty(vouchers=vouchers),
                service=Service(appointments=appointments),
            ),
        )
    )


def _ago(more: int | None, longer: int) -> Ago:
    return Ago(more, longer if more is None else more + longer)


AGO = st.builds(_ago, MAYBE, LONG) | st.builds(Ago, LONG)


def _counted(least: int, more: int, within_ms: int) -> Did:
    return Did("order_completed", least, least + more, within_ms)


COUNTED = st.builds(_counted, st.integers(1, 4), st.integers(0, 3), DAYS)
LEAVES: st.SearchStrategy[Word] = st.one_of(
    st.builds(Did, st.just("order_completed"), within_ms=MAYBE),
    st.builds(Did, st.just("order_completed"), st.integers(2, 4), within_ms=DAYS),
    COUNTED,
    st.builds(DidNot, st.just("order_completed"), MAYBE),
    st.builds(LastSeen, AGO),
    st.builds(FirstSeen, AGO),
    st.builds(LastOrder, AGO),
    st.builds(ChannelSeen, st.just("web"), within_ms=MAYBE),
    st.builds(Store, st.just("s"), within_ms=MAYBE),
    st.builds(Viewed, st.just("A"), within_ms=MAYBE),
    st.builds(Owns, st.just("A"), within_ms=MAYBE),
    st.builds(InterestedIn, st.just("shoes"), st.integers(1, 3), MAYBE),
    st.builds(Has, st.sampled_from(["voucher", "appointment"])),
)
CONDITION = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(condition=CONDITION, customer=customers(), now_ms=HOURS)
def test_between_now_and_its_change_nothing_but_an_event_changes_a_condition(
    condition: Word, customer: Draft, now_ms: int
) -> None:
    now = condition.holds(customer, now_ms)

    changes_at = condition.changes_at(customer, now_ms, now=now)

    end_ms = 45 * DAY_MS if changes_at is None else changes_at
    assert all(condition.holds(customer, at_ms) is now for at_ms in range(now_ms, end_ms, HOUR_MS))
    if changes_at is not None:
        assert changes_at > now_ms
        assert condition.holds(customer, changes_at) is not now
        assert condition.holds(customer, changes_at - 1) is now

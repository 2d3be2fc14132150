"""Points and cards: what is put on, taken off, and told whole."""

from __future__ import annotations

from itertools import permutations

from pipeline.domain.facets.cards import Cards
from pipeline.domain.facets.ledger import MOVEMENTS_KEPT, Ledger
from pipeline.domain.facets.loyalty import Loyalty
from tests.unit.domain.facets.telling import at, told
from tests.unit.domain.triggers.story import at_ms


def test_s10_a_top_up_and_a_purchase_leave_the_difference_on_the_card() -> None:
    cards = told(
        Cards(),
        at("10:00", "card_topped_up", card_id="k1", amount_minor=5000, currency="EUR"),
        at("10:05", "card_charged", card_id="k1", amount_minor=1250, currency="EUR", channel="pos"),
    )

    assert cards.json() == {
        "k1": {"balance_minor": 3750, "currency": "EUR", "last_at": "2026-11-24T10:05:00.000Z"},
    }


def test_a_balance_told_holds_what_moved_before_it_and_not_what_moved_after_in_any_order_of_arrival() -> None:
    events = (
        at("10:00", "points_earned", points=100),
        at("10:05", "points_earned", points=50, balance=400),
        at("10:10", "points_redeemed", points=30),
    )

    assert {told(Loyalty(), *order).points for order in permutations(events)} == {370}


def test_movements_beyond_the_bound_are_still_in_the_balance() -> None:
    ledger = Ledger()
    for number in range(MOVEMENTS_KEPT * 3):
        ledger = ledger.moved(10, at_ms("10:00") + number)

    assert ledger.balance == MOVEMENTS_KEPT * 30
    assert len(ledger.movements) == MOVEMENTS_KEPT
    assert ledger.was_told(7, at_ms("11:00")).balance == 7


def test_two_customers_with_an_account_each_have_the_points_of_both() -> None:
    one = told(Loyalty(), at("10:00", "points_earned", points=100, identifiers={"loyalty": "L1"}))
    other = told(Loyalty(), at("10:01", "points_earned", points=70, identifiers={"loyalty": "L2"}))

    assert one.united(other).points == other.united(one).points == 170


def test_the_tier_told_latest_is_the_tier() -> None:
    gold, silver = at("10:00", "tier_changed", tier="gold"), at("11:00", "tier_changed", tier="silver")

    assert told(Loyalty(), gold, silver).tier_name == told(Loyalty(), silver, gold).tier_name == "silver"


def test_points_run_out_on_the_day_told_with_them() -> None:
    loyalty = told(Loyalty(), at("10:00", "points_earned", points=100, expires_at="2026-12-31T00:00:00Z"))

    assert loyalty.json()["expiries"] == {"2026-12-31T00:00:00.000Z": 100}  # type: ignore[index, call-overload]


def test_a_voucher_is_used_once_told_in_either_order() -> None:
    issued = at("10:00", "voucher_issued", code="V1", expires_at="2026-12-01T00:00:00Z")
    used = at("11:00", "voucher_redeemed", code="V1", channel="pos")

    voucher = told(Loyalty(), issued, used).vouchers["V1"]
    assert voucher == told(Loyalty(), used, issued).vouchers["V1"]
    assert (voucher.at_ms, voucher.used_at_ms) == (at_ms("10:00"), at_ms("11:00"))


def test_a_coupon_that_is_no_voucher_of_the_customer_is_not_remembered() -> None:
    assert told(Loyalty(), at("10:00", "coupon_applied", coupon_id="SALE")) == Loyalty()


def test_s6_a_friend_redeems_the_referral_and_both_know() -> None:
    sender = told(
        Loyalty(),
        at("10:00", "referral_sent", code="R1"),
        at("12:00", "referral_redeemed", code="R1", by_friend=True),
    )
    friend = told(Loyalty(), at("12:00", "referral_redeemed", code="R1"))

    assert sender.referrals["R1"].redeemed_at_ms == at_ms("12:00")
    assert friend.referrals["R1"].used_at_ms == at_ms("12:00")

"""B8: once a merge is undone, what waits goes to the one it belongs to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.rounds import ROUNDS
from tests.simulation.days import MIA, NIA, Days

ZOE = "zoe@example.com"


def rule(kind: str, more: str = "") -> str:
    return f"rules:\n  - {{name: it, kind: {kind}, channels: [email]{more}}}\n"


SAID_BY_MIA: list[tuple[str, str, dict[str, Any], str]] = [
    (rule("post_purchase", ", class: transactional, after: order_completed, delay: 1h"), "order_completed",
     {"order_id": "o-1", "items": ["A"]}, "09:00"),
    (rule("appointment_reminder", ", class: transactional, ahead: 24h"), "appointment_booked",
     {"properties": {"appointment_id": "a-1", "starts_at": "2026-11-27T10:00:00Z"}}, "+2d 11:00"),
    (rule("abandoned_browse", ", products: 1, delay: 1h"), "product_viewed", {"items": ["A"]}, "09:00"),
    (rule("abandoned_browse", ", products: 1, delay: 30m, quiet_hours: '08:20-10:00'"), "product_viewed",
     {"items": ["A"]}, "10:00"),
    (rule("abandoned_checkout", ", delay: 1h"), "checkout_started", {"cart_id": "c1"}, "09:00"),
    (rule("win_back", ", without_rhythm: 30d"), "order_completed", {"order_id": "o-1", "items": ["A"]}, "+30d 08:00"),
    (rule("sequence", ", start: [subscribed], goal: [order_completed], steps: [{wait: 1h, send: one}]"),
     "subscribed", {}, "09:00"),
    (rule("abandoned_cart", ", delay: 1h"), "product_added", {"cart_id": "c1", "items": ["A"]}, "09:00"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "event_type", "fields", "due"), SAID_BY_MIA)
def test_b8_what_waits_for_one_who_was_merged_by_mistake_goes_to_her_once_that_is_undone(
    rules: str, event_type: str, fields: dict[str, Any], due: str
) -> None:
    days = Days(rules).at("08:00", event_type, email=MIA, **fields).at("08:01", account="u1", email=NIA)
    days.at("08:10", account="u1", email=MIA)

    days.at("08:40", "merge_undone", email=MIA).until("+40d 12:00")

    assert days.messages() == [(due, "it", MIA)]


def test_b8_what_waits_is_not_said_to_whom_it_is_not_so_of_once_parted() -> None:
    days = Days(rule("loyalty", ", on: reward_usable, points: 100, quiet_hours: '08:20-10:00'"))
    days.at("08:00", email=MIA).at("08:01", "points_earned", account="u1", email=NIA, properties={"points": 60})
    days.at("08:10", account="u1", email=MIA).at("08:30", "points_earned", email=MIA, properties={"points": 61})

    days.at("08:40", "merge_undone", email=MIA).until("12:00")

    assert days.messages() == []


def test_b8_a_device_that_joined_by_the_word_of_one_side_goes_with_that_side() -> None:
    days = Days(rule("abandoned_cart", ", delay: 1h")).at("08:00", account="u1", email=NIA).at("08:01", email=MIA)
    days.at("08:02", cookie="c-mia").at("09:00", account="u1", email=MIA).at("09:10", email=MIA, cookie="c-mia")
    days.at("09:20", "merge_undone", email=MIA)

    days.at("10:00", "product_added", cookie="c-mia", cart_id="c1", items=["A"]).until("12:00")

    assert days.messages() == [("11:00", "it", MIA)]


def test_b8_what_goes_with_a_purchase_begun_by_one_who_was_merged_by_mistake_is_offered_to_her() -> None:
    days = Days(rule("cross_sell", ", min_baskets: 1, quiet_hours: '08:20-10:00'"))
    for number in range(12):  # B and Q: else P is what everybody buys anyway
        items = ["A", "P"] if number % 2 else ["B", "Q"]
        days.at("07:00", "order_completed", account=f"other-{number}", order_id=f"o-{number}", items=items)
    days.at("08:00", email=MIA).at("08:01", account="u1", email=NIA).at("08:10", account="u1", email=MIA)
    days.at("08:30", "product_added", email=MIA, cart_id="c1", items=["A"])

    days.at("08:40", "merge_undone", email=MIA).until("12:00")

    assert (days.messages(), days.contents()) == ([("10:00", "it", MIA)], [["P"]])


def test_b8_what_waits_for_one_side_stays_with_it_when_the_other_is_parted() -> None:
    days = Days(rule("abandoned_browse", ", products: 1, delay: 1h")).at("08:00", email=MIA)
    days.at("08:01", account="u1", email=NIA).at("08:10", account="u1", email=MIA)
    days.at("08:20", "product_viewed", account="u1", items=["A"])

    days.at("08:40", "merge_undone", email=MIA).until("12:00")

    assert days.messages() == [("09:20", "it", NIA)]


@pytest.mark.parametrize("cart", [{}, {"cart_id": "c1"}])
def test_b8_carts_of_one_name_are_two_again_and_nobody_is_reminded_of_what_the_other_put_in(
    cart: dict[str, str],
) -> None:
    days = Days(rule("abandoned_cart", ", delay: 1h")).at("08:00", "product_added", email=MIA, items=["A"], **cart)
    days.at("08:05", "product_added", account="u1", email=NIA, items=["B"], **cart).at("08:10", account="u1", email=MIA)

    days.at("08:40", "merge_undone", email=MIA).until("12:00")

    assert sorted(zip(days.messages(), days.contents(), strict=True)) == [
        (("09:00", "it", MIA), ["A"]),
        (("09:05", "it", NIA), ["B"]),
    ]


def test_b8_who_waits_for_the_same_as_the_other_side_is_told_in_their_own_time_once_parted() -> None:
    days = Days(rule("abandoned_browse", ", products: 1, delay: 1h")).at(
        "08:00", "product_viewed", email=MIA, items=["A"]
    )
    days.at("08:05", "product_viewed", account="u1", email=NIA, items=["B"]).at("08:10", account="u1", email=MIA)

    days.at("08:40", "merge_undone", email=MIA).until("12:00")

    assert sorted(zip(days.messages(), days.contents(), strict=True)) == [
        (("09:00", "it", MIA), ["A"]),
        (("09:05", "it", NIA), ["B"]),
    ]


@pytest.mark.parametrize("cart", [{}, {"cart_id": "c1"}])
def test_b8_what_either_put_into_the_cart_of_both_while_they_were_wrongly_one_is_theirs(cart: dict[str, str]) -> None:
    days = Days(rule("abandoned_cart", ", delay: 1h")).at("08:00", "product_added", email=MIA, items=["A"], **cart)
    days.at("08:01", account="u1", email=NIA).at("08:10", account="u1", email=MIA)
    days.at("08:20", "product_added", account="u1", items=["B"], **cart)

    days.at("08:40", "merge_undone", email=MIA).until("12:00")

    assert sorted(zip(days.messages(), days.contents(), strict=True)) == [
        (("09:00", "it", MIA), ["A"]),
        (("09:20", "it", NIA), ["B"]),
    ]


@pytest.mark.parametrize("merged_at", ["08:10", "08:30"])
def test_b8_an_order_of_the_other_side_that_named_no_cart_bought_nothing_of_hers_once_parted(merged_at: str) -> None:
    days = Days(rule("abandoned_cart", ", delay: 1h"))
    days.at("08:00", "product_added", email=MIA, cart_id="c1", items=["A"]).at("08:01", account="u1", email=NIA)
    merged: dict[str, Any] = {"at": merged_at, "event_type": "page_viewed", "email": MIA}
    order: dict[str, Any] = {"at": "08:20", "event_type": "order_completed", "items": ["B"]}
    for event in sorted((merged, order), key=lambda each: each["at"]):
        days.at(account="u1", **event)

    days.at("08:40", "merge_undone", email=MIA).until("12:00")

    assert list(zip(days.messages(), days.contents(), strict=True)) == [(("09:00", "it", MIA), ["A"])]


def test_b8_what_one_bought_herself_stays_bought_once_parted() -> None:
    days = Days(rule("abandoned_cart", ", delay: 1h"))
    days.at("08:00", "product_added", email=MIA, cart_id="c1", items=["A"]).at("08:01", account="u1", email=NIA)
    days.at("08:10", account="u1", email=MIA).at("08:15", "product_added", account="u1", cart_id="c1", items=["B"])
    days.at("08:20", "order_completed", email=MIA, items=["A"])

    days.at("08:40", "merge_undone", email=MIA).until("12:00")

    assert list(zip(days.messages(), days.contents(), strict=True)) == [(("09:15", "it", NIA), ["B"])]


@pytest.mark.parametrize("merged_at", ["08:30", "09:05"])
@pytest.mark.parametrize(("bought_by", "taken_back"), [({"email": MIA}, False), ({"account": "u1"}, True)])
def test_b8_a_reminder_is_taken_back_for_an_order_of_whom_it_was_for_and_of_nobody_else_once_they_are_parted(
    merged_at: str, bought_by: dict[str, str], taken_back: bool
) -> None:
    days = Days(rule("abandoned_cart", ", delay: 1h")).at("07:50", email=MIA)
    days.at("08:00", "product_added", account="u1", email=NIA, cart_id="c1", items=["A"])
    days.at(merged_at, account="u1", email=MIA).at("09:10", "merge_undone", email=MIA)

    days.at("08:40", "order_completed", order_id="o-1", items=["B"], **bought_by)

    assert [each.status for each in days.triggers()] == ["fired", "revoked"][: 1 + taken_back]


def test_b8_a_reminder_sent_while_two_were_wrongly_one_is_taken_back_for_an_order_of_whom_it_was_for() -> None:
    days = Days(rule("abandoned_cart", ", delay: 1h")).at("08:00", "product_added", email=MIA, items=["A"])
    days.at("08:01", account="u1", email=NIA).at("08:10", account="u1", email=MIA)
    days.until("09:05").at("09:10", "merge_undone", email=MIA)

    days.at("08:40", "order_completed", email=MIA, order_id="o-1", items=["A"])

    assert [each.status for each in days.triggers()] == ["fired", "revoked"]


@pytest.mark.parametrize("parted_first", ["email", "phone"])
def test_b8_of_three_who_filled_one_cart_each_is_reminded_once_all_are_parted(parted_first: str) -> None:
    days = Days(rule("abandoned_cart", ", delay: 1h")).at("08:00", email=MIA).at("08:01", account="u1", email=NIA)
    days.at("08:02", phone="+491701234567", email=ZOE)
    days.at("08:03", account="u1", email=MIA).at("08:04", account="u1", phone="+491701234567")
    three: list[dict[str, str]] = [{"account": "u1"}, {"phone": "+491701234567"}, {"email": MIA}]
    for minute, who in enumerate(three, 10):
        days.at(f"08:{minute}", "product_added", cart_id="c1", items=["A"], **who)

    of_two = sorted(three[1:], key=lambda who: parted_first not in who)
    days.at("08:40", "merge_undone", **of_two[0]).at("08:41", "merge_undone", **of_two[1]).until("12:00")

    assert sorted(days.messages()) == [("09:10", "it", NIA), ("09:11", "it", ZOE), ("09:12", "it", MIA)]


TWO_RULES = """rules:
  - {name: cart, kind: abandoned_cart, delay: 3h, channels: [email]}
  - {name: browse, kind: abandoned_browse, products: 1, delay: 2h, channels: [email]}
"""
DEED = st.tuples(
    st.sampled_from(["email", "account"]),
    st.sampled_from(["product_added", "cart_updated", "cart_emptied", "product_viewed", "order_completed"]),
    st.sampled_from([{}, {"cart_id": "c1"}]),
    st.sets(st.sampled_from("ABC"), min_size=1, max_size=2),
)


@settings(max_examples=60 * ROUNDS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deeds=st.lists(DEED, max_size=8), merged_after=st.integers(0, 8))
def test_b8_after_an_undone_merge_both_have_the_carts_and_get_the_messages_they_would_have_alone(
    deeds: list[tuple[str, str, dict[str, str], set[str]]], merged_after: int
) -> None:
    def told(merged: bool) -> tuple[list[Any], list[Any]]:
        days = Days(TWO_RULES).at("08:00", email=MIA).at("08:01", account="u1", email=NIA)
        for minute, (who, event_type, cart, items) in enumerate(deeds, 10):
            if minute == merged_after + 10 and merged:
                days.at(f"08:{minute}", account="u1", email=MIA)
            of = {"email": MIA} if who == "email" else {"account": "u1"}
            in_cart = {} if event_type == "order_completed" else cart  # one that names the cart buys it for both
            days.at(f"08:{minute}", event_type, items=sorted(items), **of, **in_cart)
        if merged and merged_after >= len(deeds):
            days.at("08:30", account="u1", email=MIA)
        if merged:
            days.at("08:40", "merge_undone", email=MIA)
        days.until("08:41")
        carts = [
            [(cart["cart_id"], cart["items"]) for cart in days.of(**of)["carts"] if cart["open"]]
            for of in ({"email": MIA}, {"account": "u1"})
        ]
        days.until("20:00")
        return carts, sorted(zip(days.messages(), days.contents(), strict=True))

    assert told(merged=True) == told(merged=False)

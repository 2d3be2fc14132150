"""B13, B15: what two customers are told, once they turn out to be one or it becomes known where to write to them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.days import MIA, Days

WELCOME = ", start: [subscribed], goal: [order_completed], steps: [{wait: 1h, send: one}, {wait: 1h, send: two}]"
BY_MAIL, BY_ACCOUNT = {"email": MIA}, {"account": "u1"}


def rule(kind: str, more: str = "") -> str:
    return f"rules:\n  - {{name: it, kind: {kind}, channels: [email]{more}}}\n"


def steps(days: Days) -> list[tuple[str, Any]]:
    """Return which message of a series was due when."""
    return [
        (message[0], trigger.context["step"]) for message, trigger in zip(days.messages(), days.triggers(), strict=True)
    ]


@pytest.mark.parametrize(("first", "then"), [(BY_MAIL, BY_ACCOUNT), (BY_ACCOUNT, BY_MAIL)])
def test_one_who_began_a_series_twice_before_it_was_known_gets_no_message_of_it_twice(
    first: dict[str, str], then: dict[str, str]
) -> None:
    days = Days("rules:\n  - {name: it, kind: sequence" + WELCOME + "}\n").at("08:00", "subscribed", **first)

    days.at("09:30", "subscribed", **then).at("09:40", account="u1", email=MIA).until("+1d 12:00")

    assert steps(days) == [("09:00", "one"), ("10:00", "two")]


def test_one_who_went_through_a_series_and_begins_it_again_elsewhere_gets_what_is_new_of_it_alone() -> None:
    days = Days("rules:\n  - {name: it, kind: sequence" + WELCOME + "}\n").at("08:00", "subscribed", email=MIA)

    days.at("10:30", "subscribed", account="u1").at("10:40", account="u1", email=MIA).until("+1d 12:00")

    assert steps(days) == [("09:00", "one"), ("10:00", "two")]
    assert days.decided()[2:] == [("11:30", "it", "dropped", "cooldown"), ("12:30", "it", "dropped", "cooldown")]


def test_a_goal_told_late_ends_a_series_begun_before_it_though_the_other_side_began_one_after_it() -> None:
    days = Days("rules:\n  - {name: it, kind: sequence" + WELCOME + "}\n").at("08:00", "subscribed", email=MIA)
    days.at("09:30", "subscribed", account="u1").at("09:40", account="u1", email=MIA)

    days.at("09:10", "order_completed", email=MIA, order_id="o-1").until("+1d 12:00")

    assert steps(days) == [("09:00", "one")]


def test_a_series_that_restarts_begins_anew_with_the_later_start_though_that_was_on_the_other_side_of_a_merge() -> None:
    anew = "rules:\n  - {name: it, kind: sequence, restart: true" + WELCOME + "}\n"
    days = Days(anew).at("08:00", "subscribed", email=MIA)

    days.at("09:30", "subscribed", account="u1").at("09:40", account="u1", email=MIA).until("+1d 12:00")

    assert steps(days) == [("09:00", "one"), ("10:30", "one"), ("11:30", "two")]


def test_who_is_not_known_yet_gets_both_messages_that_a_series_begins_with() -> None:
    two = ", start: [subscribed], goal: [order_completed], steps: [{send: one}, {send: two}]"
    days = Days(rule("sequence", two)).at("08:00", "subscribed", account="u1", email=MIA).until("12:00")

    assert sorted(steps(days)) == [("08:00", "one"), ("08:00", "two")]


CARTED: dict[str, Any] = {"cart_id": "c1", "items": ["A"]}
OVERTAKEN: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("abandoned_cart, delay: 1h", "product_added", CARTED, {"cart_id": "c1"}),
    ("abandoned_cart, delay: 1h", "product_added", CARTED, {}),
    ("abandoned_checkout, delay: 1h", "checkout_started", {"cart_id": "c1"}, {"cart_id": "c1"}),
    ("abandoned_browse, products: 1, delay: 1h", "product_viewed", {"items": ["A"]}, {"cart_id": "c9"}),
    ("abandoned_search, delay: 1h", "products_searched", {"properties": {"query": "shoes"}}, {"cart_id": "c9"}),
    ("win_back, without_rhythm: 1h, at_least: 1h", "order_completed", {"order_id": "o-0", "items": ["A"]}, {}),
]


@pytest.mark.parametrize(("reminded", "bought"), [(BY_MAIL, BY_ACCOUNT), (BY_ACCOUNT, BY_MAIL)])
@pytest.mark.parametrize(("kind", "event_type", "fields", "order"), OVERTAKEN)
def test_b13_what_was_sent_is_taken_back_when_a_merge_shows_that_it_was_bought_before(
    kind: str,
    event_type: str,
    fields: dict[str, Any],
    order: dict[str, Any],
    reminded: dict[str, str],
    bought: dict[str, str],
) -> None:
    days = Days(f"rules:\n  - {{name: it, kind: {kind}}}\n").at("08:00", event_type, **reminded, **fields)
    days.at("08:30", "order_completed", **bought, order_id="o-1", items=["A"], **order).until("09:05")

    days.at("09:10", account="u1", email=MIA).until("09:20")

    fired, revoked = days.triggers()[:1], [each for each in days.triggers() if each.status == "revoked"]
    assert [each.trigger_id for each in revoked] == [each.trigger_id for each in fired]
    assert ("09:10", "it", "revoked", "bought") in days.decided()


def test_a_reminder_stands_when_the_other_side_of_a_merge_bought_another_cart_or_not_in_those_times() -> None:
    days = Days(rule("abandoned_cart", ", delay: 1h")).at("08:00", "product_added", **BY_MAIL, **CARTED)
    days.at("07:00", "order_completed", **BY_ACCOUNT, order_id="o-1", items=["B"])
    days.at("08:30", "order_completed", **BY_ACCOUNT, order_id="o-2", cart_id="c2", items=["B"])
    days.at("09:30", "order_completed", **BY_ACCOUNT, order_id="o-3", cart_id="c1", items=["A"])

    days.at("10:00", account="u1", email=MIA).until("12:00")

    assert days.messages() == [("09:00", "it", MIA)]


def test_an_invitation_after_an_order_that_both_sides_were_told_of_stands() -> None:
    order: dict[str, Any] = {"order_id": "o-1", "items": ["A"]}
    days = Days("rules:\n  - {name: it, kind: win_back, without_rhythm: 1h, at_least: 1h}\n")
    days.at("08:00", "order_completed", **BY_MAIL, **order).until("09:05")
    days.at("08:00", "order_completed", **BY_ACCOUNT, **order)

    days.at("09:10", account="u1", email=MIA).until("09:20")

    assert [each.status for each in days.triggers()] == ["fired", "fired"]


def test_an_order_told_late_with_the_address_of_the_customer_is_confirmed_there() -> None:
    days = Days(rule("post_purchase", ", class: transactional, after: order_completed, delay: 10m"))
    days.at("12:00", account="u2")
    days.at("08:00", "order_completed", account="u1", email=MIA, order_id="o-1", items=["A"]).until("13:00")

    assert days.messages() == [("08:10", "it", MIA)]


NIGHT = ", delay: 1h, quiet_hours: '22:00-08:00'"


def test_b26_what_is_due_at_night_to_one_without_an_address_goes_out_in_the_morning_if_one_is_known_then() -> None:
    days = Days(rule("abandoned_cart", NIGHT)).at("22:30", "product_added", cookie="c-1", **CARTED)

    days.at("+1d 07:30", cookie="c-1", email=MIA).until("+1d 12:00")

    assert days.messages() == [("+1d 08:00", "it", MIA)]


def test_b26_what_is_due_at_night_to_one_who_stays_without_an_address_is_dropped_in_the_morning() -> None:
    days = Days(rule("abandoned_cart", NIGHT)).at("22:30", "product_added", cookie="c-1", **CARTED)

    days.until("+1d 12:00")

    assert days.decided() == [("23:30", "it", "held", "quiet_hours"), ("+1d 08:00", "it", "dropped", "no_address")]


def test_b27_what_is_due_at_night_to_one_who_denied_is_dropped_at_once() -> None:
    days = Days(rule("abandoned_cart", NIGHT)).at("22:30", "product_added", email=MIA, **CARTED)

    days.at("22:40", "consent_denied", email=MIA, consent={"marketing": False}).until("+1d 12:00")

    assert days.decided() == [("23:30", "it", "dropped", "no_consent")]

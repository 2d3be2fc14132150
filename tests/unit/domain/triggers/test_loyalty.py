"""Loyalty: a tier reached, points that run out, a reward within reach (S6)."""

from __future__ import annotations

from typing import Any

from pipeline.domain.events import ChannelEvent
from pipeline.domain.rules.in_force import Rule
from pipeline.domain.time import rfc3339
from tests.unit.domain.triggers.story import Story, a_rule, abandoned_cart, at_ms, event, product_added, told


def tier(*names: str) -> Rule:
    return a_rule("loyalty", on="tier_reached", tiers=names)


def expiring(ahead: str = "3d") -> Rule:
    return a_rule("loyalty", on="points_expiring", ahead=ahead)


def reward(points: int = 500) -> Rule:
    return a_rule("loyalty", on="reward_usable", points=points)


def earned(points: int, until: str | None = None) -> ChannelEvent:
    properties: dict[str, Any] = {"points": points}
    if until is not None:
        properties["expires_at"] = rfc3339(at_ms(until))
    return event("points_earned", properties=properties)


def spent(points: int) -> ChannelEvent:
    return told("points_redeemed", points=points)


# --- tiers --------------------------------------------------------------------------------------------------------


def test_s6_a_tier_that_is_reached_is_told_with_the_one_before() -> None:
    story = (
        Story(tier()).at("10:00", told("tier_changed", tier="silver")).at("11:00", told("tier_changed", tier="gold"))
    )

    assert story.fired == [("10:00", "loyalty"), ("11:00", "loyalty")]
    assert story.triggers[1].context == {"tier": "gold", "before": "silver"}


def test_a_tier_that_the_customer_had_before_we_heard_of_it_is_not_told() -> None:
    story = Story(tier()).at("10:00", told("identified", tier="gold")).at("11:00", told("identified", tier="gold"))
    story.at("12:00", told("tier_changed", tier="gold"), told("tier_changed", tier="platinum"))

    assert story.fired == [("12:00", "loyalty")]


def test_each_tier_is_told_once_however_often_it_is_left_and_reached() -> None:
    story = Story(tier())
    for clock, name in (("10:00", "silver"), ("11:00", "gold"), ("12:00", "silver"), ("13:00", "gold")):
        story.at(clock, told("tier_changed", tier=name))

    assert story.fired == [("10:00", "loyalty"), ("11:00", "loyalty")]


def test_a_tier_that_was_fallen_back_to_is_not_one_reached_where_their_order_is_known() -> None:
    story = Story(tier("silver", "gold")).at("10:00", told("identified", tier="gold"))
    story.at("11:00", told("tier_changed", tier="silver"))

    assert story.fired == []


def test_word_of_an_earlier_tier_that_comes_late_is_not_told() -> None:
    story = Story(tier()).at("11:00", told("tier_changed", tier="gold"))
    story.at("10:00", told("tier_changed", tier="silver"), arriving="12:00")

    assert story.fired == [("11:00", "loyalty")]


def test_two_who_become_one_are_not_told_of_the_tier_that_either_was_told_of() -> None:
    other = Story(tier(), customer_id="customer-2").at("10:00", told("tier_changed", tier="gold"))
    story = Story(tier()).at("09:00", told("tier_changed", tier="silver")).joined_by(other, "11:00")
    story.at("12:00", told("tier_changed", tier="silver")).at("13:00", told("tier_changed", tier="gold"))

    assert story.fired == [("09:00", "loyalty")]


# --- points that run out ------------------------------------------------------------------------------------------


def test_points_are_told_of_so_long_before_they_run_out() -> None:
    story = Story(expiring()).at("10:00", earned(200, "10d 10:00")).at("12d 00:00")

    assert story.fired == [("7d 10:00", "loyalty")]
    assert story.triggers[0].reason == "200 points run out on 2026-12-04"


def test_points_that_run_out_sooner_than_that_are_told_of_at_once() -> None:
    story = Story(expiring()).at("10:00", earned(200, "1d 10:00")).at("2d 10:00")

    assert story.fired == [("10:00", "loyalty")]


def test_points_that_have_run_out_already_are_not_told_of() -> None:
    story = Story(expiring()).at("10:00", earned(200, "-1d 10:00")).at("2d 10:00")

    assert story.fired == []


def test_points_that_are_spent_before_are_not_told_of() -> None:
    story = Story(expiring()).at("10:00", earned(200, "10d 10:00")).at("2d 10:00", spent(200)).at("12d 00:00")

    assert story.fired == []
    assert story.decisions == [("7d 10:00", "dropped", "not_so")]


def test_points_that_run_out_first_are_spent_first() -> None:
    story = Story(expiring()).at("10:00", earned(300, "10d 10:00"), earned(500, "40d 10:00"))
    story.at("2d 10:00", spent(200)).at("12d 00:00")

    assert [trigger.context["points"] for trigger in story.triggers] == [100]


def test_points_of_one_date_are_told_of_together() -> None:
    story = Story(expiring()).at("10:00", earned(300, "10d 10:00")).at("1d 10:00", earned(50, "10d 10:00"))
    story.at("12d 00:00")

    assert story.fired == [("7d 10:00", "loyalty")]
    assert story.triggers[0].context["points"] == 350


def test_after_a_year_of_dates_that_have_passed_the_next_is_still_told_of() -> None:
    story = Story(expiring("1d"))
    for day in range(30):
        story.at(f"{day}d 10:00", earned(10, f"{day + 2}d 10:00"))
    story.at("40d 00:00")

    assert story.fired == [(f"{day + 1}d 10:00", "loyalty") for day in range(30)]


def test_a_timer_of_a_rule_that_was_of_another_kind_comes_to_nothing() -> None:
    story = Story(abandoned_cart(name="loyalty")).at("10:00", product_added("A", cart="c1"))
    story.actor = Story(expiring()).actor
    story.at("12:00")

    assert story.decisions == [("11:00", "dropped", "not_so")]


# --- a reward within reach ----------------------------------------------------------------------------------------


def test_s6_enough_points_for_the_reward_are_told_once_until_they_are_spent() -> None:
    story = Story(reward()).at("10:00", earned(400)).at("11:00", earned(100)).at("12:00", earned(100))
    story.at("13:00", spent(500)).at("14:00", earned(450))

    assert story.fired == [("11:00", "loyalty"), ("14:00", "loyalty")]


def test_points_earned_twice_by_the_same_event_count_once() -> None:
    story = Story(reward()).at("10:00", event("points_earned", event_id="e-9", properties={"points": 300}))
    story.again(event("points_earned", event_id="e-9", properties={"points": 300}), "10:00", "10:05")

    assert story.fired == []


def test_two_who_become_one_and_have_enough_together_are_told_with_the_next_points() -> None:
    other = Story(reward(), customer_id="customer-2").at("10:00", earned(300))
    story = Story(reward()).at("10:00", earned(300)).joined_by(other, "11:00").at("12:00", earned(1))

    assert story.fired == [("12:00", "loyalty")]

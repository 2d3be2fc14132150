"""Loyalty: a tier reached, points that run out, a reward within reach (S6)."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent
from pipeline.domain.rules.in_force import Rule
from pipeline.domain.time import rfc3339
from tests.unit.domain.triggers.story import Story, a_rule, abandoned_cart, at_ms, event, hours, product_added, told


def tier(*names: str) -> Rule:
    return a_rule("loyalty", on="tier_reached", tiers=names)


def expiring(ahead: str = "3d") -> Rule:
    return a_rule("loyalty", on="points_expiring", ahead=ahead)


def reward(points: int = 500) -> Rule:
    return a_rule("loyalty", on="reward_usable", points=points)


def punctual(rule: Rule) -> Story:
    """A story in which nothing comes late, however far the clock leaps."""
    return Story(rule, clock="event")


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
    story = punctual(expiring()).at("10:00", earned(200, "10d 10:00")).at("12d 00:00")

    assert story.fired == [("7d 10:00", "loyalty")]
    assert story.triggers[0].reason == "200 points run out on 2026-12-04"


def test_points_that_run_out_sooner_than_that_are_told_of_at_once() -> None:
    story = punctual(expiring()).at("10:00", earned(200, "1d 10:00")).at("2d 10:00")

    assert story.fired == [("10:00", "loyalty")]


def test_points_that_have_run_out_already_are_not_told_of() -> None:
    story = punctual(expiring()).at("10:00", earned(200, "-1d 10:00")).at("2d 10:00")

    assert story.fired == []


def test_points_that_are_spent_before_are_not_told_of() -> None:
    story = punctual(expiring()).at("10:00", earned(200, "10d 10:00")).at("2d 10:00", spent(200)).at("12d 00:00")

    assert story.fired == []
    assert story.decisions == [("7d 10:00", "dropped", "not_so")]


def test_points_that_run_out_first_are_spent_first() -> None:
    story = punctual(expiring()).at("10:00", earned(300, "10d 10:00"), earned(500, "40d 10:00"))
    story.at("2d 10:00", spent(200)).at("12d 00:00")

    assert [trigger.context["points"] for trigger in story.triggers] == [100]


def test_points_of_one_date_are_told_of_together() -> None:
    story = punctual(expiring()).at("10:00", earned(300, "10d 10:00")).at("1d 10:00", earned(50, "10d 10:00"))
    story.at("12d 00:00")

    assert story.fired == [("7d 10:00", "loyalty")]
    assert story.triggers[0].context["points"] == 350


def test_after_a_year_of_dates_that_have_passed_the_next_is_still_told_of() -> None:
    story = punctual(expiring("1d"))
    for day in range(30):
        story.at(f"{day}d 10:00", earned(10, f"{day + 2}d 10:00"))
    story.at("40d 00:00")

    assert story.fired == [(f"{day + 1}d 10:00", "loyalty") for day in range(30)]


def test_a_timer_of_a_rule_that_was_of_another_kind_comes_to_nothing() -> None:
    story = Story(abandoned_cart(name="loyalty")).at("10:00", product_added("A", cart="c1"))
    story.actor = punctual(expiring()).actor
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


# --- held over night, or not sent at all --------------------------------------------------------------------------


def at_night(rule: Rule) -> Rule:
    return replace(rule, quiet_hours=hours("21:00-07:00"))


def test_b26_a_reward_that_was_had_meanwhile_is_not_told_of_in_the_morning() -> None:
    story = Story(at_night(reward())).at("21:30", earned(600)).at("23:00", spent(600)).at("1d 07:00")

    assert story.decisions == [("21:30", "held", "quiet_hours"), ("1d 07:00", "dropped", "not_so")]


def test_b26_the_points_are_told_as_they_are_in_the_morning_and_once() -> None:
    story = Story(at_night(reward())).at("21:30", earned(600)).at("22:00", spent(200))
    story.at("23:00", earned(300)).at("1d 07:00").at("1d 12:00", earned(1))

    assert story.fired == [("1d 07:00", "loyalty")]
    assert story.triggers[0].reason == "700 points: enough for the reward of 500"
    assert story.triggers[0].context == {"points": 700}


def test_b26_points_that_were_spent_meanwhile_do_not_run_out_in_the_morning() -> None:
    story = punctual(at_night(expiring("5d"))).at("21:30", earned(600, "5d 10:00"))
    story.at("23:00", spent(600)).at("1d 07:00")

    assert story.decisions == [("21:30", "held", "quiet_hours"), ("1d 07:00", "dropped", "not_so")]


def test_b26_of_points_spent_in_part_the_rest_runs_out_in_the_morning() -> None:
    story = punctual(at_night(expiring("5d"))).at("21:30", earned(600, "5d 10:00"))
    story.at("23:00", spent(200)).at("1d 07:00")

    assert [trigger.reason for trigger in story.triggers] == ["400 points run out on 2026-11-29"]
    assert story.triggers[0].context == {"points": 400, "expires_at": "2026-11-29T10:00:00.000Z"}


def test_points_that_run_out_in_the_night_are_not_told_of_afterwards() -> None:
    story = punctual(at_night(expiring("5d"))).at("21:30", earned(600, "1d 06:00")).at("1d 07:00")

    assert story.decisions == [("21:30", "held", "quiet_hours"), ("1d 07:00", "dropped", "expired")]


def test_b26_a_tier_that_was_left_meanwhile_is_not_told_of_in_the_morning() -> None:
    story = Story(at_night(tier("silver", "gold"))).at("12:30", told("tier_changed", tier="silver"))
    story.at("21:31", told("tier_changed", tier="gold")).at("23:01", told("tier_changed", tier="silver"))
    story.at("1d 07:00").at("1d 12:00", told("tier_changed", tier="gold"))

    assert story.decisions == [
        ("12:30", "fired", "sent"),
        ("21:31", "held", "quiet_hours"),
        ("1d 07:00", "dropped", "not_so"),
        ("1d 12:00", "fired", "sent"),
    ]


def test_a_tier_left_and_reached_again_in_the_night_is_told_once_in_the_morning() -> None:
    story = Story(at_night(tier()))
    for clock, name in (("21:31", "gold"), ("23:01", "silver"), ("23:30", "gold")):
        story.at(clock, told("tier_changed", tier=name))
    story.at("1d 07:00")

    assert story.fired == [("1d 07:00", "loyalty")]
    assert story.triggers[0].context["tier"] == "gold"


def test_two_who_become_one_in_the_night_are_told_of_their_reward_once() -> None:
    other = Story(at_night(reward()), customer_id="customer-2").at("21:30", earned(600))
    story = Story(at_night(reward())).at("21:40", earned(600)).joined_by(other, "23:00").at("1d 07:00")

    assert story.fired == [("1d 07:00", "loyalty")]
    assert story.decisions[-1] == ("1d 07:00", "dropped", "done")


def test_a_reward_that_nobody_could_be_told_of_is_told_with_the_next_points() -> None:
    story = Story(replace(reward(), channels=("email",))).at("10:00", earned(500))
    story.at("1d 10:00", event("identified", identifiers={"email": "u@x.de"})).at("2d 10:00", earned(1))

    assert story.decisions == [("10:00", "dropped", "no_address"), ("2d 10:00", "fired", "sent")]


def test_a_tier_that_nobody_could_be_told_of_is_told_once_it_is_reached_again() -> None:
    story = Story(replace(tier("silver", "gold"), channels=("email",))).at("10:00", told("tier_changed", tier="gold"))
    story.at("1d 10:00", event("identified", identifiers={"email": "u@x.de"}))
    story.at("2d 10:00", told("tier_changed", tier="silver")).at("3d 10:00", told("tier_changed", tier="gold"))

    assert story.decisions == [("10:00", "dropped", "no_address"), ("3d 10:00", "fired", "sent")]


def test_what_came_so_late_that_nobody_was_told_is_not_taken_for_told() -> None:
    story = Story(a_rule("loyalty", name="reward", on="reward_usable"), tier())
    story.at("-10d 10:00", earned(500), told("tier_changed", tier="gold"), arriving="10:00")
    assert story.records == []

    story.at("11:00", told("tier_changed", tier="silver")).at("12:00", told("tier_changed", tier="gold"))
    assert story.fired == [("11:00", "loyalty"), ("11:00", "reward"), ("12:00", "loyalty")]


def test_who_is_held_out_is_not_told_again_either() -> None:
    story = Story(replace(reward(), holdout_percent=100.0)).at("10:00", earned(500)).at("11:00", earned(1))

    assert story.decisions == [("10:00", "held_out", "rule_holdout")]

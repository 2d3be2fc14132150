"""Bad opinions, and the case they open."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.rules.in_force import Rule
from tests.unit.domain.triggers.story import Story, a_rule, abandoned_cart, event, product_added, told


def follow_up(**fields: Any) -> Rule:
    return a_rule("service_follow_up", **{"worse_than": 0.4, **fields})


def test_s19_a_bad_opinion_is_a_case_with_what_was_said_and_where() -> None:
    story = Story(follow_up()).at("10:00", told("feedback_given", score=0.2, touchpoint="till", comment="Queue!"))

    assert story.fired == [("10:00", "service_follow_up")]
    assert story.triggers[0].reason == "An opinion of 20 % about till"
    assert story.triggers[0].context == {"score": 0.2, "touchpoint": "till", "seen_in": "web", "comment": "Queue!"}


@pytest.mark.parametrize("opinion", [{"nps": 3}, {"csat": 2}, {"stars": 2}, {"rating": 1}, {"score": "0.39"}])
def test_every_scale_is_understood(opinion: dict[str, Any]) -> None:
    assert len(Story(follow_up()).at("10:00", told("feedback_given", **opinion)).fired) == 1


def test_a_bad_review_names_the_product() -> None:
    review = event("product_reviewed", items=(Item("A"),), properties={"rating": 1})

    assert Story(follow_up()).at("10:00", review).triggers[0].items == (Item("A"),)


@pytest.mark.parametrize("opinion", [{"score": 0.4}, {"nps": 9}, {"comment": "so-so"}])
def test_a_good_opinion_or_one_without_a_score_is_no_case(opinion: dict[str, Any]) -> None:
    assert Story(follow_up()).at("10:00", told("feedback_given", **opinion)).records == []


def test_s14_while_a_case_is_open_somebody_cares_already() -> None:
    story = Story(follow_up()).at("09:00", told("case_opened", case_id="k-1"))
    story.at("10:00", told("feedback_given", score=0.1))
    assert story.records == []

    story.at("11:00", told("case_closed", case_id="k-1")).at("12:00", told("feedback_given", score=0.1))
    assert story.fired == [("12:00", "service_follow_up")]


def test_each_bad_opinion_is_a_case_of_its_own_and_a_good_one_of_the_same_moment_is_none() -> None:
    bad, good = told("feedback_given", score=0.1), told("feedback_given", score=0.9)
    story = Story(follow_up()).at("10:00", bad, good).at("11:00", bad)

    assert [clock for clock, _ in story.fired] == ["10:00", "11:00"]
    assert len({trigger.trigger_id for trigger in story.triggers}) == 2


def test_the_cooldown_of_the_rule_makes_one_case_of_several_opinions() -> None:
    story = Story(follow_up(cooldown="1d")).at("10:00", told("feedback_given", score=0.1))

    assert story.at("11:00", told("feedback_given", score=0.1)).decisions[-1] == ("11:00", "dropped", "cooldown")


def test_b19_an_opinion_told_twice_is_one() -> None:
    opinion: ChannelEvent = told("feedback_given", score=0.1)
    story = Story(follow_up()).at("10:00", opinion, opinion)

    assert len(story.fired) == 1


def test_an_opinion_told_days_late_is_still_a_case_and_one_told_a_month_late_is_not() -> None:
    assert len(Story(follow_up()).at("-3d 10:00", told("feedback_given", score=0.1), arriving="10:00").fired) == 1
    assert Story(follow_up()).at("-30d 10:00", told("feedback_given", score=0.1), arriving="10:00").records == []


def cart_after(*events: tuple[str, ChannelEvent], **rule: Any) -> list[tuple[str, str]]:
    """What becomes of a cart reminder due at 1d 10:00, after a bad opinion at 09:00 and what else is told."""
    story = Story(abandoned_cart("1h", **rule)).at("09:00", told("feedback_given", score=0.1))
    for clock, happened in events:
        story.at(clock, happened)
    story.at("1d 09:00", product_added("A", cart="c1")).at("1d 12:00")
    return [(outcome, reason) for _, outcome, reason in story.decisions]


def test_s14_bad_feedback_silences_marketing_until_somebody_has_cared() -> None:
    assert cart_after() == [("dropped", "bad_feedback")]
    opened, closed = told("case_opened", case_id="k-1"), told("case_closed", case_id="k-1")
    assert cart_after(("10:00", opened)) == [("dropped", "open_case")]
    assert cart_after(("10:00", opened), ("11:00", closed)) == [("fired", "sent")]
    assert cart_after(("10:00", told("feedback_given", score=0.9))) == [("fired", "sent")]


def test_what_the_customer_ordered_is_told_however_upset_they_are() -> None:
    assert cart_after(rule_class="transactional") == [("fired", "sent")]


def test_bad_feedback_is_forgotten_after_three_days() -> None:
    story = Story(abandoned_cart("1h")).at("09:00", told("feedback_given", score=0.1))
    story.at("3d 08:00", product_added("A", cart="c1")).at("3d 12:00")

    assert [(outcome, reason) for _, outcome, reason in story.decisions] == [("fired", "sent")]

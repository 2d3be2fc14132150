"""A rule changes while customers wait: what is in flight keeps its version, what begins takes the new. B29."""

from __future__ import annotations

from typing import Literal

import pytest

from pipeline.domain.arbiter.policy import Policy
from pipeline.domain.records import Decision
from pipeline.domain.time import DAY_MS, HOUR_MS
from pipeline.domain.triggers.sequence import Part
from tests.unit.domain.triggers.story import (
    Story,
    a_cap,
    a_rule,
    abandoned_cart,
    at_ms,
    cart_updated,
    cross_sell,
    order_completed,
    product_added,
)

NIGHT = "22:00-08:00"
CLOCKS: list[Literal["wall", "event"]] = ["wall", "event"]


def versions(story: Story) -> list[str]:
    """The version in each trigger and decision."""
    return [record.rules_version for record in story.records]


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_timer_in_flight_keeps_the_delay_it_was_armed_with(clock: Literal["wall", "event"]) -> None:
    story = Story(abandoned_cart("1h"), clock=clock).rules_from("10:30", "v2", abandoned_cart("2h"))
    story.at("10:00", product_added("A")).at("10:59").at("13:00")

    assert story.fired == [("11:00", "abandoned_cart")]
    assert versions(story) == ["test", "test"]


@pytest.mark.parametrize("clock", CLOCKS)
def test_what_happens_after_the_change_waits_as_the_new_version_says(clock: Literal["wall", "event"]) -> None:
    story = Story(abandoned_cart("1h"), clock=clock).rules_from("10:30", "v2", abandoned_cart("2h"))
    story.at("10:00", product_added("A")).at("10:40", product_added("B")).at("12:39").at("12:40")

    assert story.fired == [("12:40", "abandoned_cart")]
    assert versions(story) == ["v2", "v2"]


def test_what_arrives_at_the_very_time_of_the_change_falls_under_the_new_version() -> None:
    story = Story(abandoned_cart("1h")).rules_from("10:30", "v2", abandoned_cart("2h"))
    story.at("10:30", product_added("A")).at("12:30")

    assert story.fired == [("12:30", "abandoned_cart")]


def test_on_the_wall_clock_the_time_of_arrival_decides_and_on_the_event_clock_that_of_the_event() -> None:
    for clock, fires in (("wall", "12:20"), ("event", "11:20")):
        story = Story(abandoned_cart("1h"), clock=clock)  # type: ignore[arg-type]
        story.rules_from("10:30", "v2", abandoned_cart("2h"))
        story.at("10:20", product_added("A"), arriving="10:31").at("13:00")

        assert story.fired == [(fires, "abandoned_cart")], clock


def test_a_trigger_that_was_armed_before_the_change_offers_and_expires_as_its_version_says() -> None:
    story = Story(abandoned_cart("1h", expires_after="10m", channels=()))
    story.rules_from("10:30", "v2", abandoned_cart("2h", expires_after="1d", channels=("email",)))
    (trigger,) = story.at("10:00", product_added("A")).at("11:00").triggers

    assert trigger.expires_at_ms == at_ms("11:10")
    assert trigger.channel is None


def test_an_event_after_the_change_still_ends_what_was_in_flight() -> None:
    story = Story(abandoned_cart("1h")).rules_from("10:30", "v2", abandoned_cart("2h"))
    story.at("10:00", product_added("A")).at("10:40", order_completed("A")).at("13:00")

    assert story.decisions == [("10:40", "dropped", "bought")]
    assert versions(story) == ["v2"]


def test_a_proposal_held_over_the_change_is_released_under_the_version_that_held_it() -> None:
    story = Story(abandoned_cart("1h", quiet_hours=NIGHT))
    story.rules_from("1d 01:00", "v2", abandoned_cart("1h", channels=("email",)))
    story.at("21:30", product_added("A")).at("22:30").at("1d 08:00")

    assert [record.rules_version for record in story.records] == ["test"] * 3
    assert story.decisions == [("22:30", "held", "quiet_hours"), ("1d 08:00", "fired", "sent")]


def test_held_by_two_versions_till_the_same_moment_the_higher_priority_goes_first() -> None:
    cap = a_cap(1, "24h")
    tame = abandoned_cart("10m", name="tame", quiet_hours=NIGHT, priority=10)
    loud = abandoned_cart("10m", name="loud", quiet_hours=NIGHT, priority=90)
    story = Story(tame, policy=Policy(caps=(cap,)))
    story.rules_from("23:00", "v2", tame, loud, policy=Policy(caps=(cap,)))
    story.at("22:30", product_added("A", cart="c1")).at("22:40")
    story.at("23:30", product_added("B", cart="c2")).at("23:40").at("1d 08:00")

    assert [(trigger.rule, trigger.rules_version) for trigger in story.triggers] == [("loud", "v2")]
    assert ("1d 08:00", "dropped", "capped") in story.decisions


def test_what_a_rule_began_that_was_taken_out_comes_to_nothing_which_is_recorded() -> None:
    story = Story(abandoned_cart("1h")).rules_from("10:30", "v2", cross_sell())
    story.at("10:00", product_added("A")).at("11:00")

    assert story.fired == []
    assert story.decisions == [("11:00", "dropped", "rule_removed")]
    assert versions(story) == ["v2"]


def test_what_was_due_before_a_rule_was_taken_out_fires_also_if_it_comes_late() -> None:
    story = Story(abandoned_cart("1h")).rules_from("11:30", "v2", cross_sell())
    story.at("10:00", product_added("A")).at("12:00")

    assert story.fired == [("11:00", "abandoned_cart")]


def test_a_held_proposal_of_a_rule_that_was_taken_out_comes_to_nothing() -> None:
    story = Story(abandoned_cart("1h", quiet_hours=NIGHT)).rules_from("1d 01:00", "v2", cross_sell())
    story.at("21:30", product_added("A")).at("22:30").at("1d 08:00")

    assert story.decisions == [("22:30", "held", "quiet_hours"), ("1d 08:00", "dropped", "rule_removed")]


def test_a_rule_that_was_added_sees_what_happens_from_then_on() -> None:
    early = abandoned_cart("1h", name="early")
    story = Story(early).rules_from("10:30", "v2", early, abandoned_cart("30m", name="new"))
    story.at("10:00", product_added("A")).at("10:40", product_added("B")).at("13:00")

    assert story.fired == [("11:10", "new"), ("11:40", "early")]


def test_a_rule_whose_kind_was_changed_ends_what_it_began_as_it_was_then() -> None:
    story = Story(abandoned_cart("1h", name="reminder"))
    story.rules_from("10:30", "v2", cross_sell(name="reminder"))
    story.at("10:00", cart_updated(total=80)).at("11:00")

    assert [trigger.kind for trigger in story.triggers] == ["abandoned_cart"]


def test_answers_about_a_product_fall_under_the_version_of_the_event_that_asked() -> None:
    story = Story(cross_sell(min_baskets=1)).rules_from("10:30", "v2", cross_sell(min_baskets=1, name="other"))
    story.trained("A", "B", orders=5).at("10:00", product_added("A")).at("10:40", product_added("A", cart="c2"))

    assert story.fired == [("10:00", "cross_sell"), ("10:40", "other")]
    assert versions(story) == ["test", "test", "v2", "v2"]


def test_several_changes_while_a_customer_waits_leave_each_waiting_with_its_own() -> None:
    story = Story(abandoned_cart("3h"))
    story.rules_from("10:30", "v2", abandoned_cart("2h")).rules_from("11:00", "v3", abandoned_cart("1h"))
    story.at("10:00", product_added("A", cart="c1")).at("10:35", product_added("A", cart="c2"))
    story.at("11:05", product_added("A", cart="c3")).at("14:00")

    fired = [(r.rules_version, r.context["cart_id"]) for r in story.triggers]
    assert fired == [("v3", "c3"), ("v2", "c2"), ("test", "c1")]
    assert {r.outcome for r in story.records if isinstance(r, Decision)} == {"fired"}


def test_a_sequence_goes_on_to_its_end_in_the_version_it_began_under() -> None:
    two = (Part(wait_ms=HOUR_MS, send="first"), Part(wait_ms=HOUR_MS, send="second"))
    story = Story(a_rule("sequence", steps=two))
    story.rules_from("10:30", "v2", a_rule("sequence", steps=(Part(wait_ms=DAY_MS, send="only"),)))
    story.at("10:00", product_added("A")).at("11:00").at("12:00").at("1d 12:00")

    assert story.fired == [("11:00", "sequence"), ("12:00", "sequence")]
    assert set(versions(story)) == {"test"}


def test_a_merge_asks_the_version_that_a_timer_was_armed_with_whether_it_is_still_wanted() -> None:
    story = Story(abandoned_cart("1h", name="nudge"))
    story.rules_from("10:30", "v2", a_rule("welcome", on="first_order", name="nudge"))
    story.at("10:00", product_added("A"))
    story.joined_by(Story(customer_id="customer-2").at("09:00", product_added("B", cart="c2")), "10:40").at("11:00")

    assert story.fired == [("11:00", "nudge")]


def test_a_merge_asks_the_version_that_held_a_proposal_whether_it_is_still_wanted() -> None:
    story = Story(abandoned_cart("1h", name="nudge", quiet_hours=NIGHT))
    story.rules_from("1d 01:00", "v2", a_rule("upsell", name="nudge"))
    story.at("21:30", product_added("A"))
    story.joined_by(Story(customer_id="customer-2").at("09:00", product_added("B", cart="c2")), "1d 02:00")

    assert story.at("1d 08:00").fired == [("1d 08:00", "nudge")]

"""Customers who used to buy and have stopped."""

from __future__ import annotations

from typing import Any

from pipeline.domain.events import ChannelEvent
from pipeline.domain.rules.in_force import Rule
from tests.unit.domain.triggers.story import Story, a_rule, event, order_completed, viewed


def win_back(**fields: Any) -> Rule:
    return a_rule("win_back", **{"times": 2.0, "at_least": "10d", "without_rhythm": "90d", **fields})


def cancelled(order: str) -> ChannelEvent:
    return event("order_cancelled", order_id=order)


def buying(*days: int, rule: Rule | None = None, customer_id: str = "customer-1") -> Story:
    story = Story(rule or win_back(), customer_id=customer_id)
    for day in days:
        story.at(f"{day}d 10:00", order_completed("A"))
    return story


def fired_on(story: Story) -> list[str]:
    return [clock for clock, _ in story.at("400d 10:00").fired]


def test_s20_who_buys_every_ten_days_is_missed_after_twenty() -> None:
    story = buying(1, 11, 21)

    assert fired_on(story) == ["41d 10:00"]
    assert story.triggers[0].reason == "Nothing bought for 20 days, usually every 10 days"
    assert story.triggers[0].context == {"rhythm_days": 10.0, "orders": 3}


def test_nobody_is_missed_sooner_than_the_rule_says() -> None:
    assert fired_on(buying(1, 2, 3)) == ["13d 10:00"]


def test_who_has_no_rhythm_is_missed_after_a_time_of_the_rule() -> None:
    story = buying(1)

    assert fired_on(story) == ["91d 10:00"]
    assert story.triggers[0].reason == "Nothing bought for 90 days"


def test_who_comes_back_in_any_channel_is_not_invited_back() -> None:
    story = buying(1, 11, 21).at("40d 10:00", order_completed("B", channel="pos")).at("41d 12:00")

    assert story.fired == []
    assert story.decisions[-1] == ("40d 10:00", "dropped", "came_back")


def test_looking_around_is_not_coming_back() -> None:
    assert fired_on(buying(1, 11, 21).at("40d 10:00", viewed("A"))) == ["41d 10:00"]


def test_who_never_bought_cannot_be_won_back() -> None:
    assert Story(win_back()).at("10:00", viewed("A")).at("400d 10:00").records == []


def test_once_per_last_order_and_again_after_the_next() -> None:
    story = buying(1, 11, 21)
    story.at("50d 10:00", order_completed("A"))

    assert fired_on(story) == ["41d 10:00", "70d 10:00"]
    assert len({trigger.trigger_id for trigger in story.triggers}) == 2


def test_an_older_order_told_late_starts_nothing_anew() -> None:
    story = buying(1, 11, 21).at("16d 10:00", order_completed("B"), arriving="22d 10:00")

    assert fired_on(story) == ["41d 10:00"]


def test_b19_an_order_told_again_hours_later_is_the_same_one() -> None:
    story = Story(win_back()).at("1d 10:00", order_completed("A", order="o-1"))
    story.at("1d 12:00", order_completed("A", order="o-1", channel="pos"))

    assert fired_on(story) == ["91d 10:00"]
    assert len(story.decisions) == 1


def test_b13_an_order_learned_of_after_the_invitation_takes_it_back() -> None:
    story = buying(1, 11, 21).at("41d 10:00")
    story.at("39d 10:00", order_completed("B", channel="pos"), arriving="41d 12:00")

    assert [trigger.status for trigger in story.triggers] == ["fired", "revoked"]


def test_who_bought_since_on_the_other_side_of_a_merge_is_missed_from_then_on() -> None:
    other = buying(30, customer_id="customer-2")
    story = buying(1, 11, 21).joined_by(other, "35d 10:00")

    assert story.decisions[-1] == ("35d 10:00", "dropped", "came_back")
    assert fired_on(story) == ["120d 10:00"]


def test_of_two_waits_that_a_merge_brings_together_that_of_the_last_order_stays() -> None:
    other = buying(30, 31, 32, customer_id="customer-2")  # due on day 42, sooner than the 20 days of the other

    assert fired_on(buying(1, 15, 29).joined_by(other, "35d 10:00")) == ["42d 10:00"]


def test_who_has_called_off_every_order_never_bought() -> None:
    story = Story(win_back()).at("1d 10:00", order_completed("A", order="o1")).at("2d 10:00", cancelled("o1"))
    story.at("3d 10:00", order_completed("A", order="o2")).at("4d 10:00", cancelled("o2"))

    assert fired_on(story) == []
    assert story.decisions[-1] == ("93d 10:00", "dropped", "called_off")


def test_who_has_called_off_the_last_order_had_bought_before() -> None:
    story = Story(win_back()).at("1d 10:00", order_completed("A", order="o1"))
    story.at("3d 10:00", order_completed("A", order="o2")).at("4d 10:00", cancelled("o2"))

    assert fired_on(story) == ["93d 10:00"]
    assert story.triggers[0].context == {"rhythm_days": None, "orders": 1}


def test_an_order_told_after_its_cancellation_is_not_waited_from() -> None:
    story = Story(win_back()).at("2d 10:00", cancelled("o1"))
    story.at("1d 10:00", order_completed("A", order="o1"), arriving="2d 10:01")

    assert story.at("400d 10:00").records == []

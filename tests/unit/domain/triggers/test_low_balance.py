"""The low balance: a stored-value card is running empty (S10)."""

from __future__ import annotations

from typing import Any

from pipeline.domain.events import ChannelEvent
from tests.unit.domain.triggers.story import Story, a_rule, event


def top_up(amount: int, currency: str = "EUR", **properties: Any) -> ChannelEvent:
    properties = {"card_id": "k"} | properties
    return event("card_topped_up", amount_minor=amount * 100, currency=currency, properties=properties)


def charge(amount: int, channel: str = "pos", currency: str = "EUR", **properties: Any) -> ChannelEvent:
    properties = {"card_id": "k"} | properties
    return event("card_charged", channel=channel, amount_minor=amount * 100, currency=currency, properties=properties)


def test_s10_a_payment_in_the_store_that_leaves_too_little_is_told() -> None:
    story = Story(a_rule("low_balance")).at("10:00", top_up(20)).at("11:00", charge(10)).at("12:00", charge(6))

    assert story.fired == [("12:00", "low_balance")]
    assert story.triggers[0].reason == "Card k has 4.00 EUR left"


def test_a_further_payment_is_not_told_until_the_card_was_full_again() -> None:
    story = Story(a_rule("low_balance")).at("10:00", top_up(20)).at("11:00", charge(16)).at("12:00", charge(1))
    story.at("13:00", top_up(20)).at("14:00", charge(19))

    assert story.fired == [("11:00", "low_balance"), ("14:00", "low_balance")]
    assert len({trigger.trigger_id for trigger in story.triggers}) == 2


def test_a_small_top_up_is_no_payment() -> None:
    story = Story(a_rule("low_balance")).at("10:00", top_up(3))

    assert story.fired == []


def test_s10_a_top_up_in_another_channel_within_the_delay_cancels_it() -> None:
    story = Story(a_rule("low_balance", delay="1h")).at("10:00", top_up(20)).at("11:00", charge(16))
    story.at("11:30", top_up(20)).at("13:00")

    assert story.fired == []
    assert story.decisions == [("11:30", "dropped", "not_so")]


def test_after_the_delay_it_is_told_with_what_is_left_then() -> None:
    story = Story(a_rule("low_balance", delay="1h")).at("10:00", top_up(20)).at("11:00", charge(16))
    story.at("11:30", charge(1)).at("13:00")

    assert story.fired == [("12:00", "low_balance")]
    assert story.triggers[0].context["balance_minor"] == 300


def test_a_card_whose_balance_we_never_heard_is_not_below_nothing() -> None:
    story = Story(a_rule("low_balance")).at("10:00", charge(10)).at("11:00", charge(5, balance_minor=400))

    assert story.fired == [("11:00", "low_balance")]


def test_b31_a_card_in_another_currency_is_not_compared() -> None:
    story = (
        Story(a_rule("low_balance", currency="EUR"))
        .at("10:00", top_up(20, "JPY"))
        .at("11:00", charge(16, "pos", "JPY"))
    )

    assert story.fired == []


def test_each_card_is_told_of_by_itself() -> None:
    story = Story(a_rule("low_balance")).at("10:00", top_up(20), top_up(20, card_id="l"))
    story.at("11:00", charge(16)).at("12:00", charge(16, card_id="l"))

    assert [trigger.context["card_id"] for trigger in story.triggers] == ["k", "l"]


def test_a_top_up_that_arrives_late_after_the_payment_it_came_before_stops_the_wait() -> None:
    story = Story(a_rule("low_balance", delay="1h")).at("09:00", top_up(20)).at("11:00", charge(16))
    story.at("10:30", top_up(50), arriving="11:30").at("13:00")

    assert story.fired == []


def test_a_top_up_of_the_other_of_two_who_become_one_counts() -> None:
    other = Story(a_rule("low_balance", delay="1h"), customer_id="customer-2").at("11:15", top_up(50))
    story = Story(a_rule("low_balance", delay="1h")).at("10:00", top_up(20)).at("11:00", charge(16))
    story.joined_by(other, "11:30").at("13:00")

    assert story.fired == []


def test_b26_in_the_morning_it_is_told_with_what_is_left_then() -> None:
    story = Story(a_rule("low_balance", quiet_hours="21:00-07:00")).at("20:30", top_up(10))
    story.at("21:30", charge(6)).at("22:30", charge(3)).at("1d 07:00")

    assert [trigger.reason for trigger in story.triggers] == ["Card k has 1.00 EUR left"]
    assert story.triggers[0].context["balance_minor"] == 100


def test_b26_a_card_of_which_another_of_two_who_become_one_has_the_top_up_is_not_low_in_the_morning() -> None:
    rule = a_rule("low_balance", quiet_hours="21:00-07:00")
    other = Story(rule, customer_id="customer-2").at("21:45", top_up(50))
    story = Story(rule).at("20:30", top_up(10)).at("21:30", charge(6)).joined_by(other, "22:30").at("1d 07:00")

    assert story.decisions == [("21:30", "held", "quiet_hours"), ("22:30", "dropped", "not_so")]

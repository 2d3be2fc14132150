"""The referral, on either side (S6); what crosses from one customer to the other is in tests/simulation."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent
from pipeline.domain.rules.in_force import Rule
from pipeline.domain.triggers.referral import Config
from tests.unit.domain.triggers.story import Story, event, hours, told

REWARD = Rule("reward", "referral", Config())


def redeemed(code: str = "ANN-1") -> ChannelEvent:
    return told("referral_redeemed", code=code)


def word(code: str = "ANN-1", identifiers: dict[str, str] | None = None) -> ChannelEvent:
    properties = {"code": code, "by_friend": True}
    return event("referral_redeemed", properties=properties, identifiers=identifiers or {"account": "ann"})


def roles(story: Story) -> list[tuple[str, object]]:
    return [(clock, trigger.context["role"]) for (clock, _), trigger in zip(story.fired, story.triggers, strict=True)]


def test_s6_a_friend_is_rewarded_once_per_code() -> None:
    story = Story(REWARD).at("10:00", redeemed()).at("11:00", redeemed("ann-1")).at("12:00", redeemed("ZOE-1"))

    assert roles(story) == [("10:00", "friend"), ("12:00", "friend")]


def test_s6_a_sender_is_rewarded_once_per_friend() -> None:
    story = Story(REWARD).at("10:00", word(), word())

    assert roles(story) == [("10:00", "sender"), ("10:00", "sender")]
    assert len({trigger.trigger_id for trigger in story.triggers}) == 2


def test_a_code_under_either_name_or_as_a_number_is_taken_and_none_is_not() -> None:
    story = Story(REWARD).at("10:00", told("referral_redeemed", referral_code="ANN-1"))
    story.at("11:00", told("referral_redeemed", code=1234)).at("12:00", told("referral_redeemed", code=" "))

    assert [trigger.context["code"] for trigger in story.triggers] == ["ANN-1", "1234"]


def test_b23_a_redemption_told_weeks_late_rewards_nobody() -> None:
    story = Story(REWARD).at("-30d 10:00", redeemed(), arriving="10:00").at("11:00", redeemed())

    assert story.fired == []


def test_b19_a_redemption_told_twice_rewards_once() -> None:
    told_twice = event("referral_redeemed", event_id="e-9", properties={"code": "ANN-1"})
    story = Story(REWARD).at("10:00", told_twice).again(told_twice, "10:00", "10:05")

    assert roles(story) == [("10:00", "friend")]


def test_word_of_a_friend_waits_for_who_had_sent_the_code_a_week_long() -> None:
    code_alone = {"referral": "ANN-1"}
    nobody = Story(REWARD).at("10:00", word(identifiers=code_alone)).at("30d 00:00")
    assert nobody.fired == []
    assert nobody.decisions[-1][1:] == ("dropped", "not_so")

    waiting = Story(REWARD, customer_id="customer-2").at("10:00", word(identifiers=code_alone))
    sender = Story(REWARD).at("10:00", event("page_viewed")).joined_by(waiting, "2d 10:00").at("9d 00:00")
    assert [role for _, role in roles(sender)] == ["sender"]


def test_who_turns_out_to_be_the_sender_of_the_code_they_used_gets_nothing_more() -> None:
    waiting = Story(REWARD, customer_id="customer-2").at("10:00", word(identifiers={"referral": "ANN-1"}))
    story = Story(REWARD).at("10:00", redeemed()).joined_by(waiting, "10:00").at("9d 00:00")

    assert roles(story) == [("10:00", "friend")]


def test_two_who_become_one_and_used_the_same_code_are_not_rewarded_again() -> None:
    other = Story(REWARD, customer_id="customer-2").at("10:00", redeemed())
    story = Story(REWARD).at("09:00", event("page_viewed")).joined_by(other, "11:00").at("12:00", redeemed())

    assert story.fired == []


def test_b26_rewards_for_two_friends_at_night_both_go_out_in_the_morning() -> None:
    story = Story(replace(REWARD, quiet_hours=hours("22:00-08:00"))).at("22:30", word()).at("23:30", word())

    assert roles(story.at("1d 08:00")) == [("1d 08:00", "sender"), ("1d 08:00", "sender")]

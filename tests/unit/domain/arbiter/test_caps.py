"""Caps: never more messages than allowed, in whatever window. B25."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.arbiter.policy import Policy
from pipeline.domain.customer.state import SENT_KEPT
from pipeline.domain.events import Context
from pipeline.domain.facets.situation import Situation
from tests.unit.domain.triggers.story import Story, a_cap, abandoned_cart, event, product_added

MAIL = {"cookie": "c-9", "email": "a@example.com", "device": "d-1"}
ONE_A_DAY = Policy(caps=(a_cap(1, "24h"),))


def two_at_once(**low: Any) -> Story:
    rules = abandoned_cart(name="high", priority=9), abandoned_cart(name="low", priority=1, **low)
    return Story(*rules, policy=ONE_A_DAY).at("10:00", product_added("A")).at("11:00")


def test_b25_of_two_ready_at_once_under_a_cap_of_one_the_higher_priority_is_sent_the_other_recorded() -> None:
    story = two_at_once()

    assert story.fired == [("11:00", "high")]
    assert story.decisions == [("11:00", "fired", "sent"), ("11:00", "dropped", "capped")]


def test_b25_deferred_it_is_sent_as_soon_as_there_is_room() -> None:
    story = two_at_once(when_capped="defer", expires_after="3d")
    assert story.decisions == [("11:00", "fired", "sent"), ("11:00", "deferred", "capped")]

    assert story.at("1d 10:59").fired == [("11:00", "high")]
    assert story.at("1d 11:00").fired == [("11:00", "high"), ("1d 11:00", "low")]


def test_b25_deferred_beyond_its_expiry_it_is_dropped_as_capped() -> None:
    assert two_at_once(when_capped="defer", expires_after="24h").decisions[1:] == [("11:00", "dropped", "capped")]


def test_b25_deferred_again_and_again_it_is_dropped_as_capped_when_the_next_room_is_beyond_its_expiry() -> None:
    rules = [
        abandoned_cart(name=name, priority=p, when_capped="defer", expires_after="40h")
        for name, p in (("a", 3), ("b", 2), ("c", 1))
    ]
    story = Story(*rules, policy=ONE_A_DAY).at("10:00", product_added("A")).at("11:00").at("1d 11:00").at("9d 11:00")

    assert story.fired == [("11:00", "a"), ("1d 11:00", "b")]
    assert story.decisions[-1] == ("1d 11:00", "dropped", "capped")


def test_one_that_never_expires_is_deferred_for_a_week_at_most() -> None:
    for per, outcome in (("7d", "dropped"), ("6d", "deferred")):
        rules = abandoned_cart(name="high", priority=9), abandoned_cart(name="low", priority=1, when_capped="defer")
        story = Story(*rules, policy=Policy(caps=(a_cap(1, per),))).at("10:00", product_added("A")).at("11:00")
        assert story.decisions[1] == ("11:00", outcome, "capped")


def test_room_that_comes_in_the_night_waits_for_the_morning() -> None:
    rules = (
        abandoned_cart(name="high", priority=9),
        abandoned_cart(name="low", priority=1, when_capped="defer", quiet_hours="22:00-08:00"),
    )
    story = Story(*rules, policy=Policy(caps=(a_cap(1, "12h"),))).at("10:00", product_added("A")).at("11:00")

    assert story.at("23:00").at("1d 08:00").decisions[1:] == [
        ("11:00", "deferred", "capped"),
        ("23:00", "held", "quiet_hours"),
        ("1d 08:00", "fired", "sent"),
    ]


def test_a_cap_full_at_night_says_nothing_of_the_morning() -> None:
    rules = abandoned_cart("1h", name="day"), abandoned_cart("2h", name="night", quiet_hours="22:00-08:00")
    story = Story(*rules, policy=Policy(caps=(a_cap(1, "4h"),)))
    story.at("20:30", product_added("A")).at("21:30").at("22:30").at("1d 08:00")

    assert story.decisions == [
        ("21:30", "fired", "sent"),
        ("22:30", "held", "quiet_hours"),
        ("1d 08:00", "fired", "sent"),
    ]


@pytest.mark.parametrize(
    ("per", "zone", "again"),
    [
        ("day", "UTC", "1d 00:00"),
        ("week", "UTC", "6d 00:00"),  # the story begins on a Tuesday
        ("month", "UTC", "7d 00:00"),  # … the 24th of November
        ("day", "Asia/Tokyo", "15:00"),
        ("week", "Asia/Tokyo", "5d 15:00"),
        ("month", "Asia/Tokyo", "6d 15:00"),
    ],
)
def test_calendar_caps_begin_anew_with_the_customers_day_week_and_month(per: str, zone: str, again: str) -> None:
    first = abandoned_cart(name="a", priority=9)
    second = abandoned_cart(name="b", priority=1, when_capped="defer", expires_after="30d")
    story = Story(first, second, policy=Policy(caps=(a_cap(1, per),), time_zone=zone))
    story.at("10:00", product_added("A")).at("11:00").at(again)

    assert story.fired == [("11:00", "a"), (again, "b")]


def test_a_cap_of_one_channel_lets_the_message_take_the_next() -> None:
    policy = Policy(caps=(a_cap(1, "24h", channel="email"),))
    story = Story(abandoned_cart(channels=("email", "push")), policy=policy)
    story.at("10:00", product_added("A", cart="c1", identifiers=MAIL)).at("12:00", product_added("B", cart="c2"))
    story.at("13:00")

    assert [trigger.channel for trigger in story.triggers] == ["email", "push"]


def test_a_cap_of_a_class_lets_the_other_class_through() -> None:
    policy = Policy(caps=(a_cap(1, "24h", rule_class="marketing"),))
    rules = (
        abandoned_cart(name="a", priority=9),
        abandoned_cart(name="b", priority=1),
        abandoned_cart(name="c", rule_class="transactional"),
    )
    story = Story(*rules, policy=policy).at("10:00", product_added("A")).at("11:00")

    assert sorted(rule for _, rule in story.fired) == ["a", "c"]


def test_a_rules_own_cap_counts_its_own_messages_alone() -> None:
    rules = abandoned_cart(name="a", at_most=[a_cap(2, "24h")]), abandoned_cart(name="b")
    story = Story(*rules)
    for hour in (10, 12, 14):
        story.at(f"{hour}:00", product_added("A", cart=f"c{hour}"))
    story.at("16:00")

    assert [rule for _, rule in story.fired] == ["a", "b", "a", "b", "b"]


def test_after_an_outage_what_goes_out_at_once_counts_as_at_once() -> None:
    story = Story(abandoned_cart("1h"), policy=ONE_A_DAY).at("10:00", product_added("A", cart="c1"))
    story.at("1d 10:30", product_added("B", cart="c2"))
    assert story.decisions == [("11:00", "fired", "sent")]

    assert story.at("1d 12:00").decisions[1:] == [("1d 11:30", "dropped", "capped")]


def test_a_flood_in_one_channel_does_not_make_the_cap_of_another_forget() -> None:
    policy = Policy(caps=(a_cap(1, "30d", channel="email"),))
    rules = (
        abandoned_cart("1h", name="mail", channels=("email",)),
        abandoned_cart("1h", name="push", channels=("push",)),
    )
    story = Story(*rules, policy=policy)
    for number in range(SENT_KEPT + 20):
        day, hour = divmod(number * 2, 24)
        story.at(f"{day}d {hour:02d}:00", product_added("A", cart=f"c{number}", identifiers=MAIL))
    story.at("20d 00:00", event("product_viewed"))

    assert [trigger.channel for trigger in story.triggers].count("email") == 1
    assert story.state is not None
    assert len(story.state.sent) == SENT_KEPT


def test_the_zone_of_the_customer_decides_what_a_day_is() -> None:
    story = Story(abandoned_cart("1h"), policy=Policy(caps=(a_cap(1, "day"),)))
    story.at("10:00", event("product_viewed")).knows(situation=Situation(Context(country="JP")))
    story.at("13:30", product_added("A", cart="c1")).at("14:30", product_added("B", cart="c2")).at("15:30")

    assert story.fired == [("14:30", "abandoned_cart"), ("15:30", "abandoned_cart")]  # 23:30 and 00:30 in Japan

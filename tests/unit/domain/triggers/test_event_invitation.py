"""The event invitation: for those near enough whom it suits (S6, S8)."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.events import ChannelEvent, Context, Item
from pipeline.domain.rules.in_force import Rule
from pipeline.domain.time import rfc3339
from pipeline.domain.triggers.event_invitation import Config
from tests.unit.domain.triggers.story import Story, a_rule, at_ms, event, order_completed

BERLIN, POTSDAM, MUNICH = (52.52, 13.405), (52.396, 13.058), (48.137, 11.575)


def invitation(**fields: Any) -> Rule:
    when = {"starts_at": rfc3339(at_ms("5d 18:00")), "ahead": "3d"}
    return a_rule("event_invitation", event="Pop-up", **(when | fields))


def seen(place: tuple[float, float] | None = None, city: str | None = None) -> ChannelEvent:
    latitude, longitude = place or (None, None)
    return event("page_viewed", context=Context(city=city, latitude=latitude, longitude=longitude))


def near_berlin(**fields: Any) -> Rule:
    return invitation(latitude=BERLIN[0], longitude=BERLIN[1], within_km=30.0, **fields)


def test_s6_who_is_seen_near_it_in_time_is_invited_once() -> None:
    story = Story(near_berlin()).at("3d 10:00", seen(POTSDAM)).at("3d 11:00", seen(BERLIN))

    assert story.fired == [("3d 10:00", "event_invitation")]
    assert story.triggers[0].reason == "Pop-up is 27 km away"


def test_who_is_far_away_or_of_whom_no_place_is_known_is_not_invited() -> None:
    assert Story(near_berlin()).at("3d 10:00", seen(MUNICH)).fired == []
    assert Story(near_berlin()).at("3d 10:00", seen()).fired == []


def test_who_comes_near_later_is_invited_then() -> None:
    story = Story(near_berlin()).at("3d 10:00", seen(MUNICH)).at("4d 10:00", seen(BERLIN))

    assert story.fired == [("4d 10:00", "event_invitation")]


def test_a_position_that_nobody_can_be_at_is_no_place() -> None:
    assert Story(near_berlin()).at("3d 10:00", seen((float("inf"), 500.0))).fired == []


def test_invitations_begin_so_long_before_it_and_end_with_its_beginning() -> None:
    story = Story(invitation()).at("2d 17:59", seen()).at("5d 18:00", seen())
    assert story.fired == []

    assert Story(invitation()).at("2d 18:00", seen()).fired == [("2d 18:00", "event_invitation")]


def test_a_city_is_the_same_with_capitals_or_without() -> None:
    story = Story(invitation(cities=("Berlin",))).at("3d 10:00", seen(city="BERLIN"))

    assert [trigger.reason for trigger in story.triggers] == ["Pop-up is in BERLIN"]


def test_s8_only_who_likes_the_category_and_has_the_size_is_invited() -> None:
    shoes = Item("A", attributes={"category": "shoes", "size": "38"})
    rule = invitation(categories=("shoes",), sizes=("38",))

    fits = Story(rule).at("10:00", event("products_searched", items=(shoes,))).at("3d 10:00", seen())
    other = Item("A", attributes={"category": "shoes", "size": "44"})
    too_big = Story(rule).at("10:00", event("products_searched", items=(other,))).at("3d 10:00", seen())

    assert fits.fired == [("3d 10:00", "event_invitation")]
    assert too_big.fired == []


def test_two_who_become_one_are_not_invited_again() -> None:
    other = Story(invitation(), customer_id="customer-2").at("3d 10:00", seen())
    story = Story(invitation()).at("2d 10:00", seen()).joined_by(other, "3d 11:00").at("3d 12:00", seen())

    assert story.fired == []


@pytest.mark.parametrize("wrong", [{"starts_at": "tomorrow"}, {"latitude": 52.5}, {"longitude": 13.4}])
def test_a_time_nobody_can_read_and_half_a_position_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"tomorrow|together"):
        Config(**wrong)


def test_b26_an_invitation_held_over_night_does_not_come_once_the_event_has_begun() -> None:
    rule = invitation(starts_at=rfc3339(at_ms("1d 07:30")), quiet_hours="22:00-08:00")
    story = Story(rule).at("22:30", seen()).at("1d 08:00")

    assert story.decisions == [("22:30", "held", "quiet_hours"), ("1d 08:00", "dropped", "expired")]


def test_an_invitation_is_of_no_use_once_the_event_has_begun() -> None:
    story = Story(invitation()).at("3d 10:00", seen())

    assert [trigger.expires_at_ms for trigger in story.triggers] == [at_ms("5d 18:00")]


def test_b26_who_is_seen_again_in_the_night_is_invited_once_in_the_morning() -> None:
    story = Story(invitation(quiet_hours="22:00-08:00")).at("3d 22:30", seen()).at("3d 23:00", event("identified"))
    story.at("4d 08:00").at("5d 09:00", seen())

    assert story.fired == [("4d 08:00", "event_invitation")]


def test_who_cannot_be_written_to_is_tried_again_a_day_later_and_not_with_each_event() -> None:
    story = Story(invitation(channels=("email",))).at("3d 10:00", seen()).at("3d 10:05", seen())
    story.at("4d 09:00", order_completed("A", identifiers={"email": "u@x.de"})).at("4d 10:00", seen())

    assert story.decisions == [("3d 10:00", "dropped", "no_address"), ("4d 10:00", "fired", "sent")]


def test_who_says_who_they_are_is_invited_at_once() -> None:
    story = Story(invitation(channels=("email",))).at("3d 10:00", seen())
    story.at("3d 10:05", event("identified", identifiers={"email": "u@x.de"})).at("3d 10:10", seen())

    assert story.decisions == [("3d 10:00", "dropped", "no_address"), ("3d 10:05", "fired", "sent")]


def test_who_was_seen_so_late_that_nothing_is_said_is_invited_when_seen_next() -> None:
    story = Story(invitation(ahead="30d"))
    story.at("-10d 10:00", seen(), arriving="10:00").at("11:00", seen())

    assert story.fired == [("11:00", "event_invitation")]


def test_who_is_held_out_is_tried_once() -> None:
    story = Story(invitation(holdout_percent=100.0)).at("3d 10:00", seen()).at("4d 11:00", seen())

    assert story.decisions == [("3d 10:00", "held_out", "rule_holdout")]

"""Near a store: a customer is round the corner while it is open (S4, S16)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.arbiter.policy import Policy, QuietHours
from pipeline.domain.customer.draft import Draft
from pipeline.domain.events import ChannelEvent, Context
from pipeline.domain.reasons import DropReason
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers.near_store import Config, Store
from pipeline.domain.triggers.steps import Proposal
from tests.unit.domain.triggers.story import Story, a_rule, at_ms, event

DOOR = (52.5200, 13.4050)
CORNER = (52.5215, 13.4050)  # 167 m
EDGE = (52.5236, 13.4050)  # 400 m: out of the radius, not yet gone
FAR = (52.5300, 13.4050)  # 1.1 km
POTSDAM = (52.3960, 13.0580)

NINE_TO_EIGHT = QuietHours(9 * 60, 20 * 60)
MITTE = Store("mitte", *DOOR, 300, NINE_TO_EIGHT, ("sun",), "Europe/Berlin")  # open from 08:00 to 19:00 UTC


def near(*stores: Store, **fields: Any) -> Rule:
    return a_rule("near_store", stores=stores or (MITTE,), **fields)


def at(place: tuple[float, float], **fields: Any) -> ChannelEvent:
    return event("location_seen", context=Context(latitude=place[0], longitude=place[1]), **fields)


def test_who_comes_near_while_it_is_open_is_told_once_per_visit() -> None:
    story = Story(near()).at("10:00", at(FAR)).at("10:10", at(CORNER)).at("10:20", at(DOOR)).at("12:00", at(CORNER))

    assert story.fired == [("10:10", "near_store")]
    assert story.triggers[0].context == {"store_id": "mitte", "metres": 167}


def test_s16_before_it_opens_nothing_is_told_and_after_that_it_is() -> None:
    story = Story(near()).at("07:50", at(CORNER)).at("08:10", at(CORNER))

    assert story.fired == [("08:10", "near_store")]


def test_after_it_has_closed_and_on_the_day_it_is_closed_nothing_is_told() -> None:
    story = Story(near()).at("19:00", at(CORNER)).at("5d 10:00", at(CORNER))  # the 29th is a Sunday

    assert story.fired == []


def test_a_store_without_a_zone_opens_by_that_of_the_rules_file() -> None:
    store = replace(MITTE, time_zone=None)
    story = Story(near(store), policy=Policy(time_zone="Europe/Berlin")).at("07:59", at(CORNER)).at("08:00", at(DOOR))

    assert story.fired == [("08:00", "near_store")]


def test_who_leaves_and_comes_back_is_told_again() -> None:
    story = Story(near()).at("10:00", at(CORNER)).at("11:00", at(FAR)).at("12:00", at(CORNER))

    assert story.fired == [("10:00", "near_store"), ("12:00", "near_store")]


def test_a_position_that_wavers_at_the_edge_is_no_coming_back() -> None:
    story = Story(near()).at("10:00", at(CORNER))
    for minute in range(10, 50, 10):
        story.at(f"10:{minute}", at(EDGE)).at(f"10:{minute + 5}", at(CORNER))

    assert story.fired == [("10:00", "near_store")]


def test_who_was_not_seen_for_long_has_left() -> None:
    story = Story(near()).at("10:00", at(CORNER)).at("15:00", at(CORNER)).at("1d 10:00", at(CORNER))

    assert story.fired == [("10:00", "near_store"), ("1d 10:00", "near_store")]


def test_coming_back_within_the_cooldown_is_not_told() -> None:
    story = Story(near(cooldown="1d")).at("10:00", at(CORNER)).at("11:00", at(FAR)).at("12:00", at(CORNER))

    assert story.fired == [("10:00", "near_store")]


def test_any_event_that_tells_where_the_customer_is_will_do() -> None:
    told = event("location_seen", properties={"latitude": CORNER[0], "longitude": CORNER[1]})

    assert Story(near()).at("10:00", event("page_viewed", context=at(CORNER).context)).fired != []
    assert Story(near()).at("10:00", told).fired != []
    assert Story(near()).at("10:00", event("page_viewed")).fired == []


def test_of_several_stores_the_nearest_that_is_open_is_told() -> None:
    closed = Store("closed", *CORNER, 300, QuietHours(0, 60))
    other = Store("other", *FAR, 2_000)

    story = Story(near(closed, other, MITTE)).at("10:00", at(CORNER)).at("10:05", at(CORNER))
    assert [trigger.context["store_id"] for trigger in story.triggers] == ["mitte"]


def test_who_goes_from_one_store_to_another_is_told_of_each() -> None:
    story = Story(near(MITTE, Store("potsdam", *POTSDAM))).at("10:00", at(CORNER)).at("11:00", at(POTSDAM))

    assert [trigger.context["store_id"] for trigger in story.triggers] == ["mitte", "potsdam"]


def test_s4_who_is_in_a_store_already_is_not_told_then_nor_when_leaving() -> None:
    story = Story(near()).at("10:00", event("store_entered", store_id="mitte", channel="store_sensor"))
    story.at("10:10", at(DOOR)).at("10:30", event("store_exited", store_id="mitte", channel="store_sensor"))
    story.at("10:31", at(CORNER))

    assert story.fired == []


def test_paying_at_the_till_is_not_coming_near() -> None:
    assert Story(near()).at("10:00", at(DOOR, channel="pos", store_id="mitte")).fired == []


def test_where_the_customer_was_earlier_does_not_matter_when_told_late() -> None:
    story = Story(near()).at("11:00", at(FAR)).at("10:00", at(CORNER), arriving="11:05")

    assert story.fired == []


def test_a_position_of_last_week_is_not_now() -> None:
    story = Story(near()).at("-9d 10:00", at(CORNER), arriving="10:00")

    assert story.fired == []


def test_b19_told_twice_it_fires_once() -> None:
    story = Story(near()).at("10:00", at(CORNER, event_id="e-9")).again(at(CORNER, event_id="e-9"), "10:00", "10:05")

    assert story.fired == [("10:00", "near_store")]


def test_two_who_become_one_during_a_visit_are_not_told_again() -> None:
    other = Story(near(), customer_id="customer-2").at("10:00", at(CORNER))
    story = Story(near()).at("09:00", at(FAR)).joined_by(other, "10:10").at("10:20", at(DOOR))

    assert story.fired == []


def test_a_word_that_was_held_is_dropped_once_the_customer_has_gone_on() -> None:
    held = Proposal("mitte", "e-1", 0, "", 0, "e-1", (), {}, "")

    def on_release(story: Story) -> DropReason | None:
        assert story.state is not None
        return Rules("1", [near()]).logic["near_store"].on_release(held, Draft(story.state))

    story = Story(near()).at("10:00", at(CORNER))
    assert on_release(story) is None
    assert on_release(story.at("11:00", at(FAR))) is DropReason.NOT_SO


def test_a_zone_that_does_not_exist_and_a_store_named_twice_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown time_zone Berlin"):
        Store("a", *DOOR, time_zone="Berlin")
    with pytest.raises(ValueError, match="two stores have the same store_id"):
        Config((MITTE, MITTE))


# --- held over night ----------------------------------------------------------------------------------------------

LATE = Store("late", *DOOR, 300, QuietHours(9 * 60, 23 * 60), (), "Europe/Berlin")  # until 22:00 UTC
NIGHT_AND_DAY = Store("night", *DOOR)


def held(store: Store) -> Story:
    """Seen at the corner at 21:30, in quiet hours."""
    return Story(near(store, quiet_hours="21:00-07:00")).at("21:30", at(CORNER))


def test_b26_a_word_held_over_night_does_not_come_once_the_store_has_closed() -> None:
    story = held(LATE).at("1d 07:00")

    assert story.decisions == [("21:30", "held", "quiet_hours"), ("1d 07:00", "dropped", "expired")]


def test_b26_who_went_in_meanwhile_is_not_told_of_the_store() -> None:
    stays, gone = held(NIGHT_AND_DAY), held(NIGHT_AND_DAY)
    for story in (stays, gone):
        story.at("21:40", event("store_entered", store_id="night", channel="store_sensor"))
    gone.at("21:50", event("store_exited", store_id="night", channel="store_sensor"))

    for story in (stays, gone):
        assert story.at("1d 07:00").decisions[1:] == [("1d 07:00", "dropped", "not_so")]


def test_b26_who_is_still_near_in_the_morning_is_told_how_far_it_is_by_now() -> None:
    story = held(NIGHT_AND_DAY).at("1d 01:00", at(DOOR)).at("1d 07:00")

    assert [trigger.reason for trigger in story.triggers] == ["0 m from the store night, which is open"]
    assert story.triggers[0].context == {"store_id": "night", "metres": 0}


@pytest.mark.parametrize(
    ("store", "seen", "closes"),
    [
        (MITTE, "10:00", "19:00"),
        (replace(MITTE, opens=QuietHours(20 * 60, 2 * 60)), "20:00", "1d 01:00"),
        (replace(MITTE, opens=QuietHours(20 * 60, 2 * 60)), "4d 20:00", "4d 23:00"),  # Saturday: closed on Sunday
        (replace(MITTE, opens=None), "10:00", "4d 23:00"),
    ],
)
def test_word_of_a_store_is_of_no_use_once_it_has_closed(store: Store, seen: str, closes: str) -> None:
    story = Story(near(store)).at(seen, at(CORNER))

    assert [trigger.expires_at_ms for trigger in story.triggers] == [at_ms(closes)]


def test_word_of_a_store_that_never_closes_is_of_use_for_ever() -> None:
    story = Story(near(NIGHT_AND_DAY)).at("10:00", at(CORNER))

    assert [trigger.expires_at_ms for trigger in story.triggers] == [None]

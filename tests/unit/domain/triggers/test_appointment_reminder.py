"""Appointments, and the reminder before them."""

from __future__ import annotations

import pytest

from pipeline.domain.events import ChannelEvent
from pipeline.domain.rules.in_force import Rule
from tests.unit.domain.triggers.story import Story, a_cap, a_rule, at_ms, event, told


def reminder(ahead: str = "1d") -> Rule:
    return a_rule("appointment_reminder", ahead=ahead)


def punctual(rule: Rule, customer_id: str = "customer-1") -> Story:
    """A story in which nothing comes late, however far the clock leaps."""
    return Story(rule, clock="event", customer_id=customer_id)


def booked(starts_at: str, name: str = "a-1", **properties: str) -> ChannelEvent:
    return told("appointment_booked", appointment_id=name, starts_at=starts_at, **properties)


def ended(state: str, name: str = "a-1") -> ChannelEvent:
    return told(f"appointment_{state}", appointment_id=name)


def test_s13_an_appointment_is_reminded_of_a_day_ahead_once() -> None:
    story = punctual(reminder()).at("10:00", booked("3d 15:00", topic="fitting")).at("2d 14:59").at("2d 15:00")

    assert story.at("9d 10:00").fired == [("2d 15:00", "appointment_reminder")]
    assert story.triggers[0].reason == "An appointment is at 2026-11-27T15:00:00.000Z"
    assert story.triggers[0].context == {
        "appointment_id": "a-1",
        "at": "2026-11-27T15:00:00.000Z",
        "store_id": None,
        "topic": "fitting",
    }


def test_an_appointment_nearer_than_that_is_not_reminded_of() -> None:
    assert punctual(reminder()).at("10:00", booked("1d 09:00")).at("9d 10:00").records == []


def test_an_appointment_of_which_no_time_was_told_is_not_reminded_of() -> None:
    assert (
        punctual(reminder()).at("10:00", told("appointment_booked", appointment_id="a-1")).at("9d 10:00").records == []
    )


@pytest.mark.parametrize(("state", "reason"), [("cancelled", "called_off"), ("done", "done")])
def test_s13_one_called_off_or_kept_in_any_channel_is_not_reminded_of(state: str, reason: str) -> None:
    story = punctual(reminder()).at("10:00", booked("3d 15:00")).at("1d 10:00", ended(state)).at("9d 10:00")

    assert story.decisions == [("1d 10:00", "dropped", reason)]


def test_one_moved_twice_is_reminded_of_at_its_last_time() -> None:
    story = punctual(reminder()).at("10:00", booked("3d 15:00")).at("11:00", booked("6d 15:00"))
    story.at("12:00", booked("4d 15:00")).at("9d 10:00")

    assert story.fired == [("3d 15:00", "appointment_reminder")]
    assert [decision[1:] for decision in story.decisions] == [
        ("dropped", "not_so"),
        ("dropped", "not_so"),
        ("fired", "sent"),
    ]


def test_one_moved_after_its_reminder_is_reminded_of_again() -> None:
    story = punctual(reminder()).at("10:00", booked("2d 15:00")).at("1d 16:00", booked("5d 15:00")).at("9d 10:00")

    assert [clock for clock, _ in story.fired] == ["1d 15:00", "4d 15:00"]


def test_moves_told_in_the_wrong_order_end_at_the_time_said_last() -> None:
    story = punctual(reminder()).at("12:00", booked("4d 15:00"))
    story.at("11:00", booked("6d 15:00"), arriving="12:01").at("10:00", booked("3d 15:00"), arriving="12:02")

    assert story.at("9d 10:00").decisions == [("3d 15:00", "fired", "sent")]


def test_a_cancellation_told_before_the_booking_still_cancels() -> None:
    story = punctual(reminder()).at("11:00", ended("cancelled")).at("10:00", booked("3d 15:00"), arriving="11:01")

    assert story.at("9d 10:00").records == []


def test_b19_the_same_booking_told_by_two_channels_is_one() -> None:
    story = punctual(reminder()).at("10:00", booked("3d 15:00")).at("11:00", booked("3d 15:00")).at("9d 10:00")

    assert story.decisions == [("2d 15:00", "fired", "sent")]
    assert story.triggers[0].caused_by == "e-1"


def test_one_called_off_and_booked_again_is_reminded_of() -> None:
    story = punctual(reminder()).at("10:00", booked("3d 15:00")).at("11:00", ended("cancelled"))
    story.at("12:00", booked("3d 15:00")).at("9d 10:00")

    assert story.decisions == [("11:00", "dropped", "called_off"), ("2d 15:00", "fired", "sent")]


def test_two_appointments_booked_at_once_are_two() -> None:
    story = punctual(reminder()).at("10:00", booked("3d 15:00"), booked("4d 09:00", "a-2")).at("9d 10:00")

    assert [clock for clock, _ in story.fired] == ["2d 15:00", "3d 09:00"]


def test_one_called_off_or_moved_on_the_other_side_of_a_merge_is_not_reminded_of() -> None:
    for word, reason in ((ended("cancelled"), "called_off"), (booked("12:30"), "not_so")):
        other = punctual(reminder(), customer_id="customer-2").at("11:00", word)
        story = punctual(reminder()).at("10:00", booked("3d 15:00")).joined_by(other, "12:00").at("9d 10:00")
        assert story.decisions == [("12:00", "dropped", reason)]


def test_one_moved_to_an_earlier_time_on_the_other_side_of_a_merge_is_reminded_of_then() -> None:
    other = punctual(reminder(), customer_id="customer-2").at("11:00", booked("3d 15:00"))
    story = punctual(reminder()).at("10:00", booked("5d 15:00")).joined_by(other, "12:00").at("9d 10:00")

    assert story.decisions == [("12:00", "dropped", "not_so"), ("2d 15:00", "fired", "sent")]


def test_one_reminded_of_on_one_side_of_a_merge_is_not_on_the_other() -> None:
    other = punctual(reminder("2d"), customer_id="customer-2").at("-1d 10:00", booked("1d 15:00"))
    story = punctual(reminder()).at("-1d 10:00", booked("1d 15:00")).joined_by(other, "12:00").at("9d 10:00")

    assert len(other.fired) == 1
    assert story.decisions == [("12:00", "dropped", "done")]


@pytest.mark.parametrize("microseconds", [1_795_478_400_000_000, -1_795_478_400_000_000])
def test_a_time_that_no_calendar_has_is_no_time(microseconds: int) -> None:
    story = Story(a_rule("appointment_reminder", quiet_hours="22:00-08:00"), clock="event")
    story.at("10:00", event("appointment_booked", properties={"appointment_id": "a-1", "starts_at": microseconds}))
    story.pass_time(2**60)

    assert story.records == []
    assert story.state is not None
    assert story.state.timers == ()


def test_b26_a_reminder_held_over_night_does_not_come_after_the_appointment_began() -> None:
    rule = a_rule("appointment_reminder", ahead="1h", quiet_hours="22:00-08:00")
    story = punctual(rule).at("20:00", booked("1d 07:30")).at("1d 08:00")

    assert story.decisions == [("1d 06:30", "held", "quiet_hours"), ("1d 08:00", "dropped", "expired")]


def test_a_reminder_that_waits_for_room_under_a_cap_does_not_wait_beyond_the_appointment() -> None:
    rule = a_rule("appointment_reminder", ahead="1h", when_capped="defer", at_most=[a_cap(1, "24h")])
    story = punctual(rule).at("08:00", booked("12:00"), booked("1d 10:30", "a-2"), booked("1d 12:00", "a-3"))
    story.at("1d 12:00")

    assert story.decisions == [
        ("11:00", "fired", "sent"),
        ("1d 09:30", "dropped", "capped"),
        ("1d 11:00", "fired", "sent"),
    ]


def test_a_reminder_is_of_no_use_from_the_appointment_on_however_long_the_rule_allows() -> None:
    rules = [a_rule("appointment_reminder", name=each, expires_after=each) for each in ("2h", "3d")]
    story = Story(*rules).at("10:00", booked("3d 15:00")).at("2d 15:00")

    expires = {trigger.rule: trigger.expires_at_ms for trigger in story.triggers}
    assert expires == {"2h": at_ms("2d 17:00"), "3d": at_ms("3d 15:00")}


def test_a_reminder_that_an_outage_held_up_does_not_come_after_the_appointment_began() -> None:
    story = Story(reminder()).at("10:00", booked("3d 15:00")).at("3d 15:00")

    assert story.decisions == [("2d 15:00", "dropped", "expired")]

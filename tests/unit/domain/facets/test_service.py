"""Support cases, appointments, opinions, steps done."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from pipeline.domain.facets.service import CASES_KEPT, Service
from tests.unit.domain.facets.telling import at, told
from tests.unit.domain.triggers.story import at_ms

NOTHING = Service()


def test_a_case_is_open_until_it_is_closed_in_either_order_of_arrival() -> None:
    opened = at("10:00", "case_opened", case_id="7", topic="size", channel="chat")
    closed = at("11:00", "case_closed", case_id="7", channel="call_center")

    assert told(NOTHING, opened).has_open_case
    assert not told(NOTHING, opened, closed).has_open_case
    assert told(NOTHING, closed, opened) == told(NOTHING, opened, closed)
    assert told(NOTHING, closed, opened).cases["7"].topic == "size"


def test_a_case_closed_and_opened_again_is_open() -> None:
    service = told(
        NOTHING,
        at("10:00", "case_opened", case_id="7"),
        at("11:00", "case_closed", case_id="7"),
        at("12:00", "case_opened", case_id="7"),
    )

    assert service.has_open_case


def test_a_case_closed_without_an_id_closes_every_case_opened_before_in_any_order_of_arrival() -> None:
    first = at("10:00", "case_opened", case_id="7")
    second = at("10:10", "case_opened", case_id="8")
    closed = at("11:00", "case_closed")
    later = at("12:00", "case_opened", case_id="9")

    states = [told(NOTHING, *order) for order in permutations([first, second, closed])]
    assert all(state == states[0] for state in states)
    assert not states[0].has_open_case
    shown: Any = states[0].json()
    assert shown["cases"]["7"] == {
        "channel": "web",
        "closed_at": "2026-11-24T11:00:00.000Z",
        "open": False,
        "opened_at": "2026-11-24T10:00:00.000Z",
        "topic": None,
    }
    assert told(states[0], later).has_open_case


def test_that_all_cases_were_closed_outlives_any_number_of_cases() -> None:
    cases = [at(f"10:{number:02d}", "case_opened", case_id=f"c{number}") for number in range(CASES_KEPT + 5)]

    service = told(NOTHING, *cases, at("11:00", "case_closed"))

    assert not service.has_open_case
    assert len(service.cases) == CASES_KEPT + 1


def test_an_open_case_outlives_any_number_of_closed_ones() -> None:
    service = told(NOTHING, at("10:00", "case_opened", case_id="open"))
    for number in range(CASES_KEPT * 2):
        service = told(service, at(f"11:{number:02d}", "case_closed", case_id=f"c{number}"))

    assert len(service.cases) == CASES_KEPT
    assert service.has_open_case


def test_s21_the_second_agent_sees_what_the_first_talked_about() -> None:
    service = told(
        NOTHING,
        at("10:00", "chat_ended", channel="chat", topic="late parcel", outcome="asked the carrier"),
        at("10:30", "call_started", channel="call_center"),
    )

    assert [(each.channel, each.topic, each.outcome) for each in service.contacts] == [
        ("chat", "late parcel", "asked the carrier"),
        ("call_center", None, None),
    ]


def test_s13_an_appointment_moved_keeps_its_store_and_takes_its_new_time() -> None:
    booked = at("10:00", "appointment_booked", appointment_id="a", starts_at="2026-11-30T15:00:00Z", store_id="s1")
    moved = at("11:00", "appointment_booked", appointment_id="a", starts_at="2026-12-01T09:00:00Z")

    appointment = told(NOTHING, booked, moved).appointments["a"]
    assert told(NOTHING, moved, booked).appointments["a"] == appointment
    assert (appointment.at_ms - at_ms("0d 00:00"), appointment.store_id) == ((7 * 24 + 9) * 3_600_000, "s1")


def test_an_appointment_kept_or_called_off_says_so() -> None:
    booked = at("10:00", "appointment_booked", appointment_id="a", starts_at="2026-11-30T15:00:00Z")

    assert told(NOTHING, booked, at("12:00", "appointment_done", appointment_id="a")).appointments["a"].state == "done"
    called_off = told(NOTHING, booked, at("12:00", "appointment_cancelled", appointment_id="a"))
    assert (called_off.appointments["a"].state, called_off.appointments["a"].at_ms) == (
        "cancelled",
        at_ms("6d 15:00"),
    )


@pytest.mark.parametrize(
    ("properties", "score"),
    [
        ({"score": 0.25}, 0.25),
        ({"nps": 9}, 0.9),
        ({"csat": 1}, 0.0),
        ({"stars": "4"}, 0.75),
        ({"rating": 5.0}, 1.0),
        ({"nps": 99}, 1.0),
    ],
)
def test_opinions_on_every_scale_become_one_from_bad_to_good(properties: dict[str, float], score: float) -> None:
    service = told(NOTHING, at("10:00", "feedback_given", channel="app", touchpoint="delivery", **properties))

    assert [(each.score, each.touchpoint) for each in service.feedback] == [(score, "delivery")]


def test_an_opinion_without_a_score_is_no_feedback() -> None:
    assert told(NOTHING, at("10:00", "feedback_given", comment="nice")) is NOTHING


def test_s13_a_step_done_in_one_channel_is_known_in_all() -> None:
    service = told(NOTHING, at("10:00", "checkout_step_completed", step="address", channel="app"))

    assert service.steps == {"address": at_ms("10:00")}


def test_each_fact_of_an_appointment_is_the_one_said_last_in_any_order_of_arrival() -> None:
    words = [
        at("10:00", "appointment_booked", appointment_id="a", starts_at="2026-11-30T15:00:00Z", store_id="s1"),
        at("11:00", "appointment_booked", appointment_id="a", store_id="s2"),
        at("12:00", "appointment_cancelled", appointment_id="a", topic="fitting"),
    ]

    for order in permutations(words):
        appointment = told(NOTHING, *order).appointments["a"]
        assert (appointment.state, appointment.store_id, appointment.topic) == ("cancelled", "s2", "fitting")
        assert appointment.at_ms == at_ms("6d 15:00")

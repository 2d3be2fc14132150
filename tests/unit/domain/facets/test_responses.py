"""Messages that arrived, were opened and followed."""

from __future__ import annotations

import pytest

from pipeline.domain.facets.responses import FOLLOWED_KEPT, Response, Responses
from tests.unit.domain.facets.telling import at, told
from tests.unit.domain.triggers.story import Story, at_ms, event

NOTHING = Responses()


@pytest.mark.parametrize(
    ("event_type", "channel", "counted"),
    [
        ("email_delivered", "email", Response(delivered=1)),
        ("email_opened", "email", Response(opened=1, opened_at_ms=at_ms("10:00"))),
        ("email_link_clicked", "email", Response(followed=1, followed_at_ms=at_ms("10:00"))),
        ("push_received", "push", Response(delivered=1)),
        ("push_opened", "push", Response(followed=1, followed_at_ms=at_ms("10:00"))),
        ("sms_delivered", "sms", Response(delivered=1)),
        ("sms_link_clicked", "sms", Response(followed=1, followed_at_ms=at_ms("10:00"))),
        ("ad_viewed", "ads", Response(delivered=1)),
        ("ad_clicked", "ads", Response(followed=1, followed_at_ms=at_ms("10:00"))),
    ],
)
def test_each_step_of_a_message_counts_to_its_channel(event_type: str, channel: str, counted: Response) -> None:
    assert told(NOTHING, at("10:00", event_type, channel="web")).channels == {channel: counted}


def test_a_channel_nobody_knows_anything_of_is_followed_one_time_in_ten() -> None:
    assert NOTHING.score("email") == NOTHING.score("pigeon") == 0.1


def test_two_of_two_followed_is_not_yet_certainty_and_ten_in_vain_halve_the_hope() -> None:
    lucky = Responses({"email": Response(delivered=2, followed=2)})
    ignored = Responses({"email": Response(delivered=10)})
    steady = Responses({"email": Response(delivered=990, followed=99)})

    assert lucky.score("email") == 0.25
    assert ignored.score("email") == 0.05
    assert steady.score("email") == 0.1


def test_links_followed_in_messages_whose_delivery_nobody_told_are_no_more_than_all_of_them() -> None:
    clicks = [at(f"10:{minute:02d}", "email_link_clicked") for minute in range(60)]

    assert NOTHING.score("email") < told(NOTHING, *clicks).score("email") < 1


def test_the_better_channel_scores_better() -> None:
    events = [at("10:00", name) for name in ("email_delivered", "push_received", "push_received", "push_opened")]
    responses = told(NOTHING, *events)

    assert responses.score("push") > responses.score("sms") > responses.score("email")


def test_a_message_is_followed_by_its_link_or_by_what_it_led_to() -> None:
    responses = told(
        NOTHING,
        at("10:00", "email_delivered", trigger_id="t-1"),
        at("10:01", "email_opened", trigger_id="t-2"),
        at("10:02", "email_link_clicked", trigger_id="t-3"),
        at("10:03", "order_completed", trigger_id="t-4"),
        at("10:04", "unsubscribed", trigger_id="t-5"),
    )

    assert responses.followed == {"t-3": at_ms("10:02"), "t-4": at_ms("10:03")}


def test_a_page_without_a_message_says_nothing() -> None:
    assert told(NOTHING, at("10:00", "page_viewed")) is NOTHING


def test_the_messages_followed_last_are_remembered_in_any_order_of_arrival() -> None:
    clicks = [at(f"10:{minute:02d}", "email_link_clicked", trigger_id=f"t-{minute}") for minute in range(60)]

    responses = told(NOTHING, *clicks)
    assert responses == told(NOTHING, *reversed(clicks))
    assert len(responses.followed) == FOLLOWED_KEPT
    assert "t-59" in responses.followed


def test_two_customers_who_are_one_have_the_responses_of_both() -> None:
    one = told(NOTHING, at("10:00", "email_opened"), at("11:00", "email_link_clicked", trigger_id="t-1"))
    other = told(NOTHING, at("12:00", "email_opened"), at("12:01", "push_received"), at("09:00", "x", trigger_id="t-1"))

    assert one.united(other) == other.united(one)
    assert one.united(other).channels == {
        "email": Response(0, 2, 1, at_ms("12:00"), at_ms("11:00")),
        "push": Response(delivered=1),
    }
    assert one.united(other).followed == {"t-1": at_ms("11:00")}


def test_b19_the_customer_shows_a_click_told_twice_once() -> None:
    click = event("email_link_clicked", event_id="e-1", channel="email", trigger_id="t-1")
    story = Story().at("10:00", click).again(click, "10:00", arriving="10:05")

    assert story.customer["responses"] == {
        "channels": {
            "email": {
                "delivered": 0,
                "followed": 1,
                "followed_at": "2026-11-24T10:00:00.000Z",
                "opened": 0,
                "opened_at": None,
                "score": 0.1818,
            }
        },
        "followed": {"t-1": "2026-11-24T10:00:00.000Z"},
    }

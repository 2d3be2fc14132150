"""B7, B8: what two customers who become one allow and are known by, and what each has back when they are parted."""

from __future__ import annotations

from typing import Any

from pipeline.domain.event_types import MERGE_UNDONE
from tests.simulation.town import Town, customer

DENIED, GRANTED = {"email": False}, {"email": True}


def sessions(one: dict[str, Any]) -> list[str]:
    return [session["session_id"] for session in one["visits"]["latest_sessions"]]


def two_people() -> Town:
    """One on a cookie who denied, told a taste, was in a store; one with an account who granted later."""
    return (
        Town()
        .at(0, "identified", cookie="a1", session_id="s-a", consent=DENIED, properties={"taste": "loud", "city": "A"})
        .at(1, "store_entered", cookie="a1", session_id="s-a", store_id="HH")
        .at(2, "product_viewed", cookie="a1", session_id="s-a")
        .at(10, "identified", account="u1", session_id="s-u", consent=GRANTED, properties={"city": "B"})
        .at(11, "order_completed", account="u1", session_id="s-u", order_id="o-1")
    )


def merged() -> Town:
    return two_people().at(20, account="u1", cookie="a1", session_id="s-u")


def test_b7_deny_wins_over_the_newer_grant_of_the_other_side_when_two_become_one() -> None:
    (one,) = merged().customers

    assert one["consent"] == DENIED
    assert one["permissions"]["consents"]["email"]["at"] == "2026-11-24T10:00:00.000Z"


def test_b7_an_explicit_grant_after_the_merge_lifts_the_denial_in_whichever_channel_it_comes() -> None:
    (one,) = merged().at(30, "consent_granted", cookie="a1", properties={"channel": "email"}).customers

    assert one["consent"] == GRANTED


def test_two_who_become_one_have_the_traits_visits_and_journey_of_both() -> None:
    (one,) = merged().customers

    assert one["traits"] == {"city": "B", "taste": "loud"}
    assert sessions(one) == ["s-a", "s-u"]
    assert one["visits"]["sessions"] == 2
    assert (one["visits"]["inside"], one["visits"]["favourite_store"]) == ("HH", "HH")
    assert one["journey_stage"] == "purchase"
    assert one["activity"]["identified"]["count"] == 2


def test_b8_when_a_merge_is_undone_each_has_consent_traits_visits_and_stage_of_its_own_back() -> None:
    before = {each["customer_id"]: each for each in two_people().at(20, account="u1", session_id="s-u").customers}
    town = merged().at(30, MERGE_UNDONE, cookie="a1")

    names = ("activity", "consent", "journey", "journey_stage", "permissions", "traits", "visits")
    for each in town.customers:
        was = before[each["customer_id"]]
        assert {name: each.get(name) for name in names} == {name: was.get(name) for name in names}
    assert town.of(cookie="a1")["consent"] == DENIED
    assert town.of(account="u1")["consent"] == GRANTED


def test_b8_what_was_told_while_they_were_one_is_of_the_side_that_told_it() -> None:
    town = (
        merged()
        .at(21, "identified", cookie="a1", session_id="s-a2", properties={"city": "C"})
        .at(22, "consent_granted", account="u1", session_id="s-u", properties={"channel": "push"})
        .at(30, MERGE_UNDONE, cookie="a1")
    )
    device, account = town.of(cookie="a1"), town.of(account="u1")

    assert device["customer_id"] == customer("cookie", "a1")
    assert device["traits"] == {"city": "C", "taste": "loud"}
    assert account["traits"] == {"city": "B"}
    assert (device["consent"], account["consent"]) == (DENIED, GRANTED | {"push": True})
    assert (sessions(device), sessions(account)) == (["s-a", "s-a2"], ["s-u"])


def test_b7_after_the_undoing_events_go_on_where_each_side_was() -> None:
    town = merged().at(30, MERGE_UNDONE, cookie="a1").at(40, "unsubscribed", account="u1").at(41, cookie="a1")

    assert town.of(account="u1")["consent"] == DENIED
    town.at(50, "consent_granted", cookie="a1", properties={"channel": "email"})
    assert (town.of(cookie="a1")["consent"], town.of(account="u1")["consent"]) == (GRANTED, DENIED)


def test_a_bounce_suppresses_the_address_as_messages_go_to_it_however_the_event_writes_it() -> None:
    town = Town().at(0, email="Mia@BÜCHER.example").at(1, "email_bounced", email=" MIA@Bücher.Example")

    (one,) = town.customers
    (address,) = one["identifiers"]["email"]
    assert one["permissions"]["suppressed"] == {
        f"email:{address}": {"reason": "bounced", "since": "2026-11-24T10:01:00.000Z"}
    }


def test_s6_who_is_told_that_a_friend_redeemed_was_in_no_store_and_in_no_session() -> None:
    town = (
        Town()
        .at(0, "referral_sent", account="ann", session_id="s-1", properties={"code": "ANN-1"})
        .at(90, "referral_redeemed", account="bob", store_id="HH", trigger_id="t-1", properties={"code": "ANN-1"})
    )
    ann = town.of(account="ann")

    assert ann["loyalty"]["referrals"]["ANN-1"]["redeemed_at"] == "2026-11-24T11:30:00.000Z"
    assert (sessions(ann), ann["visits"]["stores"]) == (["s-1"], {})
    assert "responses" not in ann

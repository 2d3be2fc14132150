"""Consent, subscriptions, addresses that must not be written to."""

from __future__ import annotations

from itertools import permutations

import pytest
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent, Scalar
from pipeline.domain.facets.permissions import CONSENTS_KEPT, SUBSCRIPTIONS_KEPT, SUPPRESSED_KEPT, Permissions
from tests.unit.domain.facets.telling import at, told
from tests.unit.domain.triggers.story import Story, event

NOTHING = Permissions()
ADDRESS = {"email": "mia@example.com"}


def about(told: ChannelEvent, **properties: Scalar) -> ChannelEvent:
    """The event with properties, those of them too that are named like a field of events."""
    return replace(told, properties=properties)


def test_nobody_has_said_anything_at_first() -> None:
    assert NOTHING.word("email") is None


def test_consent_stands_on_any_event_by_channel_purpose_or_both() -> None:
    consent = {"email": False, "marketing": True, "SMS:Surveys": True}
    permissions = told(NOTHING, at("10:00", "page_viewed", consent=consent))

    assert {name: permissions.word(name) for name in permissions.consents} == {
        "email": False,
        "marketing": True,
        "sms:surveys": True,
    }


def test_the_latest_word_counts_in_any_order_of_arrival() -> None:
    words = [
        at("10:00", "page_viewed", consent={"email": True}),
        at("11:00", "page_viewed", consent={"email": False}),
        at("12:00", "page_viewed", consent={"email": True}, channel="app"),
    ]

    outcomes = {told(NOTHING, *order).json()["consents"]["email"]["channel"] for order in permutations(words)}  # type: ignore[index, call-overload]
    assert outcomes == {"app"}
    assert told(NOTHING, *words).word("email") is True
    assert told(NOTHING, *words[:2]).word("email") is False


def test_of_the_same_instant_denied_wins() -> None:
    granted = at("10:00", "page_viewed", consent={"email": True})
    denied = at("10:00", "page_viewed", consent={"email": False})

    assert told(NOTHING, granted, denied).word("email") is False
    assert told(NOTHING, denied, granted).word("email") is False


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"channel": "sms"}, "sms"),
        ({"purpose": "surveys"}, "surveys"),
        ({"channel": "sms", "purpose": "surveys"}, "sms:surveys"),
        ({}, "marketing"),
    ],
)
def test_consent_given_or_withdrawn_is_about_what_it_names_or_else_marketing(
    properties: dict[str, str], name: str
) -> None:
    granted = told(NOTHING, about(at("10:00", "consent_granted"), **properties))
    denied = told(granted, about(at("11:00", "consent_denied"), **properties))

    assert list(granted.consents) == list(denied.consents) == [name]
    assert (granted.word(name), denied.word(name)) == (True, False)


def test_consent_withdrawn_with_a_map_of_its_own_is_about_the_map() -> None:
    permissions = told(NOTHING, at("10:00", "consent_denied", consent={"push": False}))

    assert list(permissions.consents) == ["push"]


@pytest.mark.parametrize(
    ("channel", "properties", "name"),
    [("web", {}, "email"), ("email", {}, "email"), ("sms", {}, "sms"), ("web", {"channel": "push"}, "push")],
)
def test_unsubscribing_from_messages_denies_their_channel(channel: str, properties: dict[str, str], name: str) -> None:
    assert told(NOTHING, about(at("10:00", "unsubscribed", channel=channel), **properties)).word(name) is False
    assert told(NOTHING, about(at("10:00", "subscribed", channel=channel), **properties)).word(name) is True


def test_unsubscribing_from_a_list_ends_that_list_alone() -> None:
    permissions = told(
        NOTHING,
        at("10:00", "subscribed", list="Style TV"),
        at("10:00", "subscribed", list="sale"),
        at("11:00", "unsubscribed", list="sale"),
    )

    assert {name: word.granted for name, word in permissions.subscriptions.items()} == {"Style TV": True, "sale": False}
    assert permissions.consents == {}


@pytest.mark.parametrize(("properties", "suppresses"), [
    ({"type": "hard"}, True), ({"type": "soft"}, False), ({"bounce_type": "Transient"}, False),
    ({"type": "mystery"}, True), ({}, True),
])  # fmt: skip
def test_an_address_is_suppressed_by_a_bounce_unless_it_is_a_soft_one(
    properties: dict[str, str], suppresses: bool
) -> None:
    permissions = told(NOTHING, at("10:00", "email_bounced", identifiers=ADDRESS, **properties))

    assert list(permissions.suppressed) == (["email:mia@example.com"] if suppresses else [])
    assert permissions.word("email") is None


@pytest.mark.parametrize("later", ["email_delivered", "email_opened", "email_link_clicked"])
def test_a_later_delivery_to_the_same_address_lifts_a_bounce_in_any_order_of_arrival(later: str) -> None:
    bounced = at("10:00", "email_bounced", identifiers=ADDRESS)
    arrived = at("11:00", later, identifiers=ADDRESS)
    elsewhere = at("12:00", later, identifiers={"email": "other@example.com"})

    assert told(NOTHING, bounced, elsewhere).suppressed
    assert not told(NOTHING, bounced, arrived).suppressed
    assert told(NOTHING, arrived, bounced) == told(NOTHING, bounced, arrived)
    assert told(NOTHING, arrived, at("12:00", "email_bounced", identifiers=ADDRESS)).suppressed


def test_a_complaint_suppresses_the_address_and_denies_the_channel_and_no_delivery_lifts_it() -> None:
    complained = at("10:00", "email_marked_as_spam", identifiers=ADDRESS)
    opened = at("11:00", "email_opened", identifiers=ADDRESS)
    bounced = at("12:00", "email_bounced", identifiers=ADDRESS)

    for order in permutations([complained, opened, bounced]):
        permissions = told(NOTHING, *order)
        assert permissions.suppressed["email:mia@example.com"][0] == "spam"
        assert permissions.word("email") is False


def test_a_bounce_without_an_address_suppresses_nothing() -> None:
    assert told(NOTHING, at("10:00", "email_bounced", identifiers={"cookie": "c"})) is NOTHING


GRANTED = at("12:00", "page_viewed", consent={"email": True, "push": True})
DENIED = at("10:00", "page_viewed", consent={"email": False})


def test_b7_after_a_merge_deny_wins_over_an_older_and_over_a_newer_grant_of_the_other_side() -> None:
    for granted_at in ("08:00", "10:00", "12:00"):
        one = told(NOTHING, at(granted_at, "page_viewed", consent={"email": True, "push": True}))
        other = told(NOTHING, DENIED)

        assert one.united(other).word("email") is False
        assert one.united(other) == other.united(one)
        assert one.united(other).word("push") is True


def test_b7_a_grant_after_the_merge_lifts_the_denial_if_it_is_newer_than_it() -> None:
    merged = told(NOTHING, GRANTED).united(told(NOTHING, DENIED))

    assert told(merged, about(at("13:00", "consent_granted"), channel="email")).word("email") is True
    assert told(merged, about(at("10:30", "consent_granted"), channel="email")).word("email") is True
    assert told(merged, about(at("09:30", "consent_granted"), channel="email")).word("email") is False
    again = told(merged, about(at("13:00", "consent_granted"), channel="email"), at("14:00", "unsubscribed"))
    assert again.word("email") is False


def test_b7_of_two_denials_the_later_must_be_answered() -> None:
    merged = told(NOTHING, DENIED).united(told(NOTHING, at("11:00", "unsubscribed")))

    assert told(merged, about(at("10:30", "consent_granted"), channel="email")).word("email") is False
    assert told(merged, about(at("11:30", "consent_granted"), channel="email")).word("email") is True


def test_b7_holds_for_lists_too() -> None:
    one, other = (
        told(NOTHING, at("12:00", "subscribed", list="a")),
        told(NOTHING, at("10:00", "unsubscribed", list="a")),
    )

    assert one.united(other).subscriptions["a"].granted is False


def test_merging_three_customers_gives_the_same_in_any_order_and_twice_the_same_as_once() -> None:
    a, b = told(NOTHING, GRANTED), told(NOTHING, DENIED, at("10:00", "email_bounced", identifiers=ADDRESS))
    c = told(NOTHING, at("11:00", "consent_granted"), at("11:00", "email_delivered", identifiers=ADDRESS))

    assert a.united(b).united(c) == a.united(b.united(c)) == c.united(a).united(b)
    assert a.united(b).united(b) == a.united(b)
    assert not a.united(b).united(c).suppressed


def test_what_is_forgotten_for_lack_of_room_is_a_grant_before_a_denial() -> None:
    permissions = told(NOTHING, at("10:00", "consent_denied", purpose="profiling"))
    for number in range(60):
        permissions = told(
            permissions,
            at(f"11:{number:02d}", "consent_granted", purpose=f"p{number}"),
            at(f"11:{number:02d}", "subscribed", list=f"l{number}"),
            at(f"11:{number:02d}", "email_bounced", identifiers={"email": f"m{number}@example.com"}),
        )

    assert permissions.word("profiling") is False
    assert permissions.word("p59") is True
    assert len(permissions.consents) == CONSENTS_KEPT
    assert len(permissions.subscriptions) == SUBSCRIPTIONS_KEPT
    assert len(permissions.suppressed) == SUPPRESSED_KEPT
    assert "email:m59@example.com" in permissions.suppressed


def test_the_customer_says_what_is_consented_and_what_is_suppressed() -> None:
    story = Story().at(
        "10:00",
        event("consent_denied", properties={"channel": "push"}),
        event("subscribed", channel="email", identifiers=ADDRESS),
        event("email_bounced", channel="email", identifiers=ADDRESS),
    )

    assert story.customer["consent"] == {"email": True, "push": False}
    assert story.customer["permissions"] == {
        "consents": {
            "email": {"at": "2026-11-24T10:00:00.000Z", "channel": "email", "granted": True},
            "push": {"at": "2026-11-24T10:00:00.000Z", "channel": "web", "granted": False},
        },
        "subscriptions": {},
        "suppressed": {"email:mia@example.com": {"reason": "bounced", "since": "2026-11-24T10:00:00.000Z"}},
    }


def test_b19_consent_told_twice_is_told_once() -> None:
    denial = event("consent_denied", event_id="e-1", properties={"channel": "email"})
    story = Story().at("10:00", denial).at("11:00", event("consent_granted", properties={"channel": "email"}))
    story.again(denial, "10:00", arriving="12:00")

    assert story.customer["consent"] == {"email": True}
    assert story.counted("duplicates") == ["web"]


def test_b23_a_denial_dated_in_the_future_holds_from_its_arrival_only() -> None:
    story = Story().at("2d 10:00", event("consent_denied"), arriving="10:00")
    story.at("11:00", event("consent_granted"))

    assert story.customer["consent"] == {"marketing": True}


def test_of_two_words_of_one_event_about_the_same_a_denial_wins_however_it_is_written() -> None:
    written = at("10:00", "page_viewed", consent={"Email": False, "email": True})
    by_event = at("10:00", "subscribed", consent={"email": False})

    assert told(NOTHING, written).word("email") is False
    assert told(NOTHING, by_event).word("email") is False

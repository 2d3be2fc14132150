"""Who enters and who leaves an audience, and when it is told."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from pipeline.domain.arbiter.policy import Policy
from pipeline.domain.conditions.behaviour import Did, LastSeen
from pipeline.domain.conditions.combined import AllOf
from pipeline.domain.conditions.facts import Tier
from pipeline.domain.conditions.interest import CartWorth
from pipeline.domain.conditions.word import Ago
from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.audiences import Audience
from pipeline.domain.messages.effects import Publish
from pipeline.domain.records import AudienceMember
from pipeline.domain.rules.in_force import Rules
from pipeline.domain.time import DAY_MS, HOUR_MS
from pipeline.domain.triggers.view import Condition
from tests.unit.domain.triggers.story import Story, at_ms, clock_of, event, order_completed, product_added

GOLD = Tier(("gold",))
ACTIVE = LastSeen(Ago(less_than_ms=DAY_MS))
BUYER = Did("order_completed", within_ms=DAY_MS)
FULL_CART = CartWorth("EUR", 2_000)

both_clocks = pytest.mark.parametrize("clock", ["wall", "event"])


def audience(condition: Condition, clock: Literal["wall", "event"] = "wall", **rules: Any) -> Story:
    story = Story(clock=clock)
    for_ms = rules.pop("for_ms", 0)
    story.actor = CustomerActor(Rules("test", (), audiences=(Audience("them", condition, for_ms),), **rules), clock)
    return story


def records(story: Story) -> list[AudienceMember]:
    return [e.record for e in story.effects if isinstance(e, Publish) and isinstance(e.record, AudienceMember)]


def told(story: Story) -> list[tuple[str, bool, str]]:
    return [(clock_of(record.since_ms), record.member, str(record.reason)) for record in records(story)]


def tier(name: str, **fields: Any) -> Any:
    return event("tier_changed", properties={"tier": name}, **fields)


@both_clocks
def test_a_customer_enters_with_an_event_and_leaves_with_another(clock: Literal["wall", "event"]) -> None:
    story = audience(GOLD, clock).at("10:00", tier("silver")).at("11:00", tier("gold"))
    story.at("11:30", event("page_viewed")).at("12:00", tier("silver")).at("13:00", event("page_viewed"))

    assert told(story) == [("11:00", True, "condition"), ("12:00", False, "condition")]
    assert [(record.audience, record.tenant, record.customer_id) for record in records(story)] == [
        ("them", "default", "customer-1")
    ] * 2
    assert [e.key for e in story.effects if isinstance(e, Publish)] == ["them/customer-1"] * 2


@both_clocks
def test_a_customer_leaves_by_time_alone_and_enters_again_by_coming_back(clock: Literal["wall", "event"]) -> None:
    story = (
        audience(ACTIVE, clock).at("10:00", event("page_viewed")).at("2d 12:00", event("page_viewed")).at("2d 13:00")
    )

    assert told(story) == [
        ("10:00", True, "condition"),
        ("1d 10:00", False, "condition"),
        ("2d 12:00", True, "condition"),
    ]


@both_clocks
def test_a_condition_must_hold_as_long_as_the_audience_says_without_a_break(clock: Literal["wall", "event"]) -> None:
    story = audience(FULL_CART, clock, for_ms=HOUR_MS)
    story.at("10:00", product_added("A", cart="c1", price=3_000)).at("10:50", order_completed("A", cart="c1"))
    story.at("11:00", product_added("A", cart="c2", price=3_000)).at("11:59")
    assert told(story) == []

    story.at("12:00").at("13:00")

    assert told(story) == [("12:00", True, "condition")]


@pytest.mark.parametrize("word", ["ads", "marketing", "ads:marketing"])
def test_whoever_denies_ads_or_marketing_leaves_at_once_and_comes_back_with_a_grant(word: str) -> None:
    story = audience(ACTIVE).at("10:00", event("page_viewed")).at("10:05", event("page_viewed", consent={word: False}))
    story.at("10:10", event("page_viewed")).at("10:20", event("page_viewed", consent={word: True}))

    assert told(story) == [("10:00", True, "condition"), ("10:05", False, "consent"), ("10:20", True, "condition")]


def test_a_grant_of_ads_does_not_lift_a_denial_of_marketing() -> None:
    story = audience(ACTIVE).at("10:00", event("page_viewed", consent={"ads": True, "marketing": False}))

    assert told(story) == []


def test_where_silence_is_a_no_only_a_yes_lets_a_customer_in() -> None:
    story = audience(ACTIVE, policy=Policy(consent_default="deny")).at("10:00", event("page_viewed"))
    assert told(story) == []

    assert told(story.at("10:05", event("page_viewed", consent={"ads": True}))) == [("10:05", True, "condition")]


def test_a_denial_of_another_channel_changes_nothing() -> None:
    story = audience(ACTIVE).at("10:00", event("page_viewed", consent={"email": False}))

    assert told(story) == [("10:00", True, "condition")]


def test_events_told_twice_or_late_change_nothing() -> None:
    gold = tier("gold", event_id="e-gold")
    story = audience(AllOf((GOLD, ACTIVE))).at("10:00", gold).again(gold, "10:00", arriving="10:10")
    story.at("09:00", tier("silver"), arriving="10:20").at("10:30", event("page_viewed"))

    assert told(story) == [("10:00", True, "condition")]


def test_what_is_too_old_on_arrival_makes_nobody_a_member_for_a_moment() -> None:
    story = audience(BUYER).at("-3d 10:00", order_completed("A"), arriving="10:00").at("12:00")

    assert told(story) == []


def test_addresses_are_told_as_sha256_and_once_more_when_there_is_another() -> None:
    anna, phone = sha256(b"anna@example.com").hexdigest(), sha256(b"+491701").hexdigest()
    account = {"account": "u-1"}
    story = audience(ACTIVE).at("10:00", event("page_viewed", identifiers=account))
    story.at("10:05", event("page_viewed", identifiers=account | {"email": "anna@example.com"}))
    story.at("10:10", event("page_viewed", identifiers=account | {"phone": f"sha256:{phone}"}))
    story.at("10:15", event("page_viewed", identifiers=account | {"cookie": "c-1"}))
    story.at("10:20", event("page_viewed", identifiers=account, consent={"ads": False}))

    assert [(record.member, str(record.reason), record.addresses) for record in records(story)] == [
        (True, "condition", {}),
        (True, "addresses", {"email": (anna,)}),
        (True, "addresses", {"email": (anna,), "phone": (phone,)}),
        (False, "consent", {"email": (anna,), "phone": (phone,)}),
    ]
    assert {clock_of(record.since_ms) for record in records(story)[:3]} == {"10:00"}


def test_an_audience_taken_out_of_the_rules_is_left() -> None:
    story = audience(ACTIVE).at("10:00", event("page_viewed"))
    story.actor = CustomerActor(Rules("next", ()))

    story.at("2d 10:00").at("2d 11:00", event("page_viewed"))

    assert told(story) == [("10:00", True, "condition"), ("1d 10:00", False, "audience_removed")]


def test_a_new_audience_meets_a_known_customer_with_the_next_event() -> None:
    story = Story().at("10:00", tier("gold"))
    story.actor = audience(GOLD).actor

    assert told(story.at("11:00", event("page_viewed"))) == [("11:00", True, "condition")]


def test_a_word_of_the_customer_heard_again_a_moment_after_the_clock_took_it_out_does_not_let_it_in() -> None:
    story = audience(BUYER).at("10:00", order_completed("A")).at("1d 10:00")
    assert told(story)[1:] == [("1d 10:00", False, "condition")]

    viewed = replace(event("page_viewed", event_id="e-9"), occurred_at_ms=records(story)[1].since_ms - 5)
    story.tell(viewed, records(story)[1].since_ms - 5)

    assert len(told(story)) == 2


@both_clocks
def test_b29_who_belongs_to_an_audience_goes_by_the_rules_in_force(clock: Literal["wall", "event"]) -> None:
    story, silver = Story(clock=clock), Tier(("silver",))
    for number, (since, condition) in enumerate([("00:00", GOLD), ("10:30", silver)], start=1):
        them = Audience("them", condition, 0)
        story.book.put(Rules(f"v{number}", (), audiences=(them,), number=number), at_ms(since))
    story.at("10:00", tier("silver")).at("10:40", event("page_viewed")).at("10:50", tier("gold"))

    assert told(story) == [("10:40", True, "condition"), ("10:50", False, "condition")]

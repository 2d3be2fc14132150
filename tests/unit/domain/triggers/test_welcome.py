"""The greeting of a customer who has just become known."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets import NO_FACETS
from pipeline.domain.rules.in_force import Rule, Rules
from tests.unit.domain.triggers.story import Story, a_rule, event, order_completed, viewed

BECOMING_KNOWN = [
    ("identified", event("identified"), "A new customer said who they are"),
    ("subscribed", event("subscribed"), "A new customer subscribed"),
    ("first_order", order_completed("A"), "A new customer ordered"),
]
each_way = pytest.mark.parametrize(("on", "known", "reason"), BECOMING_KNOWN)


def welcome(on: str = "identified", **fields: Any) -> Rule:
    return a_rule("welcome", on=on, **fields)


@each_way
def test_who_becomes_known_is_greeted_at_once_and_only_the_first_time(
    on: str, known: ChannelEvent, reason: str
) -> None:
    story = Story(welcome(on)).at("09:00", viewed("A")).at("10:00", known).at("11:00", known).at("9d 10:00", known)

    assert story.fired == [("10:00", "welcome")]
    assert story.triggers[0].reason == reason


@each_way
def test_the_greeting_waits_as_long_as_the_rule_says(on: str, known: ChannelEvent, reason: str) -> None:
    story = Story(welcome(on, delay="15m")).at("10:00", known).at("10:05", known).at("10:14").at("10:15").at("12:00")

    assert story.fired == [("10:15", "welcome")]


@each_way
def test_becoming_known_in_one_way_is_not_becoming_known_in_another(on: str, known: ChannelEvent, reason: str) -> None:
    others = [event for way, event, _ in BECOMING_KNOWN if way != on]

    assert Story(welcome(on)).at("10:00", *others).records == []


def test_who_was_looking_around_for_a_month_before_is_greeted_too() -> None:
    story = Story(welcome()).at("-30d 10:00", viewed("A")).at("10:00", event("identified"))

    assert story.fired == [("10:00", "welcome")]


def test_an_old_friend_is_not_greeted_where_the_rule_says_how_long_one_is_new() -> None:
    story = Story(welcome("subscribed", new_for="7d")).at("-8d 10:00", order_completed("A"))
    assert story.at("10:00", event("subscribed")).records == []

    story = Story(welcome("subscribed", new_for="7d")).at("-6d 10:00", order_completed("A"))
    assert story.at("10:00", event("subscribed")).fired == [("10:00", "welcome")]


def test_b23_who_became_known_long_ago_and_is_told_of_now_is_not_greeted_nor_the_next_time() -> None:
    story = Story(welcome()).at("-30d 10:00", event("identified"), arriving="09:00").at("10:00", event("identified"))

    assert story.records == []


def test_the_first_time_told_late_greets_once() -> None:
    story = Story(welcome(delay="1h")).at("10:00", event("identified"), arriving="10:30")
    story.at("09:00", event("identified"), arriving="10:40").at("12:00")

    assert story.fired == [("11:00", "welcome")]


def test_b19_the_same_order_told_by_another_channel_is_still_the_first() -> None:
    story = Story(welcome("first_order", delay="1h"))
    story.at("10:00", order_completed("A", order="o-1"), order_completed("A", order="o-1", channel="pos")).at("12:00")

    assert story.fired == [("11:00", "welcome")]


def test_a_first_order_called_off_before_the_greeting_is_due_greets_nobody() -> None:
    story = Story(welcome("first_order", delay="1h")).at("10:00", order_completed("A", order="o-1"))
    story.at("10:20", event("order_cancelled", order_id="o-1")).at("12:00")
    assert story.decisions == [("11:00", "dropped", "called_off")]

    story = Story(welcome("first_order")).at("10:20", event("order_cancelled", order_id="o-1"))
    assert story.at("10:00", order_completed("A", order="o-1"), arriving="10:30").fired == []


@each_way
def test_a_rule_that_is_new_greets_no_old_friends(on: str, known: ChannelEvent, reason: str) -> None:
    story = Story().at("-1d 10:00", known)
    story.actor = CustomerActor(Rules("test", (welcome(on),)))

    assert story.at("10:00", known).records == []


def test_who_was_greeted_is_not_greeted_again_though_what_they_did_is_long_forgotten() -> None:
    story = Story(welcome()).at("-1d 10:00", event("identified"))
    assert story.state is not None
    story.state = replace(story.state, facets=NO_FACETS)

    assert story.at("10:00", event("identified")).fired == [("-1d 10:00", "welcome")]


@each_way
def test_who_turns_out_to_be_known_since_an_earlier_day_is_not_greeted(
    on: str, known: ChannelEvent, reason: str
) -> None:
    other = Story(customer_id="customer-2").at("-1d 10:00", known)

    story = Story(welcome(on, delay="1h")).at("10:00", known).joined_by(other, "10:30").at("12:00")
    assert story.decisions == [("10:30", "dropped", "not_so")]


@each_way
def test_who_was_greeted_on_the_other_side_of_a_merge_is_not_greeted_again(
    on: str, known: ChannelEvent, reason: str
) -> None:
    other = Story(welcome(on, delay="1h"), customer_id="customer-2").at("08:00", known).at("09:00")

    story = Story(welcome(on, delay="1h")).at("10:00", known).joined_by(other, "10:30").at("12:00", known)
    assert story.decisions == [("10:30", "dropped", "not_so")]


@each_way
def test_a_greeting_goes_with_the_customer_into_a_merge(on: str, known: ChannelEvent, reason: str) -> None:
    other = Story(welcome(on, delay="1h"), customer_id="customer-2").at("10:00", known)

    story = Story(welcome(on, delay="1h")).at("09:00", viewed("A")).joined_by(other, "10:30").at("12:00", known)
    assert story.fired == [("11:00", "welcome")]

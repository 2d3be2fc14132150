"""The search that led to nothing."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.events import ChannelEvent
from pipeline.domain.rules.in_force import Rule
from tests.unit.domain.triggers.story import Story, a_rule, event, item, order_completed, product_added, told, viewed


def search(**fields: Any) -> Rule:
    return a_rule("abandoned_search", **{"delay": "1h", **fields})


def searched(query: str = "red shoes", results: int | None = None) -> ChannelEvent:
    return told("products_searched", query=query, **({} if results is None else {"results": results}))


def test_a_search_after_which_nothing_was_looked_at_is_helped_with_once() -> None:
    story = Story(search()).at("10:00", searched()).at("10:59").at("11:00").at("20:00")

    assert story.fired == [("11:00", "abandoned_search")]
    assert story.triggers[0].context == {"query": "red shoes"}
    assert story.triggers[0].reason == "Searched for “red shoes” and looked at nothing for 60 min"


def test_a_search_without_words_is_none() -> None:
    assert Story(search()).at("10:00", event("products_searched")).at("20:00").records == []


@pytest.mark.parametrize(
    ("finding", "reason"),
    [
        (viewed("A"), "found"),
        (event("product_clicked", items=(item("A"),)), "found"),
        (product_added("A"), "found"),
        (order_completed("A", channel="pos"), "bought"),
    ],
)
def test_who_looks_at_a_product_or_buys_one_needs_no_help(finding: ChannelEvent, reason: str) -> None:
    story = Story(search()).at("10:00", searched()).at("10:30", finding).at("20:00")

    assert story.decisions == [("10:30", "dropped", reason)]


def test_a_further_search_takes_the_place_of_the_one_before() -> None:
    story = Story(search()).at("10:00", searched()).at("10:30", searched("scarlet shoes")).at("20:00")

    assert story.fired == [("11:30", "abandoned_search")]
    assert story.triggers[0].context == {"query": "scarlet shoes"}


def test_only_searches_without_results_are_helped_with_where_the_rule_says_so() -> None:
    rule = search(only_without_results=True)
    assert Story(rule).at("10:00", searched(results=0)).at("20:00").fired == [("11:00", "abandoned_search")]
    assert Story(rule).at("10:00", searched(results=7)).at("20:00").records == []
    assert Story(rule).at("10:00", searched()).at("20:00").records == []
    refined = Story(rule).at("10:00", searched(results=0)).at("10:05", searched("shoes", results=7)).at("20:00")
    assert refined.decisions == [("10:05", "dropped", "found")]


def test_a_late_search_starts_nothing_and_a_late_look_ends_nothing() -> None:
    story = Story(search()).at("10:00", searched())
    story.at("09:30", searched("blue shoes"), viewed("A"), arriving="10:10").at("20:00")

    assert [trigger.context for trigger in story.triggers] == [{"query": "red shoes"}]


def test_a_search_told_after_the_look_that_followed_it_waits_for_nothing() -> None:
    story = Story(search()).at("10:30", viewed("A")).at("10:00", searched(), arriving="10:31").at("20:00")

    assert story.records == []


def test_a_look_at_the_very_time_of_the_search_is_what_it_found() -> None:
    assert Story(search()).at("10:00", searched(), viewed("A")).at("20:00").fired == []


def test_b13_an_order_learned_of_after_the_message_takes_it_back() -> None:
    story = Story(search()).at("10:00", searched()).at("11:00")
    story.at("10:40", order_completed("A", channel="pos"), arriving="11:20")

    assert [trigger.status for trigger in story.triggers] == ["fired", "revoked"]


def test_b19_an_order_of_the_morning_told_again_is_nothing_found() -> None:
    story = Story(search()).at("09:00", order_completed("Z", order="o-1")).at("10:00", searched())
    story.at("10:30", order_completed("Z", order="o-1", channel="pos")).at("20:00")

    assert story.decisions == [("11:00", "fired", "sent")]


def test_what_was_found_on_the_other_side_of_a_merge_needs_no_help() -> None:
    other = Story(search(), customer_id="customer-2").at("10:20", viewed("A"))

    story = Story(search()).at("10:00", searched()).joined_by(other, "10:30").at("20:00")
    assert story.decisions == [("10:30", "dropped", "found")]

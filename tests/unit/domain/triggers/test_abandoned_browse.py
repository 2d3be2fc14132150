"""Products that were looked at and left."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.rules.in_force import Rule
from tests.unit.domain.triggers.story import (
    Story,
    a_rule,
    cart_updated,
    event,
    item,
    order_completed,
    product_added,
    viewed,
)


def browse(**fields: Any) -> Rule:
    return a_rule("abandoned_browse", **{"delay": "2h", "products": 2, "lookback": "1h", **fields})


def looked() -> Story:
    return Story(browse()).at("10:00", viewed("A", price=4999)).at("10:10", viewed("B", price=2999))


def test_s2_two_products_looked_at_and_left_are_come_back_to_the_latest_first() -> None:
    story = looked().at("12:09").at("12:10").at("20:00")

    assert story.fired == [("12:10", "abandoned_browse")]
    assert story.triggers[0].items == (Item("B", 1, 2999, "EUR"), Item("A", 1, 4999, "EUR"))
    assert story.triggers[0].reason == "2 products were looked at and left for 2 h"


def test_one_product_is_too_few_and_so_is_one_looked_at_twice() -> None:
    assert Story(browse()).at("10:00", viewed("A")).at("10:10", viewed("A")).at("20:00").records == []


def test_products_looked_at_longer_ago_than_the_lookback_do_not_count() -> None:
    assert Story(browse()).at("08:00", viewed("A")).at("09:30", viewed("B")).at("20:00").fired == []


def test_five_products_are_shown_and_all_are_counted() -> None:
    story = Story(browse()).at("10:00", viewed("A", "B", "C", "D", "E", "F", "G")).at("20:00")

    assert len(story.triggers[0].items) == 5
    assert story.triggers[0].context == {"products": 7}


@pytest.mark.parametrize("looking", [viewed("C"), event("product_clicked", items=(item("C"),))])
def test_each_further_product_starts_the_wait_anew(looking: ChannelEvent) -> None:
    assert looked().at("11:00", looking).at("20:00").fired == [("13:00", "abandoned_browse")]


@pytest.mark.parametrize("carting", [product_added("Z", cart="c1"), cart_updated(item("Z"), cart="c1")])
def test_what_is_put_into_a_cart_is_the_business_of_the_cart(carting: ChannelEvent) -> None:
    assert looked().at("11:00", carting).at("20:00").decisions == [("11:00", "dropped", "carted")]


def test_b11_an_order_in_any_channel_keeps_it_back() -> None:
    assert looked().at("11:00", order_completed("Z", channel="pos")).at("20:00").decisions == [
        ("11:00", "dropped", "bought")
    ]


def test_a_cart_filled_at_the_very_time_of_the_look_keeps_it_back_in_whatever_order_they_are_told() -> None:
    after = Story(browse()).at("10:00", viewed("A", "B"), product_added("A"))
    before = Story(browse()).at("10:00", product_added("A"), viewed("A", "B"))

    assert after.at("20:00").fired == before.at("20:00").fired == []


@pytest.mark.parametrize("earlier", [product_added("Z", cart="c1"), order_completed("Z")])
def test_what_was_carted_or_bought_before_and_told_late_keeps_nothing_back(earlier: ChannelEvent) -> None:
    assert looked().at("09:00", earlier, arriving="10:30").at("20:00").fired == [("12:10", "abandoned_browse")]


def test_b14_a_look_told_after_the_order_that_followed_it_waits_for_nothing() -> None:
    story = Story(browse()).at("11:00", order_completed("Z"))
    story.at("10:00", viewed("A", "B"), arriving="11:01").at("20:00")

    assert story.records == []


def test_b19_an_order_of_the_morning_told_again_keeps_nothing_back() -> None:
    story = Story(browse()).at("09:00", order_completed("Z", order="o-1")).at("10:00", viewed("A", "B"))
    story.at("11:00", order_completed("Z", order="o-1", channel="pos")).at("20:00")

    assert story.decisions == [("12:00", "fired", "sent")]


def test_what_is_owned_or_in_a_cart_already_does_not_count() -> None:
    story = Story(browse()).at("09:00", order_completed("A")).at("09:10", product_added("B", cart="c1"))
    story.at("10:00", viewed("A", "B", "C")).at("20:00")

    assert story.records == []


def test_b13_an_order_learned_of_after_the_message_takes_it_back() -> None:
    story = looked().at("12:10").at("12:00", order_completed("A", channel="pos"), arriving="12:30")

    assert [trigger.status for trigger in story.triggers] == ["fired", "revoked"]


def test_the_next_visit_is_come_back_to_under_an_id_of_its_own() -> None:
    story = looked().at("15:00", viewed("C", "D")).at("20:00")

    assert [clock for clock, _ in story.fired] == ["12:10", "17:00"]
    assert len({trigger.trigger_id for trigger in story.triggers}) == 2


def test_b15_what_the_other_side_of_a_merge_has_carted_or_bought_since_keeps_it_back() -> None:
    for told, reason in ((order_completed("A"), "bought"), (product_added("A", cart="c9"), "carted")):
        other = Story(browse(), customer_id="customer-2").at("11:00", told)
        assert looked().joined_by(other, "11:30").at("20:00").decisions == [("11:30", "dropped", reason)]


def test_s2_what_the_cookie_looked_at_is_in_the_message_to_whom_it_turns_out_to_be() -> None:
    known = Story(browse()).at("09:00", event("identified", identifiers={"email": "eva@example.com"}))
    cookie = Story(browse(), customer_id="customer-2").at("10:00", viewed("A", "B"))

    assert known.joined_by(cookie, "11:00").at("20:00").fired == [("12:00", "abandoned_browse")]

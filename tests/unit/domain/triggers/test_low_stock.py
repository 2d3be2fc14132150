"""Low stock: few pieces are left of what lies in the cart; that it is told is in `test_few_pieces_and_prices.py`."""

from __future__ import annotations

from typing import Any

from pipeline.domain.events import Item
from pipeline.domain.messages.to_customer import ProductNews
from pipeline.domain.rules.in_force import Rule
from tests.unit.domain.triggers.story import (
    Story,
    a_rule,
    at_ms,
    event,
    order_completed,
    product_added,
    product_removed,
)


def low(**fields: Any) -> Rule:
    return a_rule("low_stock", **fields)


def left(story: Story, clock: str, pieces: int, before: int, size: str | None = None) -> Story:
    story.pass_time(at_ms(clock))
    news = ProductNews("default", "customer-1", "A", f"s-{clock}", at_ms(clock), pieces, size, pieces_before=before)
    story.deliver(news, at_ms(clock))
    return story


def in_size(size: str) -> Item:
    return Item("A", attributes={"size": size})


def test_few_pieces_of_what_lies_in_the_cart_are_told_of_once() -> None:
    story = left(left(Story(low()).at("10:00", product_added("A")), "11:00", 3, 4), "12:00", 1, 3)

    assert story.fired == [("11:00", "low_stock")]
    assert story.triggers[0].context["in_stock"] == 3
    assert story.triggers[0].reason == "3 pieces are left of A, which lies in the cart"


def test_who_puts_it_in_again_is_told_again() -> None:
    story = left(Story(low()).at("10:00", product_added("A")), "11:00", 1, 4)
    left(story.at("12:00", product_added("A")), "13:00", 2, 4)

    assert story.fired == [("11:00", "low_stock"), ("13:00", "low_stock")]


def test_more_pieces_than_the_rule_says_and_other_sizes_are_no_news() -> None:
    assert left(Story(low(pieces=2)).at("10:00", product_added("A")), "11:00", 3, 4).fired == []

    sized = Story(low()).at("10:00", event("product_added", items=(in_size("38"),)))
    assert left(sized, "11:00", 1, 4, "40").fired == []
    assert left(sized, "12:00", 1, 4, "38").fired == [("12:00", "low_stock")]


def test_what_is_back_in_stock_is_not_few_pieces_left_and_few_left_is_not_back_in_stock() -> None:
    story = Story(low(), a_rule("back_in_stock")).at("10:00", product_added("A"))
    assert left(story, "11:00", 2, 4).fired == [("11:00", "low_stock")]

    news = ProductNews("default", "customer-1", "A", "s-2", at_ms("12:00"), 2)
    story.at("12:00").deliver(news, at_ms("12:00"))
    assert story.fired[1:] == [("12:00", "back_in_stock")]


def test_a_word_held_over_night_is_dropped_once_it_is_sold_out_bought_or_taken_out() -> None:
    def held() -> Story:
        return left(Story(low(quiet_hours="22:00-08:00")).at("20:00", product_added("A")), "23:00", 1, 4)

    assert held().at("1d 09:00").fired == [("1d 08:00", "low_stock")]
    assert left(held(), "1d 02:00", 0, 1).at("1d 09:00").decisions[-1][1:] == ("dropped", "sold_out")
    assert held().at("1d 07:00", order_completed("A")).at("1d 09:00").decisions[-1][1:] == ("dropped", "bought")
    assert held().at("1d 07:00", product_removed("A")).at("1d 09:00").decisions[-1][1:] == ("dropped", "not_so")


def test_a_word_held_over_night_is_dropped_once_another_size_lies_in_the_cart() -> None:
    story = Story(low(quiet_hours="22:00-08:00")).at("20:00", event("product_added", items=(in_size("38"),)))
    left(story, "23:00", 1, 4, "38").at("23:30", event("product_added", items=(in_size("40"),))).at("1d 09:00")

    assert story.decisions[-1][1:] == ("dropped", "not_so")


def test_b13_a_purchase_learned_of_later_takes_back_that_few_are_left() -> None:
    story = left(Story(low()).at("10:00", product_added("A", cart="c-1")), "12:00", 1, 9)
    story.at("10:10", order_completed("A", cart="till-5", channel="pos"), arriving="15:00")

    assert [each.trigger_id for each in story.revoked] == [story.triggers[0].trigger_id]

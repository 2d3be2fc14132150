"""Who has a product in the cart is told when few are left, and who waits for it of a lower price (B31)."""

from __future__ import annotations

import pytest

from tests.unit.domain.product.market import Market, back, sold_out
from tests.unit.domain.triggers.story import a_rule, event


def test_who_has_it_in_the_cart_is_told_once_when_few_pieces_are_left() -> None:
    market = Market(a_rule("low_stock", pieces=3)).at("10:00").stock({"": 9}).carts("ann").wishes("bob")
    for clock, pieces in (("11:00", 4), ("11:01", 3), ("11:02", 2), ("11:03", 5), ("11:04", 1)):
        market.at(clock).stock({"": pieces})

    assert market.fired == [("11:01", "ann")]
    assert market.triggers[0].reason == "3 pieces are left of A, which lies in the cart"


def test_who_puts_it_into_the_cart_when_few_pieces_are_left_hears_when_there_are_fewer() -> None:
    market = Market(a_rule("low_stock", pieces=3)).at("10:00").stock({"": 2}).carts("ann").at("11:00").stock({"": 1})

    assert market.fired == [("11:00", "ann")]


def test_nobody_is_told_of_few_pieces_once_it_is_sold_out_bought_or_taken_out() -> None:
    market = Market(a_rule("low_stock", pieces=3)).at("10:00").stock({"": 9}).carts("ann", "bob", "cid")
    market.buys("ann").tell("bob", event("cart_emptied")).settle().at("11:00").stock({"": 2})
    assert market.fired == [("11:00", "cid")]

    gone = Market(a_rule("low_stock", pieces=3)).at("10:00").stock({"": 9}).carts("ann").at("11:00").stock({"": 0})
    assert gone.fired == []


def test_a_word_of_few_pieces_held_over_night_does_not_go_out_once_none_is_left() -> None:
    market = Market(a_rule("low_stock", pieces=3, quiet_hours="22:00-08:00")).at("20:00").stock({"": 9}).carts("ann")
    market.at("23:00").stock({"": 2}).at("1d 02:00").stock({"": 0}).at("1d 09:00")

    assert market.fired == []
    assert market.records[-1].reason == "sold_out"


@pytest.mark.parametrize(("now_minor", "told"), [(89, {"ann", "bob"}), (91, set())])
def test_b31_a_price_from_100_to_89_is_told_of_under_a_rule_of_ten_percent_and_one_to_91_is_not(
    now_minor: int, told: set[str]
) -> None:
    market = Market(a_rule("price_drop", percent=10)).at("10:00").wishes("ann").carts("bob").costs(100)

    assert market.at("11:00").costs(now_minor).told == told


def test_b31_a_price_that_goes_up_and_down_within_the_cooldown_is_told_of_once() -> None:
    market = Market(a_rule("price_drop", cooldown="2d")).at("10:00").wishes("ann").costs(100)
    for clock, price in (("11:00", 89), ("12:00", 100), ("13:00", 88), ("14:00", 100), ("15:00", 89)):
        market.at(clock).costs(price)

    assert market.fired == [("11:00", "ann")]


def test_b31_prices_of_different_currencies_are_never_compared() -> None:
    market = Market(a_rule("price_drop")).at("10:00").wishes("ann").costs(100).at("11:00").costs(50, "USD")

    assert market.fired == []


def test_a_lower_price_that_is_gone_by_the_morning_is_not_told_of_and_is_when_it_comes_again() -> None:
    market = Market(a_rule("price_drop", quiet_hours="22:00-08:00")).at("20:00").wishes("ann").costs(100)
    market.at("23:00").costs(80).at("1d 01:00").costs(100).at("1d 09:00")
    assert market.fired == []

    assert market.at("1d 10:00").costs(80).fired == [("1d 10:00", "ann")]


def test_who_was_told_that_it_is_gone_and_not_that_it_is_back_is_written_to_of_it_all_the_same() -> None:
    market = sold_out(back(), a_rule("price_drop")).wishes("ann").costs(100)
    market.at("11:00").stock({"": 1}).at("11:10").stock({"": 0}).at("12:00").stock({"": 100})

    market.at("13:00").costs(50)

    assert [trigger.rule for trigger in market.triggers] == ["back_in_stock", "price_drop"]

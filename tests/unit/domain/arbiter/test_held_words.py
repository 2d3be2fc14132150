"""Words of a product that quiet hours hold back go out as things are known to be then, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.events import Item
from pipeline.domain.records import Decision
from pipeline.domain.rules.in_force import Rule, Rules
from tests.unit.domain.product.market import SKU, Market
from tests.unit.domain.triggers.story import a_rule, at_ms, event

NIGHT = {"quiet_hours": "22:00-08:00"}


def carts(market: Market, *customers: str, size: str | None = None) -> Market:
    attributes = {} if size is None else {"size": size}
    for customer_id in customers:
        market.tell(customer_id, event("product_added", items=(Item(SKU, 1, 100, "EUR", attributes),))).settle()
    return market


def decided(market: Market) -> list[tuple[str, str]]:
    return [(each.outcome, each.reason) for each in market.records if isinstance(each, Decision)]


# --- few pieces ---------------------------------------------------------------------------------------------------


def few(*customers: str, **rule: Any) -> Market:
    """At 23:00 two pieces are left of what lies in their carts, which is to be told in the morning."""
    market = Market(a_rule("low_stock", pieces=3, **NIGHT, **rule)).at("20:00").stock({"": 9}).carts(*customers)
    return market.at("23:00").stock({"": 2})


def test_few_pieces_are_not_told_of_in_the_morning_once_there_are_plenty_again() -> None:
    market = few("ann").at("1d 02:00").stock({"": 50}).at("1d 09:00")

    assert market.fired == []
    assert decided(market) == [("held", "quiet_hours"), ("dropped", "not_so")]


def test_who_was_not_told_of_few_pieces_is_told_when_they_become_few_again() -> None:
    market = few("ann").at("1d 02:00").stock({"": 50}).at("1d 10:00").stock({"": 1}).at("1d 11:00").stock({"": 0})
    market.at("1d 12:00").stock({"": 9}).at("1d 13:00").stock({"": 1})

    assert market.fired == [("1d 10:00", "ann")]


def test_what_is_sold_out_at_night_and_then_few_pieces_of_it_are_left_is_told_of_when_they_become_fewer() -> None:
    market = few("ann").at("1d 02:00").stock({"": 0}).at("1d 03:00").stock({"": 3}).at("1d 09:00")
    assert market.fired == []

    assert market.at("1d 10:00").stock({"": 2}).fired == [("1d 10:00", "ann")]


@pytest.mark.parametrize("pieces", [1, 3])
def test_the_morning_is_told_how_many_pieces_are_left_by_then(pieces: int) -> None:
    market = few("ann").at("1d 02:00").stock({"": pieces}).at("1d 09:00")

    (trigger,) = market.triggers
    assert (trigger.context["in_stock"], trigger.fired_at_ms) == (pieces, trigger.fired_at_ms)
    assert market.fired == [("1d 08:00", "ann")]


def test_more_pieces_are_no_news_where_nothing_is_held() -> None:
    market = Market(a_rule("low_stock", pieces=3)).at("10:00").stock({"": 9}).carts("ann").at("11:00").stock({"": 2})
    market.carts("bob").at("12:00").stock({"": 3}).at("13:00").stock({"": 9})

    assert market.fired == [("11:00", "ann")]


def test_plenty_of_another_size_takes_nothing_back() -> None:
    market = Market(a_rule("low_stock", pieces=3, **NIGHT)).at("20:00").stock({"38": 9, "40": 3})
    carts(market, "ann", size="38").at("23:00").stock({"38": 1, "40": 3})
    market.at("1d 02:00").stock({"38": 1, "40": 30}).at("1d 09:00")

    assert market.fired == [("1d 08:00", "ann")]


def test_who_takes_any_size_is_not_told_of_few_pieces_once_there_are_plenty_of_one() -> None:
    market = Market(a_rule("low_stock", pieces=3, **NIGHT)).at("20:00").stock({"38": 9, "40": 9})
    carts(market, "ann").at("23:00").stock({"38": 1, "40": 0})
    market.at("1d 02:00").stock({"38": 1, "40": 30}).at("1d 09:00")

    assert market.fired == []


def test_each_rule_goes_by_its_own_number_of_pieces() -> None:
    rules = [a_rule("low_stock", name=f"below_{pieces}", pieces=pieces, **NIGHT) for pieces in (2, 5)]
    market = Market(*rules).at("20:00").stock({"": 9}).carts("ann").at("23:00").stock({"": 2})
    market.at("1d 02:00").stock({"": 4}).at("1d 09:00")

    assert [(trigger.rule, trigger.context["in_stock"]) for trigger in market.triggers] == [("below_5", 4)]


def test_what_was_taken_out_and_put_in_again_is_not_told_of_as_it_was_before() -> None:
    """Nobody tells a customer of what they do not want: that it is plentiful again went unheard."""
    market = few("ann").tell("ann", event("cart_emptied")).settle().at("1d 02:00").stock({"": 50})
    market.at("1d 03:00").carts("ann").at("1d 09:00")

    assert market.fired == []


def test_who_takes_any_size_and_then_puts_in_one_that_is_gone_is_not_told_that_few_pieces_are_left() -> None:
    market = Market(a_rule("low_stock", pieces=3, **NIGHT)).at("20:00").stock({"38": 0, "40": 9})
    carts(market, "ann").at("23:00").stock({"38": 0, "40": 2}).at("23:30")
    carts(market, "ann", size="38").at("1d 09:00")

    assert market.fired == []


# --- prices -------------------------------------------------------------------------------------------------------


def cheaper(*prices: int, **rule: Any) -> Market:
    """From 23:00 on it costs so much, which was 100 before: one after the other."""
    market = Market(a_rule("price_drop", **NIGHT, **rule)).at("20:00").wishes("ann").costs(100)
    for minute, price in enumerate(prices):
        market.at(f"23:{minute:02d}").costs(price)
    return market.at("1d 09:00")


@pytest.mark.parametrize(
    ("prices", "told"),
    [
        ((80, 85), [85]),
        ((80, 100), []),
        ((80, 95), []),
        ((80, 70), [70]),
        ((80, 70, 80), [80]),
        ((80, 85, 80), [80]),
        ((80, 100, 85), [85]),
        ((80, 95, 100, 80), [80]),
    ],
)
def test_the_morning_is_told_once_of_the_price_there_is_by_then_if_it_is_a_lower_one(
    prices: tuple[int, ...], told: list[int]
) -> None:
    market = cheaper(*prices)

    assert [trigger.context["now_minor"] for trigger in market.triggers] == told
    assert market.fired == [("1d 08:00", "ann")] * len(told)


def test_a_price_that_was_not_told_is_when_it_comes_again_and_one_that_was_is_not() -> None:
    market = cheaper(80, 85).at("1d 10:00").costs(80).at("1d 11:00").costs(85).at("1d 12:00").costs(80)

    assert [trigger.context["now_minor"] for trigger in market.triggers] == [85, 80]


def test_who_knows_the_lower_price_hears_nothing_when_it_rises() -> None:
    market = Market(a_rule("price_drop")).at("10:00").wishes("ann").costs(100).at("11:00").costs(80)

    assert market.at("12:00").costs(85).fired == [("11:00", "ann")]


def test_who_knew_no_price_hears_of_the_lower_one_there_is_in_the_morning() -> None:
    market = Market(a_rule("price_drop", **NIGHT)).at("19:00").costs(100).at("20:00")
    market.tell("ann", event("product_added_to_wishlist", items=(Item(SKU),))).settle()
    market.at("23:00").costs(80).at("23:10").costs(85).at("1d 09:00")

    assert [trigger.context["now_minor"] for trigger in market.triggers] == [85]


def test_a_wish_withdrawn_and_made_anew_is_not_told_of_a_price_from_before() -> None:
    market = Market(a_rule("price_drop", **NIGHT)).at("20:00").wishes("ann").costs(100).at("23:00").costs(80)
    market.tell("ann", event("product_removed_from_wishlist", items=(Item(SKU),))).settle()
    market.at("1d 01:00").costs(100).at("1d 02:00").wishes("ann").at("1d 09:00")

    assert market.fired == []


def test_who_has_seen_the_lower_price_by_the_morning_is_not_told_of_it() -> None:
    market = Market(a_rule("price_drop", **NIGHT)).at("20:00").wishes("ann").costs(100).at("23:00").costs(80)
    market.at("23:30").tell("ann", event("product_added", items=(Item(SKU, 1, 80, "EUR"),))).settle()

    assert market.at("1d 09:00").fired == []


# --- back in stock ------------------------------------------------------------------------------------------------


def test_a_wish_withdrawn_and_made_anew_does_not_bring_back_a_piece_that_went_to_another() -> None:
    market = Market(a_rule("back_in_stock", **NIGHT)).at("20:00").stock({"": 0}).wishes("ann").at("20:01").wishes("bob")
    market.at("23:00").stock({"": 1}).at("23:10")
    market.tell("ann", event("product_removed_from_wishlist", items=(Item(SKU),))).settle()

    market.at("23:20").wishes("ann").at("1d 08:10")

    assert market.fired == [("1d 08:00", "bob")]


# --- merges, and merges undone --------------------------------------------------------------------------------------


def one_at_night(kind: str, *wishing: str, seed: int = 0) -> Market:
    """Ann and bob are one customer in the night; who of them wishes for it, or has it in a cart, did so before."""
    market = Market(a_rule(kind, **NIGHT), seed=seed).at("19:00").stock({"": 0 if kind == "back_in_stock" else 9})
    market.costs(100).at("20:00")
    for customer_id in ("ann", "bob"):
        market.tell(customer_id, event("page_viewed")).settle()
    for customer_id in wishing:
        wanting = "product_added" if kind == "low_stock" else "product_added_to_wishlist"
        wanted = event(wanting, items=(Item(SKU, 1, 100, "EUR"),), cart_id=f"cart-of-{customer_id}")
        market.tell(customer_id, wanted).settle()
    return market.at("21:00").meets("bob", "ann").settle().at("23:00")


def comes(market: Market, kind: str) -> Market:
    """Let that happen of which the rule tells."""
    if kind == "price_drop":
        return market.costs(80)
    return market.stock({"": 1})


seeds = pytest.mark.parametrize("seed", range(5))
kinds = pytest.mark.parametrize("kind", ["low_stock", "price_drop", "back_in_stock"])


@seeds
@kinds
@pytest.mark.parametrize("who", ["ann", "bob"])
def test_b8_what_is_held_when_a_merge_is_undone_goes_to_the_side_that_waits_for_it(
    who: str, kind: str, seed: int
) -> None:
    market = comes(one_at_night(kind, who, seed=seed), kind)
    market.at("23:30").parts("ann").settle().at("2d 09:00")

    assert market.fired == [("1d 08:00", who)]


@seeds
@pytest.mark.parametrize("kind", ["low_stock", "price_drop"])
def test_b8_where_both_sides_wait_for_it_each_is_told_once(kind: str, seed: int) -> None:
    market = comes(one_at_night(kind, "ann", "bob", seed=seed), kind)
    market.at("23:30").parts("ann").settle().at("2d 09:00")

    assert sorted(market.fired) == [("1d 08:00", "ann"), ("1d 08:00", "bob")]


@seeds
def test_b8_where_both_sides_wait_for_one_piece_it_is_kept_for_one_and_then_for_the_other(seed: int) -> None:
    market = comes(one_at_night("back_in_stock", "ann", "bob", seed=seed), "back_in_stock")
    market.at("23:30").parts("ann").settle().at("1d 08:00")
    assert (market.fired, market.waves.kept("")) == ([("1d 08:00", "ann")], 1)

    assert market.at("2d 09:00").fired == [("1d 08:00", "ann"), ("1d 08:30", "bob")]
    assert market.waves.holds == ()


@seeds
def test_b8_a_merge_undone_keeps_no_piece_for_who_does_not_wait(seed: int) -> None:
    market = comes(one_at_night("back_in_stock", "bob", seed=seed), "back_in_stock")
    market.at("23:30").parts("ann").settle()
    assert market.waves.kept("") == 1

    market.at("1d 02:00").wishes("cid").at("1d 08:29").asks("dan")
    assert market.fired == [("1d 08:00", "bob")]
    assert market.at("1d 08:30").fired[1:] == [("1d 08:30", "dan")]


@kinds
@pytest.mark.parametrize("who", [("ann",), ("bob",), ("ann", "bob")])
def test_b8_neither_side_is_told_in_the_morning_of_what_is_no_longer_so(who: tuple[str, ...], kind: str) -> None:
    market = comes(one_at_night(kind, *who), kind).at("23:30").parts("ann").settle().at("1d 02:00")
    market = market.costs(100) if kind == "price_drop" else market.stock({"": 9 if kind == "low_stock" else 0})

    assert market.at("2d 09:00").fired == []


def test_b8_who_has_bought_it_is_not_told_of_a_price_that_was_held_for_the_other_side() -> None:
    market = one_at_night("price_drop", "ann").buys("ann").at("23:05")
    market.tell("bob", event("product_added_to_wishlist", items=(Item(SKU, 1, 100, "EUR"),))).settle()
    market.at("23:10").costs(80).at("23:30").parts("ann").settle().at("2d 09:00")

    assert market.fired == [("1d 08:00", "bob")]


@kinds
def test_b8_who_was_told_as_one_is_not_told_again_after_the_merge_is_undone(kind: str) -> None:
    market = comes(one_at_night(kind, "bob"), kind).at("1d 09:00")
    assert market.fired == [("1d 08:00", "ann")]

    market.parts("ann").settle().at("1d 10:00")
    if kind == "price_drop":
        market.costs(100).costs(80)
    else:
        market.stock({"": 0}).stock({"": 3}).stock({"": 1})

    assert market.at("2d 09:00").fired == [("1d 08:00", "ann")]


@seeds
@pytest.mark.parametrize("gone", [False, True])
def test_a_piece_held_for_one_who_becomes_part_of_another_is_kept_for_that_one_as_long_as_there_is_one(
    gone: bool, seed: int
) -> None:
    market = Market(a_rule("back_in_stock", **NIGHT), seed=seed).at("20:00").stock({"": 0}).wishes("bob")
    market.tell("ann", event("page_viewed")).settle().at("23:00").stock({"": 1})
    market.at("23:30").meets("bob", "ann").settle()
    assert market.waves.kept("") == 1

    market.at("1d 02:00").stock({"": 0 if gone else 1}).at("1d 09:00")

    assert market.fired == ([] if gone else [("1d 08:00", "ann")])


def test_who_comes_to_wait_for_another_size_by_a_merge_gives_back_the_piece_that_was_held_for_them() -> None:
    market = Market(a_rule("back_in_stock", **NIGHT)).at("20:00").stock({"38": 0, "40": 0})
    carts(market, "ann", size="38").at("20:10").asks("bob", size="40").at("23:00").stock({"38": 1, "40": 0})
    assert market.waves.kept("38") == 1

    market.at("23:30").meets("bob", "ann").settle()
    assert market.waves.kept("38") == 0

    assert market.at("1d 10:00").stock({"38": 1, "40": 1}).fired == [("1d 10:00", "ann")]


# --- rules that change meanwhile ----------------------------------------------------------------------------------


def from_midnight(market: Market, *rules: Rule) -> Market:
    market.book.put(Rules("2", rules, number=1), at_ms("1d 00:00"))
    return market


@kinds
def test_word_that_was_held_is_not_sent_once_its_rule_is_removed(kind: str) -> None:
    market = from_midnight(comes(one_at_night(kind, "ann"), kind)).at("1d 09:00")

    assert market.fired == []
    assert decided(market)[-1] == ("dropped", "rule_removed")
    assert market.waves.holds == ()


@kinds
def test_word_that_comes_after_its_rule_was_removed_is_not_sent_and_keeps_no_piece(kind: str) -> None:
    market = comes(from_midnight(one_at_night(kind, "ann")).at("1d 10:00"), kind)

    assert decided(market) == []
    assert market.waves.holds == ()


@pytest.mark.parametrize("kind", ["low_stock", "price_drop"])
def test_what_is_no_longer_so_is_not_told_though_its_rule_was_renamed_and_brought_back_meanwhile(kind: str) -> None:
    market = comes(one_at_night(kind, "ann"), kind)
    from_midnight(market, a_rule(kind, name="other")).at("1d 01:00").tell("ann", event("page_viewed")).settle()
    market = market.costs(100) if kind == "price_drop" else market.stock({"": 9})
    market.book.put(Rules("3", [a_rule(kind, **NIGHT)], number=2), at_ms("1d 02:00"))

    assert market.at("1d 09:00").fired == []

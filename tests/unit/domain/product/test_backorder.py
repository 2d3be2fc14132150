"""What is sold beyond its stock, or without counting it, can be had whatever the stock says, by all who wait for it."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.events import Item
from pipeline.domain.messages.to_product import ProductTold, StockTold
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.product.state import ProductState, product_json
from pipeline.domain.product.view import catalog_view
from tests.unit.domain.customer.fair import Fair, carted, fair
from tests.unit.domain.product.market import SKU, Market
from tests.unit.domain.triggers.story import a_rule, event


def market(**rule: Any) -> Market:
    return Market(a_rule("back_in_stock", **rule)).at("10:00")


def test_all_who_wait_in_any_size_are_told_once_it_can_be_ordered_at_no_pieces() -> None:
    waiting = market().stock({"38": 0, "40": 0}).asks("ann", size="38").asks("bob", size="44").asks("cid")
    waiting.asks(*(f"u-{number}" for number in range(250)))

    waiting.at("11:00").orderable(beyond_stock=True)

    assert len(waiting.fired) == 253
    assert waiting.told >= {"ann", "bob", "cid"}
    assert {each.context["in_stock"] for each in waiting.triggers} == {None}
    (first,) = [each for each in waiting.triggers if each.context["place"] == 1]
    assert first.reason.startswith("A is there again: as many as are ordered; told as number 1, one is kept until")


def test_who_takes_any_size_is_told_of_none_once_all_can_be_ordered() -> None:
    waiting = market().stock({"38": 0}).asks("ann", "bob").at("11:00").stock({"38": 1})

    waiting.at("11:05").orderable(beyond_stock=True)

    assert [(each.customer_id, each.context["size"]) for each in waiting.triggers] == [("ann", "38"), ("bob", None)]
    waiting.at("12:00").asks("cid")
    assert waiting.triggers[-1].context["size"] is None


def test_who_was_told_of_a_piece_hears_nothing_when_it_can_be_ordered_as_well() -> None:
    waiting = market().stock({"38": 0}).asks("ann", size="38").at("11:00").stock({"38": 1})
    assert waiting.handled["ProductNews"] == 1

    waiting.at("11:05").orderable(beyond_stock=True)

    assert waiting.handled["ProductNews"] == 1


def test_the_piece_kept_for_a_held_back_word_stays_when_it_can_be_ordered_as_well() -> None:
    waiting = market(quiet_hours="22:00-08:00").stock({"38": 0}).asks("ann", size="38")
    waiting.at("23:00").stock({"38": 1}).at("23:10").orderable(beyond_stock=True)
    waiting.at("1d 01:00").stock({"38": 0}).at("1d 09:00")

    assert waiting.fired == [("1d 08:00", "ann")]


def test_what_the_stock_says_is_no_news_while_it_can_be_ordered_all_the_same() -> None:
    waiting = market().stock({"38": 1}).asks("ann", "bob", size="38")
    waiting.orderable(beyond_stock=True)
    assert waiting.told == {"ann", "bob"}

    told = waiting.handled["ProductNews"]
    for clock, pieces in (("11:00", 0), ("11:05", 3), ("11:10", 0)):
        waiting.at(clock).stock({"38": pieces}).carts("cid")

    assert waiting.handled["ProductNews"] == told
    assert waiting.told == {"ann", "bob"}


def test_who_was_told_hears_that_it_is_gone_once_it_can_be_ordered_no_longer() -> None:
    waiting = market(quiet_hours="22:00-08:00").stock({"38": 0}).asks("ann", size="38").asks("bob")
    waiting.at("23:00").orderable(beyond_stock=True)
    waiting.at("1d 02:00").orderable(beyond_stock=False).at("1d 09:00")

    assert waiting.fired == []
    assert {record.reason for record in waiting.records[-2:]} == {"sold_out"}
    waiting.at("1d 10:00").stock({"38": 5})
    assert waiting.told == {"ann", "bob"}


@pytest.mark.parametrize("size", [None, "38"])
def test_who_was_to_be_told_that_it_can_be_ordered_is_told_of_the_pieces_there_are_by_then(size: str | None) -> None:
    waiting = market(quiet_hours="22:00-08:00").stock({"": 0}).tell("ann", carted(size)).settle()
    waiting.at("23:00").orderable(beyond_stock=True)

    waiting.at("1d 02:00").stock({"38": 5}).orderable(beyond_stock=False).at("1d 09:00")

    assert waiting.fired == [("1d 08:00", "ann")]
    assert (waiting.triggers[0].context["size"], waiting.triggers[0].context["in_stock"]) == ("38", 5)


def test_who_took_it_while_it_could_be_ordered_is_not_told_that_pieces_have_come() -> None:
    waiting = market().stock({"38": 0}).orderable(beyond_stock=True)
    waiting.at("10:01").wishes("ann").tell("bob", carted("38")).settle()

    waiting.at("11:00").stock({"38": 5}).at("12:00").orderable(beyond_stock=False)
    assert waiting.fired == []

    waiting.at("13:00").stock({"38": 0}).at("14:00").stock({"38": 2})
    assert waiting.fired == [("14:00", "ann"), ("14:00", "bob")]


def test_a_product_first_told_of_as_orderable_is_news_only_for_who_asked_to_be_told() -> None:
    waiting = market().asks("ann").wishes("bob")

    waiting.at("11:00").orderable(beyond_stock=True).stock({"": 0})

    assert waiting.fired == [("11:00", "ann")]


def test_few_pieces_of_it_are_no_reason_to_hurry_before_they_are_all_there_is() -> None:
    cart = event("product_added", items=(Item(SKU, 1, 100, "EUR"),))
    scarce = Market(a_rule("low_stock", pieces=3)).at("10:00").stock({"": 9}).orderable(beyond_stock=True)
    scarce.tell("ann", cart).settle()

    scarce.at("11:00").stock({"": 2})
    assert scarce.fired == []

    scarce.at("12:00").orderable(beyond_stock=False)
    assert scarce.fired == [("12:00", "ann")]
    assert scarce.triggers[0].context["in_stock"] == 2


def test_who_takes_any_size_knows_of_none_that_is_gone_once_it_can_be_ordered() -> None:
    shop = fair()
    shop.stock({"38": 1, "40": 1}).stock({"38": 1})
    shop.says("ann", carted())
    assert shop.customer("ann").heard.sold_out() == {SKU: ["40"]}

    shop.at("11:00").orderable(beyond_stock=True)

    assert shop.customer("ann").heard.sold_out() == {}


@pytest.mark.parametrize("size", [None, "38", "44"])
def test_b32_it_is_shown_though_none_is_left_in_the_customers_size(size: str | None) -> None:
    shop = fair()
    shop.stock({"38": 0, "40": 0})
    shop.says("ann", carted(size))
    assert shop.shown("ann") == []

    shop.at("11:00").orderable(beyond_stock=True)
    assert shop.shown("ann") == [(SKU, size)]
    shop.at("11:10").stock({"40": 1}).at("11:20").stock({"38": 0})
    shop.says("bob", carted(size))
    assert shop.shown("ann") == shop.shown("bob") == [(SKU, size)]

    shop.at("11:30").orderable(beyond_stock=False)
    assert shop.shown("ann") == shop.shown("bob") == []


def test_sites_and_people_see_that_it_can_be_ordered_and_how_many_pieces_there_are() -> None:
    state: ProductState | None = None
    for told in (
        ProductTold("default", SKU, "p-1", 1, backorder=True),
        StockTold("default", SKU, "s-1", 1, "full", (("", "38", 2),)),
    ):
        state, _ = ProductActor().handle(state, told, 1)
    assert state is not None

    view = catalog_view(state, 1)
    assert (view.backorder, view.stock) == (True, {"": {"38": 2}})
    said = product_json(state, 0)
    assert (said["backorder"], said["available"]) == (True, 2)


def test_what_is_deleted_cannot_be_ordered_either() -> None:
    waiting = market().stock({"": 0}).asks("ann")
    waiting._catalogue(ProductTold("default", SKU, "p-9", waiting.now_ms, deleted=True, backorder=True)).settle()

    assert waiting.fired == []


def test_b32_sold_from_stock_again_of_which_nobody_told_it_is_shown_as_before() -> None:
    shop = fair()
    shop.says("ann", carted("38"))

    shop.at("11:00").orderable(beyond_stock=True).at("12:00").orderable(beyond_stock=False)

    assert shop.shown("ann") == [(SKU, "38")]


@pytest.mark.parametrize("size", [None, "38"])
def test_b32_who_was_told_of_it_when_it_could_be_ordered_is_shown_it_on_once_there_are_sizes_of_it(
    size: str | None,
) -> None:
    shop = Fair(rules=(a_rule("back_in_stock"),)).at("10:00").stock({"": 0})
    assert isinstance(shop, Fair)
    shop.says("ann", carted(size)).at("11:00").orderable(beyond_stock=True)
    assert shop.fired == [("11:00", "ann")]

    shop.at("11:10").stock({"38": 5}).orderable(beyond_stock=False)

    assert shop.shown("ann") == [(SKU, size)]


def test_b32_where_its_stock_is_told_after_it_is_sold_from_stock_again_it_is_shown_as_before() -> None:
    shop = Fair(rules=(a_rule("low_stock", pieces=3),)).at("10:00").orderable(beyond_stock=True)
    assert isinstance(shop, Fair)
    shop.says("ann", carted())

    shop.at("11:00").orderable(beyond_stock=False).stock({"": 12})

    assert shop.shown("ann") == [(SKU, None)]

"""Who is shown a product knows whether there is any: told when it goes, when it comes, and at once."""

from __future__ import annotations

from random import Random

import pytest

from pipeline.domain.messages import waves as wave_messages
from pipeline.domain.product import waiters
from tests.unit.domain.customer.fair import Fair, carted, fair
from tests.unit.domain.product.market import SKU, Market
from tests.unit.domain.triggers.story import a_rule, at_ms, event, order_completed, product_removed, viewed


@pytest.mark.parametrize("seed", range(5))
def test_b32_what_sells_out_is_no_longer_shown_to_who_has_it_in_a_cart_and_is_again_when_it_is_back(seed: int) -> None:
    market = fair(seed)
    market.stock({"": 2})
    market.says("ann", carted()).says("bob", viewed(SKU)).says("cid", viewed("B"))
    assert market.shown("ann") == market.shown("bob") == [(SKU, None)]

    market.at("10:10").stock({"": 0})
    assert market.shown("ann") == market.shown("bob") == []

    market.at("10:20").stock({"": 1})
    assert market.shown("ann") == market.shown("bob") == [(SKU, None)]
    assert market.shown("cid") == [("B", None)]
    assert market.customer("cid").heard.stock == {}


def test_who_comes_when_it_is_sold_out_already_is_told_so_at_once() -> None:
    market = fair()
    market.stock({"38": 1, "40": 1})
    market.says("ann", carted("38"))
    market.at("10:10").stock({"40": 1})

    market.says("bob", carted("38")).says("cid", viewed(SKU)).says("dan", carted("40"))

    assert (market.shown("bob"), market.shown("cid"), market.shown("dan")) == ([], [(SKU, None)], [(SKU, "40")])


def test_a_product_that_never_was_there_is_known_to_be_gone_and_one_nobody_told_of_is_not() -> None:
    market = fair()
    market.says("ann", carted())
    assert market.shown("ann") == [(SKU, None)]

    market.at("10:10").stock({"": 0})

    assert market.shown("ann") == []


def test_what_is_sold_no_longer_is_not_shown_though_nobody_told_of_its_stock_and_is_once_it_is_sold_again() -> None:
    market = fair()
    market.says("ann", carted("38")).says("bob", viewed(SKU))

    market.at("10:10").sold(False)
    market.says("cid", carted())
    assert market.shown("ann") == market.shown("bob") == market.shown("cid") == []

    market.at("10:20").sold(True)
    assert (market.shown("ann"), market.shown("bob"), market.shown("cid")) == (
        [(SKU, "38")],
        [(SKU, None)],
        [(SKU, None)],
    )


def test_who_took_it_out_or_bought_it_hears_no_more() -> None:
    market = fair()
    market.stock({"": 1})
    market.says("ann", carted()).says("ann", product_removed(SKU))
    market.says("bob", carted()).says("bob", order_completed(SKU))
    told = market.handled["ProductNews"]

    market.at("10:10").stock({"": 0})

    assert market.handled["ProductNews"] == told
    assert not any("product" in place and state.waiters for place, state in market.states.items())


def test_what_products_tell_no_more_is_forgotten_for_it_may_be_back_unheard() -> None:
    market = fair()
    market.stock({"": 1})
    market.says("ann", carted())
    market.at("10:10").stock({"": 0})
    assert market.customer("ann").heard.is_gone(SKU)

    market.says("ann", product_removed(SKU)).at("10:20").stock({"": 5})

    assert not market.customer("ann").heard.is_gone(SKU)


def test_nobody_tells_a_product_anything_where_nothing_is_shown() -> None:
    market = Market()
    market.at("10:00")
    market.carts("ann")

    assert market.handled["Interest"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_more_than_are_told_at_once_all_hear_of_it(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(waiters, "TOLD_AT_ONCE", 2)
    monkeypatch.setattr(wave_messages, "SHARDS", 2)
    market = fair(seed)
    market.stock({"": 1})
    people = [f"c-{number}" for number in range(20)]
    for each in people:
        market.says(each, carted())

    market.at("10:10").stock({"": 0})

    assert [market.shown(each) for each in people] == [[]] * 20
    assert market.handled["Presence"] >= 10


@pytest.mark.parametrize("seed", range(60))
def test_whatever_overtakes_what_in_the_end_everybody_knows_what_is_so(seed: int) -> None:
    rules = (a_rule("back_in_stock"), a_rule("low_stock", pieces=3))
    chance, market, sizes = Random(seed), Fair(seed=seed, rules=rules).at("10:00"), ("38", "40")
    assert isinstance(market, Fair)
    stock: dict[str, int] = {}
    wanted: dict[str, str | None] = {}
    orderable = False
    for minute in range(40):
        market.now_ms = at_ms(f"10:{minute:02}")
        name, size = chance.choice(("ann", "bob", "cid")), chance.choice((*sizes, None))
        match chance.randrange(5):
            case 0 | 1:
                stock = {each: chance.randrange(3) for each in (sizes if chance.randrange(3) else ("",))}
                market.stock_under_way(stock)
            case 2:
                wanted[name] = size
                market.tell(name, carted(size))
            case 3:
                orderable = chance.randrange(3) == 0
                market.orderable_under_way(orderable)
            case _:
                if wanted.pop(name, "") != "":
                    market.tell(name, event("cart_emptied"))
        for _ in range(chance.randrange(12)):
            market.step()
    market.at("11:00").settle()

    for name, size in wanted.items():
        there = orderable or (any(stock.values()) if size is None else stock.get(size, stock.get("", 0)) > 0)
        assert market.shown(name) == ([(SKU, size)] if there or not stock else []), (name, size, stock)

"""Who is shown a product in a size knows whether there is any in that size, whichever size that is by now."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipeline.domain.conditions.products import Shows
from pipeline.domain.events import ChannelEvent, Item
from tests.unit.domain.customer.fair import Fair, carted, fair
from tests.unit.domain.product.market import SKU
from tests.unit.domain.triggers.story import a_rule, event, viewed


def test_b32_only_the_customers_own_size_counts() -> None:
    market = fair()
    market.stock({"38": 1, "40": 1})
    market.says("ann", carted("38")).says("bob", carted("40"))
    told = market.handled["ProductNews"]

    market.at("10:10").stock({"40": 1})

    assert (market.shown("ann"), market.shown("bob")) == ([], [(SKU, "40")])
    assert market.handled["ProductNews"] == told + 1, "ann alone"


def test_b32_a_size_that_never_was_there_of_a_product_in_sizes_is_not_shown() -> None:
    market = fair()
    market.stock({"38": 0, "40": 2})
    market.says("ann", carted("38")).says("bob", carted("40"))
    assert (market.shown("ann"), market.shown("bob")) == ([], [(SKU, "40")])

    market.at("10:10").stock({"38": 1, "40": 0})

    assert (market.shown("ann"), market.shown("bob")) == ([(SKU, "38")], [])


def test_a_size_says_nothing_of_a_product_that_is_told_of_without_sizes() -> None:
    market = fair()
    market.stock({"": 1})
    market.says("ann", carted("38"))
    assert market.shown("ann") == [(SKU, "38")]

    market.at("10:10").stock({"": 0})

    assert market.shown("ann") == []


def test_b32_a_size_that_was_gone_is_shown_once_the_product_is_told_of_without_sizes() -> None:
    market = fair()
    market.stock({"38": 0, "40": 2})
    market.says("ann", carted("38"))
    assert market.shown("ann") == []

    market.at("10:10").stock({"": 5})
    assert market.shown("ann") == [(SKU, "38")]

    market.at("10:20").stock({"40": 5})
    assert market.shown("ann") == []


def test_when_every_size_is_gone_it_is_gone_for_who_takes_any_and_back_with_the_first() -> None:
    market = fair()
    market.stock({"38": 1, "40": 1})
    market.says("ann", viewed(SKU))

    market.at("10:10").stock({"40": 1})
    assert market.shown("ann") == [(SKU, None)]
    market.at("10:20").stock({"40": 0})
    assert market.shown("ann") == []
    market.at("10:30").stock({"38": 3})

    assert market.shown("ann") == [(SKU, None)]


def test_who_wants_another_size_now_is_told_of_that() -> None:
    market = fair()
    market.stock({"38": 1, "40": 1})
    market.says("ann", carted("38"))
    market.at("10:10").stock({"38": 1})

    market.says("ann", carted("40"))

    assert market.shown("ann") == []


def test_b32_who_was_told_later_of_one_size_hears_all_the_same_that_the_one_now_wanted_is_gone() -> None:
    market = Fair(rules=(a_rule("back_in_stock"),)).at("10:00").stock({"38": 1, "40": 1}).stock({"38": 0, "40": 0})
    for minute, customer_id in enumerate(("ann", "bob")):
        market.at(f"10:0{minute + 1}").tell(customer_id, carted("38")).settle()
    market.at("11:00").stock({"38": 1, "40": 0}).at("11:30")
    assert market.fired == [("11:00", "ann"), ("11:30", "bob")]

    market.at("11:40").tell("bob", carted("40")).settle()

    assert isinstance(market, Fair)
    assert market.shown("bob") == []


def test_b32_of_two_carts_the_size_put_in_last_is_shown_and_watched() -> None:
    market = fair()
    market.stock({"38": 1, "40": 1})
    market.says("ann", replace(carted("38"), cart_id="c1")).at("10:01")
    market.says("ann", replace(carted("40"), cart_id="c2"))
    assert market.shown("ann") == [(SKU, "40")]

    market.at("10:10").stock({"38": 1, "40": 0})

    assert market.shown("ann") == []


def asked(size: str | None = None) -> ChannelEvent:
    return event("stock_alert_requested", items=(Item(SKU, attributes={"size": size} if size else {}),))


@pytest.mark.parametrize("seed", range(5))
def test_b32_who_waits_for_another_size_than_lies_in_the_cart_knows_of_both(seed: int) -> None:
    market = Fair(rules=(a_rule("back_in_stock"), a_rule("low_stock", pieces=3)), seed=seed)
    market.at("10:00").stock({"38": 9, "40": 1}).stock({"38": 9, "40": 0})
    market.says("ann", carted("38")).says("ann", asked("40"))
    assert market.shown("ann") == [(SKU, "38")]

    market.at("10:10").stock({"38": 2, "40": 0})
    assert [(trigger.rule, trigger.context["size"]) for trigger in market.triggers] == [("low_stock", "38")]
    market.at("10:20").stock({"38": 0, "40": 0})
    assert market.shown("ann") == []
    market.at("10:30").stock({"38": 0, "40": 5})
    assert market.shown("ann") == []
    assert [(trigger.rule, trigger.context["size"]) for trigger in market.triggers[1:]] == [("back_in_stock", "40")]

    market.at("10:40").stock({"38": 1, "40": 5})
    assert market.shown("ann") == [(SKU, "38")]


def test_b32_who_waits_for_any_size_is_not_shown_the_one_in_the_cart_that_is_gone() -> None:
    market = Fair(rules=(a_rule("back_in_stock"),))
    market.at("10:00").stock({"38": 1, "40": 1})
    market.says("ann", asked()).says("ann", carted("38"))

    market.at("10:10").stock({"38": 0, "40": 1})

    assert market.shown("ann") == []


def test_b32_with_the_cart_emptied_the_size_waited_for_is_the_one_that_counts() -> None:
    market = Fair(rules=(a_rule("back_in_stock"),), condition=Shows(("carted", "wished")))
    market.at("10:00").stock({"38": 1, "40": 1})
    market.says("ann", event("product_added_to_wishlist", items=(Item(SKU),)))
    market.says("ann", asked("40")).says("ann", carted("38"))
    market.at("10:10").stock({"38": 1, "40": 0})
    assert market.shown("ann") == [(SKU, "38")]

    market.says("ann", event("cart_emptied"))

    assert market.shown("ann") == []


def test_b32_who_was_told_of_a_piece_without_a_size_is_shown_it_on_once_it_is_told_of_in_sizes() -> None:
    market = Fair(rules=(a_rule("back_in_stock"),)).at("10:00").stock({"": 0})
    assert isinstance(market, Fair)
    market.says("ann", carted()).at("11:00").stock({"": 5})
    assert market.fired == [("11:00", "ann")]

    market.at("11:10").stock({"38": 5})

    assert market.shown("ann") == [(SKU, None)]

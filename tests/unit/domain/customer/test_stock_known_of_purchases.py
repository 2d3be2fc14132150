"""Of what was bought, and of what goes with it, nothing is shown that there is none of."""

from __future__ import annotations

import pytest

from pipeline.domain.conditions.products import Shows, Source
from pipeline.domain.events import Item
from tests.unit.domain.customer.fair import Fair, fair
from tests.unit.domain.product.market import SKU
from tests.unit.domain.triggers.story import a_rule, event, order_completed


def test_what_goes_with_a_purchase_is_watched_from_the_purchase_on() -> None:
    market = fair()
    market.stock({"": 3})
    for number in range(3):
        market.says(f"other-{number}", order_completed(SKU, "DRESS", order=f"b-{number}"))
    market.says("ann", order_completed("DRESS", order="a-1"))
    assert market.shown("ann") == [(SKU, None)]

    market.at("10:10").stock({"": 0})

    assert market.shown("ann") == []


@pytest.mark.parametrize("source", ["bought", "goes_with_bought"])
def test_b32_of_what_was_bought_and_of_what_goes_with_it_nothing_sold_out_is_shown(source: Source) -> None:
    condition = Shows((source,))
    market = Fair(condition)
    market.at("10:00").stock({"": 3})
    for number in range(3):
        market.says(f"other-{number}", order_completed(SKU, "DRESS", order=f"b-{number}"))
    market.says("ann", order_completed(SKU if source == "bought" else "DRESS", order="a-1"))
    assert market.shown("ann", condition) == [(SKU, None)]

    market.at("10:10").stock({"": 0})
    assert market.shown("ann", condition) == []
    market.says("bob", order_completed(SKU if source == "bought" else "DRESS", order="b-9"))
    assert market.shown("bob", condition) == []

    market.at("10:20").stock({"": 1})
    assert market.shown("ann", condition) == market.shown("bob", condition) == [(SKU, None)]


def test_b32_what_was_bought_is_not_shown_when_it_is_sold_out_in_the_size_that_was_bought() -> None:
    condition = Shows(("bought",))
    market = Fair(condition)
    market.at("10:00").stock({"38": 1, "40": 9})
    in_38 = (Item(SKU, 1, 100, "EUR", {"size": "38", "category": "dresses"}),)
    market.says("ann", event("product_viewed", items=in_38))
    market.says("ann", event("order_completed", items=in_38, order_id="a-1"))
    assert market.shown("ann", condition) == [(SKU, "38")]

    market.at("10:10").stock({"40": 9})

    assert market.shown("ann", condition) == []


def test_b32_what_goes_with_a_purchase_is_not_shown_when_it_is_sold_out_in_the_size_preferred_in_its_category() -> None:
    condition = Shows(("goes_with_bought",))
    market = Fair(condition)
    market.at("10:00").stock({"38": 1, "40": 9})
    shoes = Item(SKU, 1, 100, "EUR", {"category": "shoes", "size": "40"})
    for number in range(3):
        pair = (shoes, Item("DRESS", 1, 100, "EUR", {"category": "dresses"}))
        market.says(f"other-{number}", event("order_completed", items=pair, order_id=f"b-{number}"))
    searched = event("products_searched", properties={"query": "heels", "category": "shoes", "size": "38"})
    market.says("ann", searched).says("ann", order_completed("DRESS", order="a-1"))
    assert market.shown("ann", condition) == [(SKU, "38")]

    market.at("10:10").stock({"40": 9})

    assert market.shown("ann", condition) == []


def test_a_piece_kept_for_who_buys_it_is_theirs_though_what_is_bought_is_shown_too() -> None:
    market = Fair(Shows(("bought", "wished")), rules=(a_rule("back_in_stock"),))
    market.at("10:00").stock({"": 0})
    market.says("ann", event("product_added_to_wishlist", items=(Item(SKU),))).at("10:01")
    market.says("bob", event("product_added_to_wishlist", items=(Item(SKU),))).at("11:00").stock({"": 1})
    assert market.fired == [("11:00", "ann")]

    market.at("11:10").buys("ann").at("11:12").stock({"": 0}).at("12:00")

    assert market.fired == [("11:00", "ann")]

"""Products that sell in one channel and not in another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.domain.product.wrong_channel import wilson, wrong_channels
from pipeline.domain.records import CatalogView, DemandCounts

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""


def product(sku: str, **channels: tuple[float, float]) -> CatalogView:
    """A product with views and sales by channel."""
    counts = {channel: DemandCounts(views=views, sales=sales) for channel, (views, sales) in channels.items()}
    return CatalogView("default", sku, TEN, name=sku.title(), channels=counts)


USUAL = product("usual", web=(1_000, 100), app=(1_000, 300), store_sensor=(500, 0), pos=(0, 150))
"""One in ten buys on the site, three in ten in the app and in the store."""


def flagged(*views: CatalogView) -> list[Any]:
    found: list[Any] = wrong_channels([*views, USUAL], TEN)
    return [
        (each["sku"], [rate["channel"] for rate in each["sells_in"]], [rate["channel"] for rate in each["not_in"]])
        for each in found
        if each["sku"] != "usual"
    ]


def test_a_product_that_sells_in_the_store_and_not_on_the_site_is_flagged_with_the_figures() -> None:
    (found,) = (
        each
        for each in wrong_channels([product("sofa", web=(400, 4), store_sensor=(60, 0), pos=(0, 24)), USUAL], TEN)
        if isinstance(each, dict) and each["sku"] == "sofa"
    )

    assert found == {
        "missed_orders": 36.0,
        "name": "Sofa",
        "sku": "sofa",
        "sells_in": [
            {"channel": "store", "views": 60, "sales": 24, "rate": 0.4, "low": 0.2857, "high": 0.5263, "usual": 0.3}
        ],
        "not_in": [
            {"channel": "web", "views": 400, "sales": 4, "rate": 0.01, "low": 0.0039, "high": 0.0254, "usual": 0.1}
        ],
    }


def test_a_product_that_sells_everywhere_as_others_do_is_not_flagged_though_channels_differ() -> None:
    assert flagged(product("lamp", web=(400, 40), app=(400, 120))) == []


def test_a_product_that_sells_nowhere_is_in_no_wrong_channel() -> None:
    assert flagged(product("dud", web=(400, 1), app=(400, 2))) == []


def test_one_that_few_looked_at_says_nothing() -> None:
    assert flagged(product("new", web=(29, 0), app=(400, 120))) == []
    assert flagged(product("sofa", web=(100, 0), app=(400, 120))) == [("sofa", ["app"], ["web"])]


def test_chance_is_not_flagged_where_the_interval_reaches_half_of_what_is_usual() -> None:
    assert flagged(product("sofa", web=(40, 0), app=(400, 120))) == [], "up to 8.8 % may buy, 5 % would be half"


def test_the_product_that_misses_most_orders_comes_first() -> None:
    sofa, table = product("sofa", web=(400, 4), app=(400, 120)), product("table", web=(900, 4), app=(400, 120))

    assert [sku for sku, _, _ in flagged(sofa, table)] == ["table", "sofa"]


def test_a_till_that_sees_no_looks_counts_who_buys_as_one_who_looked() -> None:
    assert flagged(product("sofa", web=(400, 4), pos=(0, 40))) == [("sofa", ["store"], ["web"])]


def test_what_is_sold_no_longer_is_in_no_wrong_channel() -> None:
    assert flagged(replace(product("sofa", web=(400, 4), app=(400, 120)), deleted=True)) == []


def test_without_other_products_to_compare_with_nothing_is_flagged() -> None:
    assert wrong_channels([product("sofa", web=(400, 0), app=(400, 120))], TEN) == []


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718), (15, 148, 0.0624, 0.1605), (81, 263, 0.2553, 0.3662)],
)
def test_the_interval_is_that_of_wilson(part: int, whole: int, low: float, high: float) -> None:
    """Figures as in R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3."""
    assert wilson(part, whole) == pytest.approx((low, high), abs=5e-5)


@given(whole=st.floats(1, 1e6), share=st.floats(0, 1))
def test_the_interval_holds_the_rate_and_lies_between_none_and_all(whole: float, share: float) -> None:
    low, high = wilson(share * whole, whole)

    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1

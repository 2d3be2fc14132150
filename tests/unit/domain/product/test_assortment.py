"""What a store should offer, from the records of all products."""

from __future__ import annotations

from typing import Any

from pipeline.domain.product.assortment import assortment
from pipeline.domain.product.demand import HALF_LIFE_MS
from pipeline.domain.records import CatalogView, DemandCounts, GoesWith
from pipeline.domain.time import DAY_MS

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""


def product(sku: str, **fields: Any) -> CatalogView:
    return CatalogView("default", sku, TEN, name=sku.title(), **fields)


def listed(*views: CatalogView, at_ms: int = TEN, store: str | None = None, most: int = 10) -> Any:
    return assortment(views, at_ms, store, most)


def skus(lines: Any) -> list[str]:
    return [line["sku"] for line in lines]


def test_best_sellers_and_most_wished_are_in_the_order_of_their_counts_then_by_sku() -> None:
    found = listed(
        product("b", demand=DemandCounts(sales=3.0, wishes=1.0)),
        product("a", demand=DemandCounts(sales=3.0)),
        product("c", demand=DemandCounts(sales=7.0, wishes=2.0)),
        product("d", demand=DemandCounts(views=99.0)),
    )

    assert found["best_sellers"] == [
        {"name": "C", "sales": 7.0, "sku": "c"},
        {"name": "A", "sales": 3.0, "sku": "a"},
        {"name": "B", "sales": 3.0, "sku": "b"},
    ]
    assert skus(found["most_wished"]) == ["c", "b"]


def test_no_list_is_longer_than_asked_for() -> None:
    found = listed(*(product(f"s{n}", demand=DemandCounts(sales=1.0 + n)) for n in range(9)), most=2)

    assert skus(found["best_sellers"]) == ["s8", "s7"]


def test_four_stars_are_of_at_least_three_reviews() -> None:
    found = listed(
        product("praised", rating=4.0, ratings=3),
        product("loved", rating=4.9, ratings=80),
        product("known to two", rating=5.0, ratings=2),
        product("liked", rating=3.99, ratings=50),
        product("never reviewed"),
    )

    assert found["four_stars"] == [
        {"name": "Loved", "rating": 4.9, "ratings": 80, "sku": "loved"},
        {"name": "Praised", "rating": 4.0, "ratings": 3, "sku": "praised"},
    ]


def test_a_trend_is_wanted_twice_as_often_as_usual_and_not_by_two_customers_alone() -> None:
    found = listed(
        product("new", demand=DemandCounts(views=20.0, recent=20.0)),
        product("rising", demand=DemandCounts(views=100.0, sales=40.0, recent=30.0)),
        product("steady", demand=DemandCounts(views=1_400.0, recent=100.0)),
        product("rare", demand=DemandCounts(views=9.9, recent=9.9)),
        product("nobody wants"),
    )

    assert [(line["sku"], line["times_usual"]) for line in found["trending"]] == [("new", 14.0), ("rising", 3.0)]


def test_a_trend_that_nobody_follows_any_more_is_over_within_days() -> None:
    new = product("new", demand=DemandCounts(views=100.0, recent=100.0))

    assert skus(listed(new, at_ms=TEN + 2 * DAY_MS)["trending"]) == ["new"]
    assert skus(listed(new, at_ms=TEN + 4 * DAY_MS)["trending"]) == []


def test_counts_told_at_different_times_are_compared_as_of_one() -> None:
    old = CatalogView("default", "old", TEN - HALF_LIFE_MS, demand=DemandCounts(sales=10.0))
    new = product("new", demand=DemandCounts(sales=6.0))

    assert [(line["sku"], line["sales"]) for line in listed(old, new)["best_sellers"]] == [("new", 6.0), ("old", 5.0)]


def test_pairs_bought_together_are_told_once_by_how_many_orders_held_both() -> None:
    found = listed(
        product("tent", complements=(GoesWith("lamp", 5, 0.5), GoesWith("mat", 2, 0.2), GoesWith("gone", 9, 0.9))),
        product("lamp", complements=(GoesWith("tent", 5, 0.833),)),
        product("mat", complements=(GoesWith("tent", 2, 1.0),)),
    )

    assert found["bought_together"] == [
        {"baskets": 5, "confidence": 0.833, "names": ["Lamp", "Tent"], "skus": ["lamp", "tent"]},
        {"baskets": 2, "confidence": 1.0, "names": ["Mat", "Tent"], "skus": ["mat", "tent"]},
    ]


def test_a_stores_lists_go_by_what_is_wanted_there_and_hold_what_it_has() -> None:
    berlin = {"berlin": DemandCounts(sales=2.0)}
    views = [
        product("here", demand=DemandCounts(sales=2.0), stores=berlin, rating=4.5, ratings=9),
        product("elsewhere", demand=DemandCounts(sales=50.0), stores={"paris": DemandCounts(sales=50.0)}),
        product("on the shelf", stock={"berlin": {"38": 1}}, rating=4.2, ratings=9),
        product("sold out", stock={"berlin": {"38": 0}}, rating=4.9, ratings=9),
    ]

    found = listed(*views, store="berlin")

    assert found["best_sellers"] == [{"name": "Here", "sales": 2.0, "sku": "here"}]
    assert skus(found["four_stars"]) == ["here", "on the shelf"]
    assert skus(listed(*views)["best_sellers"]) == ["elsewhere", "here"]


def test_what_the_catalogue_sells_no_longer_is_in_no_list() -> None:
    gone = product("gone", demand=DemandCounts(sales=50.0, recent=50.0), rating=5.0, ratings=9, deleted=True)

    assert listed(gone) == listed()


def test_with_no_products_every_list_is_there_and_empty() -> None:
    assert listed() == {
        "best_sellers": [],
        "bought_together": [],
        "four_stars": [],
        "most_wished": [],
        "trending": [],
    }

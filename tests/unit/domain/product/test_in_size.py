"""What stores hold in a size (S8)."""

from __future__ import annotations

from typing import Any

from pipeline.domain.product.in_size import in_size
from pipeline.domain.records import CatalogView, DemandCounts

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""


def product(sku: str, **fields: Any) -> CatalogView:
    return CatalogView("default", sku, TEN, name=sku.title(), **fields)


def held(*views: CatalogView, store: str | None = None, most: int = 10) -> list[tuple[Any, Any]]:
    lines: Any = in_size(views, "38", store, most)
    return [(line["sku"], line["stores"]) for line in lines]


def test_each_product_is_told_with_the_stores_that_hold_the_size_best_sellers_first() -> None:
    found = held(
        product("wrap", stock={"berlin": {"38": 2, "40": 9}, "hamburg": {"38": 1}, "": {"38": 30}}),
        product("midi", stock={"berlin": {"40": 1}}),
        product("maxi", stock={"hamburg": {"38": 4}}, demand=DemandCounts(sales=5.0)),
    )

    assert found == [("maxi", {"hamburg": 4}), ("wrap", {"": 30, "berlin": 2, "hamburg": 1})]


def test_of_one_store_only_what_it_holds_itself_is_told() -> None:
    found = held(product("wrap", stock={"berlin": {"38": 2}}), product("maxi", stock={"": {"38": 4}}), store="berlin")

    assert found == [("wrap", {"berlin": 2})]


def test_what_is_sold_out_or_no_longer_sold_is_not_told_and_what_is_made_to_order_is() -> None:
    found = in_size(
        [
            product("gone", stock={"berlin": {"38": 0}}),
            product("deleted", stock={"berlin": {"38": 2}}, deleted=True),
            product("tailored", backorder=True),
        ],
        "38",
        "berlin",
        10,
    )

    assert found == [{"backorder": True, "name": "Tailored", "sku": "tailored", "stores": {}}]


def test_no_list_is_longer_than_asked_for() -> None:
    views = [product(f"s{number}", stock={"berlin": {"38": 1}}) for number in range(9)]

    assert [sku for sku, _ in held(*views, most=2)] == ["s0", "s1"]

"""Shopify's products and stock: real payloads of its webhooks, and exports of its Admin API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.catalog import CatalogRecord, Product, StockLevel
from pipeline.domain.errors import InvalidReason
from pipeline.sources import AnyLine, CatalogRead, Rejected, find_source
from tests.harness.rees46 import DATA, sample

PAYLOADS = DATA / "shopify_webhooks" / "payloads"
NEW_YEAR = 1_640_995_200_000
"""2021-12-31T19:00:00-05:00, when most examples are updated."""
TEN = 1_795_514_400_000
SHOP = {"shop": {"currency": "EUR"}}


def variant(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "id": number, "sku": f"SHOE-{number}", "product_id": 7, "title": "38", "price": "129.00", "option1": "38",
        "inventory_item_id": 10 + number, "inventory_quantity": 5, "updated_at": "2026-11-24T10:00:00Z", **fields,
    }  # fmt: skip


def product(*variants: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": 7, "title": "Shoe", "product_type": "Shoes", "vendor": "Acme", "status": "active",
        "updated_at": "2026-11-24T10:00:00Z", "options": [{"name": "Size"}], "variants": list(variants), **fields,
    }  # fmt: skip


def level(item: int = 11, available: int | None = 3, location: int = 1) -> dict[str, Any]:
    return {
        "inventory_item_id": item, "location_id": location, "available": available,
        "updated_at": "2026-11-24T10:00:00Z",
    }  # fmt: skip


def read(tmp_path: Path, *documents: Any) -> list[AnyLine]:
    path = tmp_path / "export.jsonl"
    path.write_text("\n".join(map(json.dumps, documents)))
    return list(find_source("shopify_catalog").read(path))


def records(lines: list[AnyLine]) -> list[CatalogRecord]:
    assert not [line for line in lines if isinstance(line, Rejected)]
    return [line.record for line in lines if isinstance(line, CatalogRead)]


def test_the_real_webhooks_of_a_folder_become_products_and_stock_and_orders_tell_the_currency() -> None:
    found = records(list(find_source("shopify_catalog").read(sample(PAYLOADS / "products__update.json").parent)))

    *products, group = [record for record in found if isinstance(record, Product)]
    assert products == [
        Product(
            sku, "default", f"Example T-Shirt – {size}", "Shirts", 1_999, "USD", {"brand": "Acme"}, NEW_YEAR,
            update_id=f"variant-{sku}@{NEW_YEAR}", group="product-788032119674292922",
        )
        for sku, size in (("642667041472713922", "Small"), ("757650484644203962", "Medium"))
    ]  # fmt: skip
    assert (group.sku, group.variants) == (
        "product-788032119674292922",
        {"642667041472713922": "642667041472713922", "757650484644203962": "757650484644203962"},
    )
    stock = [(r.sku, r.store, r.mode, r.levels[""]) for r in found if isinstance(r, StockLevel)]
    assert stock == [
        ("example-sku", "24826418", "level", 10),
        ("642667041472713922", "", "full", 75),
        ("757650484644203962", "", "full", 50),
        ("642667041472713922", "", "full", 0),
    ]


def test_an_export_tells_sizes_and_brand_and_the_sku_of_a_level_whatever_comes_first(tmp_path: Path) -> None:
    found = records(read(tmp_path, {"inventory_levels": [level()]}, {"products": [product(variant())]}, SHOP))

    assert found == [
        StockLevel("SHOE-1", "default", "1", {"": 3}, "level", TEN, update_id=f"level-11-1@{TEN}"),
        Product(
            "SHOE-1", "default", "Shoe – 38", "Shoes", 12_900, "EUR", {"size": "38", "brand": "Acme"}, TEN,
            update_id=f"variant-1@{TEN}", group="product-7",
        ),
        Product("product-7", updated_at_ms=TEN, update_id=f"variants-7@{TEN}", variants={"1": "SHOE-1"}),
    ]  # fmt: skip


def test_pieces_of_all_locations_together_count_only_where_no_level_says_how_they_are_spread(tmp_path: Path) -> None:
    found = records(read(tmp_path, SHOP, product(variant(1), variant(2)), level(11, 3)))

    assert [(r.sku, r.mode, r.levels) for r in found if isinstance(r, StockLevel)] == [
        ("SHOE-2", "full", {"": 5}),
        ("SHOE-1", "level", {"": 3}),
    ]


def test_what_was_sold_beyond_what_there_is_leaves_none_and_an_item_not_stocked_says_nothing(tmp_path: Path) -> None:
    found = records(read(tmp_path, SHOP, product(variant()), level(11, -4), level(11, None, location=2)))

    assert [(r.store, r.levels) for r in found if isinstance(r, StockLevel)] == [("1", {"": 0})]


def test_a_location_that_stocks_an_item_no_longer_has_none_of_it(tmp_path: Path) -> None:
    gone = {
        "topic": "inventory_levels/disconnect",
        "triggered_at": "2026-11-24T10:05:00Z",
        "payload": {"inventory_item_id": 11, "location_id": 1},
    }

    found = records(read(tmp_path, SHOP, product(variant()), level(11, 3), gone))

    assert [(r.store, r.mode, r.levels, r.updated_at_ms) for r in found if isinstance(r, StockLevel)] == [
        ("1", "level", {"": 3}, TEN),
        ("1", "level", {"": 0}, TEN + 300_000),
    ]


@pytest.mark.parametrize(("status", "is_deleted"), [("active", False), ("draft", True), ("archived", True)])
def test_what_no_channel_sells_is_deleted(status: str, is_deleted: bool, tmp_path: Path) -> None:
    found = records(read(tmp_path, SHOP, product(variant(), status=status)))

    assert [r.deleted for r in found if isinstance(r, Product) and r.variants is None] == [is_deleted]


def lists(found: list[CatalogRecord]) -> list[tuple[str, int, int, dict[str, str]]]:
    """Group, time, version and variants of each list of variants."""
    products = (r for r in found if isinstance(r, Product))
    return [(r.sku, r.updated_at_ms, r.version, r.variants) for r in products if r.variants is not None]


def test_a_deletion_leaves_no_variants_wherever_the_product_was_told(tmp_path: Path) -> None:
    gone = {"topic": "products/delete", "triggered_at": "2026-11-24T10:05:00Z", "payload": {"id": 7}}

    assert lists(records(read(tmp_path, gone))) == [("product-7", TEN + 300_000, TEN + 300_000, {})]


def test_a_product_tells_all_its_variants_at_once(tmp_path: Path) -> None:
    later = "2026-11-24T10:05:00Z"
    update = {
        "topic": "products/update",
        "triggered_at": "2026-11-24T10:05:00.250Z",
        "payload": product(variant(2, updated_at=later), updated_at=later),
    }

    found = records(read(tmp_path, SHOP, product(variant(1), variant(2)), update))

    assert lists(found) == [
        ("product-7", TEN, 0, {"1": "SHOE-1", "2": "SHOE-2"}),
        ("product-7", TEN + 300_000, TEN + 300_250, {"2": "SHOE-2"}),
    ]
    assert {r.group for r in found if isinstance(r, Product) and r.variants is None} == {"product-7"}


def test_of_more_variants_than_a_webhook_shows_it_names_all_by_their_ids(tmp_path: Path) -> None:
    gids = [{"admin_graphql_api_id": f"gid://shopify/ProductVariant/{number}"} for number in (1, 2, 3)]

    found = records(read(tmp_path, SHOP, product(variant(1), variant_gids=gids)))

    assert lists(found) == [("product-7", TEN, 0, {"1": "SHOE-1", "2": "", "3": ""})]


@pytest.mark.parametrize(
    "told",
    [
        {"variants": [variant(number) for number in range(1, 101)]},
        {"variants": []},
        {"variants": [variant(1), variant(2, id=None)]},
        {"variants": [variant(1)], "id": None},
    ],
    ids=["a hundred, of perhaps more", "none, of a product that has one at least", "one without an id", "of no id"],
)
def test_variants_that_may_not_be_all_delete_none(told: dict[str, Any], tmp_path: Path) -> None:
    assert lists(records(read(tmp_path, SHOP, product(**told)))) == []


def test_a_price_in_a_currency_without_minor_units_is_whole(tmp_path: Path) -> None:
    found = records(read(tmp_path, {"shop": {"currency": "JPY"}}, product(variant(price="1200"))))

    assert [r.price_minor for r in found if isinstance(r, Product) and r.variants is None] == [1_200]


@pytest.mark.parametrize(
    ("documents", "reason", "said"),
    [
        ([product(variant())], InvalidReason.MISSING_FIELD, "price: '129.00' has no currency"),
        (
            [{"orders": [{"currency": "EUR"}, {"currency": "USD"}]}, product(variant())],
            InvalidReason.MISSING_FIELD,
            "put the shop's own file",
        ),
        ([SHOP, product(variant(price="cheap"))], InvalidReason.WRONG_TYPE, "price: 'cheap' is not like '19.99'"),
        ([SHOP, product(variant(price="1.005"))], InvalidReason.BAD_VALUE, "is no sum of whole minor units of EUR"),
        ([level(99)], InvalidReason.MISSING_FIELD, "inventory_item_id: 99 is of no variant or inventory item"),
        ([{"topic": "products/delete", "payload": {"id": 7}}], InvalidReason.MISSING_FIELD, "triggered_at is missing"),
        (
            [SHOP, {"topic": "inventory_levels/disconnect", "payload": {"inventory_item_id": 11, "location_id": 1}}],
            InvalidReason.MISSING_FIELD,
            "triggered_at is missing",
        ),
        (
            [{"topic": "variants/in_stock", "payload": {"id": 1, "inventory_quantity": 1}}],
            InvalidReason.MISSING_FIELD,
            "updated_at is missing",
        ),
        (["no object"], InvalidReason.WRONG_TYPE, "the document: expected an object"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(
    documents: list[Any], reason: InvalidReason, said: str, tmp_path: Path
) -> None:
    (rejected,) = [line for line in read(tmp_path, *documents) if isinstance(line, Rejected)]

    assert (rejected.reason, rejected.line) == (reason, len(documents))
    assert said in rejected.detail


def test_a_document_may_be_written_over_many_lines(tmp_path: Path) -> None:
    path = tmp_path / "products.json"
    path.write_text(json.dumps({"products": [product(variant(price=None))]}, indent=2))

    found = records(list(find_source("shopify_catalog").read(path)))

    assert [(record.sku, type(record)) for record in found] == [
        ("SHOE-1", Product),
        ("SHOE-1", StockLevel),
        ("product-7", Product),
    ]


def test_a_variant_with_a_price_that_cannot_be_read_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    lines = read(tmp_path, SHOP, product(variant(1), variant(2, price="cheap"), variant(3)))

    assert [(type(line.record), line.record.sku) for line in lines if isinstance(line, CatalogRead)] == [
        (Product, "SHOE-1"),
        (StockLevel, "SHOE-1"),
        (Product, "SHOE-3"),
        (StockLevel, "SHOE-3"),
        (Product, "product-7"),
    ]
    assert [line.reason for line in lines if isinstance(line, Rejected)] == [InvalidReason.WRONG_TYPE]


@pytest.mark.parametrize(
    ("fields", "is_sold_beyond"),
    [
        ({"inventory_policy": "continue"}, True),
        ({"inventory_policy": "deny"}, False),
        ({"inventory_policy": "deny", "inventory_management": None}, True),
        ({"inventory_policy": "deny", "inventory_management": "shopify"}, False),
        ({"inventory_policy": "deny", "inventory_item_id": 99}, True),
    ],
)
def test_what_is_sold_beyond_its_stock_or_not_counted_can_be_had_at_no_pieces(
    fields: dict[str, Any], is_sold_beyond: bool, tmp_path: Path
) -> None:
    uncounted = {"inventory_items": [{"id": 99, "sku": "SHOE-1", "tracked": False}]}

    found = records(read(tmp_path, SHOP, uncounted, product(variant(inventory_quantity=0, **fields))))

    assert [r.backorder for r in found if isinstance(r, Product) and r.variants is None] == [is_sold_beyond]


def test_what_a_shop_sells_without_counting_is_not_sold_out(tmp_path: Path) -> None:
    item = {"inventory_items": [{"id": 12, "sku": "SHOE-2", "tracked": False}]}
    gift_card = variant(1, inventory_management=None, inventory_quantity=0)
    made_to_order = variant(2, inventory_quantity=0)
    counted = variant(3, inventory_management="shopify", inventory_quantity=0)

    found = records(read(tmp_path, SHOP, item, product(gift_card, made_to_order, counted)))

    assert [r.sku for r in found if isinstance(r, StockLevel)] == ["SHOE-3"]


@pytest.mark.parametrize("is_latest_first", [False, True])
def test_an_item_that_is_counted_by_now_is_sold_from_its_stock(is_latest_first: bool, tmp_path: Path) -> None:
    words = [
        {"inventory_items": [{"id": 11, "sku": "SHOE-1", "tracked": False, "updated_at": "2026-11-23T10:00:00Z"}]},
        {"inventory_items": [{"id": 11, "sku": "SHOE-1", "tracked": True, "updated_at": "2026-11-24T10:00:00Z"}]},
    ]

    found = records(read(tmp_path, SHOP, product(variant()), *(words[::-1] if is_latest_first else words)))

    assert [r.backorder for r in found if isinstance(r, Product) and r.variants is None] == [False]
    assert [r.levels for r in found if isinstance(r, StockLevel)] == [{"": 5}]

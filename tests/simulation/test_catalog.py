"""`omni simulate` with a catalogue: products and stock among the events, or beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Omni

Line = dict[str, Any]


def at(minute: int) -> str:
    return f"2026-11-24T10:{minute:02d}:00Z"


def product(minute: int, sku: str = "A", **fields: Any) -> Line:
    return {"sku": sku, "updated_at": at(minute), "update_id": f"p-{sku}-{minute}", "name": f"Product {sku}", **fields}


def stock(minute: int, sku: str = "A", **fields: Any) -> Line:
    return {"sku": sku, "updated_at": at(minute), "update_id": f"s-{sku}-{minute}-{len(fields)}", **fields}


def viewed(minute: int) -> Line:
    return {
        "event_id": f"e-{minute}", "event_type": "product_viewed", "channel": "web", "occurred_at": at(minute),
        "identifiers": {"account": "u-1"}, "items": [{"sku": "A"}],
    }  # fmt: skip


CATALOG = [
    product(0, price_minor=10_000, currency="EUR"),
    stock(0, levels={"38": 5, "40": 1}),
    stock(1, store="HH", mode="store", levels={"38": 2}),
    stock(3, mode="delta", levels={"38": -1}),
    product(4, price_minor=8_900, currency="EUR"),
    stock(4, store="HH", mode="delta", levels={"38": -1}),
    stock(5, sku="B", levels={"": 7}),
    product(6, sku="C"),
    stock(6, sku="C", levels={"": 9}),
    product(7, sku="C", deleted=True),
]


def time_of(line: Line) -> str:
    return str(line.get("updated_at", line.get("occurred_at")))


EVENTS = [viewed(0), viewed(2), viewed(8)]


def write(path: Path, lines: list[Line]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def simulate(omni: Omni, tmp_path: Path, *words: object) -> tuple[Line, dict[str, Line]]:
    done = omni("simulate", *words, "--out", "out", "--json")
    assert done.code == 0, done.stderr
    lines = (tmp_path / "out" / "products.jsonl").read_text().splitlines()
    return json.loads(done.stdout), {said["sku"]: said for said in map(json.loads, lines)}


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    return write(tmp_path / "mixed.jsonl", sorted([*CATALOG, *EVENTS], key=time_of))


def test_products_and_stock_among_events_are_known_by_their_fields(omni: Omni, mixed: Path, tmp_path: Path) -> None:
    summary, products = simulate(omni, tmp_path, mixed)

    assert (summary["events"], summary["catalog_updates"], summary["duplicates"], summary["dead_letters"]) == (
        3,
        10,
        0,
        0,
    )
    shoe = products["A"]
    assert (shoe["name"], shoe["price_minor"], shoe["currency"]) == ("Product A", 8_900, "EUR")
    assert shoe["stock"] == {"": {"38": 4, "40": 1}, "HH": {"38": 1}}
    assert shoe["available"] == 6
    assert (products["B"]["name"], products["B"]["waiting"]) == (None, 0)
    assert products["B"]["stock"] == {"": {"": 7}}
    assert (products["C"]["deleted"], products["C"]["available"]) == (True, 0)


@pytest.mark.parametrize(
    "words",
    [
        ("--partitions", 5, "--seed", 7, "--duplicate", 0.5),
        ("--seed", 3, "--shuffle", 20, "--crash", 0.3),
        ("--partitions", 3, "--seed", 1, "--duplicate", 0.5, "--shuffle", 9, "--crash", 0.2),
    ],
)
def test_no_disturbance_changes_a_product(omni: Omni, mixed: Path, tmp_path: Path, words: tuple[object, ...]) -> None:
    plain, _ = simulate(omni, tmp_path, mixed)
    disturbed, _ = simulate(omni, tmp_path, mixed, *words)

    assert disturbed["state_digest"] == plain["state_digest"]


def test_a_catalogue_beside_the_events_of_a_source_may_stand_in_any_order(
    omni: Omni, mixed: Path, tmp_path: Path
) -> None:
    together, _ = simulate(omni, tmp_path, mixed)
    events, catalog = write(tmp_path / "events.jsonl", EVENTS), write(tmp_path / "catalog.jsonl", CATALOG[::-1])

    beside, _ = simulate(omni, tmp_path, events, "--catalog", catalog)

    assert (beside["state_digest"], beside["catalog_updates"]) == (together["state_digest"], 10)


def test_with_until_what_the_catalogue_tells_later_is_left_out(omni: Omni, mixed: Path, tmp_path: Path) -> None:
    summary, products = simulate(omni, tmp_path, mixed, "--until", at(2))

    assert (summary["catalog_updates"], summary["left_out"]) == (3, 8)
    assert products["A"]["price_minor"] == 10_000


def test_variants_a_product_has_no_longer_are_deleted_and_what_is_sold_on_stays(omni: Omni, tmp_path: Path) -> None:
    def named(minute: int, *skus: str) -> Line:
        return {"sku": "shoe", "updated_at": at(minute), "variants": {sku: sku for sku in skus}}

    lines = [product(0, sku, group="shoe") for sku in ("A", "B")] + [named(0, "A", "B"), named(5, "A")]
    for number, told in enumerate((lines, lines[::-1])):
        path = write(tmp_path / f"variants-{number}.jsonl", told)

        _, products = simulate(omni, tmp_path, path)

        assert {sku: said["deleted"] for sku, said in products.items()} == {"A": False, "B": True}


def test_a_variant_missing_from_shopifys_word_of_a_product_is_deleted(omni: Omni, tmp_path: Path) -> None:
    def update(minute: int, *skus: str) -> Line:
        variants = [{"id": ord(sku), "sku": sku, "title": sku, "updated_at": at(0)} for sku in skus]
        told = {"id": 7, "title": "Shoe", "status": "active", "updated_at": at(minute), "variants": variants}
        return {"topic": "products/update", "triggered_at": at(minute), "payload": told}

    path = write(tmp_path / "webhooks.jsonl", [update(0, "A", "B"), update(5, "A")])

    _, products = simulate(omni, tmp_path, path, "--source", "shopify_catalog")

    assert {sku: (said["name"], said["deleted"]) for sku, said in products.items()} == {
        "A": ("Shoe – A", False),
        "B": ("Shoe – B", True),
    }


def test_a_bad_line_of_the_catalogue_is_a_dead_letter_and_the_rest_goes_on(omni: Omni, tmp_path: Path) -> None:
    path = write(
        tmp_path / "bad.jsonl",
        [stock(0, levels={"38": -5}), product(1, price_minor=999), stock(2, levels={"38": 5})],
    )

    summary, products = simulate(omni, tmp_path, path)

    letters = [json.loads(line) for line in (tmp_path / "out" / "dead_letters.jsonl").read_text().splitlines()]
    assert [(letter["line"], letter["reason"]) for letter in letters] == [(1, "bad_value"), (2, "missing_field")]
    assert (summary["dead_letters"], products["A"]["available"]) == (2, 5)

"""A worker's copy of `catalog.view`: bounded, and quick to say what it does not have."""

from __future__ import annotations

from pipeline import metrics
from pipeline.catalog_copy import CatalogCopy
from pipeline.domain.messages.keys import product_key
from pipeline.domain.records import CatalogView
from pipeline.settings import Settings
from pipeline.wire.records import encode_record

SIZE = len(encode_record(CatalogView("default", "A", 1)))


def copy_of(*skus: str, products_kept: int = 10) -> CatalogCopy:
    copy = CatalogCopy(Settings(), products_kept * SIZE)
    for number, sku in enumerate(skus):
        copy.take(key(sku), told(sku, number))
    return copy


def key(sku: str, tenant: str = "default") -> bytes:
    return product_key(tenant, sku).encode()


def told(sku: str, updated_at_ms: int = 1) -> bytes:
    return encode_record(CatalogView("default", sku, updated_at_ms))


def held(copy: CatalogCopy, *skus: str) -> str:
    return "".join(sku for sku in skus if copy.get("default", sku) is not None)


def missed() -> float:
    return float(metrics.CATALOG_MISSED._value.get())


def test_the_latest_record_of_a_product_holds() -> None:
    copy = copy_of("A", "B", "A")

    assert len(copy) == 2
    assert copy.get("default", "A") == CatalogView("default", "A", 2)
    assert copy.bytes == 2 * SIZE


def test_a_product_that_is_not_there_is_said_and_counted_and_so_is_that_of_another_tenant() -> None:
    copy, before = copy_of("A"), missed()

    assert copy.get("default", "B") is None
    assert copy.get("north", "A") is None
    assert missed() - before == 2


def test_beyond_the_bound_the_product_longest_not_asked_for_and_unchanged_is_dropped() -> None:
    copy = copy_of("A", "B", "C", products_kept=3)
    copy.get("default", "A")

    copy.take(key("D"), told("D"))

    assert (len(copy), copy.bytes) == (3, 3 * SIZE)
    assert held(copy, "A", "B", "C", "D") == "ACD"


def test_a_removed_product_is_gone_and_makes_room() -> None:
    copy = copy_of("A", "B")

    copy.take(key("A"), None)
    copy.take(key("never heard of"), None)

    assert (held(copy, "A", "B"), copy.bytes) == ("B", SIZE)


def test_a_record_of_a_newer_version_is_as_one_that_is_not_there() -> None:
    copy, before = copy_of("A"), missed()
    copy.take(key("A"), b"\xc3\x01" + bytes(8) + b"what we cannot read")

    assert copy.get("default", "A") is None
    assert missed() - before == 1

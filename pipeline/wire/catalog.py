"""What a catalogue tells, on the wire: read in three framings (see `input_decoder.py`), written in one; checked.

`told` is the door to the product actor: what passes, it can handle down to encoded bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from pipeline.domain.catalog import DELTA, FULL, MODES, STORE, CatalogRecord, Product, StockLevel
from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.messages.to_product import CatalogMessage, ProductTold, StockTold, VariantsTold
from pipeline.domain.product.keys import group_key
from pipeline.wire.avro_writer import Write, compile_writer
from pipeline.wire.input_decoder import InputDecoder
from pipeline.wire.json_catalog import decode_product, decode_stock_level
from pipeline.wire.schemas import current
from pipeline.wire.tidy import (
    MAX_AMOUNT_MINOR,
    MAX_TEXT_CHARACTERS,
    check_length,
    check_time,
    tidy_currency,
    tidy_id,
    tidy_tenant,
    too_much,
)

MAX_NAME_CHARACTERS = 1_000
"""Of a product's name, and of its category as a path."""
MAX_ATTRIBUTES = 100
MAX_CELLS = 5_000
"""Sizes in stores per record: as many as are kept of a product."""
MAX_PIECES = 1_000_000_000
"""Pieces in one cell, or that come or go at once: screws by the ship. Nine thousand million such deltas fit 64 bits."""
MAX_VARIANTS = 5_000
"""Per group; Shopify has at most 2,048."""
MAX_VERSION = 2**63 - 1


def product_decoder(registry_url: str | None = None) -> InputDecoder[Product]:
    """Return the decoder of `catalog.products`."""
    return InputDecoder("product", {"Product": Product}, decode_product, registry_url)


def stock_decoder(registry_url: str | None = None) -> InputDecoder[StockLevel]:
    """Return the decoder of `catalog.stock`."""
    return InputDecoder("stock_level", {"StockLevel": StockLevel}, decode_stock_level, registry_url)


def _writer(name: str) -> tuple[bytes, Write]:
    return current(name).header, compile_writer(current(name).definition)


SCHEMA_OF: dict[type[CatalogRecord], str] = {Product: "product", StockLevel: "stock_level"}
_WRITERS = {kind: _writer(name) for kind, name in SCHEMA_OF.items()}


def encode(record: CatalogRecord) -> bytes:
    """Encode one record in Avro single-object encoding. The same record is the same bytes."""
    header, write = _WRITERS[type(record)]
    return header + write(record)


def told(record: CatalogRecord) -> CatalogMessage:
    """Check and tidy one record, as a message to its product. Raises InvalidEvent naming field, value and remedy.

    >>> told(StockLevel(" A ", levels={"38": 4}, updated_at_ms=1_795_514_400_000, update_id="u-1")).levels
    (('', '38', 4),)
    """
    return _product(record) if isinstance(record, Product) else _stock(record)


def _product(product: Product) -> ProductTold | VariantsTold:
    sku, tenant, update_id = _checked(product)
    if product.variants is not None:
        if len(product.variants) > MAX_VARIANTS:
            problem = f"variants: {len(product.variants)} of them, at most {MAX_VARIANTS} are taken"
            raise InvalidEvent(InvalidReason.VALUE_TOO_LONG, problem)
        skus = {tidy_id("variants", name): tidy_id("variants", sku) for name, sku in product.variants.items()}
        return VariantsTold(tenant, group_key(sku), update_id, product.updated_at_ms, product.version, skus)
    check_length("name", product.name, MAX_NAME_CHARACTERS)
    check_length("category", product.category, MAX_NAME_CHARACTERS)
    if len(product.attributes) > MAX_ATTRIBUTES:
        problem = f"attributes: {len(product.attributes)} of them, at most {MAX_ATTRIBUTES} are taken"
        raise InvalidEvent(InvalidReason.VALUE_TOO_LONG, problem)
    for name, value in product.attributes.items():
        check_length("attributes", max(name, value, key=len), MAX_TEXT_CHARACTERS)
    price, currency = product.price_minor, None
    if product.currency is not None:
        currency = tidy_currency(product.currency)
    if price is not None:
        if price < 0:
            problem = f"price_minor: {price} is negative; leave it out where there is none"
            raise InvalidEvent(InvalidReason.BAD_VALUE, problem)
        if price > MAX_AMOUNT_MINOR:
            raise too_much("price_minor", price)
        if currency is None:
            problem = f"currency is missing: price_minor {price} says nothing without one; add it, as in EUR"
            raise InvalidEvent(InvalidReason.MISSING_FIELD, problem)
    return ProductTold(
        tenant,
        sku,
        update_id,
        product.updated_at_ms,
        product.version,
        product.deleted,
        product.name.strip(),
        product.category.strip(),
        price,
        currency,
        product.attributes,
        product.backorder,
        group_key(tidy_id("group", product.group)),
    )


def _stock(level: StockLevel) -> StockTold:
    sku, tenant, update_id = _checked(level)
    mode = level.mode.strip().lower()
    if mode not in MODES:
        problem = f"mode: {level.mode[:40]!r} is none of {', '.join(MODES)}"
        raise InvalidEvent(InvalidReason.BAD_VALUE, problem)
    if mode == DELTA and not level.update_id.strip():
        problem = "update_id is missing: a delta counts once per update_id; give each one of its own"
        raise InvalidEvent(InvalidReason.MISSING_FIELD, problem)
    cells = tuple(sorted(_cells(level, mode)))
    if len(cells) > MAX_CELLS:
        problem = f"levels: {len(cells)} sizes in stores, at most {MAX_CELLS} are taken; tell of each store by itself"
        raise InvalidEvent(InvalidReason.VALUE_TOO_LONG, problem)
    if not cells and mode != FULL:
        problem = 'levels: none are told; give pieces by size, as in {"38": 4}, or {"": 4} where there are no sizes'
        raise InvalidEvent(InvalidReason.MISSING_FIELD, problem)
    return StockTold(tenant, sku, update_id, level.updated_at_ms, mode, cells, level.version)


def _cells(level: StockLevel, mode: str) -> Iterator[tuple[str, str, int]]:
    told_of = {**level.stores}
    if level.levels or not told_of:
        told_of[level.store] = {**told_of.get(level.store, {}), **level.levels}
    seen: set[tuple[str, str]] = set()
    for name, sizes in told_of.items():
        store = tidy_id("store", name)
        if mode == STORE and not sizes:  # a whole store that has nothing
            yield store, "", 0
        for told_size, pieces in sizes.items():
            size = tidy_id("size", told_size)
            where = f"levels of store {store!r}, size {size!r}"
            if (store, size) in seen:
                raise InvalidEvent(InvalidReason.BAD_VALUE, f"{where}: it is told twice; say it once")
            seen.add((store, size))
            if pieces < 0 and mode != DELTA:
                problem = f"{where}: {pieces} is negative; what is there is 0 or more, what goes is a delta"
                raise InvalidEvent(InvalidReason.BAD_VALUE, problem)
            if abs(pieces) > MAX_PIECES:
                problem = f"{where}: {pieces} is more than any shop has, at most {MAX_PIECES} is taken"
                raise InvalidEvent(InvalidReason.BAD_VALUE, problem)
            yield store, size, pieces


def _checked(record: CatalogRecord) -> tuple[str, str, str]:
    """Check what both kinds have; return SKU, tenant and update id."""
    sku = tidy_id("sku", record.sku)
    if not sku:
        raise InvalidEvent(InvalidReason.BAD_VALUE, "sku is empty")
    check_time("updated_at", record.updated_at_ms)
    if not 0 <= record.version <= MAX_VERSION:
        problem = f"version: {record.version} is not within 0 and {MAX_VERSION}"
        raise InvalidEvent(InvalidReason.BAD_VALUE, problem)
    update_id = tidy_id("update_id", record.update_id)
    return sku, tidy_tenant(record.tenant), update_id or blake2b(encode(record), digest_size=16).hexdigest()

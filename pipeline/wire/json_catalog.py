"""The JSON form of what a catalogue tells: one object, times as RFC 3339 text or integer milliseconds."""

from __future__ import annotations

from msgspec import Struct

from pipeline.domain.catalog import CatalogRecord, Product, StockLevel
from pipeline.domain.events import ChannelEvent
from pipeline.domain.time import rfc3339
from pipeline.wire import json_event
from pipeline.wire.fields import named
from pipeline.wire.json_fields import (
    Field,
    JsonObject,
    boolean,
    integer,
    mapping,
    object_of,
    optional,
    parse,
    take,
    text,
    time_ms,
)

_BOTH = {
    "sku": Field("sku", text, required=True),
    "updated_at": Field("updated_at_ms", time_ms, required=True),
    **optional(text, "tenant", "update_id"),
    **optional(integer, "version"),
}
_PRODUCT = {
    **_BOTH,
    **optional(text, "name", "category", "currency", "group"),
    **optional(integer, "price_minor"),
    **optional(mapping(text), "attributes", "variants"),
    **optional(boolean, "deleted", "backorder"),
}
_STOCK_LEVEL = {
    **_BOTH,
    **optional(text, "store", "mode"),
    **optional(mapping(integer), "levels"),
    **optional(mapping(mapping(integer)), "stores"),
}


def decode_product(line: bytes | str) -> Product:
    """Read one product. Unknown fields are tolerated. Raises InvalidEvent naming field and value."""
    return _product(parse(line))


def decode_stock_level(line: bytes | str) -> StockLevel:
    """Read one stock level. Unknown fields are tolerated. Raises InvalidEvent naming field and value."""
    return _stock_level(parse(line))


def decode_any(line: bytes | str) -> ChannelEvent | CatalogRecord:
    """Read an event, a product or a stock level, whichever its fields say it is. Raises InvalidEvent.

    An event has `event_id` or `event_type`; of the rest a stock level has `levels` or `stores`, a product a `sku`.
    """
    value = parse(line)
    if not isinstance(value, dict) or not value.keys().isdisjoint(("event_id", "event_type")):
        return json_event.from_object(value)
    if not value.keys().isdisjoint(("levels", "stores")):
        return _stock_level(value)
    return _product(value) if "sku" in value else json_event.from_object(value)


def to_object(record: CatalogRecord) -> JsonObject:
    """Return the record as a JSON object: times as RFC 3339 text, fields at their defaults left out."""
    defaults = _defaults(type(record))
    return {name: value for name, value in named(record, rfc3339).items() if value != defaults.get(name)}


def _product(value: object) -> Product:
    return Product(**take(object_of(value, "the product"), _PRODUCT, ""))  # type: ignore[arg-type]


def _stock_level(value: object) -> StockLevel:
    return StockLevel(**take(object_of(value, "the stock level"), _STOCK_LEVEL, ""))  # type: ignore[arg-type]


def _defaults(kind: type[Struct]) -> JsonObject:
    return named(kind(sku="", updated_at_ms=0), lambda _: None)

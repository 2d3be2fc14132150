"""What can be followed: for each word of `omni tail`, its topics and how a record of them reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from pipeline.domain.catalog import Product, StockLevel
from pipeline.domain.errors import InvalidEvent
from pipeline.domain.event_types import CONTROL_TYPES
from pipeline.domain.records import AudienceMember, CatalogView, Customer, DeadLetter, Decision, IdentityChange, Trigger
from pipeline.settings import Settings
from pipeline.topics import (
    AUDIENCES,
    CATALOG_PRODUCTS,
    CATALOG_STOCK,
    CATALOG_VIEW,
    CUSTOMERS,
    DEADLETTER,
    DECISIONS,
    IDENTITY_CHANGES,
)
from pipeline.wire import json_catalog, json_event
from pipeline.wire.catalog import product_decoder, stock_decoder
from pipeline.wire.channel_event import Decoder
from pipeline.wire.input_decoder import InputDecoder
from pipeline.wire.records import Kind, UnreadableRecord, decode_record, to_json

Json: TypeAlias = dict[str, object]
Decode: TypeAlias = Callable[[bytes], Json | None]
"""Bytes of a record -> JSON object, or None for what is not for people. Raises UnreadableRecord."""


class Feed(Struct, frozen=True):
    """One word of `omni tail`: which topics (named without prefix), and a decoder for it."""

    topics: Callable[[str], bool]
    decoder: Callable[[Settings], Decode]


def _records(kind: type[Kind]) -> Callable[[Settings], Decode]:
    return lambda _: lambda value: to_json(decode_record(kind, value))


def _customers(_: Settings) -> Decode:
    """Read a customer, with carts, timers and whom it was merged from beside the other fields as in `omni customer`.

    They are null where the record is without details.
    """

    def decode(value: bytes) -> Json:
        said = to_json(decode_record(Customer, value))
        details = said["details"]
        known = details if isinstance(details, dict) else {}
        return dict(sorted((said | {name: known.get(name) for name in ("carts", "merged_from", "timers")}).items()))

    return decode


def _events(settings: Settings) -> Decode:
    decoder = Decoder(settings.registry_url)

    def decode(value: bytes) -> Json | None:
        try:
            event = decoder.decode(value)
        except InvalidEvent as error:
            raise UnreadableRecord(str(error)) from error
        return None if event.event_type in CONTROL_TYPES else json_event.to_object(event)

    return decode


def _catalog(decoder: InputDecoder[Product] | InputDecoder[StockLevel]) -> Decode:
    def decode(value: bytes) -> Json | None:
        try:
            return json_catalog.to_object(decoder.decode(value))
        except InvalidEvent as error:
            raise UnreadableRecord(str(error)) from error

    return decode


FEEDS: Final[dict[str, Feed]] = {
    "triggers": Feed(lambda topic: topic.startswith("triggers."), _records(Trigger)),
    "decisions": Feed(lambda topic: topic == DECISIONS, _records(Decision)),
    "events": Feed(lambda topic: topic.startswith("channel."), _events),
    "products": Feed(lambda topic: topic == CATALOG_PRODUCTS, lambda s: _catalog(product_decoder(s.registry_url))),
    "stock": Feed(lambda topic: topic == CATALOG_STOCK, lambda s: _catalog(stock_decoder(s.registry_url))),
    "identity": Feed(lambda topic: topic == IDENTITY_CHANGES, _records(IdentityChange)),
    "customers": Feed(lambda topic: topic == CUSTOMERS, _customers),
    "audiences": Feed(lambda topic: topic == AUDIENCES, _records(AudienceMember)),
    "catalog": Feed(lambda topic: topic == CATALOG_VIEW, _records(CatalogView)),
    "deadletter": Feed(lambda topic: topic == DEADLETTER, _records(DeadLetter)),
}

"""Records to columns, one table per kind. Pure: what a row holds depends on its record and its position alone.

A column is a list with one value per row; an array column holds one list per row. A text that is absent is empty, a
number that is absent is None (NULL).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from pipeline.domain.events import Campaign, ChannelEvent, Context, Item
from pipeline.domain.money import added
from pipeline.domain.orders import amount_of
from pipeline.history.rows import Kind, Row

Column = list[Any]

HOP_BITS: Final = 4  # an event is sent on once or twice
DIGEST_BITS: Final = 16  # with 41 bits of milliseconds, all fit into a positive Int64


class Table(Struct, frozen=True):
    """Where the rows of a kind go: the log behind the view of the same name, and how its columns are filled."""

    log: str
    view: str
    columns: tuple[str, ...]
    fill: Callable[[Sequence[Row]], list[Column]]


_json = msgspec.json.Encoder()
_NO_CONTEXT: Final = Context()
_NO_CAMPAIGN: Final = Campaign()
_ITEM_COLUMNS: Final = ("sku", "quantity", "unit_price_minor", "currency", "attributes")
_NO_ITEMS: Final[tuple[tuple[Any, ...], ...]] = ((), (), (), (), ())


def text(value: object) -> str:
    """Return `value` as JSON text; empty for an absent or empty one."""
    return _json.encode(value).decode() if value else ""


def precedence(received_at_ms: int, digest: int, hops: int) -> int:
    """Rank of an event among others of the same id: the greatest is the one received first.

    Two different contents received in the same millisecond are told apart by their digest, so that the same one is
    kept whatever order the rows are written in. Of copies of one, that is the one sent on most often.
    """
    most = (1 << HOP_BITS) - 1
    tie = (digest & ((1 << DIGEST_BITS) - 1)) << HOP_BITS | most - min(hops, most)
    return -(received_at_ms << DIGEST_BITS + HOP_BITS | tie)


def total_minor(items: Iterable[Item]) -> int:
    """Sum of quantity × unit price in minor units; a line without a price counts nothing."""
    return added(0, sum(item.quantity * (item.unit_price_minor or 0) for item in items))


def order_worth(event: ChannelEvent) -> tuple[int | None, str]:
    """What an order was worth, or how much of it was refunded, and its currency; (None, "") where none is told."""
    told = event.event_type == "order_refunded" and (event.amount_minor is not None or event.items)
    if event.event_type != "order_completed" and not told:
        return None, ""
    return amount_of(event) or (0, "")


def _transposed(structs: Iterable[Struct]) -> list[Column]:
    """One column per field, in the order of the fields: a fraction of the cost of reading each by its name."""
    return list(map(list, zip(*map(astuple, structs), strict=True)))


def _by_field(structs: Sequence[Struct]) -> dict[str, Column]:
    return dict(zip(structs[0].__struct_fields__, _transposed(structs), strict=True))


def _texts(values: Column) -> Column:
    return [value or "" for value in values]


def _item_columns(lists: Sequence[tuple[Item, ...]]) -> list[Column]:
    """Five array columns, as in `_ITEM_COLUMNS`. A price that is not known is 0."""
    lines = [_item_lists(items) if items else _NO_ITEMS for items in lists]
    return [list(column) for column in zip(*lines, strict=True)]


def _item_lists(items: tuple[Item, ...]) -> tuple[tuple[Any, ...], ...]:
    if len(items) == 1:  # nine of ten rows
        item = items[0]
        return (
            (item.sku,),
            (item.quantity,),
            (item.unit_price_minor or 0,),
            (item.currency or "",),
            (text(item.attributes),),
        )
    skus, quantities, prices, currencies, attributes = zip(*map(astuple, items), strict=True)
    return (
        skus,
        quantities,
        tuple(price or 0 for price in prices),
        tuple(currency or "" for currency in currencies),
        tuple(map(text, attributes)),
    )


def _pairs(mappings: Sequence[Sequence[tuple[Any, Any]]]) -> list[Column]:
    return [[[pair[0] for pair in pairs] for pairs in mappings], [[pair[1] for pair in pairs] for pairs in mappings]]


def _places(rows: Sequence[Row]) -> list[Column]:
    return [[row.source for row in rows], [row.position for row in rows]]


_EVENT_TEXTS: Final = ("session_id", "store_id", "order_id", "cart_id", "trigger_id", "currency")
_PLACE_TEXTS: Final = ("device", "locale", "country", "city", "time_zone", "weather")
_CAMPAIGN_TEXTS: Final = ("source", "medium", "name", "content", "term")
EVENT_COLUMNS: Final = (
    *("tenant", "written_customer_id", "part_id", "received_at_ms", "digest", "precedence"),
    *("event_id", "event_type", "channel", "occurred_at_ms", "sent_at_ms", "amount_minor"),
    *_EVENT_TEXTS,
    *("identifiers.kind", "identifiers.value"),
    *(f"items.{name}" for name in _ITEM_COLUMNS),
    *("items_total_minor", "order_amount_minor", "order_currency"),
    *("latitude", "longitude"),
    *_PLACE_TEXTS,
    *(f"campaign_{name}" for name in _CAMPAIGN_TEXTS),
    *("consent.purpose", "consent.granted"),
    *("properties", "source", "position"),
)


def _event_columns(rows: Sequence[Row]) -> list[Column]:
    arrived = _by_field([row.record for row in rows])
    event = _by_field(arrived["event"])
    place = _by_field([context or _NO_CONTEXT for context in event["context"]])
    campaign = _by_field([campaign or _NO_CAMPAIGN for campaign in place["campaign"]])
    parts = [part or customer for part, customer in zip(arrived["part"], arrived["customer_id"], strict=True)]
    received, digests = arrived["received_at_ms"], arrived["digest"]
    return [
        *(arrived["tenant"], arrived["customer_id"], parts),
        *(received, digests, list(map(precedence, received, digests, arrived["hops"]))),
        *(event[name] for name in ("event_id", "event_type", "channel", "occurred_at_ms", "sent_at_ms")),
        event["amount_minor"],
        *(_texts(event[name]) for name in _EVENT_TEXTS),
        *_pairs(arrived["identifiers"]),
        *_item_columns(event["items"]),
        [total_minor(items) if items else 0 for items in event["items"]],
        *map(list, zip(*map(order_worth, arrived["event"]), strict=True)),
        *(place["latitude"], place["longitude"]),
        *(_texts(place[name]) for name in _PLACE_TEXTS),
        *(_texts(campaign[name]) for name in _CAMPAIGN_TEXTS),
        *_pairs([sorted(consent.items()) if consent else () for consent in event["consent"]]),
        list(map(text, event["properties"])),
        *_places(rows),
    ]


_TRIGGER_TEXTS: Final = (
    *("tenant", "trigger_id", "status", "rule", "kind", "rules_version", "channel", "address"),
    *("caused_by", "content_variant", "reason"),
)
_TRIGGER_TIMES: Final = ("due_at_ms", "fired_at_ms", "expires_at_ms")
TRIGGER_COLUMNS: Final = (
    "written_customer_id",
    *_TRIGGER_TEXTS,
    *_TRIGGER_TIMES,
    *(f"items.{name}" for name in _ITEM_COLUMNS),
    *("offer_code", "offer_percent", "offer_valid_until_ms"),
    *("context", "source", "position"),
)


def _trigger_columns(rows: Sequence[Row]) -> list[Column]:
    trigger = _by_field([row.record for row in rows])
    offers = trigger["offer"]
    return [
        trigger["customer_id"],
        *(_texts(trigger[name]) for name in _TRIGGER_TEXTS),
        *(trigger[name] for name in _TRIGGER_TIMES),
        *_item_columns(trigger["items"]),
        [offer.code if offer else "" for offer in offers],
        [offer and offer.percent for offer in offers],
        [offer and offer.valid_until_ms for offer in offers],
        list(map(text, trigger["context"])),
        *_places(rows),
    ]


_DECISION_TEXTS: Final = (
    *("tenant", "decision_id", "rule", "outcome", "reason", "trigger_id", "rules_version", "caused_by"),
)
DECISION_COLUMNS: Final = ("written_customer_id", *_DECISION_TEXTS, "decided_at_ms", "source", "position")


def _decision_columns(rows: Sequence[Row]) -> list[Column]:
    decision = _by_field([row.record for row in rows])
    texts = (_texts(decision[name]) for name in _DECISION_TEXTS)
    return [decision["customer_id"], *texts, decision["decided_at_ms"], *_places(rows)]


_CHANGE_FIELDS: Final = (
    *("tenant", "change_id", "change", "customer_id", "other_customer_id", "kind", "value", "reason", "merge_id"),
    *("caused_by", "occurred_at_ms"),
)
IDENTITY_CHANGE_COLUMNS: Final = (*_CHANGE_FIELDS, "parts.part_id", "parts.moves", "source", "position")


def _identity_change_columns(rows: Sequence[Row]) -> list[Column]:
    change = _by_field([row.record for row in rows])
    parts = _pairs([sorted(parts.items()) for parts in change["parts"]])
    return [*(change[name] for name in _CHANGE_FIELDS), *parts, *_places(rows)]


_LETTER_FIELDS: Final = ("topic", "partition", "offset", "reason", "detail", "appended_at_ms")
DEAD_LETTER_COLUMNS: Final = ("tenant", *_LETTER_FIELDS, "key_hex", "value_hex", "source", "position")


def _dead_letter_columns(rows: Sequence[Row]) -> list[Column]:
    letter = _by_field([row.record for row in rows])
    return [
        _texts(letter["tenant"]),
        *(letter[name] for name in _LETTER_FIELDS),
        *([(value or b"").hex() for value in letter[name]] for name in ("key", "value")),
        *_places(rows),
    ]


TABLES: Final[dict[Kind, Table]] = {
    Kind.EVENT: Table("events_log", "events", EVENT_COLUMNS, _event_columns),
    Kind.TRIGGER: Table("triggers_log", "triggers", TRIGGER_COLUMNS, _trigger_columns),
    Kind.DECISION: Table("decisions_log", "decisions", DECISION_COLUMNS, _decision_columns),
    Kind.IDENTITY_CHANGE: Table(
        "identity_changes_log", "identity_changes", IDENTITY_CHANGE_COLUMNS, _identity_change_columns
    ),
    Kind.DEAD_LETTER: Table("dead_letters_log", "dead_letters", DEAD_LETTER_COLUMNS, _dead_letter_columns),
}

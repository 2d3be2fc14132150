"""Records to columns, one table per kind. Pure: what a row holds depends on its record and its position alone.

A column is a list with one value per row, an array column the values of all rows and how many each has (`Lists`). What
is absent is None: a text is then stored empty, a number as NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from pipeline.domain.channel_groups import channel_group
from pipeline.domain.customer.orders import amount_of
from pipeline.domain.events import Campaign, ChannelEvent, Context, Item
from pipeline.domain.money import MAX_SUM_MINOR, added
from pipeline.history.native import WORD, Column, Lists, Typed
from pipeline.history.rows import Kind, Row

HOP_BITS: Final = 4  # an event is sent on once or twice
MOST_HOPS: Final = (1 << HOP_BITS) - 1
DIGEST_BITS: Final = 16  # with 41 bits of milliseconds, all fit into a positive Int64
DIGEST_MASK: Final = (1 << DIGEST_BITS) - 1
TEXT: Final = "String"
NUMBER: Final = "Int64"
NUMBER_OR_NONE: Final = "Nullable(Int64)"


class Table(Struct, frozen=True):
    """Where the rows of a kind go: the log behind the view of the same name, and how its columns are filled."""

    log: str
    view: str
    columns: tuple[Typed, ...]
    fill: Callable[[Sequence[Row]], list[Column]]


_json = msgspec.json.Encoder()
_NO_CONTEXT: Final = Context()
_NO_CAMPAIGN: Final = Campaign()
_ORDERS: Final = frozenset(("order_completed", "order_refunded"))
_NO_WORTH: Final = (None, "")


def _typed(kind: str, *names: str) -> tuple[Typed, ...]:
    return tuple((name, kind) for name in names)


_ITEM_COLUMNS: Final = (
    ("items.sku", f"Array({TEXT})"),
    ("items.quantity", f"Array({NUMBER})"),
    ("items.unit_price_minor", f"Array({NUMBER})"),
    ("items.currency", f"Array({WORD})"),
    ("items.attributes", f"Array({WORD})"),
)
_PLACE: Final = (("source", WORD), ("position", NUMBER))


def text(value: object) -> str:
    """Return `value` as JSON text; empty for an absent or empty one."""
    return _json.encode(value).decode() if value else ""


def precedence(received_at_ms: int, digest: int, hops: int) -> int:
    """Rank of an event among others of the same id: the greatest is the one received first.

    Two different contents received in the same millisecond are told apart by their digest, so that the same one is
    kept whatever order the rows are written in. Of copies of one, that is the one sent on most often.
    """
    tie = (digest & DIGEST_MASK) << HOP_BITS | (MOST_HOPS - hops if hops < MOST_HOPS else 0)
    return -(received_at_ms << DIGEST_BITS + HOP_BITS | tie)


def total_minor(items: Iterable[Item]) -> int:
    """Sum of quantity × unit price in minor units; a line without a price counts nothing."""
    total = 0
    for item in items:
        total += item.quantity * (item.unit_price_minor or 0)
    return total if -MAX_SUM_MINOR <= total <= MAX_SUM_MINOR else added(0, total)


def order_worth(event: ChannelEvent) -> tuple[int | None, str]:
    """What an order was worth, or how much of it was refunded, and its currency; (None, "") where none is told."""
    kind = event.event_type
    told = kind == "order_refunded" and (event.amount_minor is not None or event.items)
    if kind != "order_completed" and not told:
        return None, ""
    return amount_of(event) or (0, "")


def _by_field(structs: Sequence[Struct]) -> dict[str, list[Any]]:
    """One list per field: a fraction of the cost of reading each by its name."""
    return dict(zip(structs[0].__struct_fields__, map(list, zip(*map(astuple, structs), strict=True)), strict=True))


def _item_columns(lines: Sequence[tuple[Item, ...]]) -> list[Column]:
    """Five array columns, as in `_ITEM_COLUMNS`. A price that is not known is 0."""
    sizes = list(map(len, lines))
    items = list(chain.from_iterable(lines))
    columns: list[list[Any]] = [
        [item.sku for item in items],
        [item.quantity for item in items],
        [item.unit_price_minor or 0 for item in items],
        [item.currency for item in items],
        [text(item.attributes) if item.attributes else None for item in items],
    ]
    return [Lists(sizes, values) for values in columns]


def _pairs(mappings: Sequence[Sequence[tuple[Any, Any]]]) -> list[Column]:
    sizes = list(map(len, mappings))
    pairs = list(chain.from_iterable(mappings))
    return [Lists(sizes, [first for first, _ in pairs]), Lists(sizes, [second for _, second in pairs])]


def _places(rows: Sequence[Row]) -> list[Column]:
    return [[row.source for row in rows], [row.position for row in rows]]


EVENT_COLUMNS: Final = (
    *_typed(WORD, "tenant"),
    *_typed(TEXT, "written_customer_id", "part_id"),
    *_typed(NUMBER, "received_at_ms"),
    *_typed("UInt32", "digest"),
    *_typed(NUMBER, "precedence"),
    *_typed(TEXT, "event_id"),
    *_typed(WORD, "event_type", "channel"),
    *_typed(NUMBER, "occurred_at_ms"),
    *_typed(NUMBER_OR_NONE, "sent_at_ms", "amount_minor"),
    *_typed(TEXT, "session_id"),
    *_typed(WORD, "store_id"),
    *_typed(TEXT, "order_id", "cart_id", "trigger_id"),
    *_typed(WORD, "currency"),
    *(("identifiers.kind", f"Array({WORD})"), ("identifiers.value", f"Array({TEXT})")),
    *_ITEM_COLUMNS,
    *_typed(NUMBER, "items_total_minor"),
    *_typed(NUMBER_OR_NONE, "order_amount_minor"),
    *_typed(WORD, "order_currency"),
    *_typed("Nullable(Float64)", "latitude", "longitude"),
    *_typed(WORD, "device", "locale", "country", "city", "time_zone", "weather"),
    *_typed(WORD, *(f"campaign_{name}" for name in Campaign.__struct_fields__), "channel_group"),
    *(("consent.purpose", f"Array({WORD})"), ("consent.granted", "Array(UInt8)")),
    *_typed(TEXT, "properties"),
    *_PLACE,
)


def _event_columns(rows: Sequence[Row]) -> list[Column]:
    arrived = _by_field([row.record for row in rows])
    events = arrived["event"]
    event = _by_field(events)
    place = _by_field([context or _NO_CONTEXT for context in event["context"]])
    campaigns = [campaign or _NO_CAMPAIGN for campaign in place["campaign"]]
    parts, customers = arrived["part"], arrived["customer_id"]
    parts = [part or customer for part, customer in zip(parts, customers, strict=True)] if any(parts) else customers
    received, digests = arrived["received_at_ms"], arrived["digest"]
    worths = [order_worth(each) if each.event_type in _ORDERS else _NO_WORTH for each in events]
    return [
        *(arrived["tenant"], customers, parts),
        *(received, digests, list(map(precedence, received, digests, arrived["hops"]))),
        *(event[name] for name in ("event_id", "event_type", "channel", "occurred_at_ms", "sent_at_ms")),
        event["amount_minor"],
        *(event[name] for name in ("session_id", "store_id", "order_id", "cart_id", "trigger_id", "currency")),
        *_pairs(arrived["identifiers"]),
        *_item_columns(event["items"]),
        [total_minor(items) if items else 0 for items in event["items"]],
        *([amount for amount, _ in worths], [currency for _, currency in worths]),
        *(place[name] for name in ("latitude", "longitude")),
        *(place[name] for name in ("device", "locale", "country", "city", "time_zone", "weather")),
        *_by_field(campaigns).values(),
        [channel_group(campaign.source, campaign.medium, campaign.name) for campaign in campaigns],
        *_pairs([sorted(consent.items()) if consent else () for consent in event["consent"]]),
        [text(properties) if properties else None for properties in event["properties"]],
        *_places(rows),
    ]


TRIGGER_COLUMNS: Final = (
    *_typed(TEXT, "written_customer_id"),
    *_typed(WORD, "tenant"),
    *_typed(TEXT, "trigger_id"),
    *_typed(WORD, "status", "rule", "kind", "rules_version", "channel"),
    *_typed(TEXT, "address", "caused_by"),
    *_typed(WORD, "content_variant"),
    *_typed(TEXT, "reason"),
    *_typed(NUMBER, "due_at_ms", "fired_at_ms"),
    *_typed(NUMBER_OR_NONE, "expires_at_ms"),
    *_ITEM_COLUMNS,
    *_typed(TEXT, "offer_code"),
    *_typed(NUMBER_OR_NONE, "offer_percent", "offer_valid_until_ms"),
    *_typed(TEXT, "context"),
    *_PLACE,
)


def _trigger_columns(rows: Sequence[Row]) -> list[Column]:
    trigger = _by_field([row.record for row in rows])
    offers = trigger["offer"]
    return [
        *(trigger[name] for name in ("customer_id", "tenant", "trigger_id")),
        *(trigger[name] for name in ("status", "rule", "kind", "rules_version", "channel")),
        *(trigger[name] for name in ("address", "caused_by", "content_variant", "reason")),
        *(trigger[name] for name in ("due_at_ms", "fired_at_ms", "expires_at_ms")),
        *_item_columns(trigger["items"]),
        [offer and offer.code for offer in offers],
        [offer and offer.percent for offer in offers],
        [offer and offer.valid_until_ms for offer in offers],
        list(map(text, trigger["context"])),
        *_places(rows),
    ]


DECISION_COLUMNS: Final = (
    *_typed(TEXT, "written_customer_id"),
    *_typed(WORD, "tenant"),
    *_typed(TEXT, "decision_id"),
    *_typed(WORD, "rule", "outcome", "reason"),
    *_typed(TEXT, "trigger_id"),
    *_typed(WORD, "rules_version"),
    *_typed(TEXT, "caused_by"),
    *_typed(NUMBER, "decided_at_ms"),
    *_PLACE,
)


def _decision_columns(rows: Sequence[Row]) -> list[Column]:
    decision = _by_field([row.record for row in rows])
    names = ("tenant", "decision_id", "rule", "outcome", "reason", "trigger_id", "rules_version", "caused_by")
    return [decision["customer_id"], *(decision[name] for name in names), decision["decided_at_ms"], *_places(rows)]


IDENTITY_CHANGE_COLUMNS: Final = (
    *_typed(WORD, "tenant"),
    *_typed(TEXT, "change_id"),
    *_typed(WORD, "change"),
    *_typed(TEXT, "customer_id", "other_customer_id"),
    *_typed(WORD, "kind"),
    *_typed(TEXT, "value"),
    *_typed(WORD, "reason"),
    *_typed(TEXT, "merge_id", "caused_by"),
    *_typed(NUMBER, "occurred_at_ms"),
    *(("parts.part_id", f"Array({TEXT})"), ("parts.moves", f"Array({NUMBER})")),
    *_PLACE,
)


def _identity_change_columns(rows: Sequence[Row]) -> list[Column]:
    change = _by_field([row.record for row in rows])
    parts = _pairs([sorted(parts.items()) for parts in change["parts"]])
    told = [change[name] for name, _ in IDENTITY_CHANGE_COLUMNS[: -len(parts) - len(_PLACE)]]
    return [*told, *parts, *_places(rows)]


DEAD_LETTER_COLUMNS: Final = (
    *_typed(WORD, "tenant", "topic"),
    *_typed(NUMBER, "partition", "offset"),
    *_typed(WORD, "reason"),
    *_typed(TEXT, "detail"),
    *_typed(NUMBER, "appended_at_ms"),
    *_typed(TEXT, "key_hex", "value_hex"),
    *_PLACE,
)


def _dead_letter_columns(rows: Sequence[Row]) -> list[Column]:
    letter = _by_field([row.record for row in rows])
    return [
        *(letter[name] for name in ("tenant", "topic", "partition", "offset", "reason", "detail", "appended_at_ms")),
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

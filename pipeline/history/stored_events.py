"""Events as they were told, made again from their rows, and all of them in the order of their times.

What a row does not hold is lost: identifiers that linked nothing, and whether a price of 0 without a currency was told
or was not known (it is taken for not known).
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import Any, Final

import msgspec

from pipeline.domain.event_types import IDENTIFIER_BLOCKED, OPERATOR
from pipeline.domain.events import Campaign, ChannelEvent, Context, Item
from pipeline.domain.identity.actor import ALONE
from pipeline.domain.time import HOUR_MS
from pipeline.history.engine import Reader

_TEXTS: Final = ("session_id", "store_id", "order_id", "cart_id", "trigger_id", "currency")
_PLACES: Final = ("device", "locale", "country", "city", "time_zone", "weather")
_ITEMS: Final = ("sku", "quantity", "unit_price_minor", "currency", "attributes")
COLUMNS: Final = (
    *("tenant", "event_id", "event_type", "channel", "occurred_at_ms", "received_at_ms", "sent_at_ms"),
    *("amount_minor", *_TEXTS, *_PLACES, "latitude", "longitude"),
    *(f"campaign_{name}" for name in Campaign.__struct_fields__),
    *("identifiers.kind", "identifiers.value", "consent.purpose", "consent.granted", "properties"),
    *(f"items.{name}" for name in _ITEMS),
)
"""What `event_of` needs of the view `events`."""

SLICE_ROWS: Final = 50_000
"""Rows asked for at once. They take 450 MB while they are read; fewer would be more questions, each of which has the
database read the whole table."""

_parse = msgspec.json.Decoder().decode
_parse_texts = msgspec.json.Decoder(dict[str, str]).decode


def selected() -> str:
    """Return `COLUMNS` for a SELECT."""
    return ", ".join(f"`{name}`" for name in COLUMNS)


def event_of(row: dict[str, Any]) -> ChannelEvent:
    """Return the event of a row (column to value)."""
    consent = zip(row["consent.purpose"], row["consent.granted"], strict=True)
    identifiers = zip(row["identifiers.kind"], row["identifiers.value"], strict=True)
    return ChannelEvent(
        event_id=row["event_id"],
        event_type=row["event_type"],
        channel=row["channel"],
        occurred_at_ms=row["occurred_at_ms"],
        identifiers={kind: value for kind, value in identifiers if (kind, value) != (ALONE, row["event_id"])},
        tenant=row["tenant"],
        sent_at_ms=row["sent_at_ms"],
        items=items_of(row),
        amount_minor=row["amount_minor"],
        context=_context(row),
        consent={purpose: bool(granted) for purpose, granted in consent} or None,
        properties=_parse(row["properties"]) if row["properties"] else {},
        **{name: row[name] or None for name in _TEXTS},
    )


def items_of(row: dict[str, Any]) -> tuple[Item, ...]:
    """Return the lines of a row that has any."""
    return tuple(_item(*line) for line in zip(*(row[f"items.{name}"] for name in _ITEMS), strict=True))


def _item(sku: str, quantity: int, unit_price_minor: int, currency: str, attributes: str) -> Item:
    price = unit_price_minor if unit_price_minor or currency else None
    return Item(sku, quantity, price, currency or None, _parse_texts(attributes) if attributes else {})


def _context(row: dict[str, Any]) -> Context | None:
    campaign = Campaign(**{name: row[f"campaign_{name}"] or None for name in Campaign.__struct_fields__})
    context = Context(
        latitude=row["latitude"],
        longitude=row["longitude"],
        campaign=None if campaign == Campaign() else campaign,
        **{name: row[name] or None for name in _PLACES},
    )
    return None if context == Context() else context


class StoredEvents:
    """The events of a history in the order of their times, as often as you like: the same ones each time.

    Those received since it was opened are left out. Words of operators about identifiers are among them; control
    events are not, they reach no history.
    """

    def __init__(self, reader: Reader, since_ms: int | None = None, before_ms: int | None = None) -> None:
        """Take events of [since, before). Raises HistoryUnavailable, QueryRefused."""
        self._reader = reader
        bounds = [f"occurred_at_ms >= {since_ms}"] if since_ms is not None else []
        bounds += [f"occurred_at_ms < {before_ms}"] if before_ms is not None else []
        self._blocked_where = " AND ".join([*bounds, "change = 'blocked'"])
        newest = reader.query("SELECT max(received_at_ms) FROM events_log").rows[0][0]
        self._where = " AND ".join([*bounds, f"received_at_ms <= {newest}"])
        hours = reader.query(
            f"SELECT intDiv(occurred_at_ms, {HOUR_MS}) AS hour, count() FROM events WHERE {self._where} "
            "GROUP BY hour ORDER BY hour"
        )
        self._slices = _slices([(hour, count) for hour, count in hours.rows])
        self.count = sum(count for _, _, count in self._slices)

    def __iter__(self) -> Iterator[ChannelEvent]:
        """Yield them; never more than a slice is in memory."""
        return merge(self._told(), self._blocked(), key=lambda event: event.occurred_at_ms)

    def _told(self) -> Iterator[ChannelEvent]:
        for first, end, count in self._slices:
            for skipped in range(0, count, SLICE_ROWS):  # more than one only where a single hour is that full
                answer = self._reader.query(
                    f"SELECT {selected()} FROM events WHERE {self._where} "
                    f"AND occurred_at_ms >= {first * HOUR_MS} AND occurred_at_ms < {end * HOUR_MS} "
                    "ORDER BY occurred_at_ms, received_at_ms, position, tenant, event_id "
                    f"LIMIT {skipped}, {SLICE_ROWS}"
                )
                yield from map(event_of, answer.objects())

    def _blocked(self) -> Iterator[ChannelEvent]:
        blocked = self._reader.query(
            "SELECT caused_by, occurred_at_ms, kind, value, tenant FROM identity_changes "
            f"WHERE {self._blocked_where} ORDER BY occurred_at_ms, change_id"
        )
        for event_id, at_ms, kind, value, tenant in blocked.rows:
            yield ChannelEvent(event_id, IDENTIFIER_BLOCKED, OPERATOR, at_ms, {kind: value}, tenant)


def _slices(hours: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Join neighbouring hours (hour, rows) to slices (first hour, hour after the last, rows) of up to `SLICE_ROWS`.

    >>> _slices([(7, 30_000), (8, 10_000), (12, 20_000), (13, 90_000)])
    [(7, 9, 40000), (12, 13, 20000), (13, 14, 90000)]
    """
    slices: list[tuple[int, int, int]] = []
    for hour, count in hours:
        if slices and slices[-1][2] + count <= SLICE_ROWS:
            first, _, rows = slices.pop()
            slices.append((first, hour + 1, rows + count))
        else:
            slices.append((hour, hour + 1, count))
    return slices

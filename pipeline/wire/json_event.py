"""The JSON form of a channel event: one object, times as RFC 3339 text or integer milliseconds."""

from __future__ import annotations

import msgspec

from pipeline.domain.events import Campaign, ChannelEvent, Context, Item
from pipeline.domain.time import rfc3339
from pipeline.wire.json_fields import (
    Field,
    JsonObject,
    boolean,
    integer,
    mapping,
    number,
    object_of,
    optional,
    parse,
    scalar,
    take,
    text,
    time_ms,
    wrong,
)


def decode(text: bytes | str) -> ChannelEvent:
    """Read one event from JSON. Unknown fields are tolerated. Raises InvalidEvent naming field and value."""
    return from_object(parse(text))


def from_object(value: object) -> ChannelEvent:
    """Read one event from a parsed JSON value. Raises InvalidEvent."""
    fields = object_of(value, "the event")
    return ChannelEvent(**take(fields, _EVENT, ""))  # type: ignore[arg-type]


def encode(event: ChannelEvent) -> bytes:
    """Write one event as a line of JSON, without the fields that say nothing."""
    return msgspec.json.encode(to_object(event))


def to_object(event: ChannelEvent) -> JsonObject:
    """Return the event as a JSON object: times as RFC 3339 text, fields at their defaults left out."""
    fields: JsonObject = {
        "event_id": event.event_id,
        "event_type": event.event_type,
        "channel": event.channel,
        "tenant": event.tenant,
        "occurred_at": rfc3339(event.occurred_at_ms),
        "identifiers": event.identifiers,
    }
    if event.sent_at_ms is not None:
        fields["sent_at"] = rfc3339(event.sent_at_ms)
    for name in ("session_id", "store_id", "order_id", "cart_id", "amount_minor", "currency", "consent", "trigger_id"):
        if getattr(event, name) is not None:
            fields[name] = getattr(event, name)
    if event.items:
        fields["items"] = [item_object(item) for item in event.items]
    if event.context is not None:
        fields["context"] = _said(event.context)
        if event.context.campaign is not None:
            fields["context"] = {**_said(event.context), "campaign": _said(event.context.campaign)}
    if event.properties:
        fields["properties"] = event.properties
    return fields


def item_object(item: Item) -> JsonObject:
    """Return one line of a cart or an order as a JSON object."""
    fields = _said(item)
    if not item.attributes:
        del fields["attributes"]
    return fields


def _said(struct: msgspec.Struct) -> JsonObject:
    """The fields of a struct that are not None."""
    return {name: value for name in struct.__struct_fields__ if (value := getattr(struct, name)) is not None}


def _items(value: object, where: str) -> tuple[Item, ...]:
    if not isinstance(value, list):
        raise wrong(where, "a list", value)
    return tuple(
        Item(**take(object_of(item, f"{where}[{index}]"), _ITEM, f"{where}[{index}]."))  # type: ignore[arg-type]
        for index, item in enumerate(value)
    )


def _context(value: object, where: str) -> Context:
    return Context(**take(object_of(value, where), _CONTEXT, f"{where}."))  # type: ignore[arg-type]


def _campaign(value: object, where: str) -> Campaign:
    return Campaign(**take(object_of(value, where), _CAMPAIGN, f"{where}."))  # type: ignore[arg-type]


_ITEM = {
    "sku": Field("sku", text, required=True),
    **optional(integer, "quantity", "unit_price_minor"),
    **optional(text, "currency"),
    **optional(mapping(text), "attributes"),
}
_CAMPAIGN = optional(text, *Campaign.__struct_fields__)
_CONTEXT = {
    **optional(text, "device", "locale", "country", "city", "time_zone", "weather"),
    **optional(number, "latitude", "longitude"),
    **optional(_campaign, "campaign"),
}
_EVENT = {
    "event_id": Field("event_id", text, required=True),
    "event_type": Field("event_type", text, required=True),
    "channel": Field("channel", text, required=True),
    "occurred_at": Field("occurred_at_ms", time_ms, required=True),
    "identifiers": Field("identifiers", mapping(text), required=True),
    "sent_at": Field("sent_at_ms", time_ms),
    **optional(text, "tenant", "session_id", "store_id", "order_id", "cart_id", "currency", "trigger_id"),
    **optional(integer, "amount_minor"),
    **optional(_items, "items"),
    **optional(_context, "context"),
    **optional(mapping(boolean), "consent"),
    **optional(mapping(scalar), "properties"),
}

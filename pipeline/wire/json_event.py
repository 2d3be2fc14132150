"""The JSON form of a channel event: one object, times as RFC 3339 text or integer milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

import msgspec

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import Campaign, ChannelEvent, Context, Item, Scalar
from pipeline.domain.time import epoch_ms, rfc3339

JsonObject: TypeAlias = dict[str, object]
Check: TypeAlias = Callable[[object, str], object]
"""(value, name of the field) -> the value as the struct takes it. Raises InvalidEvent."""

_parse = msgspec.json.Decoder().decode
_parse_time = msgspec.json.Decoder(datetime).decode


def decode(text: bytes | str) -> ChannelEvent:
    """Read one event from JSON. Unknown fields are tolerated. Raises InvalidEvent naming field and value."""
    try:
        value = _parse(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEvent(InvalidReason.UNDECODABLE, f"not JSON: {error}") from error
    except RecursionError:
        raise InvalidEvent(InvalidReason.UNDECODABLE, "nested far deeper than any event is") from None
    return from_object(value)


def from_object(value: object) -> ChannelEvent:
    """Read one event from a parsed JSON value. Raises InvalidEvent."""
    fields = _object(value, "the event")
    return ChannelEvent(**_take(fields, _EVENT, ""))  # type: ignore[arg-type]


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


# --- times ------------------------------------------------------------------------------------------------------


def time_ms(value: object, where: str) -> int:
    """Read RFC 3339 text or integer milliseconds. Raises InvalidEvent; a text without a zone is refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _integer(value, where)
    if not isinstance(value, str):
        raise _wrong(where, "a time (RFC 3339 text or integer milliseconds)", value)
    try:
        moment = _parse_time(f'"{value}"')
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidEvent(InvalidReason.BAD_TIME, f"{where}: {_shown(value)} is not RFC 3339") from error
    if moment.tzinfo is None:
        raise InvalidEvent(InvalidReason.BAD_TIME, f"{where}: {_shown(value)} has no time zone, add Z or +01:00")
    return epoch_ms(moment)


# --- fields -----------------------------------------------------------------------------------------------------


class _Field(msgspec.Struct, frozen=True):
    """How one JSON field becomes one struct field."""

    attribute: str
    check: Check
    required: bool = False
    nullable: bool = True


def _take(fields: JsonObject, known: Mapping[str, _Field], path: str) -> JsonObject:
    """Check the known fields of an object. A null where null says nothing counts as left out."""
    taken: JsonObject = {}
    for name, field in known.items():
        value = fields.get(name)
        if value is not None:
            taken[field.attribute] = field.check(value, path + name)
        elif field.required:
            raise InvalidEvent(InvalidReason.MISSING_FIELD, f"{path}{name} is missing")
    return taken


def _wrong(where: str, wanted: str, value: object) -> InvalidEvent:
    return InvalidEvent(InvalidReason.WRONG_TYPE, f"{where}: expected {wanted}, got {_shown(value)}")


def _shown(value: object) -> str:
    """The value as JSON, cut to what a line of a log can take."""
    try:
        text = msgspec.json.encode(value).decode()
    except RecursionError:  # it was read nearer to the limit than it is written
        return f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _object(value: object, where: str) -> JsonObject:
    if not isinstance(value, dict):
        raise _wrong(where, "an object", value)
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise _wrong(where, "a text", value)
    return value


def _integer(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(where, "an integer", value)
    if not -(2**63) <= value < 2**63:
        raise InvalidEvent(InvalidReason.BAD_VALUE, f"{where}: {value} has more than 64 bits")
    return value


def _number(value: object, where: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _wrong(where, "a number", value)
    try:
        return float(value)
    except OverflowError:
        raise InvalidEvent(InvalidReason.BAD_VALUE, f"{where}: the number is too large") from None


def _boolean(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(where, "true or false", value)
    return value


def _scalar(value: object, where: str) -> Scalar:
    if isinstance(value, (str, bool, float)) or value is None:
        return value
    return _integer(value, where) if isinstance(value, int) else _reject_nested(value, where)


def _reject_nested(value: object, where: str) -> Scalar:
    raise _wrong(where, "a text, a number, true, false or null", value)


def _mapping(check: Check) -> Check:
    def read(value: object, where: str) -> object:
        return {key: check(part, f"{where}.{key}") for key, part in _object(value, where).items()}

    return read


def _items(value: object, where: str) -> tuple[Item, ...]:
    if not isinstance(value, list):
        raise _wrong(where, "a list", value)
    return tuple(
        Item(**_take(_object(item, f"{where}[{index}]"), _ITEM, f"{where}[{index}]."))  # type: ignore[arg-type]
        for index, item in enumerate(value)
    )


def _context(value: object, where: str) -> Context:
    return Context(**_take(_object(value, where), _CONTEXT, f"{where}."))  # type: ignore[arg-type]


def _campaign(value: object, where: str) -> Campaign:
    return Campaign(**_take(_object(value, where), _CAMPAIGN, f"{where}."))  # type: ignore[arg-type]


def _optional(check: Check, *names: str) -> dict[str, _Field]:
    return {name: _Field(name, check) for name in names}


_ITEM = {
    "sku": _Field("sku", _text, required=True),
    **_optional(_integer, "quantity", "unit_price_minor"),
    **_optional(_text, "currency"),
    **_optional(_mapping(_text), "attributes"),
}
_CAMPAIGN = _optional(_text, *Campaign.__struct_fields__)
_CONTEXT = {
    **_optional(_text, "device", "locale", "country", "city", "time_zone", "weather"),
    **_optional(_number, "latitude", "longitude"),
    **_optional(_campaign, "campaign"),
}
_EVENT = {
    "event_id": _Field("event_id", _text, required=True),
    "event_type": _Field("event_type", _text, required=True),
    "channel": _Field("channel", _text, required=True),
    "occurred_at": _Field("occurred_at_ms", time_ms, required=True),
    "identifiers": _Field("identifiers", _mapping(_text), required=True),
    "sent_at": _Field("sent_at_ms", time_ms),
    **_optional(_text, "tenant", "session_id", "store_id", "order_id", "cart_id", "currency", "trigger_id"),
    **_optional(_integer, "amount_minor"),
    **_optional(_items, "items"),
    **_optional(_context, "context"),
    **_optional(_mapping(_boolean), "consent"),
    **_optional(_mapping(_scalar), "properties"),
}

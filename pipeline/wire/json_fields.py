"""The fields of JSON records: what each must be, and what is said where it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

import msgspec

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import Scalar
from pipeline.domain.time import epoch_ms

JsonObject: TypeAlias = dict[str, object]
Check: TypeAlias = Callable[[object, str], object]
"""(value, name of the field) -> the value as the struct takes it. Raises InvalidEvent."""

_parse = msgspec.json.Decoder().decode
_parse_time = msgspec.json.Decoder(datetime).decode


def parse(text: bytes | str) -> object:
    """Read JSON. Raises InvalidEvent."""
    try:
        return _parse(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEvent(InvalidReason.UNDECODABLE, f"not JSON: {error}") from error
    except RecursionError:
        raise InvalidEvent(InvalidReason.UNDECODABLE, "nested far deeper than any record is") from None


# --- times ------------------------------------------------------------------------------------------------------


def time_ms(value: object, where: str) -> int:
    """Read RFC 3339 text or integer milliseconds. Raises InvalidEvent; a text without a zone is refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        return integer(value, where)
    if not isinstance(value, str):
        raise wrong(where, "a time (RFC 3339 text or integer milliseconds)", value)
    try:
        moment = _parse_time(f'"{value}"')
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidEvent(InvalidReason.BAD_TIME, f"{where}: {_shown(value)} is not RFC 3339") from error
    if moment.tzinfo is None:
        raise InvalidEvent(InvalidReason.BAD_TIME, f"{where}: {_shown(value)} has no time zone, add Z or +01:00")
    return epoch_ms(moment)


# --- fields -----------------------------------------------------------------------------------------------------


class Field(msgspec.Struct, frozen=True):
    """How one JSON field becomes one struct field."""

    attribute: str
    check: Check
    required: bool = False


def take(fields: JsonObject, known: Mapping[str, Field], path: str) -> JsonObject:
    """Check the known fields of an object. A null where null says nothing counts as left out."""
    taken: JsonObject = {}
    for name, field in known.items():
        value = fields.get(name)
        if value is not None:
            taken[field.attribute] = field.check(value, path + name)
        elif field.required:
            raise InvalidEvent(InvalidReason.MISSING_FIELD, f"{path}{name} is missing")
    return taken


def wrong(where: str, wanted: str, value: object) -> InvalidEvent:
    """Say that a field holds something else than it must."""
    return InvalidEvent(InvalidReason.WRONG_TYPE, f"{where}: expected {wanted}, got {_shown(value)}")


def _shown(value: object) -> str:
    """The value as JSON, cut to what a line of a log can take."""
    try:
        text = msgspec.json.encode(value).decode()
    except RecursionError:  # it was read nearer to the limit than it is written
        return f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def object_of(value: object, where: str) -> JsonObject:
    """Take an object."""
    if not isinstance(value, dict):
        raise wrong(where, "an object", value)
    return value


def text(value: object, where: str) -> str:
    """Take a text."""
    if not isinstance(value, str):
        raise wrong(where, "a text", value)
    return value


def integer(value: object, where: str) -> int:
    """Take an integer of at most 64 bits."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong(where, "an integer", value)
    if not -(2**63) <= value < 2**63:
        raise InvalidEvent(InvalidReason.BAD_VALUE, f"{where}: {value} has more than 64 bits")
    return value


def number(value: object, where: str) -> float:
    """Take any number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise wrong(where, "a number", value)
    try:
        return float(value)
    except OverflowError:
        raise InvalidEvent(InvalidReason.BAD_VALUE, f"{where}: the number is too large") from None


def boolean(value: object, where: str) -> bool:
    """Take true or false."""
    if not isinstance(value, bool):
        raise wrong(where, "true or false", value)
    return value


def scalar(value: object, where: str) -> Scalar:
    """Take anything but an object or a list."""
    if isinstance(value, (str, bool, float)) or value is None:
        return value
    return integer(value, where) if isinstance(value, int) else _reject_nested(value, where)


def _reject_nested(value: object, where: str) -> Scalar:
    raise wrong(where, "a text, a number, true, false or null", value)


def mapping(check: Check) -> Check:
    """Return what takes an object whose values `check` takes."""

    def read(value: object, where: str) -> object:
        return {key: check(part, f"{where}.{key}") for key, part in object_of(value, where).items()}

    return read


def optional(check: Check, *names: str) -> dict[str, Field]:
    """Return fields that may be left out, each called as in the struct."""
    return {name: Field(name, check) for name in names}

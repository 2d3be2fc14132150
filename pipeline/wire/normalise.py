"""What every event goes through once decoded: checked, trimmed, its identifiers ready to link. Pure.

A value that identifies nobody ("null", zeros, …) only loses its power to link; the event itself is kept. Refused are
events without an id, type or channel, with a time that cannot be one, or with texts no honest producer sends.
"""

from __future__ import annotations

import re
from functools import lru_cache
from operator import attrgetter
from zlib import crc32

from msgspec import Struct, structs
from msgspec.msgpack import Encoder

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.identity_config import IdentityConfig
from pipeline.domain.messages import Identifier

DEFAULT_TENANT = "default"
ALONE = "event"
"""Kind of the identifier that stands in where an event has none: its own id, so a customer of its own."""

MAX_ID_CHARACTERS = 256
MAX_WORD_CHARACTERS = 64
"""Of an event type, a channel, a tenant, an identifier kind."""
MAX_ITEMS = 1_000
MAX_IDENTIFIERS = 50
EARLIEST_MS = 315_532_800_000
"""1980: seconds taken for milliseconds land in 1970."""
LATEST_MS = 7_258_118_400_000
"""2200: microseconds taken for milliseconds land far behind it."""

_IDS = ("session_id", "store_id", "order_id", "cart_id", "trigger_id")
_ids_of = attrgetter(*_IDS)
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KIND = re.compile(r"[a-z0-9][a-z0-9._-]*")


class Normalised(Struct, frozen=True, gc=False):
    """An event ready for its way.

    `identifiers` are those that may link, strongest first, never empty; `blocked` the others as (kind, why). `event`
    keeps every identifier it came with, trimmed, so that nothing is lost to history.
    """

    event: ChannelEvent
    identifiers: tuple[Identifier, ...]
    blocked: tuple[tuple[str, str], ...] = ()


def normalise(event: ChannelEvent, config: IdentityConfig) -> Normalised:
    """Check and tidy one event. Raises InvalidEvent.

    >>> event = ChannelEvent(" e-1", "Product_Viewed", "web", 1_795_514_400_000, {"email": " A@B.de", "cookie": "null"})
    >>> tidy = normalise(event, IdentityConfig())
    >>> (tidy.event.event_id, tidy.event.event_type, tidy.identifiers, tidy.blocked)
    ('e-1', 'product_viewed', (('email', 'a@b.de'),), (('cookie', 'blocked_builtin'),))
    """
    changed: dict[str, object] = {}
    event_id = event.event_id.strip()
    if not 0 < len(event_id) <= MAX_ID_CHARACTERS:
        raise _bad_id("event_id", event_id)
    if event_id != event.event_id:
        changed["event_id"] = event_id
    if (event_type := _event_type(event.event_type)) != event.event_type:
        changed["event_type"] = event_type
    if (channel := _channel(event.channel)) != event.channel:
        changed["channel"] = channel
    if (tenant := _tenant(event.tenant)) != event.tenant:
        changed["tenant"] = tenant
    if not EARLIEST_MS <= event.occurred_at_ms < LATEST_MS:
        raise _bad_time("occurred_at", event.occurred_at_ms)
    if event.sent_at_ms is not None and not EARLIEST_MS <= event.sent_at_ms < LATEST_MS:
        raise _bad_time("sent_at", event.sent_at_ms)
    if event.items:
        _check_items(event.items)
    for name, value in zip(_IDS, _ids_of(event), strict=True):
        if value is not None and (tidy := _optional_id(name, value)) != value:
            changed[name] = tidy
    if len(event.identifiers) > MAX_IDENTIFIERS:
        problem = f"identifiers: {len(event.identifiers)} kinds, at most {MAX_IDENTIFIERS} are taken"
        raise InvalidEvent(InvalidReason.VALUE_TOO_LONG, problem)

    linking: dict[str, str] = {}
    blocked: list[tuple[str, str]] = []
    untidy = False
    for kind, value in event.identifiers.items():
        word, text = _kind(kind), value.strip()
        untidy = untidy or word != kind or text != value
        if not text:
            continue
        if word is None:
            blocked.append(("other", "blocked_kind"))
        elif why := config.blocked_reason(text):
            blocked.append((word, why))
        else:
            linking[word] = text.lower() if word == "email" else text
    if untidy:
        tidied = ((_kind(kind) or kind, value.strip()) for kind, value in event.identifiers.items())
        changed["identifiers"] = {kind: value for kind, value in tidied if value}
    if changed:
        event = structs.replace(event, **changed)
    identifiers = config.strongest_first(linking) if linking else ((ALONE, event_id),)
    return Normalised(event, identifiers, tuple(blocked))


_encode = Encoder(order="deterministic").encode


def encoded(event: ChannelEvent) -> tuple[bytes, int]:
    """Return the event as msgpack, and the CRC-32 of what it says: a second sending (another `sent_at`) says the same.

    The digest is of the same bytes, without `sent_at`.
    """
    packed = _encode(event)
    if event.sent_at_ms is None:
        return packed, crc32(packed)
    return packed, crc32(_encode(structs.replace(event, sent_at_ms=None)))


def digest(event: ChannelEvent) -> int:
    """Return the digest alone (see `encoded`)."""
    return encoded(event)[1]


# Few words come again and again: looked up, not looked at.


@lru_cache(maxsize=4096)
def _event_type(text: str) -> str:
    return _word("event_type", text, InvalidReason.NO_EVENT_TYPE)


@lru_cache(maxsize=4096)
def _channel(text: str) -> str:
    return _word("channel", text, InvalidReason.NO_CHANNEL)


def _word(field: str, text: str, missing: InvalidReason) -> str:
    word = text.strip().lower()
    if not word:
        raise InvalidEvent(missing, f"{field} is empty")
    if len(word) > MAX_WORD_CHARACTERS:
        raise _too_long(field, word, MAX_WORD_CHARACTERS)
    return word


@lru_cache(maxsize=4096)
def _tenant(text: str) -> str:
    tenant = text.strip() or DEFAULT_TENANT
    if len(tenant) > MAX_WORD_CHARACTERS:
        raise _too_long("tenant", tenant, MAX_WORD_CHARACTERS)
    if not _TENANT.fullmatch(tenant):
        problem = f"tenant: {tenant!r} may hold only letters, digits, dot, dash and underscore"
        raise InvalidEvent(InvalidReason.BAD_TENANT, problem)
    return tenant


@lru_cache(maxsize=4096)
def _kind(text: str) -> str | None:
    """The kind as it goes into keys, or None if it cannot: a colon would let two identifiers share a key."""
    kind = text.strip().lower()
    return kind if len(kind) <= MAX_WORD_CHARACTERS and _KIND.fullmatch(kind) else None


def _optional_id(field: str, text: str) -> str | None:
    tidy = text.strip()
    if len(tidy) > MAX_ID_CHARACTERS:
        raise _too_long(field, tidy, MAX_ID_CHARACTERS)
    return tidy or None


def _check_items(items: tuple[Item, ...]) -> None:
    if len(items) > MAX_ITEMS:
        problem = f"items: {len(items)} lines, at most {MAX_ITEMS} are taken"
        raise InvalidEvent(InvalidReason.VALUE_TOO_LONG, problem)
    for index, item in enumerate(items):
        if not item.sku or item.sku.isspace():
            raise InvalidEvent(InvalidReason.BAD_VALUE, f"items[{index}].sku is empty")
        if len(item.sku) > MAX_ID_CHARACTERS:
            raise _too_long(f"items[{index}].sku", item.sku, MAX_ID_CHARACTERS)
        if item.quantity < 0:
            problem = f"items[{index}].quantity: {item.quantity} is negative; what came back is an order_refunded"
            raise InvalidEvent(InvalidReason.BAD_VALUE, problem)


def _bad_id(field: str, text: str) -> InvalidEvent:
    if text:
        return _too_long(field, text, MAX_ID_CHARACTERS)
    return InvalidEvent(InvalidReason.NO_EVENT_ID, f"{field} is empty")


def _too_long(field: str, text: str, limit: int) -> InvalidEvent:
    problem = f"{field}: {len(text)} characters ({text[:20]!r} …), at most {limit} are taken"
    return InvalidEvent(InvalidReason.VALUE_TOO_LONG, problem)


def _bad_time(field: str, time_ms: int) -> InvalidEvent:
    problem = f"{field}: {time_ms} is not in the years 1980 to 2200; milliseconds since 1970 are wanted"
    return InvalidEvent(InvalidReason.BAD_TIME, problem)

"""What every event goes through once decoded: checked, trimmed, its identifiers ready to link. Pure.

The only door to the actors: what passes, they can handle down to encoded bytes. A value that identifies nobody ("null",
zeros, …) only loses its power to link; the event itself is kept. Refused are events without an id, type or channel,
with a time that cannot be one, or with texts and numbers no honest producer sends.
"""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from zlib import crc32

from msgspec import Struct, structs
from msgspec.msgpack import Encoder

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.event_types import REFERRAL
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.identity.actor import ALONE
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.referral_codes import referral_code
from pipeline.identifiers import HASHES, KIND, identifier_of, join_hashes
from pipeline.wire.tidy import (
    MAX_AMOUNT_MINOR,
    MAX_ID_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    MAX_WORD_CHARACTERS,
    check_length,
    check_time,
    tidy_currency,
    tidy_id,
    tidy_tenant,
    too_long,
    too_much,
)

MAX_ITEMS = 1_000
MAX_QUANTITY = 100_000
"""Pieces in a line: screws by the pallet. A million of such events are still far from 64 bits."""
MAX_IDENTIFIERS = 50
_IDS = ("session_id", "store_id", "order_id", "cart_id", "trigger_id")
_ids_of = attrgetter(*_IDS)
_NO_IDS = (None,) * len(_IDS)


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
    event_id = event.event_id
    if " " in event_id or not event_id.isprintable() or not 0 < len(event_id) <= MAX_ID_CHARACTERS:
        event_id = tidy_id("event_id", event_id)
        if event_id != event.event_id:
            changed["event_id"] = event_id
        if not event_id:
            raise InvalidEvent(InvalidReason.NO_EVENT_ID, "event_id is empty")
    if (event_type := _event_type(event.event_type)) != event.event_type:
        changed["event_type"] = event_type
    if (channel := _channel(event.channel)) != event.channel:
        changed["channel"] = channel
    if (tenant := tidy_tenant(event.tenant)) != event.tenant:
        changed["tenant"] = tenant
    check_time("occurred_at", event.occurred_at_ms)
    if event.sent_at_ms is not None:
        check_time("sent_at", event.sent_at_ms)
    if event.items and (items := _items(event.items)) is not event.items:
        changed["items"] = items
    if event.amount_minor is not None and not -MAX_AMOUNT_MINOR <= event.amount_minor <= MAX_AMOUNT_MINOR:
        raise too_much("amount_minor", event.amount_minor)
    if event.currency is not None and (currency := tidy_currency(event.currency)) != event.currency:
        changed["currency"] = currency
    ids = _ids_of(event)
    if ids != _NO_IDS:
        for name, value in zip(_IDS, ids, strict=True):
            if value is not None and (
                " " in value or not value.isprintable() or not 0 < len(value) <= MAX_ID_CHARACTERS
            ):
                tidy = tidy_id(name, value) or None
                if tidy != value:
                    changed[name] = tidy
    if len(event.identifiers) > MAX_IDENTIFIERS:
        problem = f"identifiers: {len(event.identifiers)} kinds, at most {MAX_IDENTIFIERS} are taken"
        raise InvalidEvent(InvalidReason.VALUE_TOO_LONG, problem)

    country = event.context.country if event.context is not None else None
    linking: dict[str, str] = {}
    tidied: dict[str, str] = {}
    blocked: list[tuple[str, str]] = []
    told = event.identifiers
    if event.event_type == "referral_sent":  # who redeems the code is a friend of whoever sent it
        code = referral_code(event)
        if code is not None:
            told = {**told, REFERRAL: code}
    for kind, value in told.items():
        word = _kind(kind) if len(kind) <= MAX_WORD_CHARACTERS else None
        text = value.strip()
        if not text:
            continue
        if word is None:
            blocked.append(("other", "blocked_kind"))
            tidied[kind] = text
            continue
        (_, link), why = identifier_of(word, text, country, config)
        if why is not None:
            blocked.append((word, why))
            if word not in linking:
                tidied[word] = min(text, tidied.get(word, text))
        else:
            known = linking.get(word)
            if known is not None and known != link:  # `Cookie` and `cookie`: the order of a map means nothing
                blocked.append((word, "blocked_second"))
            if known is None or (link, text) < (known, tidied[word]):
                linking[word], tidied[word] = link, text
    if not linking.keys().isdisjoint(HASHES):
        blocked += join_hashes(linking)
    if tidied != event.identifiers:
        changed["identifiers"] = tidied
    if changed:
        event = structs.replace(event, **changed)
    identifiers = config.strongest_first(linking) if linking else ((ALONE, event_id),)
    return Normalised(event, identifiers, tuple(blocked))


_encode = Encoder(order="deterministic").encode


def encoded(event: ChannelEvent, corrected_ms: int = 0) -> tuple[bytes, int]:
    """Return the event as msgpack, and the CRC-32 of what it says: a second sending (another `sent_at`) says the same.

    The digest is of the same bytes, without `sent_at`, and with the time that was told: `corrected_ms` less.
    """
    packed = _encode(event)
    if event.sent_at_ms is None:
        return packed, crc32(packed)
    told_at_ms = event.occurred_at_ms - corrected_ms
    return packed, crc32(_encode(structs.replace(event, sent_at_ms=None, occurred_at_ms=told_at_ms)))


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
    check_length(field, text, MAX_WORD_CHARACTERS)
    check_length(field, word, MAX_WORD_CHARACTERS)  # there are letters whose small form is two
    return word


@lru_cache(maxsize=4096)
def _kind(text: str) -> str | None:
    """The kind as it goes into keys, or None if it cannot."""
    kind = text.strip().lower()
    return kind if KIND.fullmatch(kind) else None


def _items(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The lines, checked; the very same where they are tidy already."""
    if len(items) > MAX_ITEMS:
        problem = f"items: {len(items)} lines, at most {MAX_ITEMS} are taken"
        raise InvalidEvent(InvalidReason.VALUE_TOO_LONG, problem)
    worth_minor = 0
    untidy = False
    known: str | None = None  # the currency of one line is mostly that of the next
    for index, item in enumerate(items):
        sku, quantity, price = item.sku, item.quantity, item.unit_price_minor
        if " " in sku or not sku.isprintable() or not 0 < len(sku) <= MAX_ID_CHARACTERS:
            untidy = _sku(index, sku) != sku or untidy
        if not 0 <= quantity <= MAX_QUANTITY:
            raise _bad_quantity(index, quantity)
        if price is not None:
            if not -MAX_AMOUNT_MINOR <= price <= MAX_AMOUNT_MINOR:
                raise too_much(f"items[{index}].unit_price_minor", price)
            worth_minor += quantity * price if price > 0 else -quantity * price
        if item.currency != known:
            known = item.currency
            untidy = (known is not None and tidy_currency(known) != known) or untidy
        if item.attributes:
            _check_attributes(index, item.attributes)
    if worth_minor > MAX_AMOUNT_MINOR:
        raise too_much("items: the sum of quantity × unit_price_minor", worth_minor)
    return tuple(map(_tidy_item, range(len(items)), items)) if untidy else items


def _check_attributes(index: int, attributes: dict[str, str]) -> None:
    for name, value in attributes.items():
        if len(name) > MAX_TEXT_CHARACTERS or len(value) > MAX_TEXT_CHARACTERS:
            field = f"items[{index}].attributes.{name[:MAX_WORD_CHARACTERS]}"
            raise too_long(field, max(name, value, key=len), MAX_TEXT_CHARACTERS)


def _tidy_item(index: int, item: Item) -> Item:
    currency = None if item.currency is None else tidy_currency(item.currency)
    return structs.replace(item, sku=_sku(index, item.sku), currency=currency)


def _sku(index: int, text: str) -> str:
    sku = tidy_id(f"items[{index}].sku", text)
    if not sku:
        raise InvalidEvent(InvalidReason.BAD_VALUE, f"items[{index}].sku is empty")
    return sku


def _bad_quantity(index: int, quantity: int) -> InvalidEvent:
    wrong = (
        "is negative; what came back is an order_refunded"
        if quantity < 0
        else f"pieces, at most {MAX_QUANTITY} are taken"
    )
    return InvalidEvent(InvalidReason.BAD_VALUE, f"items[{index}].quantity: {quantity} {wrong}")

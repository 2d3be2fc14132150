"""Texts, times and sums that producers tell, checked and trimmed: what holds for every kind of record."""

from __future__ import annotations

import re
from functools import lru_cache

from pipeline.domain.errors import InvalidEvent, InvalidReason

DEFAULT_TENANT = "default"

MAX_ID_CHARACTERS = 256
"""Of an id or a SKU: a UUID has 36, and there are shops whose ids are URLs."""
MAX_WORD_CHARACTERS = 64
"""Of an event type, a channel, a tenant, an identifier kind."""
MAX_TEXT_CHARACTERS = 256
"""Of an attribute's name or value, which carts keep: a colour, a size, an engraving, but no product page."""
MAX_AMOUNT_MINOR = 10**13
"""Of an amount, a price, and the lines of an event together, either sign: 100 thousand millions in cents, more than
any order in any currency, and about a millionth of what 64 bits hold."""
EARLIEST_MS = 315_532_800_000
"""1980: seconds taken for milliseconds land in 1970."""
LATEST_MS = 7_258_118_400_000
"""2200: microseconds taken for milliseconds land far behind it."""

_CONTROL = re.compile(r"[\x00-\x1f]")
"""Keys and the names of triggers are parts joined by 1F: within a part it would let two names be one."""
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@lru_cache(maxsize=4096)
def tidy_tenant(text: str) -> str:
    """Trim a tenant; the default one where there is none. Raises InvalidEvent."""
    check_length("tenant", text, MAX_WORD_CHARACTERS)
    tenant = text.strip() or DEFAULT_TENANT
    if not _TENANT.fullmatch(tenant):
        problem = f"tenant: {tenant!r} may hold only letters, digits, dot, dash and underscore"
        raise InvalidEvent(InvalidReason.BAD_TENANT, problem)
    return tenant


@lru_cache(maxsize=4096)
def tidy_currency(text: str) -> str | None:
    """Trim a currency and put it into capitals; None where there is none. Raises InvalidEvent."""
    check_length("currency", text, MAX_WORD_CHARACTERS)
    currency = text.strip()
    if currency and not _CURRENCY.fullmatch(currency):
        raise InvalidEvent(
            InvalidReason.BAD_VALUE, f"currency: {currency!r} is not three letters, as in EUR (ISO 4217)"
        )
    return currency.upper() or None


def tidy_id(field: str, text: str) -> str:
    """Trim an id; empty if there is nothing in it. Callers spare the call where a look shows it to be tidy."""
    tidy = text.strip()
    check_length(field, tidy, MAX_ID_CHARACTERS)
    if found := _CONTROL.search(tidy):
        raise InvalidEvent(InvalidReason.BAD_VALUE, f"{field}: {tidy[:40]!r} holds the control character {found[0]!r}")
    return tidy


def check_time(field: str, time_ms: int) -> None:
    """Refuse a time outside the years 1980 to 2200 (ms since the epoch). Raises InvalidEvent."""
    if not EARLIEST_MS <= time_ms < LATEST_MS:
        problem = f"{field}: {time_ms} is not in the years 1980 to 2200; milliseconds since 1970 are wanted"
        raise InvalidEvent(InvalidReason.BAD_TIME, problem)


def check_length(field: str, text: str, limit: int) -> None:
    """Refuse a text of more than `limit` characters. Raises InvalidEvent."""
    if len(text) > limit:
        raise too_long(field, text, limit)


def too_long(field: str, text: str, limit: int) -> InvalidEvent:
    """Say that a text is too long."""
    problem = f"{field}: {len(text)} characters ({text[:20]!r} …), at most {limit} are taken"
    return InvalidEvent(InvalidReason.VALUE_TOO_LONG, problem)


def too_much(field: str, minor: int) -> InvalidEvent:
    """Say that a sum of money is none."""
    problem = f"{field}: {minor} is more than any honest sum, at most {MAX_AMOUNT_MINOR} is taken"
    return InvalidEvent(InvalidReason.BAD_VALUE, problem)

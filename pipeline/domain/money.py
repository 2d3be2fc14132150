"""Money as integer minor units with its ISO 4217 currency, and as people read it."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from msgspec import Meta

Currency: TypeAlias = Annotated[
    str, Meta(pattern="^[A-Z]{3}$", extra={"remedy": "Write a currency like EUR.", "currency": True})
]
"""The currency of a struct's amounts: beside it, a rules file writes a field `x_minor` as `x`, in major units."""

NO_CURRENCY = "XXX"
"""ISO 4217 for "no currency": amounts that came without one are added up under it, never under another."""

MAX_SUM_MINOR = 2**63 - 1
"""What state and outputs can hold. One event adds at most 10^13 (`wire/normalise.py`), but a customer may send many."""

_WHOLE = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF")
)
_THOUSANDTHS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))


def added(sum_minor: int, amount_minor: int) -> int:
    """Return the sum of two amounts in minor units, which stops at 64 bits instead of growing out of them.

    >>> added(1, 2), added(MAX_SUM_MINOR, 1) == MAX_SUM_MINOR, added(-MAX_SUM_MINOR, -1) == -MAX_SUM_MINOR
    (3, True, True)
    """
    return max(-MAX_SUM_MINOR, min(MAX_SUM_MINOR, sum_minor + amount_minor))


def money_text(amount_minor: int, currency: str | None) -> str:
    """Return an amount in major units with its currency.

    >>> money_text(5998, "EUR"), money_text(1200, "JPY"), money_text(50, None)
    ('59.98 EUR', '1200 JPY', '0.50')
    """
    digits = minor_digits(currency)
    amount = f"{amount_minor / 10**digits:.{digits}f}"
    return f"{amount} {currency}" if currency and currency != NO_CURRENCY else amount


def parse_money(text: str, currency: str) -> int:
    """Return the minor units of an amount that is written in major units; ValueError says what it looks like.

    >>> parse_money("59.98", "EUR"), parse_money("500", "EUR"), parse_money("1200", "JPY")
    (5998, 50000, 1200)
    """
    digits = minor_digits(currency)
    match = re.fullmatch(r"([0-9]{1,12})(?:\.([0-9]{1,3}))?", text)
    if match is None or len(match[2] or "") > digits:
        like = f"500 or 499.{'9' * digits}" if digits else "500"
        message = f"{text!r} is not an amount in {currency}: write it like {like}"
        raise ValueError(message)
    return int(match[1] + (match[2] or "").ljust(digits, "0"))


def minor_digits(currency: str | None) -> int:
    """Return how many digits of an amount are behind the point."""
    return 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2

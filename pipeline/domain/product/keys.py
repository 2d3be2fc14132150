"""Keys of the product actor that are no SKUs, in the place of one."""

from __future__ import annotations

from zlib import crc32

_OWN = "\x1d"
"""With what they begin. No SKU does: control characters are refused in them."""

_CATEGORY = f"{_OWN}category/"

CATEGORY_CHARACTERS = 64
"""Of the name of a category: each product keeps those of hundreds of others."""

COUNTERS = 8
"""Counters of a tenant's orders. Each sees an eighth of them, less than a product bought in every eighth does."""


def is_sku(key: str) -> bool:
    """Whether it is a product's."""
    return not key.startswith(_OWN)


def category_key(category: str) -> str:
    """Return the key of a category, which counts what was bought together with its products."""
    return _CATEGORY + category[:CATEGORY_CHARACTERS]


def category_of(key: str) -> str:
    """Return the name of a category by its key, "" for any other key."""
    return key.removeprefix(_CATEGORY) if key.startswith(_CATEGORY) else ""


def group_key(name: str) -> str:
    """Return the key of what has variants, which are products: it knows which. "" where there is none."""
    return f"{_OWN}group/{name}" if name else ""


def counter_key(number: int) -> str:
    """Return the key of a counter of orders."""
    return f"{_OWN}orders/{number}"


def counter_of(name: str) -> str:
    """Return the key of the counter for an order id, or for a SKU that tells its own orders."""
    return counter_key(crc32(name.encode()) % COUNTERS)

"""An e-mail address or phone number and its SHA-256 are one identifier: either may be seen first.

Shards are named by the hash, so both forms meet at one. A customer keeps one entry: the plain form once it is known.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TypeVar

HASHED_KINDS = frozenset({"email", "phone"})
PREFIX = "sha256:"
"""Before the 64 hexadecimal digits, small, of a value known only by its hash."""

Entry = TypeVar("Entry")


def is_hashed(value: str) -> bool:
    """Whether a value of one of `HASHED_KINDS` is known only by its hash."""
    return value.startswith(PREFIX)


def hash_of(value: str) -> str:
    """Return the hashed form of a value in either form.

    >>> hash_of("anna@example.com")[:20], hash_of(hash_of("anna@example.com")) == hash_of("anna@example.com")
    ('sha256:f7d54c22dda5b', True)
    """
    return value if value.startswith(PREFIX) else PREFIX + sha256(value.encode()).hexdigest()


def node_of(identifier: tuple[str, str]) -> tuple[str, str]:
    """Return the identifier in the one form that both forms share."""
    kind, value = identifier
    return (kind, hash_of(value)) if kind in HASHED_KINDS else identifier


def in_one_form(
    known: dict[str, dict[str, Entry]], identifiers: tuple[tuple[str, str], ...]
) -> tuple[dict[str, dict[str, Entry]], tuple[tuple[str, str], ...]]:
    """Return both so that what stands in both does so in one form: the plain one, if either has it.

    `known` are entries by kind and value. Both are returned as they are where their forms agree already.
    """
    for index, (kind, value) in enumerate(identifiers):
        entries = known.get(kind)
        if not entries or kind not in HASHED_KINDS or value in entries:
            continue
        if is_hashed(value):
            plain = next((other for other in entries if hash_of(other) == value), None)
            if plain is not None:
                identifiers = (*identifiers[:index], (kind, plain), *identifiers[index + 1 :])
        elif (hashed := hash_of(value)) in entries:
            named = {value if other == hashed else other: entry for other, entry in entries.items()}
            known = {**known, kind: named}
    return known, identifiers

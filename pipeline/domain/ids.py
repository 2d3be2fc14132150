"""Ids that are a function of a name: told again, it is the same id; likewise for draws."""

from __future__ import annotations

from hashlib import sha1, sha256
from uuid import UUID

_VARIANT = {digit: "89ab"[number % 4] for number, digit in enumerate("0123456789abcdef")}


def uuid5_text(namespace: UUID, name: str) -> str:
    """Return `str(uuid.uuid5(namespace, name))`, at a third of its price: without the object in between.

    >>> uuid5_text(UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), "www.example.com")
    '2ed6657d-e927-568b-95e1-2665a8aea6a2'
    """
    digits = sha1(namespace.bytes + name.encode(), usedforsecurity=False).hexdigest()
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def fraction(*name: str) -> float:
    """Return the place of a name from 0 up to 1: names are spread evenly, each has the same place for ever.

    >>> [round(fraction("holdout", "acme", customer), 3) for customer in ("a", "b")]
    [0.361, 0.563]
    """
    return int.from_bytes(sha256("\x1f".join(name).encode()).digest()[:6], "big") / 2**48

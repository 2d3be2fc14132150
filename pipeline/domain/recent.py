"""The ids of a customer's latest events, so that an event told twice counts once: B19, B20.

Kept as one run of bytes, 12 an event (8 of the id's hash, 4 of the content's digest), oldest first: it copies,
encodes and is searched at the speed of memory, where a dict of a thousand entries would be most of the state's cost.
"""

from __future__ import annotations

from hashlib import blake2b

RECENT_KEPT = 1_024
"""Events remembered per customer (12 KiB for who has done that much). Few do a thousand things a day; and with a
backlog, hundreds of events of one busy customer lie between an event and its second telling: 128 were too few."""

_HASH = 8  # bytes; a chance meeting of two ids among 1,024 in 10^16, where 4 bytes would lose an event in 10^6
_ENTRY = _HASH + 4


def event_key(event_id: str) -> bytes:
    """Return the hash under which an event id is remembered."""
    return blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=_HASH).digest()


def remembered_digest(recent: bytes, key: bytes) -> int | None:
    """Return the digest of the content that came under this key, or None when it is not remembered."""
    at = recent.find(key)
    while at >= 0:
        if at % _ENTRY == 0:
            return int.from_bytes(recent[at + _HASH : at + _ENTRY], "big")
        at = recent.find(key, at + 1)
    return None


def remember(recent: bytes, key: bytes, digest: int) -> bytes:
    """Return `recent` with one more event, the oldest dropped beyond `RECENT_KEPT`."""
    entry = key + (digest & 0xFFFFFFFF).to_bytes(4, "big")
    return recent[-(RECENT_KEPT - 1) * _ENTRY :] + entry


def united(newer: bytes, older: bytes) -> bytes:
    """Return the events of two customers that became one, the first's as the newer ones, within `RECENT_KEPT`."""
    return (older + newer)[-RECENT_KEPT * _ENTRY :]

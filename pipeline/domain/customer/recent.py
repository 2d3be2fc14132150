"""The ids of a customer's latest events, so that an event told twice counts once: B19, B20.

Kept as one run of bytes, 12 an event (8 of the id's hash, 4 of the content's digest), oldest first: it copies,
encodes and is searched at the speed of memory, where a dict of a thousand entries would be most of the state's cost.
"""

from __future__ import annotations

from hashlib import blake2b

from msgspec import Struct

from pipeline.domain.time import DAY_MS

RECENT_KEPT = 1_024
"""Events remembered per customer at most (12 KiB). Few do a thousand things a week; and with a backlog, hundreds of
events of one busy customer lie between an event and its second telling: 128 were too few."""

REMEMBERED_MS = 7 * DAY_MS
"""How long an event is remembered at least, within `RECENT_KEPT`: as long as a channel topic keeps it. At most twice as
long, so that who comes for years does not take 12 KiB for what nobody will tell again."""

KEPT_ANYWAY = 32
"""The latest so many are remembered however old: 384 bytes of a customer who comes once a month."""

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


class Generation(Struct, frozen=True, array_like=True, gc=False):
    """The present generation of events: since when (ms) it gathers, and how many of the one before are kept."""

    since_ms: int = 0
    elder: int = 0


def remember(recent: bytes, present: Generation, key: bytes, digest: int, at_ms: int) -> tuple[bytes, Generation]:
    """Return `recent` with one more event, told at `at_ms`, and its present generation.

    A new generation begins when the present one is `REMEMBERED_MS` old; the one before is forgotten then.
    """
    if at_ms - present.since_ms >= REMEMBERED_MS and len(recent) >= (present.elder + KEPT_ANYWAY) * _ENTRY:
        recent = recent[present.elder * _ENTRY :]
        present = Generation(at_ms, len(recent) // _ENTRY)
    if len(recent) >= RECENT_KEPT * _ENTRY:
        recent = recent[_ENTRY:]
        if present.elder:
            present = Generation(present.since_ms, present.elder - 1)
    return recent + key + (digest & 0xFFFFFFFF).to_bytes(4, "big"), present


def united(newer: bytes, older: bytes) -> bytes:
    """Return the events of two customers that became one, the first's as the newer ones, within `RECENT_KEPT`."""
    return (older + newer)[-RECENT_KEPT * _ENTRY :]


def united_generation(one: Generation, other: Generation) -> Generation:
    """Return the present generation of two customers that became one: all that is remembered of both belongs to it."""
    return Generation(max(one.since_ms, other.since_ms))

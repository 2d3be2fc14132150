"""A round of a wave: what waiting lists said of their most eager, and who of all of them is offered a piece."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from pipeline.domain.messages.waves import SHARDS, Candidate, Offer, full_minute, is_endless

TOLD_PER_ROUND = 200
"""Customers one round tells."""


class Round(Struct, frozen=True, array_like=True, gc=False):
    """A round under way: its number, the lists that have not answered (a bit each), what the others said.

    `more`: lists that have others beside those they named. `again`: lists to be asked when it is over.
    """

    number: int
    awaited: int
    named: tuple[tuple[int, Candidate], ...] = ()
    more: int = 0
    again: int = 0


def choose(this: Round, free: Mapping[str, int], told: int, at_ms: int) -> tuple[dict[int, list[Offer]], int]:
    """Return the offers of `free` pieces by list, and the lists that have somebody left to be asked for.

    `told` offers were made before. A list that has named all it may and has more stops the choice: its next may be more
    eager than all others.
    """
    left = [0] * SHARDS
    for shard, _ in this.named:
        left[shard] += 1
    still = dict(free)
    offers: dict[int, list[Offer]] = {}
    made, stopped = 0, False
    for shard, each in sorted(this.named, key=_eagerness):
        size = _size(each.size, still)
        if size is not None:
            still[size] -= 1
            made += 1
            until_ms = full_minute(at_ms + each.hold_ms)
            offers.setdefault(shard, []).append(Offer(each.customer_id, size, until_ms, told + made))
        left[shard] -= 1
        stopped = made == TOLD_PER_ROUND or (not left[shard] and bool(this.more >> shard & 1))
        if stopped:
            break
    remaining = this.more | sum(1 << shard for shard in range(SHARDS) if left[shard])
    return offers, remaining if made or stopped else 0


def _size(wanted: str | None, free: Mapping[str, int]) -> str | None:
    """Return the size to offer: the one wanted; to who takes any, the one with most pieces."""
    if wanted is not None:
        wanted = wanted if wanted in free else ""
        return wanted if free.get(wanted, 0) > 0 else None
    if is_endless(free):
        return ""
    best = max(free, key=lambda size: (free[size], size), default=None)
    return best if best is not None and free[best] > 0 else None


def _eagerness(named: tuple[int, Candidate]) -> tuple[int, int, str]:
    _, candidate = named
    return -candidate.rank, candidate.since_ms, candidate.customer_id

"""Pieces of a product that are kept for those who were told of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.messages.waves import Released


class Hold(Struct, frozen=True, array_like=True, gc=False):
    """`pieces` in `size` kept until `until_ms`; of them `bought` are, but the stock has not been told to fall yet."""

    until_ms: int
    size: str
    pieces: int
    bought: int = 0


Holds: TypeAlias = tuple[Hold, ...]
"""By the time they end, then size; none without pieces."""


def kept(holds: Holds, size: str) -> int:
    """Return how many pieces are kept."""
    return sum(hold.pieces for hold in holds if hold.size == size)


def with_one(holds: Holds, until_ms: int, size: str) -> Holds:
    """Keep one piece more."""
    by_end = _by_end(holds)
    known = by_end.get((until_ms, size), Hold(until_ms, size, 0))
    by_end[until_ms, size] = replace(known, pieces=known.pieces + 1)
    return _in_order(by_end)


def after_change(holds: Holds, before: Mapping[str, int], after: Mapping[str, int]) -> Holds:
    """Return what is still kept: pieces that fell away are first those known to be bought; of none none is kept."""
    fewer = {size: max(0, pieces - after.get(size, 0)) for size, pieces in before.items()}
    still: list[Hold] = []
    for hold in holds:
        if after.get(hold.size, 0) <= 0:
            continue
        gone = min(hold.bought, fewer.get(hold.size, 0))
        fewer[hold.size] = fewer.get(hold.size, 0) - gone
        if hold.pieces > gone:
            still.append(replace(hold, pieces=hold.pieces - gone, bought=hold.bought - gone))
    return tuple(still)


def after_release(holds: Holds, released: Released, *, over: bool) -> Holds:
    """Let go of a kept piece, or keep it until another time. What has lapsed is no longer there.

    One that was bought stays out of reach until the stock is told to have fallen; `over`: it has been, for more are
    kept than there are.
    """
    by_end = _by_end(holds)
    hold = by_end.get((released.until_ms, released.size))
    if hold is None:
        return holds
    if released.bought and not over:
        hold = replace(hold, bought=min(hold.pieces, hold.bought + 1))
    else:
        hold = replace(hold, pieces=hold.pieces - 1, bought=min(hold.bought, hold.pieces - 1))
    by_end[hold.until_ms, hold.size] = hold
    still = _in_order(by_end)
    return with_one(still, released.to_ms, released.size) if released.to_ms else still


def _by_end(holds: Holds) -> dict[tuple[int, str], Hold]:
    return {(hold.until_ms, hold.size): hold for hold in holds}


def _in_order(by_end: Mapping[tuple[int, str], Hold]) -> Holds:
    return tuple(hold for _, hold in sorted(by_end.items()) if hold.pieces > 0)

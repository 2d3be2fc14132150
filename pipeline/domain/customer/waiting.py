"""Messages that wait for the event clock: sorted, and cut into blocks, so that one more copies two short tuples.

A flat tuple would be copied whole for every message: with n waiting, n² copies until all are through.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import TypeAlias, TypeVar

M = TypeVar("M")

Waiting: TypeAlias = tuple[tuple[M, ...], ...]
"""The messages of one key in their order, in blocks; no block is empty."""

BLOCK = 128
"""Messages per block at most: about as many as there are blocks when `WAITING_KEPT` wait, so either copy is short."""

WAITING_KEPT = 10_000
"""Messages waiting per key: some 3 MB of state, where a changelog record may hold 16. As many wait when partitions of
a replay are read thousands of events of the same customer or product apart. See `put`."""

EFFECTS_PER_WAKE = 256
"""After so many effects a wake leaves the rest to the next one: a unit of work, and what one message may cause, are
bounded, while one key may have thousands of messages waiting when the event clock leaps."""


def put(waiting: Waiting[M], message: M, order: Callable[[M], tuple[object, ...]]) -> tuple[Waiting[M], M | None]:
    """Return what waits with one more, and the message that must go ahead of the clock where there is no room.

    That is the earliest, so that nothing is lost and as little as possible comes out of order. Equals stay in the
    order they came in.
    """
    if not waiting:
        return ((message,),), None
    key = order(message)
    index = min(bisect_right(waiting, key, key=lambda block: order(block[-1])), len(waiting) - 1)
    block = waiting[index]
    at = bisect_right(block, key, key=order)
    longer = (*block[:at], message, *block[at:])
    parts = (longer,) if len(longer) <= BLOCK else (longer[: BLOCK // 2], longer[BLOCK // 2 :])
    more = (*waiting[:index], *parts, *waiting[index + 1 :])
    if sum(map(len, more)) <= WAITING_KEPT:
        return more, None
    return without_first(more), more[0][0]


def without_first(waiting: Waiting[M]) -> Waiting[M]:
    """Return what waits without its earliest message, `waiting[0][0]`."""
    block = waiting[0][1:]
    return (block, *waiting[1:]) if block else waiting[1:]


def united(one: Waiting[M], other: Waiting[M], order: Callable[[M], tuple[object, ...]]) -> Waiting[M]:
    """Return what waits for two keys that have become one, however much that is."""
    if not one or not other:
        return one or other
    both = sorted((message for block in (*one, *other) for message in block), key=order)
    return tuple(tuple(both[start : start + BLOCK // 2]) for start in range(0, len(both), BLOCK // 2))

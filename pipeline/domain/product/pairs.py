"""Pairs counted in bounded room: the heaviest stay, and none is ever said to be heavier than it is."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

TOGETHER_KEPT = 400
"""SKUs that stay counted per product when there is no room; see `Pair.missed`. With half as many, of the best ten
of products in a hundred orders or more three are lost on The Complete Journey, with these less than one."""

NEWCOMERS = 100
"""SKUs counted beyond these before the rarest go, all at once: to look for one rarest for each newcomer costs more than
all else."""


class Pair(Struct, frozen=True, array_like=True, gc=False):
    """`baskets` orders that held both since the pair is counted, and their weight.

    Before that, at most `missed` of weight was not counted: the most that a pair then weighed which had to make room
    (space-saving, Metwally 2005). What weighs more than the `TOGETHER_KEPT`th part of all pairs so stays counted.
    """

    baskets: int
    weight: float
    missed: float = 0.0


def heaviest(together: Mapping[str, Pair]) -> tuple[dict[str, Pair], float]:
    """Return the `TOGETHER_KEPT` that may weigh most, and the most that one of the others may weigh."""
    ranked = sorted(together.items(), key=_most_it_weighs, reverse=True)
    return dict(ranked[:TOGETHER_KEPT]), _most_it_weighs(ranked[TOGETHER_KEPT])[0]


def _most_it_weighs(entry: tuple[str, Pair]) -> tuple[float, str]:
    return entry[1].weight + entry[1].missed, entry[0]

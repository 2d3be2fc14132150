"""Attribution by a Markov chain: what share of the purchases would be lost without a touchpoint.

Anderl, Becker, von Wangenheim and Schumann, "Mapping the customer journey", International Journal of Research in
Marketing 33 (2016): customers step from touchpoint to touchpoint until they buy or are lost, and where they go next
depends on where they are alone. The removal effect of a touchpoint is the share of the probability of buying that goes
when whoever comes there is lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from operator import mul

from msgspec import Struct

START, BOUGHT, LOST = "(start)", "(bought)", "(lost)"


class Path(Struct, frozen=True):
    """Touchpoints in their order, how often they ended with a purchase, and how often without."""

    touchpoints: tuple[str, ...]
    purchases: int
    lost: int


def removal_shares(paths: Iterable[Path]) -> dict[str, float]:
    """Return the share of the purchases that each touchpoint is credited with; they sum up to 1 if any was made.

    Worked by hand: of two customers one comes by a and then b and buys, the other by a alone and is lost. Without a
    nobody buys, without b neither: each has removed all, and gets half.

    >>> removal_shares([Path(("a", "b"), 1, 0), Path(("a",), 0, 1)])
    {'a': 0.5, 'b': 0.5}
    """
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for path in paths:
        for before, after in pairwise((START, *path.touchpoints)):
            counts[before][after] += path.purchases + path.lost
        counts[path.touchpoints[-1]][BOUGHT] += path.purchases
        counts[path.touchpoints[-1]][LOST] += path.lost
    steps = {
        before: {after: number / sum(row.values()) for after, number in row.items()}
        for before, row in counts.items()
        if sum(row.values())
    }
    if not steps:
        return {}
    names = [START, *sorted(set(steps) - {START})]
    visits = _visits(steps, names)
    buying = [sum(map(mul, row, (steps[name].get(BOUGHT, 0.0) for name in names))) for row in visits]
    if not buying[0]:
        return dict.fromkeys(names[1:], 0.0)
    effects = {
        name: visits[0][place] / visits[place][place] * buying[place] / buying[0]
        for place, name in enumerate(names[1:], start=1)
    }
    total = sum(effects.values())
    return {name: effect / total for name, effect in effects.items()}


def _visits(steps: Mapping[str, Mapping[str, float]], names: list[str]) -> list[list[float]]:
    """Return how often, from each of `names`, each of them is come to: the inverse of 1 - P (Gauss and Jordan).

    From it the effect of all: who comes to one at all has come there as often as who begins there, so that the
    probability to come there is the quotient of the two, and what is lost is that times the probability to buy from
    there. The chain always ends, so that the diagonal is never 0 and pivots need not be looked for.
    """
    rows = [[float(one == other) - steps[one].get(other, 0.0) for other in names] for one in names]
    for place, pivot in enumerate(rows):
        divisor, pivot[place] = pivot[place], 1.0
        pivot[:] = [value / divisor for value in pivot]
        for row in rows:
            factor = row[place]
            if factor and row is not pivot:
                row[place] = 0.0
                row[:] = [value - factor * other for value, other in zip(row, pivot, strict=True)]
    return rows

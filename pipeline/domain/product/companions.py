"""What was bought together with a product, and how often customers buy it again."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest

from msgspec import Struct

from pipeline.domain.customer_json import Json
from pipeline.domain.messages import BoughtTogether, Complement, Count, Effect

TOGETHER_KEPT = 200
"""SKUs counted per product. When full, a newcomer takes the place of the rarest (space-saving, Metwally 2005)."""

GAPS_FOR_A_RHYTHM = 10
"""Repurchases from which on a product has a rhythm: fewer are the habits of two or three customers."""

COMPLEMENTS_ANSWERED = 10
"""Complements per answer: the customer owns some, and wants one."""


class Pair(Struct, frozen=True, array_like=True, gc=False):
    """`counted` orders may have held both; `inherited` of them are the count of the SKU whose place this one took.

    The difference is sure: a pair is never said to be more frequent than it is.
    """

    counted: int
    inherited: int = 0

    @property
    def baskets(self) -> int:
        """Orders that surely held both."""
        return self.counted - self.inherited


class Companions(Struct, frozen=True, array_like=True, gc=False):
    """`baskets` orders held the product; `together` counts those that also held another.

    `gaps` counts days between two purchases of one customer, rounded by `rounded_gap`.
    """

    baskets: int = 0
    together: dict[str, Pair] = {}
    gaps: dict[int, int] = {}

    def bought(self, order: BoughtTogether) -> tuple[Companions, Sequence[Effect]]:
        """Count an order."""
        together = self.together.copy()
        effects: list[Effect] = []
        for sku in order.others:
            known = together.get(sku)
            if known is not None:
                together[sku] = Pair(known.counted + 1, known.inherited)
            elif len(together) < TOGETHER_KEPT:
                together[sku] = Pair(1)
            else:
                rarest = min(together, key=lambda other: (together[other].counted, other))
                inherited = together.pop(rarest).counted
                together[sku] = Pair(inherited + 1, inherited)
                effects.append(Count("evictions", "together"))
        gaps = self.gaps
        if order.gap_days is not None:
            gap = rounded_gap(order.gap_days)
            gaps = {**gaps, gap: gaps.get(gap, 0) + 1}
        return Companions(self.baskets + 1, together, gaps), effects

    def complements(self) -> tuple[Complement, ...]:
        """Return the best complements: by confidence, then SKU."""
        best = nsmallest(COMPLEMENTS_ANSWERED, self.together.items(), key=lambda pair: (-pair[1].baskets, pair[0]))
        return tuple(Complement(sku, pair.baskets, pair.baskets / self.baskets) for sku, pair in best)

    def rhythm_days(self) -> float | None:
        """Return the median gap; None where there are too few."""
        total = sum(self.gaps.values())
        if total < GAPS_FOR_A_RHYTHM:
            return None
        seen = 0
        for gap in sorted(self.gaps):
            seen += self.gaps[gap]
            if seen * 2 >= total:
                return float(gap)
        return None

    def json(self) -> dict[str, Json]:
        """Return what of a product's object is about orders."""
        return {
            "baskets": self.baskets,
            "complements": [
                {"baskets": other.baskets, "confidence": other.confidence, "sku": other.sku}
                for other in self.complements()
            ],
            "rhythm_days": self.rhythm_days(),
        }


def rounded_gap(days: int) -> int:
    """Round a gap, so that a product has at most 65 different ones: days to 30, then 5, from 120 on 15, at most 365."""
    step = 1 if days <= 30 else 5 if days <= 120 else 15
    return min(round(days / step) * step, 365)

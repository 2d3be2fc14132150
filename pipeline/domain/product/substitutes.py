"""What customers look at beside a product and then buy it instead, or buy instead of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct

from pipeline.domain.messages.effects import Count, Effect
from pipeline.domain.messages.to_product import SeenBeside
from pipeline.domain.product.decay import Decay, Weight

BESIDE_KEPT = 50
"""SKUs counted per product when there is no room; the lightest go, half as many at once."""

VISITS_TO_TELL = 2
"""Visits from which on a SKU is a substitute: one is an accident."""

SUBSTITUTES_TOLD = 10


class Beside(Struct, frozen=True, array_like=True, gc=False):
    """In how many visits one of two products was bought and the other looked at only, and their weight."""

    visits: int = 0
    weight: Weight = Weight()


class Substitutes(Struct, frozen=True, array_like=True, gc=False):
    """By SKU."""

    beside: dict[str, Beside] = {}

    def seen(self, word: SeenBeside, decay: Decay) -> tuple[Substitutes, Sequence[Effect]]:
        """Count a visit."""
        at_ms = word.occurred_at_ms
        beside = self.beside.copy()
        for sku in word.others:
            known = beside.get(sku, Beside())
            beside[sku] = Beside(known.visits + 1, known.weight.plus(1.0, at_ms, decay))
        if len(beside) > BESIDE_KEPT * 3 // 2:
            newest_ms = max(each.weight.at_ms for each in beside.values())  # not of this visit, which may come late
            weights = {sku: each.weight.at(newest_ms, decay) for sku, each in beside.items()}
            heaviest = sorted(beside, key=lambda sku: (-weights[sku], sku))
            evicted = [Count("evictions", "beside")] * (len(beside) - BESIDE_KEPT)
            return Substitutes({sku: beside[sku] for sku in heaviest[:BESIDE_KEPT]}), evicted
        return Substitutes(beside), ()

    def best(self, bought_with: Collection[str]) -> list[tuple[str, int]]:
        """Return the best with their visits; what is `bought_with` the product is no substitute of it."""
        told = [
            (-each.visits, sku)
            for sku, each in self.beside.items()
            if each.visits >= VISITS_TO_TELL and sku not in bought_with
        ]
        return [(sku, -visits) for visits, sku in sorted(told)[:SUBSTITUTES_TOLD]]

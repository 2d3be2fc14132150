"""What is bought together, calculated exactly over whole baskets: what streaming counts are held against."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from pipeline.domain.messages.to_customer import Complement
from pipeline.domain.product.association import excess, is_sure
from pipeline.domain.product.companions import COMPLEMENTS_ANSWERED


class Basket(NamedTuple):
    """One order: its id, when, whose, and the SKUs (or categories) that were kept of it, distinct and sorted."""

    order_id: str
    at_ms: int
    account: str
    skus: tuple[str, ...]


class Affinity(NamedTuple):
    """A pair as `omni report basket_affinities` has it: `confidence` is of `b` where there is `a`."""

    a: str
    b: str
    baskets: int
    support: float
    confidence: float
    lift: float


class Affinities:
    """All pairs of some baskets."""

    def __init__(self, baskets: Iterable[Basket]) -> None:
        self.baskets = 0
        self.of: Counter[str] = Counter()
        self.together: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for basket in baskets:
            self.baskets += 1
            self.of.update(basket.skus)
            for one in basket.skus:
                self.together[one].update(other for other in basket.skus if other != one)

    def pair(self, a: str, b: str) -> Affinity:
        """Return one pair."""
        both = self.together[a][b]
        confidence = both / self.of[a]
        return Affinity(a, b, both, both / self.baskets, confidence, confidence * self.baskets / self.of[b])

    def complements(self, sku: str, fewest: int) -> list[tuple[float, str]]:
        """Return what goes well with a product, best first, with its excess: pairs of `fewest` baskets, sure ones."""
        one, total = self.of[sku], self.baskets
        found = (
            (excess(both, one, self.of[other] / total), other)
            for other, both in self.together[sku].items()
            if both >= fewest and is_sure(both, one, self.of[other], total)
        )
        return sorted(found, key=lambda each: (-each[0], each[1]))

    def recall(self, told: Callable[[str], Sequence[Complement]], fewest: int) -> tuple[int, int]:
        """Return how many of the best ten of all products are among the complements told, and how many there are.

        Of several that are equally good as the tenth, one is as good as another.
        """
        found = best = 0
        for sku in self.of:
            exact = self.complements(sku, fewest)
            if exact:
                ten = exact[:COMPLEMENTS_ANSWERED]
                good = {other for excess_of, other in exact if excess_of >= ten[-1][0] - 1e-12}
                best += len(ten)
                found += min(len(ten), sum(each.sku in good for each in told(sku)))
        return found, best

"""The rhythm of buying: on which days a customer bought, and what they buy again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Self

from msgspec import Struct

from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets.facet import Json, newest
from pipeline.domain.time import DAY_MS, rfc3339

DAYS_KEPT = 128
"""Days with an order that are told apart, the newest; older ones are only counted."""

PRODUCTS_KEPT = 60
"""Products bought whose days are remembered. The one bought longest ago goes first, habits later: see `_kept_until`."""

DAYS_PER_PRODUCT = 16
"""Days on which one product was bought, the newest: with fifteen gaps a rhythm is known better than with seven."""

GAPS_FOR_A_RHYTHM = 2
"""Gaps between days of buying from which on a customer has a rhythm of their own: one gap is an accident."""

GAPS_TO_KNOW = 5
"""Gaps between purchases of a product that show whether a customer has a rhythm in it at all."""

NEAR_SHARE, NEAR_DAYS, ODD_GAPS = 0.25, 3, 0.3
"""Gaps within a quarter of the median, or three days, are near it. Where more than three in ten are not (one is always
forgiven) it is chance when a product is bought again, and no interval foretells it: see tests/bench/README.md."""


class Purchases(Struct, frozen=True, array_like=True, gc=False):
    """Days are days since 1970 in UTC, sorted, distinct. An order cancelled later has still been a day of buying.

    `first_at_ms`, `last_at_ms`: the first and last order. `earlier_days`: how many more than `days` there were.
    `products` maps a SKU to the days it was bought on.
    """

    EVENTS: ClassVar[frozenset[str] | None] = frozenset({"order_completed"})

    first_at_ms: int | None = None
    last_at_ms: int | None = None
    days: tuple[int, ...] = ()
    earlier_days: int = 0
    products: dict[str, tuple[int, ...]] = {}

    @property
    def days_of_buying(self) -> int:
        """Return on how many days something was bought: the frequency of an RFM analysis is one less."""
        return len(self.days) + self.earlier_days

    def rhythm_days(self) -> float | None:
        """Return the median of the days between two days of buying; None below three days of buying."""
        return _median_gap(self.days, GAPS_FOR_A_RHYTHM)

    def product_rhythm_days(self, sku: str) -> float | None:
        """Return the median of the days between two purchases of a product; None where most gaps are not near it."""
        days = self.products.get(sku, ())
        median = _median_gap(days, GAPS_FOR_A_RHYTHM)
        if median is None:
            return None
        room = max(NEAR_DAYS, NEAR_SHARE * median)
        odd = sum(abs(later - earlier - median) > room for earlier, later in pairwise(days))
        return median if odd <= max(1, ODD_GAPS * (len(days) - 1)) else None

    def buys_at_no_rhythm(self, sku: str) -> bool:
        """Whether a product was bought often enough to see that there is no rhythm in it."""
        return len(self.products.get(sku, ())) > GAPS_TO_KNOW and self.product_rhythm_days(sku) is None

    def gap_days(self, sku: str, at_ms: int) -> int | None:
        """Return how many days before `at_ms` a product had been bought; None if never, or on that very day.

        None too once the customer's own gaps tell enough: others are told how long it lasts those who begin with it,
        and one who buys it every day would outvote them.
        """
        day, days = at_ms // DAY_MS, self.products.get(sku, ())
        before = [each for each in days if each < day]
        return day - before[-1] if before and day not in days and len(days) <= GAPS_TO_KNOW else None

    def learn(self, event: ChannelEvent, at_ms: int) -> Self:
        """Note the day of an order."""
        day = at_ms // DAY_MS
        products = self.products
        for item in event.items:
            known = products.get(item.sku, ())
            if item.quantity > 0 and day not in known:
                products = {**products, item.sku: _days((*known, day), DAYS_PER_PRODUCT)}
        return self._with((*self.days, day), 0, at_ms, at_ms, products)

    def united(self, other: Self) -> Self:
        """All days of both, each once."""
        products = {
            sku: _days((*self.products.get(sku, ()), *other.products.get(sku, ())), DAYS_PER_PRODUCT)
            for sku in sorted(self.products.keys() | other.products.keys())
        }
        days = (*self.days, *other.days)
        return self._with(days, other.earlier_days, other.first_at_ms, other.last_at_ms, products)

    def json(self) -> Json:
        """Return first, last, number of days of buying and rhythm in days."""
        return {
            "days_of_buying": self.days_of_buying,
            "first_at": None if self.first_at_ms is None else rfc3339(self.first_at_ms),
            "last_at": None if self.last_at_ms is None else rfc3339(self.last_at_ms),
            "rhythm_days": self.rhythm_days(),
        }

    def _with(
        self,
        days: tuple[int, ...],
        earlier: int,
        first_at_ms: int | None,
        last_at_ms: int | None,
        products: dict[str, tuple[int, ...]],
    ) -> Self:
        distinct = sorted(set(days))
        firsts = [at_ms for at_ms in (self.first_at_ms, first_at_ms) if at_ms is not None]
        lasts = [at_ms for at_ms in (self.last_at_ms, last_at_ms) if at_ms is not None]
        after = type(self)(
            min(firsts, default=None),
            max(lasts, default=None),
            tuple(distinct[-DAYS_KEPT:]),
            self.earlier_days + earlier + max(0, len(distinct) - DAYS_KEPT),
            newest(products, PRODUCTS_KEPT, _kept_until),
        )
        return self if after == self else after


def _kept_until(days: Sequence[int]) -> int:
    """Return the day by which products compete: the last, and half as long on as it was bought before.

    What is bought every month would else be forgotten between two purchases for what was bought once.
    """
    return days[-1] + (days[-1] - days[0]) // 2


def _days(days: Sequence[int], most: int) -> tuple[int, ...]:
    return tuple(sorted(set(days))[-most:])


def _median_gap(days: Sequence[int], fewest: int) -> float | None:
    gaps = sorted(later - earlier for earlier, later in pairwise(days))
    if len(gaps) < fewest:
        return None
    middle = len(gaps) // 2
    return float(gaps[middle]) if len(gaps) % 2 else (gaps[middle - 1] + gaps[middle]) / 2

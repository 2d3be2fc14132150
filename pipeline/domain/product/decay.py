"""Weights that fade: an order counts half after a half-life, a quarter after two."""

from __future__ import annotations

from msgspec import Struct

from pipeline.domain.time import DAY_MS

HALF_LIFE_DAYS = 180
"""Half a year: what goes with what follows the seasons, and a pair bought twice a year must still be found."""

MOST_HALF_LIVES = 300.0
"""Beyond so many all is the same: floating-point numbers end at 1,000, and weights are multiplied with each other."""


class Decay(Struct, frozen=True):
    """`half_life_days` 0: orders never fade, and all weights are whole numbers."""

    half_life_days: int = HALF_LIFE_DAYS

    def factor(self, days_ms: int) -> float:
        """Return what a weight of 1 is after so long; more than 1 where that is negative."""
        if not self.half_life_days:
            return 1.0
        half_lives = -days_ms / (self.half_life_days * DAY_MS)
        weight: float = 2.0 ** max(-MOST_HALF_LIVES, min(half_lives, MOST_HALF_LIVES))
        return weight


class Weight(Struct, frozen=True, array_like=True, gc=False):
    """The weight of some orders, as of `at_ms`."""

    weight: float = 0.0
    at_ms: int = 0

    def plus(self, amount: float, at_ms: int, decay: Decay) -> Weight:
        """Return it with an `amount` as of `at_ms`, later or earlier than itself."""
        if at_ms >= self.at_ms:
            return Weight(self.weight * decay.factor(at_ms - self.at_ms) + amount, at_ms)
        return Weight(self.weight + amount * decay.factor(self.at_ms - at_ms), self.at_ms)

    def at(self, at_ms: int, decay: Decay) -> float:
        """Return what it is at a time."""
        return self.weight * decay.factor(max(0, at_ms - self.at_ms))

"""Whether two products are bought together more often than chance would have it, and how much more.

All counts are of orders: those with both, with one, with the other, and all. They may be weights (see `decay.py`),
which are smaller than the numbers of orders: what fades is judged with more caution.
"""

from __future__ import annotations

from math import log

SURE = 10.83
"""Log-likelihood ratio from which on chance is ruled out: chi-squared, one degree of freedom, p = 0.001."""

EXPECTED_TO_JUDGE = 5.0
"""Orders with both that chance would bring about, from which on a pair that is not `SURE` is taken for chance; below,
there is too little to tell (the usual least expected count of a chi-squared test)."""

CAUTION = 20.0
"""Orders of doubt in `excess`. It was chosen on The Complete Journey, see tests/bench/README.md."""


def llr(both: float, one: float, other: float, total: float) -> float:
    """Return the log-likelihood ratio of a pair (Dunning 1993, "Accurate methods for the statistics of surprise").

    Of 100 orders, 10 with a tent and 10 with a lamp:

    >>> [round(llr(both, 10, 10, 100), 2) for both in (1, 3, 10)]
    [0.0, 3.6, 65.02]
    """
    cells = _xlogx(both) + _xlogx(one - both) + _xlogx(other - both) + _xlogx(total - one - other + both)
    margins = _xlogx(one) + _xlogx(total - one) + _xlogx(other) + _xlogx(total - other)
    return max(0.0, 2 * (cells - margins + _xlogx(total)))


def is_sure(both: float, one: float, other: float, total: float) -> bool:
    """Whether a pair is bought together more often than chance would have it."""
    return both * total > one * other and llr(both, one, other, total) >= SURE


def is_chance(both: float, one: float, other: float, total: float) -> bool:
    """Whether chance explains how often a pair is bought together, and there is enough to tell."""
    return one * other >= EXPECTED_TO_JUDGE * total and not is_sure(both, one, other, total)


def excess(both: float, one: float, share: float) -> float:
    """Return by how much likelier the other is in an order with the one than in any; less sure for few orders.

    This ranks complements: lift alone prefers what is hardly ever sold, confidence what everybody buys anyway.
    """
    return (both - one * share) / (one + CAUTION)


def _xlogx(count: float) -> float:
    return count * log(count) if count > 0 else 0.0

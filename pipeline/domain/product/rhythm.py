"""How often customers buy a product again: the median of the days between two purchases of one customer."""

from __future__ import annotations

from collections.abc import Mapping

GAPS_FOR_A_RHYTHM = 10
"""Repurchases from which on a product has a rhythm: fewer are the habits of two or three customers."""


def with_gap(gaps: Mapping[int, int], days: int) -> dict[int, int]:
    """Count one more gap of so many days."""
    gap = rounded_gap(days)
    return {**gaps, gap: gaps.get(gap, 0) + 1}


def days(gaps: Mapping[int, int]) -> float | None:
    """Return the median gap; None where there are too few."""
    total = sum(gaps.values())
    if total < GAPS_FOR_A_RHYTHM:
        return None
    seen = 0
    for gap in sorted(gaps):
        seen += gaps[gap]
        if seen * 2 >= total:
            return float(gap)
    return None


def rounded_gap(days: int) -> int:
    """Round a gap, so that a product has at most 65 different ones: days to 30, then 5, from 120 on 15, at most 365."""
    step = 1 if days <= 30 else 5 if days <= 120 else 15
    return min(round(days / step) * step, 365)

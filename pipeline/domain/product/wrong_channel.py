"""Products in the wrong channel: they sell in one and, though looked at as others are, not in another.

How many of those who look also buy differs between channels, so a product is held against the other products of the
same channel, not against itself elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from msgspec import Struct

from pipeline.domain.customer.as_json import Json
from pipeline.domain.product.demand import decayed
from pipeline.domain.records import CatalogView

IN_STORE = frozenset({"pos", "store_sensor", "kiosk", "tablet"})
"""Channels that are one place: a shelf sees the look, a till the sale. Told as `store`."""
STORE = "store"

VIEWS_NEEDED = 30.0
"""Looks at a product, and at the others, from which on a rate says anything: below, every interval is wide."""
SALES_NEEDED = 3.0
"""Orders without which nothing is said to sell: one is chance."""
SHARE_OF_USUAL = 0.5
"""A product sells where surely at least half as many buy it as buy other products there, and not where surely fewer."""

_Z = 1.959964
"""Standard normal quantile of a 95 % interval."""


class Rate(Struct, frozen=True):
    """Of `views` looks `sales` led to an order: `rate`, in a 95 % interval from `low` to `high`; `usual` is others'."""

    channel: str
    views: float
    sales: float
    rate: float
    low: float
    high: float
    usual: float


def wrong_channels(views: Iterable[CatalogView], at_ms: int) -> list[Json]:
    """Return the products of one tenant that sell in one channel and not in another, with the figures.

    First those that miss most orders: what as many looks at other products there would have brought.
    """
    products = [(view, _by_place(view, at_ms)) for view in views]
    total: dict[str, tuple[float, float]] = {}
    for _, places in products:
        for place, counts in places.items():
            total[place] = _sum(total.get(place, (0.0, 0.0)), counts)
    found: list[tuple[float, str, Json]] = []
    for view, places in products:
        rates = [rate for place in sorted(places) if (rate := _rate(place, places[place], total[place])) is not None]
        sells = [rate for rate in rates if rate.sales >= SALES_NEEDED and rate.low >= rate.usual * SHARE_OF_USUAL]
        fails = [rate for rate in rates if rate.high < rate.usual * SHARE_OF_USUAL]
        if sells and fails and not view.deleted:
            missed = round(sum(rate.views * rate.usual - rate.sales for rate in fails), 1)
            line: Json = {
                "missed_orders": missed,
                "name": view.name,
                "not_in": _json(fails),
                "sells_in": _json(sells),
                "sku": view.sku,
            }
            found.append((-missed, view.sku, line))
    return [line for _, _, line in sorted(found, key=lambda each: each[:2])]


def wilson(part: float, whole: float) -> tuple[float, float]:
    """Return the 95 % interval of a proportion: E. B. Wilson, JASA 22 (1927), 209-212.

    Holds for few cases and for none, where the usual one does not. Of decayed counts it is on the safe side: with
    half-lives, n of them say as much as 2 n events counted whole.

    >>> low, high = wilson(0, 30)
    >>> round(low, 4), round(high, 4)
    (0.0, 0.1135)
    """
    rate, square = part / whole, _Z * _Z
    middle = rate + square / (2 * whole)
    half = _Z * sqrt(rate * (1 - rate) / whole + square / (4 * whole * whole))
    scale = 1 + square / whole
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def _by_place(view: CatalogView, at_ms: int) -> dict[str, tuple[float, float]]:
    """Return looks and sales by place; who buys has looked."""
    found: dict[str, tuple[float, float]] = {}
    for channel, told in view.channels.items():
        counts = decayed(told, at_ms - view.updated_at_ms)
        place = STORE if channel in IN_STORE else channel
        found[place] = _sum(found.get(place, (0.0, 0.0)), (counts.views, counts.sales))
    return {place: (max(looks, sales), sales) for place, (looks, sales) in found.items()}


def _rate(place: str, counts: tuple[float, float], total: tuple[float, float]) -> Rate | None:
    """Return the rate at a place; None where too little is known of the product or of the others."""
    (looks, sales), (others, others_sales) = counts, (total[0] - counts[0], total[1] - counts[1])
    if looks < VIEWS_NEEDED or others < VIEWS_NEEDED:
        return None
    low, high = wilson(sales, looks)
    return Rate(place, looks, sales, sales / looks, low, high, others_sales / others)


def _sum(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return one[0] + other[0], one[1] + other[1]


def _json(rates: list[Rate]) -> list[Json]:
    return [
        {
            name: value if isinstance(value := getattr(rate, name), str) else round(value, 4)
            for name in rate.__struct_fields__
        }
        for rate in rates
    ]

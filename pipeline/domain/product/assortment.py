"""What a store should have on its shelves, by what customers look at, buy, wish for and praise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nsmallest

from msgspec import Struct

from pipeline.domain.customer.as_json import Json
from pipeline.domain.product.demand import HALF_LIFE_MS, RECENT_HALF_LIFE_MS, decayed
from pipeline.domain.records import CatalogView, DemandCounts

FOUR_STARS = 4.0
RATINGS_FOR_A_RATING = 3
"""Fewer reviews are the opinion of one or two customers."""

TREND_FLOOR = 10.0
"""Recent events that make a trend: a product viewed for the first time in weeks has none."""
TREND_RATIO = 2.0
"""How many times more often than over the last weeks a product is wanted now, to be a trend. A new one has 14."""

COUNTED_FROM = 0.5
"""What is left of one event after two weeks: less is no demand worth a place."""


class Offered(Struct, frozen=True):
    """A product, and how much it is wanted at a place."""

    view: CatalogView
    wanted: DemandCounts

    @property
    def trend(self) -> float:
        """Return how many times more often it is wanted now than over the last weeks."""
        wanted = self.wanted
        usual = (wanted.views + wanted.carts + wanted.sales + wanted.wishes) / HALF_LIFE_MS
        return wanted.recent / RECENT_HALF_LIFE_MS / usual if usual else 0.0


def assortment(views: Iterable[CatalogView], at_ms: int, store: str | None, most: int) -> dict[str, Json]:
    """Return lists of at most so many products, best first, as of a time: of all there is, or of one store.

    A store's products are those that customers took an interest in there, and those it has pieces of. Its lists go by
    what was wanted there; ratings and what is bought together are of all stores and channels.
    """
    offered = [product for view in views if (product := _offered(view, at_ms, store)) is not None]

    def best(
        name: str, figure: Callable[[Offered], float], wanted: Callable[[Offered], bool], *more: str
    ) -> list[Json]:
        chosen = nsmallest(most, filter(wanted, offered), key=lambda each: (-figure(each), each.view.sku))
        return [
            _line(each, {name: round(figure(each), 3), **{n: getattr(each.view, n) for n in more}}) for each in chosen
        ]

    return {
        "best_sellers": best("sales", lambda each: each.wanted.sales, lambda each: each.wanted.sales >= COUNTED_FROM),
        "bought_together": _together(offered, most),
        "four_stars": best(
            "rating",
            lambda each: each.view.rating or 0.0,
            lambda each: each.view.ratings >= RATINGS_FOR_A_RATING and (each.view.rating or 0.0) >= FOUR_STARS,
            "ratings",
        ),
        "most_wished": best("wishes", lambda each: each.wanted.wishes, lambda each: each.wanted.wishes >= COUNTED_FROM),
        "trending": best(
            "times_usual",
            lambda each: each.trend,
            lambda each: each.wanted.recent >= TREND_FLOOR and each.trend >= TREND_RATIO,
        ),
    }


def _offered(view: CatalogView, at_ms: int, store: str | None) -> Offered | None:
    if view.deleted:
        return None
    wanted = view.demand if store is None else view.stores.get(store)
    if wanted is None:
        if store not in view.stock or not any(view.stock[store].values()):
            return None
        wanted = DemandCounts()
    return Offered(view, decayed(wanted, at_ms - view.updated_at_ms))


def _together(offered: list[Offered], most: int) -> list[Json]:
    """Return pairs by how many orders held both, each pair once."""
    names = {each.view.sku: each.view.name for each in offered}
    pairs: dict[tuple[str, str], tuple[int, float]] = {}
    for each in offered:
        for other in each.view.complements:
            if other.sku in names and other.baskets:
                pair = min(each.view.sku, other.sku), max(each.view.sku, other.sku)
                pairs[pair] = max(pairs.get(pair, (0, 0.0)), (other.baskets, other.confidence))
    chosen = nsmallest(most, pairs.items(), key=lambda pair: (-pair[1][0], -pair[1][1], pair[0]))
    return [
        {"baskets": baskets, "confidence": round(confidence, 3), "names": [names[one], names[two]], "skus": [one, two]}
        for (one, two), (baskets, confidence) in chosen
    ]


def _line(product: Offered, figures: dict[str, Json]) -> Json:
    return {"name": product.view.name, "sku": product.view.sku, **figures}

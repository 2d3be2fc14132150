"""What a customer looks for: products viewed, searches, wishes, alerts, categories, sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Self, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.facets.facet import Json, newest, text_of, whole_number_of
from pipeline.domain.time import rfc3339

VIEWS_KEPT = 50
"""Products viewed. The one viewed longest ago goes first."""
SEARCHES_KEPT = 20
"""Searches, the newest."""
WISHES_KEPT = 100
"""Products wished for, those no longer wished for included (they tell a late word from a new wish)."""
ALERTS_KEPT = 50
"""Products an alert was asked for. The one asked for longest ago goes first."""
CATEGORIES_KEPT = 30
"""Categories looked at or bought in. The one seen longest ago goes first."""
SIZES_KEPT = 6
"""Sizes per category: a customer buys for two or three persons. The one seen longest ago goes first."""

WEIGHTS = {"order_completed": 5, "item_tried_on": 5, "product_added": 2}
"""What a size says by the event it came with, any other counts 1: what fits is bought, what is viewed may not fit."""

_VIEWED = frozenset(
    {"product_viewed", "product_clicked", "barcode_scanned", "item_tried_on", "shelf_item_picked"}
)  # fmt: skip
_SEARCHED = frozenset({"products_searched", "product_list_filtered"})
_WISHED = {
    "product_added_to_wishlist": True,
    "product_removed_from_wishlist": False,
    "wishlist_product_added_to_cart": False,
}
_ALERTS = frozenset({"stock_alert_requested", "price_alert_requested"})

V = TypeVar("V")


class View(Struct, frozen=True, array_like=True, gc=False):
    """A product viewed: how often, when last, what it cost then (minor units), in which category."""

    times: int
    last_at_ms: int
    unit_price_minor: int | None = None
    currency: str | None = None
    category: str | None = None


class Search(Struct, frozen=True, array_like=True, gc=False):
    """A search: the words, when, how many results (None where not told)."""

    query: str
    at_ms: int
    results: int | None = None


class Wish(Struct, frozen=True, array_like=True, gc=False):
    """A product wished for since `at_ms`, or no longer since then; the price then (minor units), in which size."""

    wished: bool
    at_ms: int
    unit_price_minor: int | None = None
    currency: str | None = None
    size: str | None = None


class Alert(Struct, frozen=True, array_like=True, gc=False):
    """Times (ms, 0 never) at which word of stock, and of a lower price, was asked for; price and size of the latest."""

    stock_at_ms: int = 0
    price_at_ms: int = 0
    unit_price_minor: int | None = None
    currency: str | None = None
    size: str | None = None


class Interests(Struct, frozen=True, array_like=True, gc=False):
    """All by SKU, `searches` oldest first, `categories` and `sizes` by category.

    `categories` has how often and when last (ms); `sizes` of each category the weight of each size (see `WEIGHTS`) and
    when it was told last. The category "" is that of products and searches told without one.
    """

    EVENTS: ClassVar[frozenset[str] | None] = frozenset(
        {*_VIEWED, *_SEARCHED, *_WISHED, *_ALERTS, "product_list_viewed", "product_added", "order_completed"}
    )

    views: dict[str, View] = {}
    searches: tuple[Search, ...] = ()
    wishes: dict[str, Wish] = {}
    alerts: dict[str, Alert] = {}
    categories: dict[str, tuple[int, int]] = {}
    sizes: dict[str, dict[str, tuple[int, int]]] = {}

    def size(self, category: str) -> str | None:
        """Return the preferred size in a category: the weightiest, then the latest."""
        sizes = self.sizes.get(category)
        return max(sizes, key=lambda size: (*sizes[size], size)) if sizes else None

    def learn(self, event: ChannelEvent, at_ms: int) -> Self:
        """Take over what the event says of products, searches and sizes."""
        event_type, items = event.event_type, event.items
        views, searches, wishes, alerts = self.views, self.searches, self.wishes, self.alerts
        if event_type in _VIEWED:
            if items:
                views = views.copy()
                for item in items:
                    view, known = _viewed(item, event, at_ms), views.get(item.sku)
                    views[item.sku] = view if known is None else _views_of_both(known, view)
                views = newest(views, VIEWS_KEPT, _seen_at_ms)
        elif event_type in _WISHED:
            wishes = self._wishes(event, _WISHED[event_type], at_ms)
        elif event_type in _ALERTS:
            alerts = self._alerts(event, event_type == "stock_alert_requested", at_ms)
        elif event_type in _SEARCHED:
            query = text_of(event, "query")
            if query is not None:
                search = Search(query, at_ms, whole_number_of(event, "results"))
                searches = _newest_searches({*searches, search})
        categories, sizes = self.categories, self.sizes
        for name, size in _categories(event):
            if name:
                times, last_at_ms = categories.get(name, (0, 0))
                categories = newest({**categories, name: (times + 1, max(last_at_ms, at_ms))}, CATEGORIES_KEPT, _last)
            if size:
                weight, last_at_ms = sizes.get(name, {}).get(size, (0, 0))
                chosen = (weight + WEIGHTS.get(event_type, 1), max(last_at_ms, at_ms))
                of_category = newest({**sizes.get(name, {}), size: chosen}, SIZES_KEPT, _last)
                sizes = newest({**sizes, name: of_category}, CATEGORIES_KEPT, _last_size)
        if (
            views is self.views
            and categories is self.categories
            and sizes is self.sizes
            and searches == self.searches
            and wishes == self.wishes
            and alerts == self.alerts
        ):
            return self
        return type(self)(views, searches, wishes, alerts, categories, sizes)

    def _wishes(self, event: ChannelEvent, wished: bool, at_ms: int) -> dict[str, Wish]:
        wishes = dict(self.wishes)
        for item in event.items:
            wish = Wish(wished, at_ms, item.unit_price_minor, item.currency, item.attributes.get("size"))
            wishes[item.sku] = _later_wish(wishes.get(item.sku, wish), wish)
        return newest(wishes, WISHES_KEPT, lambda wish: wish.at_ms)

    def _alerts(self, event: ChannelEvent, of_stock: bool, at_ms: int) -> dict[str, Alert]:
        alerts = dict(self.alerts)
        for item in event.items:
            size = item.attributes.get("size")
            alert = Alert(
                at_ms if of_stock else 0, 0 if of_stock else at_ms, item.unit_price_minor, item.currency, size
            )
            alerts[item.sku] = _alerts_of_both(alerts.get(item.sku, alert), alert)
        return newest(alerts, ALERTS_KEPT, _asked_at_ms)

    def united(self, other: Self) -> Self:
        """Add up counts; of wishes and alerts the later; all searches within the bound."""
        sizes = {
            name: newest(_sums(self.sizes.get(name, {}), other.sizes.get(name, {})), SIZES_KEPT, _last)
            for name in sorted(self.sizes.keys() | other.sizes.keys())
        }
        return type(self)(
            newest(_both(self.views, other.views, _views_of_both), VIEWS_KEPT, _seen_at_ms),
            _newest_searches({*self.searches, *other.searches}),
            newest(_both(self.wishes, other.wishes, _later_wish), WISHES_KEPT, lambda wish: wish.at_ms),
            newest(_both(self.alerts, other.alerts, _alerts_of_both), ALERTS_KEPT, _asked_at_ms),
            newest(_sums(self.categories, other.categories), CATEGORIES_KEPT, _last),
            newest(sizes, CATEGORIES_KEPT, _last_size),
        )

    def json(self) -> Json:
        """Return products by SKU, the newest search last, the preferred size of each category."""
        return {
            "alerts": {
                sku: {
                    "price": rfc3339(alert.price_at_ms) if alert.price_at_ms else None,
                    "size": alert.size,
                    "stock": rfc3339(alert.stock_at_ms) if alert.stock_at_ms else None,
                }
                for sku, alert in sorted(self.alerts.items())
            },
            "categories": {name: times for name, (times, _) in sorted(self.categories.items())},
            "searches": [{"at": rfc3339(search.at_ms), "query": search.query} for search in self.searches],
            "sizes": {name: self.size(name) for name in sorted(self.sizes)},
            "views": {
                sku: {"last_at": rfc3339(view.last_at_ms), "times": view.times}
                for sku, view in sorted(self.views.items())
            },
            "wishes": [sku for sku, wish in sorted(self.wishes.items()) if wish.wished],
        }


def _categories(event: ChannelEvent) -> list[tuple[str, str | None]]:
    """Return category ("" where none is told) and size of each product, or of the search."""
    items = event.items
    if len(items) > 1:
        return [(item.attributes.get("category", ""), item.attributes.get("size")) for item in items]
    category, size = text_of(event, "category"), text_of(event, "size")
    if items and items[0].attributes:  # what the event itself says is of its only product
        attributes = items[0].attributes
        category, size = attributes.get("category") or category, attributes.get("size") or size
    return [(category or "", size)] if category or size else []


def _viewed(item: Item, event: ChannelEvent, at_ms: int) -> View:
    category = item.attributes.get("category") or text_of(event, "category")
    return View(1, at_ms, item.unit_price_minor, item.currency, category)


def _seen_at_ms(view: View) -> int:
    return view.last_at_ms


def _last_size(sizes: dict[str, tuple[int, int]]) -> int:
    return max(last_at_ms for _, last_at_ms in sizes.values())


def _views_of_both(a: View, b: View) -> View:
    times = a.times + b.times
    if a.last_at_ms == b.last_at_ms:
        a, b = sorted((a, b), key=lambda view: (view.unit_price_minor or 0, view.currency or "", view.category or ""))
    later = b if b.last_at_ms >= a.last_at_ms else a
    return View(times, later.last_at_ms, later.unit_price_minor, later.currency, later.category)


def _later_wish(a: Wish, b: Wish) -> Wish:
    return max(a, b, key=lambda e: (e.at_ms, e.wished, e.unit_price_minor or 0, e.currency or "", e.size or ""))


def _alerts_of_both(a: Alert, b: Alert) -> Alert:
    latest = max(a, b, key=lambda e: (_asked_at_ms(e), e.unit_price_minor or 0, e.currency or "", e.size or ""))
    stock_at_ms, price_at_ms = max(a.stock_at_ms, b.stock_at_ms), max(a.price_at_ms, b.price_at_ms)
    return replace(latest, stock_at_ms=stock_at_ms, price_at_ms=price_at_ms)


def _asked_at_ms(alert: Alert) -> int:
    return max(alert.stock_at_ms, alert.price_at_ms)


def _newest_searches(searches: set[Search]) -> tuple[Search, ...]:
    return tuple(sorted(searches, key=lambda s: (s.at_ms, s.query, s.results or 0))[-SEARCHES_KEPT:])


def _last(entry: tuple[int, int]) -> int:
    return entry[1]


def _sums(a: Mapping[str, tuple[int, int]], b: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return _both(a, b, lambda one, other: (one[0] + other[0], max(one[1], other[1])))


def _both(a: Mapping[str, V], b: Mapping[str, V], unite: Callable[[V, V], V]) -> dict[str, V]:
    both = {**a, **b}
    for name in a.keys() & b.keys():
        both[name] = unite(a[name], b[name])
    return dict(sorted(both.items()))

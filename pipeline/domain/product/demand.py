"""What a product is worth: how often it is viewed, put into a cart, bought, wished for and how it is rated.

A count loses half its weight in a fixed time, so it says what is wanted now and needs no window of events: Cormode,
Shkapenyuk, Srivastava, Xu, "Forward Decay", ICDE 2009. An event that comes late counts what it would be worth by now,
so up to rounding the order of events does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp2

from msgspec import Struct

from pipeline.domain.customer.as_json import Json
from pipeline.domain.customer.orders import SKUS_PER_ORDER, distinct_skus
from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets.facet import number_of
from pipeline.domain.messages.effects import Count, Effect, Send
from pipeline.domain.messages.keys import product_key
from pipeline.domain.messages.to_product import Demanded
from pipeline.domain.records import DemandCounts
from pipeline.domain.time import DAY_MS

HALF_LIFE_MS = 14 * DAY_MS
"""Of views, carts, sales and wishes: two weeks say what a shop sells, and a season's end is seen within one."""
RECENT_HALF_LIFE_MS = DAY_MS
"""Of what is recent: with less, every evening would be a trend."""

CHANNELS_KEPT = 24
"""Channels per product: the fifteen known ones and room for a shop's own. See `_counted`."""
STORES_KEPT = 256
"""Stores per product: 15 KB of state for what is wanted in each of them. See `_counted`."""

DIGITS = 3
"""Digits behind the point that are told of a count: sums of the same events in another order differ in the 13th."""

WORST, BEST = 1, 5
"""Stars."""

COUNTED = {
    "product_viewed": "view",
    "barcode_scanned": "view",
    "shelf_item_picked": "view",
    "item_tried_on": "view",
    "product_added": "cart",
    "wishlist_product_added_to_cart": "cart",
    "product_added_to_wishlist": "wish",
    "product_reviewed": "rating",
}
"""Event type → what it says of its products; in a store, who takes a thing into the hand looks at it. Sales come with
orders (`BoughtTogether`), which count once by their id, cancelled or not. Whole carts (`cart_updated`) do not say what
is new in them."""


def demanded(tenant: str, event: ChannelEvent, at_ms: int) -> Sequence[Effect]:
    """Return what the products of an event of a `COUNTED` type are told; `at_ms` is the time that counts for it."""
    what, stars = COUNTED[event.event_type], 0
    if what == "rating":
        rating = number_of(event, "rating")
        rating = number_of(event, "stars") if rating is None else rating
        if rating is None or not WORST <= rating <= BEST:
            return (Count("events_incomplete", "rating"),)
        stars = round(rating * 100)
    items = event.items
    if len(items) == 1 and items[0].quantity > 0:  # nearly all events: half the time of what follows
        return (_told(tenant, items[0].sku, what, event, at_ms, stars),)
    skus = distinct_skus(items)
    effects: list[Effect] = [_told(tenant, sku, what, event, at_ms, stars) for sku in skus[:SKUS_PER_ORDER]]
    if len(skus) > SKUS_PER_ORDER:
        effects.append(Count("evictions", "demanded_skus"))
    return effects


def _told(tenant: str, sku: str, what: str, event: ChannelEvent, at_ms: int, stars: int) -> Send:
    message = Demanded(tenant, sku, what, at_ms, event.channel, event.store_id or "", stars)
    return Send("product", product_key(tenant, sku), message)


class Tally(Struct, frozen=True, array_like=True, gc=False):
    """Counts as of `at_ms`: half of each is gone after `HALF_LIFE_MS`, of `recent` after `RECENT_HALF_LIFE_MS`.

    `sales` are orders that held the product, however many pieces; `recent` is all four together. A sale told twice is
    called off once (`TakenBack`); where that comes first, there are less than none until it is told.

    >>> Tally(0).plus("view", 0).plus("view", 14 * DAY_MS).views
    1.5
    """

    at_ms: int
    views: float = 0.0
    carts: float = 0.0
    sales: float = 0.0
    wishes: float = 0.0
    recent: float = 0.0

    def plus(self, what: str, at_ms: int, times: int = 1) -> Tally:
        """Count one event; `times` -1: it never was."""
        age_ms = at_ms - self.at_ms
        kept = kept_recent = 1.0
        weight = weight_recent = float(times)
        if age_ms > 0:
            kept, kept_recent = exp2(-age_ms / HALF_LIFE_MS), exp2(-age_ms / RECENT_HALF_LIFE_MS)
        else:
            weight *= exp2(age_ms / HALF_LIFE_MS)
            weight_recent *= exp2(age_ms / RECENT_HALF_LIFE_MS)
            at_ms = self.at_ms
        return Tally(
            at_ms,
            self.views * kept + (weight if what == "view" else 0.0),
            self.carts * kept + (weight if what == "cart" else 0.0),
            self.sales * kept + (weight if what == "sale" else 0.0),
            self.wishes * kept + (weight if what == "wish" else 0.0),
            self.recent * kept_recent + weight_recent,
        )

    def counts(self, at_ms: int) -> DemandCounts:
        """Return what is left of the counts at a time; one before the last event is taken for that of the event."""
        return decayed(self, at_ms - self.at_ms)

    def weight(self, at_ms: int) -> float:
        """Return by what this is compared with another place at the same time."""
        return (self.views + self.carts + self.sales + self.wishes) * exp2((self.at_ms - at_ms) / HALF_LIFE_MS)


def decayed(counts: DemandCounts | Tally, by_ms: int) -> DemandCounts:
    """Return what is left of counts after so long, nothing where more was called off than was told."""
    age_ms = max(by_ms, 0)
    kept = exp2(-age_ms / HALF_LIFE_MS)
    return DemandCounts(  # to round is what costs most, and most counts are none
        counts.views and round(counts.views * kept, DIGITS),
        counts.carts and round(counts.carts * kept, DIGITS),
        counts.sales and max(0.0, round(counts.sales * kept, DIGITS)),
        counts.wishes and round(counts.wishes * kept, DIGITS),
        counts.recent and max(0.0, round(counts.recent * exp2(-age_ms / RECENT_HALF_LIFE_MS), DIGITS)),
    )


class Demand(Struct, frozen=True, array_like=True, gc=False):
    """Counts over all, by channel and by store; how many reviews, and the sum of their stars in hundredths."""

    overall: Tally
    channels: dict[str, Tally] = {}
    stores: dict[str, Tally] = {}
    ratings: int = 0
    stars: int = 0

    def counted(
        self, what: str, at_ms: int, channel: str, store: str, times: int = 1
    ) -> tuple[Demand, Sequence[Effect]]:
        """Count a view, cart, wish or sale; `times` -1: it never was."""
        overall = self.overall.plus(what, at_ms, times)
        channels, gone = _counted(self.channels, channel, what, at_ms, times, CHANNELS_KEPT)
        effects = [Count("evictions", "demand_channels")] if gone else []
        stores = self.stores
        if store:
            stores, gone = _counted(stores, store, what, at_ms, times, STORES_KEPT)
            if gone:
                effects.append(Count("evictions", "demand_stores"))
        return Demand(overall, channels, stores, self.ratings, self.stars), effects

    def rated(self, stars: int) -> Demand:
        """Count a review."""
        return Demand(self.overall, self.channels, self.stores, self.ratings + 1, self.stars + stars)

    @property
    def rating(self) -> float | None:
        """Return the mean of all reviews in stars."""
        return round(self.stars / self.ratings / 100, 2) if self.ratings else None

    def json(self) -> dict[str, Json]:
        """Return what of a product's object is about demand, as of its last event."""
        at_ms = self.overall.at_ms
        return {
            "channels": _json(self.channels, at_ms),
            "demand": counts_json(self.overall.counts(at_ms)),
            "rating": self.rating,
            "ratings": self.ratings,
            "stores": _json(self.stores, at_ms),
        }


def counts_json(counts: DemandCounts) -> dict[str, Json]:
    """Return counts as an object."""
    return {name: getattr(counts, name) for name in counts.__struct_fields__}


def _json(places: Mapping[str, Tally], at_ms: int) -> dict[str, Json]:
    return {place: counts_json(places[place].counts(at_ms)) for place in sorted(places)}


def _counted(
    places: dict[str, Tally], place: str, what: str, at_ms: int, times: int, most: int
) -> tuple[dict[str, Tally], bool]:
    """Count at a place. Beyond the bound the place with the least goes, and whether one did is returned."""
    tally = places.get(place)
    after = {**places, place: (Tally(at_ms) if tally is None else tally).plus(what, at_ms, times)}
    if len(after) <= most:
        return after, False
    now_ms = max(each.at_ms for each in after.values())
    others = (name for name in after if name != place)
    del after[min(others, key=lambda name: (after[name].weight(now_ms), name))]
    return after, True

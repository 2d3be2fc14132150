"""The record of a product that sites, stores and workers follow (topic `catalog.view`), and when it is told.

It is a function of the state and of the time it is told for, so a replay gives the same bytes. A changed product is
told of once per interval, at its end: a burst of views costs one record.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.messages.effects import Publish
from pipeline.domain.messages.keys import product_key
from pipeline.domain.product.state import ProductState, ViewTimes
from pipeline.domain.records import CatalogView, DemandCounts, GoesWith

_NOTHING = ProductState("", "")


class ViewFeed:
    """One product at a time. `at_ms` is always the time of the clock, not of a late event."""

    def __init__(self, every_ms: int) -> None:
        """Tell of a changed product every so often; 0: never."""
        self._every_ms = every_ms

    def wakes_at(self, state: ProductState) -> int | None:
        """Return when the product is to be told of."""
        return (state.view.tell_at_ms or None) if self._every_ms else None

    def changed(self, before: ProductState | None, after: ProductState | None, at_ms: int) -> ProductState | None:
        """Let a product of which something else is to be told now be told of at the end of the interval."""
        if not self._every_ms or after is None or after.view.tell_at_ms or not _differs(before or _NOTHING, after):
            return after
        if not after.is_product:
            return after
        told_at_ms = after.view.told_at_ms
        return replace(after, view=ViewTimes(max(at_ms, told_at_ms) + self._every_ms, told_at_ms))

    def told(self, state: ProductState) -> tuple[ProductState, tuple[Publish]]:
        """Return what is told now that its time has come, and the product as told of."""
        at_ms = state.view.tell_at_ms
        publish = Publish(product_key(state.tenant, state.sku), catalog_view(state, at_ms), "")
        return replace(state, view=ViewTimes(0, at_ms)), (publish,)


def _differs(before: ProductState, after: ProductState) -> bool:
    """Whether a part that is told of is another: what waits, or who, is nobody else's business."""
    return (
        after.demand is not before.demand
        or after.companions is not before.companions
        or after.substitutes is not before.substitutes
        or after.facts is not before.facts
        or after.stock is not before.stock
        or after.prices is not before.prices
    )


def catalog_view(state: ProductState, updated_at_ms: int) -> CatalogView:
    """Return what is told of a product."""
    facts, demand = state.facts, state.demand
    currency, price_minor = (state.prices and state.prices.current()) or (None, None)
    return CatalogView(
        tenant=state.tenant,
        sku=state.sku,
        updated_at_ms=updated_at_ms,
        name="" if facts is None else facts.name,
        category=state.category,
        deleted=state.is_deleted,
        unit_price_minor=price_minor,
        currency=currency,
        stock={} if state.stock is None or state.is_deleted else state.stock.levels(),
        complements=tuple(
            GoesWith(other.sku, other.baskets, other.confidence, other.support, other.lift)
            for other in state.companions.complements()
        ),
        substitutes=tuple(sku for sku, _ in state.substituted()),
        ratings=0 if demand is None else demand.ratings,
        rating=None if demand is None else demand.rating,
        demand=DemandCounts() if demand is None else demand.overall.counts(updated_at_ms),
        channels={} if demand is None else {n: each.counts(updated_at_ms) for n, each in demand.channels.items()},
        stores={} if demand is None else {n: each.counts(updated_at_ms) for n, each in demand.stores.items()},
        backorder=state.is_endless,
    )

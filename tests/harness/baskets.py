"""Baskets out of events: by product or category, and what of them came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from pipeline.domain.customer.orders import SKUS_PER_ORDER
from pipeline.domain.events import ChannelEvent, Item
from tests.harness.affinities import Basket

NameOf = Callable[[Item], str | None]


def sku_of(item: Item) -> str | None:
    """Name a line by its product, where there is a piece of it."""
    return item.sku if item.quantity > 0 else None


def category_of(item: Item) -> str | None:
    """Name a line by its category."""
    return item.attributes.get("category")


def baskets_of(events: Iterable[ChannelEvent], name_of: NameOf = sku_of) -> list[Basket]:
    """Return the orders in the order of time, each of as many names as are considered, returned or not."""
    orders = (event for event in events if event.event_type == "order_completed")
    baskets = (
        Basket(
            event.order_id or event.event_id,
            event.occurred_at_ms,
            event.identifiers.get("account", ""),
            tuple(sorted({name for item in event.items if (name := name_of(item)) is not None})[:SKUS_PER_ORDER]),
        )
        for event in orders
    )
    return sorted(baskets, key=lambda basket: (basket.at_ms, basket.order_id))


def kept_baskets(events: Iterable[ChannelEvent]) -> list[Basket]:
    """Return the orders without what came back: a product with every piece of it, an order with all it was worth."""
    events = list(events)
    pieces: Counter[tuple[str, str]] = Counter()
    worth: Counter[str] = Counter()
    refunded: set[str] = set()
    for event in events:
        order_id, sign = event.order_id or "", 1 if event.event_type == "order_completed" else -1
        for item in event.items:
            pieces[order_id, item.sku] += sign * item.quantity
        worth[order_id] += sign * (event.amount_minor or 0)
        if sign < 0 and event.amount_minor:
            refunded.add(order_id)
    whole = {order_id for order_id in refunded if worth[order_id] <= 0}
    kept = (
        basket._replace(skus=tuple(sku for sku in basket.skus if pieces[basket.order_id, sku] > 0))
        for basket in baskets_of(events)
        if basket.order_id not in whole
    )
    return [basket for basket in kept if basket.skus]

"""The abandoned browse: come back to what a customer looked at and left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from pipeline.domain.customer.orders import Order
from pipeline.domain.events import Item
from pipeline.domain.facets.interests import Interests
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import HOUR_MS, duration_text
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import (
    happened_since,
    in_time,
    is_in_a_cart,
    is_news,
    not_any_more,
    ordered_since,
    wait,
)
from pipeline.domain.triggers.steps import Cancel, Change, Fired, Step, Timer
from pipeline.domain.triggers.view import CustomerView

_VIEWS = frozenset({"product_viewed", "product_clicked"})
_CARTED = frozenset({"product_added", "cart_updated", "wishlist_product_added_to_cart"})
_ORDER = frozenset({"order_completed"})
_ITEMS = 5
"""Products named in a message: what fits into an e-mail without scrolling."""


class Config(kind.Config, frozen=True):
    """`delay_ms`: silence after the last product looked at; `products`: so many within `lookback_ms` before it."""

    delay_ms: Annotated[int, Meta(ge=1)] = 2 * HOUR_MS
    products: Annotated[int, Meta(ge=1, le=50)] = 2
    lookback_ms: Annotated[int, Meta(ge=1)] = HOUR_MS


class AbandonedBrowse(kind.Kind):
    """Fires when a customer looked at `products` products within `lookback` and then at none for `delay`.

    Unless something was put into a cart or bought since; what the customer owns or has in a cart does not count. At
    most once per visit, and per `cooldown` if the rule has one. An order we learn of too late takes the trigger back.
    """

    config_type = Config
    events = _VIEWS | _CARTED | _ORDER

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its parameters."""
        super().__init__(rule, config)
        self._config = config

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Wait from each product looked at on; stop when one is carted or bought."""
        event_type = change.event.event_type
        if event_type in _VIEWS:
            news = is_news(change, customer, self.events)
            return (wait("", change.at_ms + self._config.delay_ms, change),) if news else ()
        is_order = change.ordered is not None
        steps: list[Step] = []
        if event_type in _ORDER and not is_order:
            return steps
        if is_news(change, customer, _VIEWS):
            steps.append(Cancel("", DropReason.BOUGHT if is_order else DropReason.CARTED))
        return steps

    def taken_back(self, fired: Fired, order: Order) -> str | None:
        """Take back the message to one who had bought."""
        return "An order was placed before the message was due"

    def end(self, subject: str, since_ms: int, customer: CustomerView) -> DropReason | None:
        """Say what ended a visit whose last product was looked at at `since_ms`."""
        if ordered_since(customer, since_ms):
            return DropReason.BOUGHT
        return DropReason.CARTED if happened_since(customer, _CARTED, since_ms) else None

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Propose the products looked at, the latest first, if they were enough."""
        end = self.end(timer.subject, timer.since_ms, customer)
        if end is not None:
            return (not_any_more(timer, end),)
        views = (customer.facets.interests or Interests()).views
        from_ms = timer.since_ms - self._config.lookback_ms
        seen = [
            (view.last_at_ms, sku)
            for sku, view in views.items()
            if from_ms <= view.last_at_ms <= timer.since_ms
            and sku not in customer.owned
            and not is_in_a_cart(sku, customer)
        ]
        if len(seen) < self._config.products:
            return ()
        shown = [sku for _, sku in sorted(seen, reverse=True)[:_ITEMS]]
        items = tuple(Item(sku, 1, views[sku].unit_price_minor, views[sku].currency) for sku in shown)
        named = "1 product was" if len(seen) == 1 else f"{len(seen)} products were"
        reason = f"{named} looked at and left for {duration_text(self._config.delay_ms)}"
        return (in_time(timer, reason, items=items, context={"products": len(seen)}),)

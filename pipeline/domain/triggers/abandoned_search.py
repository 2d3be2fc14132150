"""The abandoned search: help a customer find what they searched for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from pipeline.domain.customer.orders import Order
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import HOUR_MS, duration_text
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import (
    happened_since,
    in_time,
    is_news,
    not_any_more,
    ordered_since,
    wait,
)
from pipeline.domain.triggers.steps import Cancel, Change, Fired, Step, Timer
from pipeline.domain.triggers.view import CustomerView

_SEARCH = frozenset({"products_searched"})
_ORDER = frozenset({"order_completed"})
_FOUND = frozenset({"product_viewed", "product_clicked", "product_added", "cart_updated"})


class Config(kind.Config, frozen=True):
    """`delay_ms`: silence after the search; `only_without_results`: only searches told with 0 results."""

    delay_ms: Annotated[int, Meta(ge=1)] = HOUR_MS
    only_without_results: bool = False


class AbandonedSearch(kind.Kind):
    """Fires when a customer searched and looked at no product for `delay`.

    Unless a product was looked at, put into a cart or bought since; a further search takes the place of the one
    before. At most once per search, and per `cooldown` if the rule has one. An order we learn of too late takes the
    trigger back.
    """

    config_type = Config
    events = _SEARCH | _FOUND | _ORDER

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its parameters."""
        super().__init__(rule, config)
        self._config = config

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Wait from the search on; stop when a product is looked at."""
        event_type, is_order = change.event.event_type, change.ordered is not None
        if event_type in _SEARCH:
            return self._searched(change, customer)
        steps: list[Step] = []
        if event_type in _ORDER and not is_order:
            return steps
        if is_news(change, customer, _SEARCH):
            steps.append(Cancel("", DropReason.BOUGHT if is_order else DropReason.FOUND))
        return steps

    def _searched(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        interests = customer.facets.interests
        if interests is None or not interests.searches or not is_news(change, customer, self.events):
            return ()
        search = interests.searches[-1]
        if search.at_ms != change.at_ms:
            return ()
        if self._config.only_without_results and search.results != 0:
            return (Cancel("", DropReason.FOUND),)
        return (wait("", change.at_ms + self._config.delay_ms, change, note=search.query),)

    def taken_back(self, fired: Fired, order: Order) -> str | None:
        """Take back the message to one who had bought."""
        return "An order was placed before the message was due"

    def end(self, subject: str, since_ms: int, customer: CustomerView) -> DropReason | None:
        """Say what came of a search made at `since_ms`; None for nothing."""
        if ordered_since(customer, since_ms):
            return DropReason.BOUGHT
        return DropReason.FOUND if happened_since(customer, _FOUND, since_ms) else None

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Propose help with the search."""
        end = self.end(timer.subject, timer.since_ms, customer)
        if end is not None:
            return (not_any_more(timer, end),)
        reason = f"Searched for “{timer.note}” and looked at nothing for {duration_text(self._config.delay_ms)}"
        return (in_time(timer, reason, context={"query": timer.note}),)

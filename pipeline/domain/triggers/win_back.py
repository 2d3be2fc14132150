"""The win-back: a customer who used to buy has stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from pipeline.domain.customer.orders import Order
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import DAY_MS, duration_text
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import in_time, not_any_more, ordered_since, orders_kept, wait
from pipeline.domain.triggers.steps import Cancel, Change, Fired, Step, Timer
from pipeline.domain.triggers.view import CustomerView


class Config(kind.Config, frozen=True):
    """Silence of `times` the customer's own rhythm, and of at least `at_least_ms`.

    Without a rhythm (fewer than three days of buying) it is `without_rhythm_ms`.
    """

    times: Annotated[float, Meta(gt=0.0, le=100.0)] = 2.0
    at_least_ms: Annotated[int, Meta(ge=1)] = 30 * DAY_MS
    without_rhythm_ms: Annotated[int, Meta(ge=1)] = 120 * DAY_MS


class WinBack(kind.Kind):
    """Fires when a customer has not bought for `times` their own rhythm, the median time between two days of buying.

    Unless they buy before, or have given back all they ever bought. At most once per last order, and per `cooldown` if
    the rule has one. An order we learn of too late takes the trigger back.
    """

    config_type = Config
    events = frozenset({"order_completed"})

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its parameters."""
        super().__init__(rule, config)
        self._config = config

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Wait anew from each order on."""
        purchases = customer.facets.purchases
        if change.ordered is None or purchases is None:
            return ()
        if self.end("", change.at_ms, customer) is not None:
            return ()
        rhythm_days = purchases.rhythm_days()
        wait_ms = self._config.without_rhythm_ms
        if rhythm_days is not None:
            wait_ms = max(int(rhythm_days * self._config.times * DAY_MS), self._config.at_least_ms)
        # Under the order's own name: of the two that a merge brings together, the later must not be lost.
        return [Cancel(None, DropReason.CAME_BACK), wait(str(change.at_ms), change.at_ms + wait_ms, change)]

    def taken_back(self, fired: Fired, order: Order) -> str | None:
        """Take back the invitation to one who had come."""
        return "An order was placed before the invitation to come back was due"

    def end(self, subject: str, since_ms: int, customer: CustomerView) -> DropReason | None:
        """Say whether the customer has bought after `since_ms`, or keeps no order at all."""
        if ordered_since(customer, since_ms + 1):
            return DropReason.CAME_BACK
        return None if orders_kept(customer) else DropReason.CALLED_OFF

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Propose the invitation to come back."""
        end = self.end(timer.subject, timer.since_ms, customer)
        if end is not None:
            return (not_any_more(timer, end),)
        silent = duration_text((timer.due_at_ms - timer.since_ms) // DAY_MS * DAY_MS)
        purchases = customer.facets.purchases
        rhythm_days = None if purchases is None else purchases.rhythm_days()
        usual = "" if rhythm_days is None else f", usually every {rhythm_days:g} days"
        context = {"rhythm_days": rhythm_days, "orders": orders_kept(customer)}
        return (in_time(timer, f"Nothing bought for {silent}{usual}", context=context),)

"""The welcome: greet a customer who has just become known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from pipeline.domain.reasons import DropReason
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import at_once, in_time, not_any_more, wait, was_sent
from pipeline.domain.triggers.steps import Change, Mark, Proposal, Step, Timer
from pipeline.domain.triggers.view import CustomerView

_EVENTS = {"subscribed": "subscribed", "identified": "identified", "first_order": "order_completed"}


class Config(kind.Config, frozen=True):
    """`on`: what makes a customer known; `delay_ms` after it (0: at once).

    `new_for_ms`: who was first seen longer ago than that, by whatever name, is an old friend (None: nobody is).
    """

    on: Literal["subscribed", "identified", "first_order"] = "identified"
    delay_ms: Annotated[int, Meta(ge=0)] = 0
    new_for_ms: Annotated[int, Meta(ge=1)] | None = None


class Welcome(kind.Kind):
    """Fires when a customer subscribes, says who they are, or orders for the first time, `delay` after it.

    Unless they have been seen for longer than `new_for`, turn out to be known already, or the first order is called
    off. At most once per customer.
    """

    config_type = Config

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its parameters."""
        super().__init__(rule, config)
        self._config = config
        self._event_type = _EVENTS[config.on]
        self.events = frozenset({self._event_type})

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Greet the first time."""
        if customer.mark(self.rule, "") is not None or self._is_old(change.at_ms, customer):
            return ()
        activity = customer.facets_before.activity
        if self._config.on == "first_order":
            is_first = change.ordered is not None and customer.orders_counted == 1
        else:
            is_first = activity is None or not activity.count(self._event_type)
        if not is_first or self.end("", change.at_ms, customer) is not None:
            return ()
        greet: Step = at_once(change, self._reason)
        if self._config.delay_ms:
            greet = wait("", change.at_ms + self._config.delay_ms, change)
        return (Mark("", change.at_ms), greet)

    def on_merge(self, timer: Timer, customer: CustomerView) -> DropReason | None:
        """Do not greet whom the other side has known for longer, or greeted."""
        return self._not_new(timer.since_ms, customer)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Nor send a greeting that waited to hear who the customer is."""
        return self._not_new(proposal.since_ms, customer)

    def end(self, subject: str, since_ms: int, customer: CustomerView) -> DropReason | None:
        """Say whether the first order was called off, and no other kept."""
        if self._config.on != "first_order" or any(order.is_kept for order in customer.orders.values()):
            return None
        return DropReason.CALLED_OFF

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Propose the greeting."""
        end = self.end(timer.subject, timer.since_ms, customer)
        if end is not None:
            return (not_any_more(timer, end),)
        return (in_time(timer, self._reason),)

    def _not_new(self, since_ms: int, customer: CustomerView) -> DropReason | None:
        activity, purchases = customer.facets.activity, customer.facets.purchases
        was_known = self._is_old(since_ms, customer) or was_sent(self.rule, "", customer)
        if self._config.on == "first_order":
            first_at_ms = None if purchases is None else purchases.first_at_ms
            was_known |= first_at_ms is not None and first_at_ms < since_ms
        elif activity is not None:  # on an earlier day
            was_known |= activity.count(self._event_type) > activity.count(self._event_type, since_ms)
        return DropReason.NOT_SO if was_known else self.end("", since_ms, customer)

    def _is_old(self, at_ms: int, customer: CustomerView) -> bool:
        first_ms, new_for_ms = customer.first_seen_at_ms, self._config.new_for_ms
        return first_ms is not None and new_for_ms is not None and at_ms - first_ms > new_for_ms

    @property
    def _reason(self) -> str:
        said = {"subscribed": "subscribed", "identified": "said who they are", "first_order": "ordered"}
        return f"A new customer {said[self._config.on]}"

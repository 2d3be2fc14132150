"""The abandoned checkout: help a customer who began to pay and stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from pipeline.domain.customer.carts import Cart
from pipeline.domain.customer.orders import Order
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import MINUTE_MS, duration_text
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import happened_since, in_time, is_news, not_any_more, ordered_since, wait
from pipeline.domain.triggers.steps import Cancel, Change, Fired, Proposal, Step, Timer
from pipeline.domain.triggers.view import CustomerView

_STEPS = frozenset({"checkout_started", "checkout_step_viewed", "checkout_step_completed", "payment_info_entered"})
_BEGUN = frozenset({"checkout_started"})
_ORDER = frozenset({"order_completed"})


class Config(kind.Config, frozen=True):
    """`delay_ms`: how long the checkout must have stood still."""

    delay_ms: Annotated[int, Meta(ge=1)] = 30 * MINUTE_MS


class AbandonedCheckout(kind.Kind):
    """Fires when a checkout was begun and no step of it done for `delay`.

    Unless the order was placed in any channel, or the cart emptied; the page that confirms the order begins nothing.
    What was bought meanwhile, in whatever channel, is not named. At most once per step that was done last, and per
    `cooldown` if the rule has one. An order we learn of too late takes the trigger back.
    """

    config_type = Config
    remembers_items = True
    events = _STEPS | _ORDER | {"cart_emptied", "cart_updated", "product_removed"}

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its delay."""
        super().__init__(rule, config)
        self._delay_ms = config.delay_ms

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Wait from each step on; stop with the order or the emptied cart."""
        event = change.event
        if event.event_type in _STEPS:
            cart_id = event.cart_id or ""
            is_over = self.end(cart_id, change.at_ms, customer) is not None
            if is_over or not is_news(change, customer, _STEPS):
                return ()
            return (wait(cart_id, change.at_ms + self._delay_ms, change),)
        if change.emptied is not None:
            return (Cancel(change.emptied, DropReason.CART_EMPTIED),)
        if change.ordered is None:
            return ()
        if not is_news(change, customer, _STEPS):  # time will tell which checkouts it ended
            return ()
        # A checkout that named no cart may be that of any order.
        subjects = (None,) if event.cart_id is None else (event.cart_id, "")
        return [Cancel(subject, DropReason.BOUGHT) for subject in subjects]

    def taken_back(self, fired: Fired, order: Order) -> str | None:
        """Take back the help with a checkout that was finished; one that named no cart may be that of any order."""
        is_of_another = order.cart_id and fired.about not in ("", order.cart_id)
        return (
            None if is_of_another and not fired.is_all_in(order) else "The order was placed before the reminder was due"
        )

    def on_merge(self, timer: Timer, customer: CustomerView) -> DropReason | None:
        """Stop waiting if the other side has ordered since, or emptied the cart."""
        if ordered_since(customer, timer.since_ms):
            return DropReason.BOUGHT
        return self.end(timer.subject, timer.since_ms, customer)

    def end(self, subject: str, since_ms: int, customer: CustomerView) -> DropReason | None:
        """Say what ended a checkout whose last step was at `since_ms`; None if it may still be finished.

        A cart that nobody told anything of since it was bought last is taken to hold something once a checkout is
        begun anew: other steps belong to the order.
        """
        cart = customer.carts.get(subject, Cart())
        bought_at_ms = max(cart.closed_at_ms, customer.closed_at_ms)
        if not subject:  # it may be that of any order
            orders = customer.orders.values()
            bought_at_ms = max((bought_at_ms, *(each.at_ms for each in orders if each.amount_minor is not None)))
        if bought_at_ms >= since_ms:
            return DropReason.BOUGHT
        if cart.changed_at_ms > bought_at_ms:
            if not cart.is_open:
                return DropReason.CART_EMPTIED
            return DropReason.BOUGHT if cart.items() and not cart.left(customer.owned) else None
        is_begun_anew = not bought_at_ms or happened_since(customer, _BEGUN, bought_at_ms + 1)
        return None if is_begun_anew else DropReason.BOUGHT

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Propose help with what is in the cart now."""
        end = self.end(timer.subject, timer.since_ms, customer)
        if end is not None:
            return (not_any_more(timer, end),)
        reason = f"A checkout was begun and not finished for {duration_text(self._delay_ms)}"
        proposal = in_time(timer, reason, about=timer.subject, context={"cart_id": timer.subject or None})
        return (self.as_of_now(proposal, customer),)

    def as_of_now(self, proposal: Proposal, customer: CustomerView) -> Proposal:
        """Name what is in the cart by now."""
        return replace(proposal, items=customer.carts.get(proposal.subject, Cart()).left(customer.owned))

"""The abandoned cart: remind a customer of what was left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from pipeline.domain.carts import Cart, totals
from pipeline.domain.events import Item, Scalar
from pipeline.domain.money import money_text
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import HOUR_MS, duration_text
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.kind import Cancel, Change, CustomerView, Drop, Proposal, Revoke, Step, Timer, WakeAt


class Config(kind.Config, frozen=True):
    """`delay_ms`: how long the cart must lie untouched."""

    delay_ms: Annotated[int, Meta(ge=1)] = HOUR_MS


class AbandonedCart(kind.Kind):
    """Fires when a cart with something in it has lain untouched for `delay`, in every channel.

    Unless it is bought or emptied first; each change to the cart starts the wait anew. At most once per change of
    the cart, and per `cooldown` if the rule has one. A purchase we learn of too late takes the trigger back.
    """

    config_type = Config
    events = frozenset(
        ("product_added", "product_removed", "cart_updated", "cart_emptied", "checkout_started", "order_completed")
    )

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its delay."""
        super().__init__(rule, config)
        self._delay_ms = config.delay_ms

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Wait from each change on; stop waiting once bought or emptied; take back what an order overtook."""
        if change.touched is not None:
            due_at_ms = change.touched_at_ms + self._delay_ms
            return (WakeAt(change.touched, due_at_ms, change.at_ms, change.reopened),)
        if change.emptied is not None:
            return (Cancel(change.emptied, DropReason.CART_EMPTIED),)
        if change.ordered is None:
            return ()
        steps: list[Step] = [Cancel(cart_id, DropReason.BOUGHT) for cart_id in change.closed]
        bought = change.event.cart_id
        for fired in customer.fired:
            in_time = fired.since_ms <= change.at_ms <= fired.due_at_ms
            if in_time and fired.rule == self.rule and bought in (None, fired.about):
                steps.append(Revoke(fired, f"{_name(fired.about)} was bought before the reminder was due"))
        return steps

    def on_merge(self, timer: Timer, customer: CustomerView) -> DropReason | None:
        """Stop waiting for a cart that turns out to be bought or emptied on the other side."""
        cart = customer.carts.get(timer.subject)
        if cart is None:
            return DropReason.CART_FORGOTTEN
        if not cart.is_open:
            bought_at_ms = max(cart.closed_at_ms, customer.closed_at_ms)
            return DropReason.BOUGHT if bought_at_ms >= cart.changed_at_ms else DropReason.CART_EMPTIED
        return DropReason.BOUGHT if _all_bought(cart, customer.owned) else None

    def on_time(self, timer: Timer, customer: CustomerView) -> Proposal | Drop:
        """Propose the reminder with what is in the cart now."""
        cart = customer.carts.get(timer.subject)
        if cart is None or not cart.is_open:
            reason = DropReason.CART_FORGOTTEN
            return Drop(timer.subject, timer.generation, timer.due_at_ms, timer.caused_by, reason)
        items = cart.items()
        worth = _worth(cart, items)
        pieces = sum(item.quantity for item in items)
        contents = f" with {pieces} {'item' if pieces == 1 else 'items'}" if items else ""
        context: dict[str, Scalar] = {"cart_id": timer.subject, "pieces": pieces}
        if len(worth) == 1:
            ((currency, amount),) = worth.items()
            context |= {"amount_minor": amount, "currency": currency or None}
        price = "".join(f", {money_text(amount, currency)}" for currency, amount in sorted(worth.items()))
        idle = duration_text(self._delay_ms)
        return Proposal(
            subject=timer.subject,
            generation=timer.generation,
            due_at_ms=timer.due_at_ms,
            about=timer.subject,
            since_ms=timer.since_ms,
            caused_by=timer.caused_by,
            items=items,
            context=context,
            reason=f"{_name(timer.subject)}{contents}{price}, untouched for {idle}",
        )


def _all_bought(cart: Cart, owned: Mapping[str, int]) -> bool:
    """Whether each line was bought, in whatever channel, after it was put into the cart."""
    lines = [(sku, line.changed_at_ms) for sku, line in cart.lines.items() if line.quantity > 0]
    return bool(lines) and all(owned.get(sku, -1) >= changed_at_ms for sku, changed_at_ms in lines)


def _name(cart_id: str) -> str:
    return f"Cart {cart_id}" if cart_id else "The cart"


def _worth(cart: Cart, items: tuple[Item, ...]) -> dict[str, int]:
    """Return the worth per currency: the lines where all are priced, else what the cart was said to be worth."""
    priced = totals(items)
    if priced:
        return priced
    return {} if cart.amount_minor is None else {cart.currency or "": cart.amount_minor}

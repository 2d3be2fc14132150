"""The abandoned cart: remind a customer of what was left behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from pipeline.domain.customer.availability import to_be_had
from pipeline.domain.customer.carts import Cart, totals, worth
from pipeline.domain.customer.orders import Order
from pipeline.domain.events import Scalar
from pipeline.domain.money import money_text
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import HOUR_MS, duration_text
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import in_time, not_any_more
from pipeline.domain.triggers.steps import Cancel, Change, Fired, Proposal, Step, Timer, WakeAt
from pipeline.domain.triggers.view import CustomerView


class Config(kind.Config, frozen=True):
    """`delay_ms`: how long the cart must lie untouched."""

    delay_ms: Annotated[int, Meta(ge=1)] = HOUR_MS


class AbandonedCart(kind.Kind):
    """Fires when a cart with something in it has lain untouched for `delay`, in every channel.

    Unless it is bought or emptied first; each change to the cart starts the wait anew. What was bought meanwhile, in
    whatever channel, is not named. At most once per change of the cart, and per `cooldown` if the rule has one. A
    purchase we learn of too late takes the trigger back.
    """

    config_type = Config
    remembers_items = True
    events = frozenset(
        ("product_added", "product_removed", "cart_updated", "cart_emptied", "checkout_started", "order_completed")
    )

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its delay."""
        super().__init__(rule, config)
        self._delay_ms = config.delay_ms

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Wait from each change on; stop waiting once bought or emptied."""
        if change.touched is not None:
            due_at_ms = change.touched_at_ms + self._delay_ms
            return (WakeAt(change.touched, due_at_ms, change.at_ms, change.reopened),)
        if change.emptied is not None:
            return (Cancel(change.emptied, DropReason.CART_EMPTIED),)
        return [Cancel(cart_id, DropReason.BOUGHT) for cart_id in change.closed]

    def taken_back(self, fired: Fired, order: Order) -> str | None:
        """Take back the reminder of a cart that was bought, or of which all that was named was bought in another."""
        if order.cart_id not in ("", fired.about) and not fired.is_all_in(order):
            return None
        return f"{_name(fired.about)} was bought before the reminder was due"

    def on_merge(self, timer: Timer, customer: CustomerView) -> DropReason | None:
        """Stop waiting for a cart that turns out to be bought or emptied on the other side."""
        return _pointless(timer.subject, customer)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not remind of a cart bought or emptied meanwhile, nor twice of one that two brought into a merge."""
        reason = _pointless(proposal.subject, customer)
        return DropReason.SUPERSEDED if reason is None and self._is_of_the_past(proposal, customer) else reason

    def _is_of_the_past(self, proposal: Proposal, customer: CustomerView) -> bool:
        """Whether a later change of the cart waits for its own reminder, or has had it."""
        cart_id, since_ms = proposal.subject, proposal.since_ms
        sent = (each.since_ms for each in customer.fired if each.rule == self.rule and each.about == cart_id)
        held = (each.proposal for each in customer.held if each.rule == self.rule)
        if any(at_ms > since_ms for at_ms in sent):
            return True
        if any(each.subject == cart_id and each.since_ms > since_ms for each in held):
            return True
        waits = customer.waits_until(self.rule, cart_id) is not None
        return waits and customer.carts[cart_id].changed_at_ms > since_ms

    def as_of_now(self, proposal: Proposal, customer: CustomerView) -> Proposal:
        """Name what is in the cart by now."""
        cart = customer.carts.get(proposal.subject)
        return proposal if cart is None else self._naming(proposal, cart, customer)

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Propose the reminder with what is in the cart now."""
        cart = customer.carts.get(timer.subject)
        if cart is None or not cart.is_open:
            return (not_any_more(timer, DropReason.CART_FORGOTTEN),)
        if cart.items() and not cart.left(customer.owned):
            return (not_any_more(timer, DropReason.BOUGHT),)
        return (self._naming(in_time(timer, "", about=timer.subject), cart, customer),)

    def _naming(self, proposal: Proposal, cart: Cart, customer: CustomerView) -> Proposal:
        """Return the proposal with what is left in the cart."""
        cart_id, items = proposal.subject, cart.left(customer.owned)
        items = to_be_had(items, customer) or items  # all gone: the arbiter says so
        amounts = worth(cart) if items == cart.items() else totals(items) or {}
        pieces = sum(item.quantity for item in items)
        contents = f" with {pieces} {'item' if pieces == 1 else 'items'}" if items else ""
        context: dict[str, Scalar] = {"cart_id": cart_id, "pieces": pieces}
        if len(amounts) == 1:
            ((currency, amount),) = amounts.items()
            context |= {"amount_minor": amount, "currency": currency or None}
        price = "".join(f", {money_text(amount, currency)}" for currency, amount in sorted(amounts.items()))
        reason = f"{_name(cart_id)}{contents}{price}, untouched for {duration_text(self._delay_ms)}"
        return replace(proposal, items=items, context=context, reason=reason)


def _pointless(cart_id: str, customer: CustomerView) -> DropReason | None:
    """Say why nobody need be reminded of this cart."""
    cart = customer.carts.get(cart_id)
    if cart is None:
        return DropReason.CART_FORGOTTEN
    if not cart.is_open:
        bought_at_ms = max(cart.closed_at_ms, customer.closed_at_ms)
        return DropReason.BOUGHT if bought_at_ms >= cart.changed_at_ms else DropReason.CART_EMPTIED
    return DropReason.BOUGHT if cart.items() and not cart.left(customer.owned) else None


def _name(cart_id: str) -> str:
    return f"Cart {cart_id}" if cart_id else "The cart"

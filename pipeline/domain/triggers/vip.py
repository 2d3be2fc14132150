"""The VIP: a customer who has become one of the best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from pipeline.domain.events import Scalar
from pipeline.domain.money import Currency, money_text
from pipeline.domain.reasons import DropReason
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import at_once, orders_kept, was_told
from pipeline.domain.triggers.steps import Change, Proposal, Step
from pipeline.domain.triggers.view import CustomerView

_ORDERS = 10
"""Orders that make a VIP where a rule asks for nothing."""

_TOLD, _TOLD_BEFORE = "told", ""
"""What is marked once it was told; earlier versions of a customer's state have the other."""


class Config(kind.Config, frozen=True):
    """Money spent, in minor units of `currency`, and orders kept; where both are given, both must be reached.

    `orders` left out: ten, or any number where money is asked for.
    """

    spent_minor: Annotated[int, Meta(ge=0)] = 0
    currency: Currency = "EUR"
    orders: Annotated[int, Meta(ge=1)] | None = None


class Vip(kind.Kind):
    """Fires when an order brings a customer to `spent`, refunds taken off, and to `orders` orders that were kept.

    Unless they were told before, or are below again by the time they could be. At most once per customer, however much
    is given back and bought again.
    """

    config_type = Config
    events = frozenset({"order_completed"})

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its thresholds."""
        super().__init__(rule, config)
        self._config = config
        self._orders = config.orders or (1 if config.spent_minor else _ORDERS)

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Compare with the thresholds after each order."""
        if change.ordered is None or not self._is_one(customer):
            return ()
        if any(customer.mark(self.rule, each) is not None for each in (_TOLD, _TOLD_BEFORE)):
            return ()
        if customer.held_about(self.rule, "") is not None:
            return ()
        reason, context = self._said(customer)
        return (at_once(change, reason, context=context, told_as=_TOLD),)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not tell who is none any more, nor who was told meanwhile."""
        if was_told(self.rule, proposal, customer):
            return DropReason.DONE
        return None if self._is_one(customer) else DropReason.NOT_SO

    def as_of_now(self, proposal: Proposal, customer: CustomerView) -> Proposal:
        """Tell what was spent by now."""
        reason, context = self._said(customer)
        return replace(proposal, reason=reason, context=context)

    def _is_one(self, customer: CustomerView) -> bool:
        spent_minor = customer.spend_minor.get(self._config.currency, 0)
        return spent_minor >= self._config.spent_minor and orders_kept(customer) >= self._orders

    def _said(self, customer: CustomerView) -> tuple[str, dict[str, Scalar]]:
        currency, orders = self._config.currency, orders_kept(customer)
        spent_minor = customer.spend_minor.get(currency, 0)
        context: dict[str, Scalar] = {"spent_minor": spent_minor, "currency": currency, "orders": orders}
        return f"{money_text(spent_minor, currency)} spent in {orders} orders", context

"""The VIP: a customer who has become one of the best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from pipeline.domain.events import Scalar
from pipeline.domain.money import Currency, money_text
from pipeline.domain.reasons import DropReason
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import at_once
from pipeline.domain.triggers.steps import Change, Mark, Step
from pipeline.domain.triggers.view import CustomerView

_ORDERS = 10
"""Orders that make a VIP where a rule asks for nothing."""


class Config(kind.Config, frozen=True):
    """Money spent, in minor units of `currency`, and orders completed; where both are given, both must be reached.

    `orders` left out: ten, or any number where money is asked for.
    """

    spent_minor: Annotated[int, Meta(ge=0)] = 0
    currency: Currency = "EUR"
    orders: Annotated[int, Meta(ge=1)] | None = None


class Vip(kind.Kind):
    """Fires when an order brings a customer to `spent`, refunds taken off, and to `orders` orders.

    Unless they were told before. At most once per customer, however much is given back and bought again.
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
        spent_minor = customer.spend_minor.get(self._config.currency, 0)
        if spent_minor < self._config.spent_minor or customer.orders_counted < self._orders:
            return ()
        if customer.mark(self.rule, "") is not None:
            return ()
        spent = money_text(spent_minor, self._config.currency)
        context: dict[str, Scalar] = {
            "spent_minor": spent_minor,
            "currency": self._config.currency,
            "orders": customer.orders_counted,
        }
        reason = f"{spent} spent in {customer.orders_counted} orders"
        return (Mark("", change.at_ms), at_once(change, reason, context=context))

    def end(self, subject: str, since_ms: int, customer: CustomerView) -> DropReason | None:
        """Say whether the customer turns out to have been one before that order."""
        later = [
            order for order in customer.orders.values() if order.at_ms >= since_ms and order.amount_minor is not None
        ]
        spent_minor = customer.spend_minor.get(self._config.currency, 0)
        spent_minor -= sum(order.spent_minor for order in later if order.currency == self._config.currency)
        was_one = spent_minor >= self._config.spent_minor and customer.orders_counted - len(later) >= self._orders
        return DropReason.NOT_SO if was_one else None

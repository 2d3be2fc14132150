"""Orders and what was spent: told twice counts once, cancelled or refunded before it was completed is right too."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from pipeline.domain.carts import totals
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.money import NO_CURRENCY

ORDERS_KEPT = 30
"""Orders remembered per customer: enough to know an order told again by a slow channel. The oldest goes first."""

SKUS_PER_ORDER = 50
"""Distinct SKUs considered per order: pairs grow with the square, and a wholesale order says little of what fits."""


class Order(Struct, frozen=True, array_like=True, gc=False):
    """One order. `amount_minor` is None until it is completed; `skus` are distinct and sorted.

    `received_at_ms` is kept where the producer's time could not be believed (B23).
    """

    at_ms: int
    amount_minor: int | None = None
    currency: str = NO_CURRENCY
    skus: tuple[str, ...] = ()
    refunded_minor: int = 0
    cancelled: bool = False
    received_at_ms: int | None = None

    @property
    def spent_minor(self) -> int:
        """What it adds to the customer's spend."""
        if self.amount_minor is None or self.cancelled:
            return 0
        return self.amount_minor - min(self.refunded_minor, self.amount_minor)

    @property
    def is_kept(self) -> bool:
        """Whether the customer keeps what was bought: completed, and neither cancelled nor refunded in full."""
        return (
            self.amount_minor is not None
            and not self.cancelled
            and (self.refunded_minor == 0 or self.refunded_minor < self.amount_minor)
        )


def amount_of(event: ChannelEvent) -> tuple[int, str]:
    """Return the worth of an order in minor units and its currency: as told, else the sum of its lines."""
    currency = event.currency or next((item.currency for item in event.items if item.currency), None) or NO_CURRENCY
    if event.amount_minor is not None:
        return event.amount_minor, currency
    sums = totals(event.items) or {}
    if len(sums) == 1:
        return next(iter(sums.values())), currency
    return 0, currency


def distinct_skus(items: Iterable[Item]) -> tuple[str, ...]:
    """Return the SKUs of lines with a positive quantity, distinct and sorted."""
    return tuple(sorted({item.sku for item in items if item.quantity > 0}))

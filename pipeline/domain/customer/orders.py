"""Orders and what was spent: told twice counts once, cancelled or refunded before it was completed is right too.

A cancellation or refund that comes before its order is kept as a placeholder: an order without an amount.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from pipeline.domain.customer.carts import totals
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.money import NO_CURRENCY

ORDERS_KEPT = 30
"""Orders remembered per customer: enough to know an order told again by a slow channel. See `Draft.put_order`."""

SKUS_PER_ORDER = 50
"""Distinct SKUs considered per order: pairs grow with the square, and a wholesale order says little of what fits."""


class Order(Struct, frozen=True, array_like=True, gc=False):
    """One order. `amount_minor` is None until it is completed; `skus` are distinct and sorted.

    `refunded_minor` adds up the refunds told with an amount, `refunded_whole` tells that one was of the whole order.
    `received_at_ms` is kept where the producer's time could not be believed (B23). `part` is the former customer that
    ordered, "" for the customer's own. `pieces` are those of each of `skus`; `back` those given back, by SKU, perhaps
    told before the order was. `channel` and `store` are where all of `skus` were sold, "" where not all of
    them were (some had come back before), or that is not known. `cart_id` is the cart it named, "" for none.
    """

    at_ms: int
    amount_minor: int | None = None
    currency: str = NO_CURRENCY
    skus: tuple[str, ...] = ()
    refunded_minor: int = 0
    cancelled: bool = False
    received_at_ms: int | None = None
    refunded_whole: bool = False
    part: str = ""
    pieces: tuple[int, ...] = ()
    back: dict[str, int] = {}
    channel: str = ""
    store: str = ""
    cart_id: str = ""

    @property
    def kept_skus(self) -> tuple[str, ...]:
        """The SKUs of which the customer keeps a piece."""
        if not self.is_kept:
            return ()
        return self._pieces_kept if self.back else self.skus

    @property
    def gone_skus(self) -> frozenset[str]:
        """The SKUs given back, of which the customer keeps no piece; of an order not told yet, those given back."""
        return frozenset(self.back if self.amount_minor is None else self.skus).difference(self.kept_skus)

    @property
    def given_back_minor(self) -> int:
        """What went back: all of it where a refund was of the whole order, else what refunds told.

        Refunds that tell every piece of it and no amount are of the whole order.
        """
        is_whole = self.refunded_whole or (self.refunded_minor == 0 and self._all_is_back)
        return self.amount_minor or 0 if is_whole else self.refunded_minor

    @property
    def spent_minor(self) -> int:
        """What it adds to the customer's spend."""
        if self.amount_minor is None or self.cancelled:
            return 0
        return self.amount_minor - min(self.given_back_minor, self.amount_minor)

    @property
    def is_kept(self) -> bool:
        """Whether the customer keeps what was bought: completed, and neither cancelled nor refunded in full."""
        if self.amount_minor is None or self.cancelled or self.refunded_whole or self._all_is_back:
            return False
        return self.refunded_minor == 0 or self.refunded_minor < self.amount_minor

    @property
    def _all_is_back(self) -> bool:
        """Whether every piece came back. Of an order of more SKUs than are considered, nobody knows."""
        return bool(self.back) and 0 < len(self.skus) < SKUS_PER_ORDER and not self._pieces_kept

    @property
    def _pieces_kept(self) -> tuple[str, ...]:
        pieces = self.pieces or (1,) * len(self.skus)  # an order from before pieces were kept
        return tuple(sku for sku, had in zip(self.skus, pieces, strict=True) if had > self.back.get(sku, 0))


def amount_of(event: ChannelEvent) -> tuple[int, str] | None:
    """Return the worth of an order or refund in minor units and its currency: as told, else the sum of its lines.

    The event's currency completes lines without one. None where lines are in several currencies.
    """
    default = event.currency or NO_CURRENCY
    currencies = {item.currency or default for item in event.items} or {default}
    of_lines = min(currencies) if len(currencies) == 1 else NO_CURRENCY
    if event.amount_minor is not None:
        return event.amount_minor, event.currency or of_lines
    if len(currencies) > 1:
        return None
    return sum((totals(event.items) or {}).values()), of_lines


def same_currency(one: str, other: str) -> bool:
    """Whether two amounts may be set off against each other; one told without a currency may be in the other's."""
    return one == other or NO_CURRENCY in (one, other)


def distinct_skus(items: Iterable[Item]) -> tuple[str, ...]:
    """Return the SKUs of lines with a positive quantity, distinct and sorted."""
    return tuple(sorted({item.sku for item in items if item.quantity > 0}))


def pieces_of(items: Iterable[Item], skus: Sequence[str]) -> tuple[int, ...]:
    """Return how many pieces of each SKU there are in some lines."""
    pieces = Counter[str]()
    for item in items:
        pieces[item.sku] += max(0, item.quantity)
    return tuple(pieces[sku] for sku in skus)


def with_pieces_back(back: dict[str, int], items: Iterable[Item]) -> dict[str, int]:
    """Add lines to what came back. Producers differ in their sign; what is beyond the bound is left out."""
    after = dict(back)
    for item in items:
        if item.quantity and (item.sku in after or len(after) < SKUS_PER_ORDER):
            after[item.sku] = after.get(item.sku, 0) + abs(item.quantity)
    return dict(sorted(after.items()))

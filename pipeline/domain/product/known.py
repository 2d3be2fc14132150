"""What other products have said of themselves to one that was bought with them, and whom to ask next."""

from __future__ import annotations

from msgspec import Struct

from pipeline.domain.messages.to_product import BoughtTogether
from pipeline.domain.product.pairs import Pair
from pipeline.domain.time import DAY_MS

BASKETS_TO_ASK = 3
"""Orders with both from which on a pair is worth messages: of those with fewer, few are ever sure."""

ASK_AGAIN_DAYS = 30
"""What was last heard so long ago is asked for."""


class Known(Struct, frozen=True, array_like=True, gc=False):
    """What another product said of itself: as of `at_ms`, `weight` orders held it, of `orders` in all; its category.

    `orders` 0: it was asked at `at_ms` and has not said anything yet.
    """

    at_ms: int
    weight: float = 0.0
    orders: float = 0.0
    category: str = ""


NOTHING_KNOWN = Known(0, 0)


def worth_asking(order: BoughtTogether, together: dict[str, Pair], known: dict[str, Known]) -> str | None:
    """Return the SKU of an order to ask about: of those to be asked the one never heard of, or longest ago."""
    best: tuple[int, str] | None = None
    for sku in order.others:
        pair = together.get(sku)
        if pair is None or pair.baskets < BASKETS_TO_ASK:
            continue
        heard_ms = known.get(sku, NOTHING_KNOWN).at_ms
        if order.occurred_at_ms - heard_ms >= ASK_AGAIN_DAYS * DAY_MS and (best is None or (heard_ms, sku) < best):
            best = (heard_ms, sku)
    return None if best is None else best[1]

"""What is left of two customers together, where they have more than one customer may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.domain.customer.draft import Draft, cart_age
from pipeline.domain.customer.orders import ORDERS_KEPT
from pipeline.domain.customer.state import (
    CARTS_KEPT,
    CHANNELS_KEPT,
    COOLDOWNS_KEPT,
    CURRENCIES_KEPT,
    FIRED_KEPT,
    OWNED_KEPT,
)


def bound(draft: Draft) -> None:
    """Keep every collection within its bound, as single events do; what goes is counted.

    What waits, what is held and what was sent is bounded where the rules are known: see `RuleRunner.after_merge`.
    """
    while len(draft.carts) > CARTS_KEPT:
        gone = min(draft.carts.items(), key=cart_age)[0]
        draft.carts = {cart_id: cart for cart_id, cart in draft.carts.items() if cart_id != gone}
        draft.evicted("carts")
    draft.orders = _newest(draft, "orders", draft.orders, ORDERS_KEPT, lambda order: order.at_ms)
    draft.owned = _newest(draft, "owned", draft.owned, OWNED_KEPT, lambda at_ms: at_ms)
    draft.cooldowns = _newest(draft, "cooldowns", draft.cooldowns, COOLDOWNS_KEPT, lambda at_ms: at_ms)
    draft.channels = _newest(draft, "channels", draft.channels, CHANNELS_KEPT, lambda seen: seen.last_at_ms)
    draft.spend_minor = _newest(draft, "spend_minor", draft.spend_minor, CURRENCIES_KEPT, lambda spent: spent)
    if len(draft.fired) > FIRED_KEPT:
        draft.fired = draft.fired[-FIRED_KEPT:]
        draft.evicted("fired")
    draft.bound_marks()


def _newest(draft: Draft, name: str, entries: dict[str, Any], most: int, time_of: Callable[[Any], int]) -> Any:
    if len(entries) <= most:
        return entries
    draft.evicted(name)
    kept = sorted(entries.items(), key=lambda entry: (time_of(entry[1]), entry[0]))[-most:]
    return dict(sorted(kept))

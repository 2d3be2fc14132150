"""The closed lists of why something was sent, taken back, or not sent. They appear in `decisions`: only ever add."""

from __future__ import annotations

from enum import StrEnum


class FiredReason(StrEnum):
    """Why a trigger went out."""

    SENT = "sent"


class RevokedReason(StrEnum):
    """Why a trigger was taken back."""

    BOUGHT = "bought"


class DropReason(StrEnum):
    """Why a proposal came to nothing."""

    BOUGHT = "bought"
    CART_EMPTIED = "cart_emptied"
    CART_FORGOTTEN = "cart_forgotten"  # evicted: the customer has more carts than are kept
    TOO_MANY_TIMERS = "too_many_timers"
    COOLDOWN = "cooldown"
    ONCE_PER_EVENT = "once_per_event"  # another answer to the same event was sent
    ALREADY_OWNED = "already_owned"
    IN_CART = "in_cart"
    NO_ADDRESS = "no_address"
    EXPIRED = "expired"
    RULE_REMOVED = "rule_removed"  # the running rules no longer have the rule that waited

"""The closed lists of why something was sent, taken back, or not sent, and why the identity graph changed or did not.

They appear in `decisions` and `identity.changes`: only ever add.
"""

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


class IdentityReason(StrEnum):
    """Why an identifier has its customer, or was refused another."""

    FIRST_SEEN = "first_seen"
    SEEN_TOGETHER = "seen_together"
    OWNED_BY_OTHER = "owned_by_other"
    MAPPING_CAP = "mapping_cap"  # its anchor has claimed as many identifiers as one may

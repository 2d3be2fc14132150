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
    """Why an identifier has its customer or was refused, and why a merge was made, undone or refused."""

    FIRST_SEEN = "first_seen"
    SEEN_TOGETHER = "seen_together"
    LATEST_LOGIN = "latest_login"  # a device goes with whoever used it last
    OPERATOR = "operator"

    KIND_LIMIT = "kind_limit"  # the customer would have more identifiers of a kind than allowed
    MAPPING_CAP = "mapping_cap"  # … more identifiers than allowed
    MERGE_CAP = "merge_cap"  # … more merges than allowed
    CUSTOMERS_PER_VALUE = "customers_per_value"  # too many customers have claimed this value in vain
    BLOCKED = "blocked"  # an operator blocked this value
    KEPT_APART = "kept_apart"  # an operator undid a merge of these two
    EARLIER_LOGIN = "earlier_login"  # the device has been used by its owner since
    UNKNOWN_IDENTIFIER = "unknown_identifier"
    UNKNOWN_CUSTOMER = "unknown_customer"
    UNKNOWN_MERGE = "unknown_merge"
    TOO_OLD = "too_old"  # what is needed to undo the merge is no longer kept

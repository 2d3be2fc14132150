"""The closed lists of why something was sent, taken back, or not sent, and why the identity graph changed or did not.

They appear in `decisions` and `identity.changes`: only ever add.
"""

from __future__ import annotations

from enum import StrEnum


class FiredReason(StrEnum):
    """Why a trigger went out."""

    SENT = "sent"


class WaitReason(StrEnum):
    """Why a proposal waits: held for the customer's morning, deferred until there is room under a cap."""

    QUIET_HOURS = "quiet_hours"
    CAPPED = "capped"


class HoldoutReason(StrEnum):
    """Which holdout a proposal fell into."""

    GLOBAL_HOLDOUT = "global_holdout"  # the customer gets no marketing at all
    RULE_HOLDOUT = "rule_holdout"  # … gets nothing of this rule


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
    CARTED = "carted"  # what was looked at went into a cart
    FOUND = "found"  # what was searched for was looked at
    CALLED_OFF = "called_off"  # the order or appointment was cancelled
    DONE = "done"  # the appointment was kept, the review written
    REFILLED = "refilled"
    CAME_BACK = "came_back"
    GOAL_REACHED = "goal_reached"  # the customer did what the sequence was for
    SOLD_OUT = "sold_out"  # all it offers is known to be gone, or gone again before it could be told
    NOT_SO = "not_so"  # what it was about is no longer so: the balance is up again, the date has changed
    RULE_REMOVED = "rule_removed"  # the running rules no longer have the rule that waited
    CONDITION = "condition"  # the rule's `when` does not hold of the customer
    OPEN_CASE = "open_case"  # a support case is open: no marketing until it is closed
    BAD_FEEDBACK = "bad_feedback"  # the customer has just said that something is bad: no marketing for some days
    SUPPRESSED = "suppressed"  # the address bounced or complained
    NO_CONSENT = "no_consent"
    CAPPED = "capped"
    SUPERSEDED = "superseded"  # while it waited, the rule began anew about the same subject
    TOO_MANY_HELD = "too_many_held"


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
    SHARED_CODE = "shared_code"  # a referral code tells who sent it: two who send the same are still two
    KEPT_APART = "kept_apart"  # an operator undid a merge of these two
    EARLIER_LOGIN = "earlier_login"  # the device has been used by its owner since
    UNKNOWN_IDENTIFIER = "unknown_identifier"
    UNKNOWN_CUSTOMER = "unknown_customer"
    UNKNOWN_MERGE = "unknown_merge"
    TOO_OLD = "too_old"  # what is needed to undo the merge is no longer kept

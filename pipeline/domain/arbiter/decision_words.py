"""What became of a proposal, and why, in words for people: the customer's timeline, the table of a backtest."""

from __future__ import annotations

from typing import Final

OUTCOMES: Final[dict[str, str]] = {
    "fired": "sent",
    "held": "waits",
    "deferred": "put off",
    "dropped": "not sent",
    "held_out": "not sent, as a comparison",
    "revoked": "taken back",
}
"""By `Decision.outcome`."""

REASONS: Final[dict[str, str]] = {
    "sent": "the rule's condition came true and nothing spoke against it",
    "quiet_hours": "quiet hours, by the customer's clock",
    "capped": "the customer has had as many messages as a cap allows",
    "global_holdout": "the customer is one of those who get no marketing at all",
    "rule_holdout": "the customer is one of those who get nothing of this rule",
    "bought": "it was bought",
    "cart_emptied": "the cart was emptied",
    "cart_forgotten": "the customer has more carts than are kept",
    "too_many_timers": "too much was waiting for this customer already",
    "cooldown": "the same message had gone out a short while before",
    "once_per_event": "something else was sent because of the same event",
    "already_owned": "the customer has it already",
    "in_cart": "it is in the cart already",
    "no_address": "no address is known for any of the rule's channels",
    "expired": "it came too late to be of use",
    "carted": "what was looked at went into a cart",
    "found": "what was searched for was looked at",
    "called_off": "the order or appointment was called off",
    "done": "it was done already",
    "refilled": "it was bought again before",
    "came_back": "the customer came back before",
    "goal_reached": "the customer had done what it was for",
    "sold_out": "it was sold out again",
    "not_so": "what it was about is no longer so",
    "rule_removed": "the rule is no longer there",
    "condition": "the rule's condition does not hold of the customer",
    "open_case": "a support case is open",
    "bad_feedback": "the customer was unhappy a short while before",
    "suppressed": "messages to this address came back or were called spam",
    "no_consent": "the customer has not agreed to it",
    "superseded": "it began anew while it waited",
    "too_many_held": "too much was held back for this customer already",
}
"""By `Decision.reason`. A test holds that none of `domain/reasons.py` is missing."""


def in_words(outcome: str, reason: str) -> tuple[str, str]:
    """Return both in words; what a newer version writes, as it stands there.

    >>> in_words("dropped", "bought")
    ('not sent', 'it was bought')
    >>> in_words("sent_by_pigeon", "no_letterbox")
    ('sent by pigeon', 'no letterbox')
    """
    return OUTCOMES.get(outcome, outcome.replace("_", " ")), REASONS.get(reason, reason.replace("_", " "))

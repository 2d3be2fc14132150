"""Holdouts: customers who get nothing, so that what messages bring can be measured against those who do.

Who is held out is a function of tenant and customer id, and of the rule's name where it is the rule's holdout: the same
after restarts and replays; after a merge it is what the elder's id says. It is asked last, of what would have gone out
this very moment: both sides have been through the same gates, so a `held_out` decision is the exact counterpart of a
`fired` one. For the gates to stay the same afterwards, it starts the rule's cooldown and counts for the rule's own
caps like one sent. For the caps of all rules:

- who is held out of one rule lives as if that rule did not exist: nothing counts, other rules may use the room;
- who is held out of all marketing would have had the other messages too: it counts, but for marketing alone, so that
  no transactional message is kept back by one that was never sent.
"""

from __future__ import annotations

from typing import Final

from pipeline.domain.arbiter.policy import Policy
from pipeline.domain.customer.draft import Draft
from pipeline.domain.ids import fraction
from pipeline.domain.reasons import HoldoutReason
from pipeline.domain.rules.in_force import Rule

GLOBAL: Final = HoldoutReason.GLOBAL_HOLDOUT


def held_out(rule: Rule, customer: Draft, policy: Policy) -> HoldoutReason | None:
    """Return the holdout that a customer is in for messages of this rule; transactional ones have none."""
    if rule.rule_class == "transactional":
        return None
    who = ("holdout", customer.tenant, customer.customer_id)
    if policy.holdout_percent and fraction(*who) * 100 < policy.holdout_percent:
        return HoldoutReason.GLOBAL_HOLDOUT
    if rule.holdout_percent and fraction(*who, rule.name) * 100 < rule.holdout_percent:
        return HoldoutReason.RULE_HOLDOUT
    return None

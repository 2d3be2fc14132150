"""What is published of a proposal: its trigger, the decision about it, and their ids.

Ids are functions of what is proposed (tenant, customer, rule, subject, generation), never of a clock or of chance:
the same cart in the same state gives the same trigger id on every way through the pipeline, however often it runs.
A decision to wait is told apart by when it was made: there may be several before the final one.
"""

from __future__ import annotations

from base64 import b32encode
from hashlib import sha256
from typing import Literal, TypeAlias
from uuid import UUID

from pipeline.domain.arbiter.variants import split_of, variant_of
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.orders import SKUS_PER_ORDER, distinct_skus
from pipeline.domain.ids import uuid5_text
from pipeline.domain.messages.effects import Count, Effect, Publish
from pipeline.domain.reasons import DropReason, FiredReason, HoldoutReason, RevokedReason, WaitReason
from pipeline.domain.records import Decision, Offer, Outcome, Trigger
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers.steps import Drop, Fired, Held, OfferPolicy, Proposal, Revoke

_TRIGGERS = UUID("5d3c1f5e-6f0b-5c55-9a53-0c9a7d1f5a01")
_DECISIONS = UUID("5d3c1f5e-6f0b-5c55-9a53-0c9a7d1f5a02")
_CODE_LETTERS = 8  # 40 bits: two customers of a million share a code once in two campaigns, nobody guesses one

Named: TypeAlias = tuple[str, str, str, str, str]


def dropped(rules: Rules, rule: str, drop: Drop, customer: Draft) -> Effect:
    """Return the decision that a proposal came to nothing."""
    name = _name(customer, rule, drop.subject, drop.generation)
    return _decision(rules, name, "dropped", drop.reason, None, drop.due_at_ms, drop.caused_by)


def refused(rules: Rules, rule: str, proposal: Proposal, reason: DropReason, at_ms: int, customer: Draft) -> Effect:
    """Return the decision at `at_ms` that this proposal came to nothing."""
    drop = Drop(proposal.subject, proposal.generation, at_ms, proposal.caused_by, reason)
    return dropped(rules, rule, drop, customer)


def waiting(
    rules: Rules, held: Held, outcome: Literal["held", "deferred"], reason: WaitReason, at_ms: int, customer: Draft
) -> Effect:
    """Return the decision at `at_ms` that a proposal waits."""
    proposal = held.proposal
    name = _name(customer, held.rule, proposal.subject, proposal.generation)
    return _decision(rules, name, outcome, reason, None, at_ms, proposal.caused_by, str(at_ms))


def kept_out(
    rules: Rules, rule: Rule, proposal: Proposal, holdout: HoldoutReason, at_ms: int, customer: Draft
) -> Effect:
    """Return the decision that a proposal would have been sent at `at_ms` but for a holdout."""
    name = _name(customer, rule.name, proposal.subject, proposal.generation)
    return _decision(rules, name, "held_out", holdout, None, at_ms, proposal.caused_by)


def revoked(rules: Rules, revoke: Revoke, customer: Draft, at_ms: int, caused_by: str) -> list[Effect]:
    """Take a fired trigger back under its own id, because of the purchase `caused_by` at `at_ms` (B13).

    Or the merge that brought the purchase to light.
    """
    fired = revoke.fired
    customer.fired = tuple(other for other in customer.fired if other.trigger_id != fired.trigger_id)
    name = _name(customer, fired.rule, fired.subject, fired.generation)
    trigger = Trigger(
        trigger_id=fired.trigger_id,
        status="revoked",
        rule=fired.rule,
        kind=fired.kind,
        rules_version=fired.rules_version,
        tenant=customer.tenant,
        customer_id=customer.customer_id,
        channel=fired.channel,
        address=fired.address,
        caused_by=caused_by,
        due_at_ms=fired.proposed_at_ms or fired.due_at_ms,
        fired_at_ms=fired.due_at_ms,
        expires_at_ms=fired.expires_at_ms,
        items=(),
        offer=None,
        context={},
        content_variant=None,
        reason=revoke.reason,
    )
    reason = RevokedReason.BOUGHT
    return [
        Publish(customer.customer_id, trigger, caused_by),
        _decision(rules, name, "revoked", reason, fired.trigger_id, at_ms, caused_by),
    ]


def fired(
    rules: Rules,
    rule: Rule,
    proposal: Proposal,
    at_ms: int,
    customer: Draft,
    channel: str | None,
    address: str | None,
) -> list[Effect]:
    """Send a proposal at the logical time `at_ms`, and remember it as long as a purchase may overtake it."""
    name = _name(customer, rule.name, proposal.subject, proposal.generation)
    trigger_id = _uuid(_TRIGGERS, name)
    expires_at_ms = expiry_of(proposal, rule.expires_after_ms)
    variant, context = variant_of(rule, customer, rules.policy, at_ms), proposal.context
    split = split_of(rule, customer)
    if split is not None:
        variant, context = split if variant is None else f"{variant}/{split}", {**context, "split": split}
    trigger = Trigger(
        trigger_id=trigger_id,
        status="fired",
        rule=rule.name,
        kind=rule.kind,
        rules_version=rules.version,
        tenant=customer.tenant,
        customer_id=customer.customer_id,
        channel=channel,
        address=address,
        caused_by=proposal.caused_by,
        due_at_ms=proposal.due_at_ms,
        fired_at_ms=at_ms,
        expires_at_ms=expires_at_ms,
        items=proposal.items,
        offer=_offer(proposal.offer or rule.offer, trigger_id, at_ms),
        context=context,
        content_variant=variant,
        reason=proposal.reason,
    )
    customer.put_fired(
        Fired(
            trigger_id,
            rule.name,
            rule.kind,
            rules.version,
            proposal.subject,
            proposal.generation,
            proposal.about,
            proposal.since_ms,
            at_ms,
            expires_at_ms,
            channel,
            address,
            proposal.caused_by,
            0 if at_ms == proposal.due_at_ms else proposal.due_at_ms,
            proposal.part,
            _named(rules, rule, proposal),
        )
    )
    return [
        Publish(customer.customer_id, trigger, proposal.caused_by),
        _decision(rules, name, "fired", FiredReason.SENT, trigger_id, at_ms, proposal.caused_by),
    ]


def counted(draft: Draft) -> list[Effect]:
    """Return the effects, with what the counters want to know of the decisions among them: outcome and reason."""
    effects = draft.effects
    if effects:
        decisions = [e.record for e in effects if isinstance(e, Publish) and isinstance(e.record, Decision)]
        effects.extend(Count("decisions", f"{decision.outcome}_{decision.reason}") for decision in decisions)
    return effects


def expiry_of(proposal: Proposal, duration_ms: int | None) -> int | None:
    """Return when it is too late for a proposal that may wait so long (None: for ever), or has a time of its own."""
    ends = [] if duration_ms is None else [proposal.due_at_ms + duration_ms]
    return min((*ends, proposal.until_ms) if proposal.until_ms else ends, default=None)


def after(at_ms: int, duration_ms: int | None) -> int | None:
    """Return the time so much later; None for ever."""
    return None if duration_ms is None else at_ms + duration_ms


def _named(rules: Rules, rule: Rule, proposal: Proposal) -> tuple[str, ...]:
    """Return the SKUs that a message names, for kinds that want them; none where no order can have them all."""
    if not rules.logic[rule.name].remembers_items:
        return ()
    skus = distinct_skus(proposal.items)
    return skus if len(skus) <= SKUS_PER_ORDER else ()


def _offer(policy: OfferPolicy | None, trigger_id: str, at_ms: int) -> Offer | None:
    if policy is None:
        return None
    letters = b32encode(sha256(trigger_id.encode()).digest()).decode("ascii")[:_CODE_LETTERS]
    return Offer(f"{policy.code_prefix}{letters}", policy.percent, after(at_ms, policy.valid_for_ms))


def _decision(
    rules: Rules,
    name: Named,
    outcome: Outcome,
    reason: str,
    trigger_id: str | None,
    at_ms: int,
    caused_by: str,
    *instant: str,
) -> Publish:
    tenant, customer_id, rule, _, _ = name
    decision = Decision(
        decision_id=_uuid(_DECISIONS, (*name, outcome, *instant)),
        tenant=tenant,
        customer_id=customer_id,
        rule=rule,
        outcome=outcome,
        reason=str(reason),
        trigger_id=trigger_id,
        decided_at_ms=at_ms,
        rules_version=rules.version,
        caused_by=caused_by,
    )
    return Publish(customer_id, decision, caused_by)


def _name(customer: Draft, rule: str, subject: str, generation: str) -> Named:
    return (customer.tenant, customer.customer_id, rule, subject, generation)


def _uuid(namespace: UUID, parts: tuple[str, ...]) -> str:
    return uuid5_text(namespace, "\x1f".join(parts))

"""The arbiter: the one place where a proposal becomes exactly one final decision, sent or not, and why.

Ids are functions of what is proposed (tenant, customer, rule, subject, generation), never of a clock or of chance:
the same cart in the same state gives the same trigger id on every way through the pipeline, however often it runs.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterable
from hashlib import sha256
from typing import TypeAlias
from uuid import UUID

from pipeline.domain.customer_state import Draft
from pipeline.domain.hashed import is_hashed
from pipeline.domain.ids import uuid5_text
from pipeline.domain.messages import Effect, Publish
from pipeline.domain.reasons import DropReason, FiredReason, RevokedReason
from pipeline.domain.records import Decision, Offer, Outcome, Trigger
from pipeline.domain.rules import OfferPolicy, Rule, Rules
from pipeline.domain.triggers.kind import Drop, Fired, Proposal, Revoke

ADDRESS_KIND: dict[str, str] = {
    "email": "email",
    "sms": "phone",
    "call_center": "phone",
    "push": "device",
    "app": "device",
    "web": "cookie",
    "ads": "cookie",
    "voice": "voice_profile",
    "social": "social",
}
"""Channel a rule may use → the identifier kind it reaches a customer by."""

_TRIGGERS = UUID("5d3c1f5e-6f0b-5c55-9a53-0c9a7d1f5a01")
_DECISIONS = UUID("5d3c1f5e-6f0b-5c55-9a53-0c9a7d1f5a02")
_CODE_LETTERS = 8  # 40 bits: two customers of a million share a code once in two campaigns, nobody guesses one

Named: TypeAlias = tuple[str, str, str, str, str]


def settle(
    rules: Rules, proposals: Iterable[tuple[Rule, Proposal]], customer: Draft, clock_ms: int | None
) -> list[Effect]:
    """Decide proposals of the same instant, the highest priority first; return what to publish.

    `clock_ms` is the wall's time where proposals may come late (an outage), None where time is the event's own.
    """
    effects: list[Effect] = []
    ranked = sorted(proposals, key=lambda entry: (-entry[0].priority, entry[0].name, entry[1].subject))
    for rule, proposal in ranked:
        channel, address = _reach(rule, customer)
        refusal = _refusal(rule, proposal, customer, clock_ms)
        if refusal is None and rule.channels and address is None:
            refusal = DropReason.NO_ADDRESS
        if refusal is not None:
            drop = Drop(proposal.subject, proposal.generation, proposal.due_at_ms, proposal.caused_by, refusal)
            effects.append(dropped(rules, rule.name, drop, customer))
        else:
            effects.extend(_fire(rules, rule, proposal, customer, channel, address))
    return effects


def dropped(rules: Rules, rule: str, drop: Drop, customer: Draft) -> Effect:
    """Return the decision that a proposal came to nothing."""
    name = _name(customer, rule, drop.subject, drop.generation)
    return _decision(rules, name, "dropped", drop.reason, None, drop.due_at_ms, drop.caused_by)


def revoked(rules: Rules, revoke: Revoke, customer: Draft, at_ms: int, caused_by: str) -> list[Effect]:
    """Take a fired trigger back under its own id, because of the purchase `caused_by` at `at_ms` (B13)."""
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
        due_at_ms=fired.due_at_ms,
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


def _refusal(rule: Rule, proposal: Proposal, customer: Draft, clock_ms: int | None) -> DropReason | None:
    expires_at_ms = _after(proposal.due_at_ms, rule.expires_after_ms)
    if clock_ms is not None and expires_at_ms is not None and clock_ms >= expires_at_ms:
        return DropReason.EXPIRED
    last_ms = customer.cooldowns.get(rule.name)
    if rule.cooldown_ms is not None and last_ms is not None and proposal.due_at_ms < last_ms + rule.cooldown_ms:
        return DropReason.COOLDOWN
    return None


def _reach(rule: Rule, customer: Draft) -> tuple[str | None, str | None]:
    """Return the first channel of the rule with an address, and the address seen last."""
    for channel in rule.channels:
        links = customer.identifiers.get(ADDRESS_KIND[channel], {})
        seen = [(link.last_at_ms, value) for value, link in links.items() if link.linked and not is_hashed(value)]
        if seen:
            return channel, max(seen)[1]
    return None, None


def _fire(
    rules: Rules, rule: Rule, proposal: Proposal, customer: Draft, channel: str | None, address: str | None
) -> list[Effect]:
    name = _name(customer, rule.name, proposal.subject, proposal.generation)
    trigger_id = _uuid(_TRIGGERS, name)
    at_ms = proposal.due_at_ms
    expires_at_ms = _after(at_ms, rule.expires_after_ms)
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
        due_at_ms=at_ms,
        fired_at_ms=at_ms,
        expires_at_ms=expires_at_ms,
        items=proposal.items,
        offer=_offer(rule.offer, trigger_id, at_ms),
        context=proposal.context,
        content_variant=None,
        reason=proposal.reason,
    )
    if rule.cooldown_ms is not None:
        customer.start_cooldown(rule.name, at_ms)
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
        )
    )
    return [
        Publish(customer.customer_id, trigger, proposal.caused_by),
        _decision(rules, name, "fired", FiredReason.SENT, trigger_id, at_ms, proposal.caused_by),
    ]


def _offer(policy: OfferPolicy | None, trigger_id: str, at_ms: int) -> Offer | None:
    if policy is None:
        return None
    letters = b32encode(sha256(trigger_id.encode()).digest()).decode("ascii")[:_CODE_LETTERS]
    return Offer(f"{policy.code_prefix}{letters}", policy.percent, _after(at_ms, policy.valid_for_ms))


def _decision(
    rules: Rules, name: Named, outcome: Outcome, reason: str, trigger_id: str | None, at_ms: int, caused_by: str
) -> Publish:
    tenant, customer_id, rule, _, _ = name
    decision = Decision(
        decision_id=_uuid(_DECISIONS, (*name, outcome)),
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


def _after(at_ms: int, duration_ms: int | None) -> int | None:
    return None if duration_ms is None else at_ms + duration_ms

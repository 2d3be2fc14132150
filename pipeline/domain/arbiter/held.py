"""Proposals that wait for a better time, and what ends their waiting before it comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.domain.arbiter.outcomes import dropped
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import HELD_KEPT
from pipeline.domain.identity.claims import CLAIMS_WAIT_MS
from pipeline.domain.messages.effects import Effect
from pipeline.domain.reasons import DropReason
from pipeline.domain.rules.in_force import DEFAULT_PRIORITY, Rule, Rules
from pipeline.domain.triggers.steps import Drop, Held, Proposal


def put_for_claims(rules: Rules, rule: Rule, proposal: Proposal, at_ms: int, customer: Draft) -> list[Effect]:
    """Let a proposal wait until it is known who the customer is, and no longer than a minute from `at_ms` on."""
    held = Held(rule.name, at_ms + CLAIMS_WAIT_MS, proposal, rules.number, for_claims=True)
    return put(rules, held, proposal.due_at_ms, customer)


def put(rules: Rules, held: Held, at_ms: int, customer: Draft) -> list[Effect]:
    """Let a proposal wait, instead of an older one about the same; return what comes of that.

    What waits for claims leaves the older one alone: once they are answered, all is decided as if it had been known.
    """
    proposal = held.proposal
    customer.held = tuple(
        other
        for other in customer.held
        if (other.rule, other.proposal.subject, other.proposal.generation)
        != (held.rule, proposal.subject, proposal.generation)
    )
    effects = [] if held.for_claims else supersede(rules, customer, held.rule, proposal, at_ms)
    customer.held = (*customer.held, held)
    return effects + bound(rules, customer, at_ms)


def supersede(rules: Rules, customer: Draft, rule: str, proposal: Proposal, at_ms: int) -> list[Effect]:
    """Drop what a rule held about the same subject as this newer proposal; "" is no subject that two could share."""
    if not proposal.subject:
        return []
    return cancel(rules, customer, rule, proposal.subject, DropReason.SUPERSEDED, at_ms, proposal.caused_by)


def cancel(
    rules: Rules, customer: Draft, rule: str, subject: str | None, reason: DropReason, at_ms: int, cause: str
) -> list[Effect]:
    """Drop what a rule holds about `subject` (None: about any), because of the event `cause` at `at_ms`."""
    if not customer.held:
        return []
    gone = [held for held in customer.held if held.rule == rule and subject in (None, held.proposal.subject)]
    return _drop(rules, customer, gone, reason, at_ms, cause)


def after_merge(
    rules: Rules,
    judge: Callable[[Held], Rules],
    customer: Draft,
    at_ms: int,
    cause: str,
    own: Sequence[Held],
) -> list[Effect]:
    """Drop what turns out to be pointless now that another customer's state has joined (B15), or to be told twice.

    Of pieces kept for a customer only the `own`: others are offered anew (see `word_to_products.take_back`). `judge`
    tells by which rules each is judged (B29), `rules` are those in force.
    """
    given_back = [held for held in customer.held if held.proposal.keeps_a_piece and held not in own]
    effects = _drop(rules, customer, given_back, DropReason.SUPERSEDED, at_ms, cause)
    latest: dict[tuple[str, str], Held] = {}
    for held in sorted(customer.held, key=lambda each: (each.proposal.due_at_ms, each.proposal.generation)):
        about = (held.rule, held.proposal.subject)
        older = latest.get(about)
        # Of one event two may wait for claims: a series that sends twice at its beginning.
        if older is not None and held.proposal.subject and older.proposal.caused_by != held.proposal.caused_by:
            effects += _drop(rules, customer, [older], DropReason.SUPERSEDED, at_ms, cause)
        latest[about] = held
        logic = judge(held).logic.get(held.rule)
        reason = None if logic is None else logic.on_release(held.proposal, customer)
        if reason is not None:
            effects += _drop(rules, customer, [latest.pop(about)], reason, at_ms, cause)
    return effects + bound(rules, customer, at_ms)


def drop_unheard(
    rules: Rules, judge: Callable[[Held], Rules], customer: Draft, at_ms: int, cause: str
) -> tuple[Sequence[Held], Sequence[Effect]]:
    """Drop words of products that the customer, or any rule, waits for no longer: what contradicts them goes unheard.

    `judge` and `rules` as in `after_merge`. Return what was dropped, and what comes of it.
    """
    gone: list[Held] = []
    effects: list[Effect] = []
    for held in customer.held:
        if not held.proposal.is_of_a_product:
            continue
        logic = judge(held).logic.get(held.rule)
        reason = DropReason.RULE_REMOVED if logic is None else logic.on_release(held.proposal, customer)
        if reason is not None:
            gone.append(held)
            effects += _drop(rules, customer, [held], reason, at_ms, cause)
    return gone, effects


def bound(rules: Rules, customer: Draft, at_ms: int) -> list[Effect]:
    """Keep no more than `HELD_KEPT`: the lowest priority goes first, then what would be released last."""

    def worth(held: Held) -> tuple[int, int, str, str]:
        rule = rules.by_name.get(held.rule)
        priority = DEFAULT_PRIORITY if rule is None else rule.priority
        return -priority, held.release_at_ms, held.rule, held.proposal.subject

    effects: list[Effect] = []
    while len(customer.held) > HELD_KEPT:
        last = max(customer.held, key=worth)
        effects += _drop(rules, customer, [last], DropReason.TOO_MANY_HELD, at_ms, last.proposal.caused_by)
        customer.evicted("held")
    return effects


def _drop(
    rules: Rules, customer: Draft, gone: Sequence[Held], reason: DropReason, at_ms: int, cause: str
) -> list[Effect]:
    if not gone:
        return []
    customer.held = tuple(held for held in customer.held if held not in gone)
    drops = [(held, Drop(held.proposal.subject, held.proposal.generation, at_ms, cause, reason)) for held in gone]
    return [dropped(rules, held.rule, drop, customer) for held, drop in drops]

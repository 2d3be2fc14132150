"""The arbiter: the one place where a proposal becomes exactly one final decision, sent or not, and why.

One pass through gates in this order; the first that is shut decides:

1. it has expired, by its rule or because what it is about has begun; the rule's `when` does not hold; the rule has
   fired within its cooldown; it was held and has become pointless; all that it offers is known to be sold out; a
   support case is open, or the customer is upset (marketing only): **dropped**
2. no channel with an address that may be written to, and consent: **dropped**, for what came nearest to sending;
   but where no address is known at all, and hours are quiet, 3 comes first: it may be known by the morning
3. quiet hours on the customer's clock: **held** until they end
4. no such channel has room under the caps: **dropped**, or **deferred** until there is room, as the rule says
5. a holdout: **held_out**
6. **fired**, without those items that are sold out

What an event or a timer proposes comes here once it is known whose the identifiers of the customer's events are
(`RuleRunner`): before, address, consent and caps may still be another's.

What waited goes through all gates again, together with what is due at the same moment; the higher priority goes first.
What a rule has to say by then about the same subject supersedes it.
Quiet hours come before the caps because room at midnight says nothing of the morning.
What goes out then says how things are by then (`Kind.as_of_now`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

from msgspec.structs import replace

from pipeline.domain.arbiter.caps import cause_of, remember, room_at
from pipeline.domain.arbiter.held import put, supersede
from pipeline.domain.arbiter.holdout import held_out
from pipeline.domain.arbiter.outcomes import expiry_of, fired, kept_out, refused, waiting
from pipeline.domain.arbiter.reach import ways
from pipeline.domain.customer.availability import to_be_had
from pipeline.domain.customer.draft import Draft
from pipeline.domain.events import Item
from pipeline.domain.local_time import end_of, minute_of_day, within, zone_of
from pipeline.domain.messages.effects import Effect
from pipeline.domain.reasons import DropReason, WaitReason
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.time import DAY_MS
from pipeline.domain.triggers.steps import Held, Proposal, Sent

DEFERRED_AT_MOST_MS = 7 * DAY_MS
"""How long a proposal that never expires may be deferred: after a week it is no longer about what just happened (as
with `BEHIND_MS`), and a monthly cap must not let a month of messages pile up."""


Proposed: TypeAlias = tuple[Rules, Rule, Proposal]
"""A proposal with its rule, and the version of the rules that decides about it."""


def settle(
    proposals: Sequence[Proposed],
    customer: Draft,
    clock_ms: int | None,
    released: Sequence[tuple[Rules, Held]] = (),
) -> list[Effect]:
    """Decide proposals of the same instant and those `released` at it, the highest priority first.

    Each under its own version of the rules. Return what to publish. `clock_ms` is the wall's time where proposals may
    come late (an outage): quiet hours, caps and expiry go by it. None where time is the event's own.
    """
    effects: list[Effect] = []
    contenders = [(rules, rule, proposal, proposal.due_at_ms, False) for rules, rule, proposal in proposals]
    latest_ms = _latest(proposals, released)
    for rules, held in released:
        rule, release_at_ms = rules.by_name.get(held.rule), held.release_at_ms
        if rule is None:
            reason = DropReason.RULE_REMOVED
            effects.append(refused(rules, held.rule, held.proposal, reason, release_at_ms, customer))
        elif not held.for_claims and held.proposal.due_at_ms < latest_ms.get((held.rule, held.proposal.subject), 0):
            reason = DropReason.SUPERSEDED
            effects.append(refused(rules, held.rule, held.proposal, reason, release_at_ms, customer))
        else:
            instant_ms = held.proposal.due_at_ms if held.for_claims else release_at_ms
            contenders.append((rules, rule, held.proposal, instant_ms, True))
    contenders.sort(key=lambda each: (-each[1].priority, each[1].name, each[2].subject, each[3], each[2].generation))
    for rules, rule, proposal, instant_ms, was_held in contenders:
        at_ms = instant_ms if clock_ms is None else clock_ms
        effects += _decide(rules, rule, proposal, instant_ms, at_ms, customer, was_held)
    return effects


def _latest(proposals: Sequence[Proposed], released: Sequence[tuple[Rules, Held]]) -> Mapping[tuple[str, str], int]:
    """Return when the latest word of each rule about each subject was due; "" is no subject that two could share."""
    latest_ms: dict[tuple[str, str], int] = {}
    if not released:
        return latest_ms
    words = [(rule.name, proposal) for _, rule, proposal in proposals]
    words += [(held.rule, held.proposal) for _, held in released]
    for rule, proposal in words:
        if proposal.subject:
            about = (rule, proposal.subject)
            latest_ms[about] = max(proposal.due_at_ms, latest_ms.get(about, 0))
    return latest_ms


def _decide(
    rules: Rules, rule: Rule, proposal: Proposal, instant_ms: int, at_ms: int, customer: Draft, was_held: bool
) -> list[Effect]:
    """Decide one proposal. `instant_ms` is the logical time it is about and published with, `at_ms` the clock's."""
    policy = rules.policy
    if was_held:
        proposal = rules.logic[rule.name].as_of_now(proposal, customer)
    refusal = _refusal(rules, rule, proposal, instant_ms, at_ms, customer, was_held)
    if refusal is not None:
        return [refused(rules, rule.name, proposal, refusal, instant_ms, customer)]
    possible, nearest = ways(rule, customer, policy)
    zone, quiet = partial(zone_of, customer, policy.time_zone), rule.quiet_hours
    is_quiet = quiet is not None and within(quiet, minute_of_day(at_ms, zone()))
    if not possible and not (is_quiet and nearest is DropReason.NO_ADDRESS):
        return [refused(rules, rule.name, proposal, nearest, instant_ms, customer)]
    if quiet is not None and is_quiet:
        held = Held(rule.name, end_of(quiet, at_ms, zone()), proposal, rules.number)
        decision = waiting(rules, held, "held", WaitReason.QUIET_HOURS, instant_ms, customer)
        return [decision, *put(rules, held, instant_ms, customer)]
    rooms = [room_at(rule, channel, customer.sent, policy.caps, at_ms, zone) for channel, _ in possible]
    room_ms = min(rooms)
    if room_ms > at_ms:
        expires_at_ms = expiry_of(proposal, rule.expires_after_ms or DEFERRED_AT_MOST_MS) or 0
        if rule.when_capped == "drop" or room_ms >= expires_at_ms:
            return [refused(rules, rule.name, proposal, DropReason.CAPPED, instant_ms, customer)]
        held = Held(rule.name, room_ms, proposal, rules.number)
        decision = waiting(rules, held, "deferred", WaitReason.CAPPED, instant_ms, customer)
        return [decision, *put(rules, held, instant_ms, customer)]
    channel, address = possible[rooms.index(room_ms)]
    if rule.cooldown_ms is not None:
        customer.start_cooldown(rule.name, instant_ms)
    effects = supersede(rules, customer, rule.name, proposal, instant_ms)
    holdout = held_out(rule, customer, policy)
    cause = cause_of(proposal.caused_by)
    remember(Sent(at_ms, rule.name, rule.rule_class, channel or "", str(holdout or ""), cause), customer, rules)
    if proposal.told_as:
        customer.put_mark(rule.name, proposal.told_as, instant_ms)
    if holdout is not None:
        return [*effects, kept_out(rules, rule, proposal, holdout, instant_ms, customer)]
    proposal = replace(proposal, items=_to_be_had(rules, rule, proposal, customer))
    return effects + fired(rules, rule, proposal, instant_ms, customer, channel, address)


def _refusal(
    rules: Rules, rule: Rule, proposal: Proposal, instant_ms: int, at_ms: int, customer: Draft, was_held: bool
) -> DropReason | None:
    """Return why a proposal is not to be sent in any channel, now or later."""
    expires_at_ms = expiry_of(proposal, rule.expires_after_ms)
    if expires_at_ms is not None and at_ms >= expires_at_ms:
        return DropReason.EXPIRED
    if rule.when is not None and not rule.when.holds(customer, at_ms):
        return DropReason.CONDITION
    last_ms = customer.cooldowns.get(rule.name)
    if rule.cooldown_ms is not None and last_ms is not None and instant_ms < last_ms + rule.cooldown_ms:
        return DropReason.COOLDOWN
    pointless = rules.logic[rule.name].on_release(proposal, customer) if was_held else None
    if pointless is not None:
        return pointless
    if proposal.items and not _to_be_had(rules, rule, proposal, customer):
        return DropReason.SOLD_OUT
    service = customer.facets.service
    if service is None or rule.rule_class != "marketing" or rule.during_case:
        return None
    if rules.logic[rule.name].cares:
        return None
    if service.has_open_case:
        return DropReason.OPEN_CASE
    return DropReason.BAD_FEEDBACK if service.is_upset(at_ms) else None


def _to_be_had(rules: Rules, rule: Rule, proposal: Proposal, customer: Draft) -> tuple[Item, ...]:
    """Return what goes out of the items of a proposal. While it is held it has them all: one may come back."""
    return to_be_had(proposal.items, customer) if rules.logic[rule.name].sells else proposal.items

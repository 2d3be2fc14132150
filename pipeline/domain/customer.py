"""The customer actor: what happened to a customer, what waits for a time, and what comes of both."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pipeline.domain.arbiter import dropped, revoked, settle
from pipeline.domain.changes import APPLY
from pipeline.domain.claims import founded
from pipeline.domain.customer_json import customer_json
from pipeline.domain.customer_state import TIMERS_KEPT, CustomerState, Draft, arrival_order
from pipeline.domain.event_types import MERGE_CONFIRMED, MERGE_UNDONE
from pipeline.domain.identity_config import IdentityConfig
from pipeline.domain.linking import Linking
from pipeline.domain.merging import credit, part_of
from pipeline.domain.messages import (
    Arrived,
    AskComplements,
    Complements,
    Count,
    CustomerMessage,
    Effect,
    Handover,
    Publish,
    Restore,
    Send,
    product_key,
)
from pipeline.domain.reasons import DropReason
from pipeline.domain.recent import event_key, remember, remembered_digest
from pipeline.domain.records import Decision
from pipeline.domain.rules import Rule, Rules
from pipeline.domain.time import DAY_MS, HOUR_MS, Clock
from pipeline.domain.triggers.kind import Cancel, Change, Drop, Proposal, Revoke, Step, Timer, WakeAt
from pipeline.domain.waiting import EFFECTS_PER_WAKE, put, without_first

__all__ = ["CustomerActor", "CustomerState", "customer_json"]

AHEAD_MS = HOUR_MS
"""How far an event's time may lie ahead of its arrival: clocks of phones and tills are minutes off, not hours."""

BEHIND_MS = 7 * DAY_MS
"""How old an event may be on arrival and still have "just happened": an app that was offline for a holiday."""


class CustomerActor:
    """Answers: what does this event change in its customer, and what is to be sent because of it?

    An event id counts once. Contents are decided by `occurred_at`, whatever the order of arrival. A timer fires once
    and never early. On the wall clock, events apply as they arrive. On the event clock they wait in the state until
    the clock has passed them and then apply in the order of their own times, so that no interleaving matters.

    A cart filled at 1,000 ms, left alone for the hour that the rule waits:

    >>> from pipeline.domain.events import ChannelEvent, Item
    >>> from pipeline.domain.triggers.abandoned_cart import Config
    >>> actor = CustomerActor(Rules("1", [Rule("reminder", "abandoned_cart", Config(delay_ms=3_600_000))]))
    >>> event = ChannelEvent("e-1", "product_added", "web", 1_000, {"cookie": "c-9"}, items=(Item("A"),))
    >>> arrived = Arrived("default", "customer-1", (("cookie", "c-9"),), received_at_ms=1_000, digest=1, event=event)
    >>> state, effects = actor.handle(None, arrived, now_ms=1_000)
    >>> effects, actor.wakes_at(state)
    ([], 3601000)
    >>> state, (trigger, decision, _) = actor.wake(state, clock_ms=3_601_000)
    >>> trigger.record.reason, decision.record.outcome, actor.wakes_at(state)
    ('The cart with 1 item, untouched for 60 min', 'fired', None)
    """

    name = "customer"
    state_type = CustomerState
    message_type: object = CustomerMessage

    def __init__(self, rules: Rules, clock: Clock = "wall", identity: IdentityConfig | None = None) -> None:
        """Bind the actor to the rules in force, those of identity included, and to the kind of clock."""
        self._rules = rules
        self._linking = Linking(identity or IdentityConfig())
        self._event_clock = clock == "event"

    def handle(
        self, state: CustomerState | None, message: CustomerMessage, now_ms: int
    ) -> tuple[CustomerState | None, Sequence[Effect]]:
        """Apply one message. `now_ms` is the logical time of the event it goes back to."""
        if state is not None and state.graph is not None and state.graph.merged_into:
            return self._linking.forwarded(state, message)
        if isinstance(message, Complements):
            if state is None:
                return None, (Count("answers_dropped", "unknown_customer"),)
            draft = Draft(state)
            self._complements(draft, message, now_ms)
            if message.then:
                _ask(message.then, draft, message.event_id, message.asked_at_ms, message.channel)
            fired = draft.fired is not state.fired  # else the answer changed nothing
            return draft.state() if fired else state, _counted(draft)
        if not isinstance(message, Arrived):
            return self._linked(state, message)
        if state is None:
            state = founded(message)
        if not self._event_clock:
            draft = Draft(state)
            self._arrived(draft, message, message.received_at_ms)
            return draft.state(), _counted(draft)
        early, ahead = put(state.early, message, arrival_order)
        state = replace(state, early=early)
        if ahead is None:
            return state, ()
        draft = Draft(state)
        draft.effects.append(Count("applied_ahead_of_clock", self.name))
        self._arrived(draft, ahead, ahead.event.occurred_at_ms)
        return draft.state(), _counted(draft)

    def _linked(
        self, state: CustomerState | None, message: CustomerMessage
    ) -> tuple[CustomerState | None, Sequence[Effect]]:
        """Carry out a message about the identity graph; a merge may end what a rule was waiting for (B15)."""
        if state is None:
            if isinstance(message, Restore):
                return self._linking.restored(message)
            return None, self._linking.unknown(message)
        draft = Draft(state)
        pointer = self._linking.take(draft, message)
        if pointer is not None:
            return pointer, draft.effects
        if isinstance(message, Handover):
            merge = message.merge
            for timer in draft.timers:
                logic = self._rules.logic.get(timer.rule)
                reason = None if logic is None else logic.on_merge(timer, draft)
                if reason is not None:
                    draft.timers = tuple(other for other in draft.timers if other is not timer)
                    drop = Drop(timer.subject, timer.generation, merge.occurred_at_ms, merge.event_id, reason)
                    draft.effects.append(dropped(self._rules, timer.rule, drop, draft))
        return draft.state(), _counted(draft)

    def wake(self, state: CustomerState, clock_ms: int) -> tuple[CustomerState | None, Sequence[Effect]]:
        """Apply the events the clock has passed and fire the timers due, in the order of their times.

        Stops between two events when much has come of them; the rest waits for the next call.
        """
        draft = Draft(state)
        while draft.early:
            first = draft.early[0][0]
            at_ms = first.event.occurred_at_ms
            if at_ms > clock_ms:
                break
            if len(draft.effects) >= EFFECTS_PER_WAKE:
                return draft.state(), _counted(draft)
            draft.early = without_first(draft.early)
            self._fire_due(draft, at_ms - 1, clock_ms)
            self._arrived(draft, first, at_ms)
        self._fire_due(draft, clock_ms, clock_ms)
        return draft.state(), _counted(draft)

    def wakes_at(self, state: CustomerState) -> int | None:
        """Return when the earliest timer is due or the earliest waiting event happened."""
        at_ms = state.early[0][0].event.occurred_at_ms if state.early else None
        for timer in state.timers:
            if at_ms is None or timer.due_at_ms < at_ms:
                at_ms = timer.due_at_ms
        return at_ms

    # --- events -------------------------------------------------------------------------------------------------

    def _arrived(self, draft: Draft, message: Arrived, received_at_ms: int) -> None:
        event = message.event
        if draft.graph is not None:
            elsewhere = self._linking.claims.elsewhere(draft, message)
            if elsewhere:
                draft.effects.extend(elsewhere)
                return
        key = event_key(event.event_id)
        known = remembered_digest(draft.recent, key)
        if known is not None:
            counter = "duplicates" if known == message.digest else "event_conflicts"
            draft.effects.append(Count(counter, event.channel))
            return
        draft.recent, draft.generation = remember(draft.recent, draft.generation, key, message.digest, received_at_ms)
        if event.event_type == MERGE_UNDONE:
            self._linking.undo(draft, message)
            return
        at_ms = event.occurred_at_ms
        just_happened = received_at_ms - BEHIND_MS <= at_ms <= received_at_ms + AHEAD_MS
        if not just_happened:
            draft.effects.append(Count("events_out_of_time", event.channel))
            at_ms = min(at_ms, received_at_ms)
        if event.event_type == MERGE_CONFIRMED:
            self._linking.claims.link(draft, message, at_ms)
            return
        before = part_of(draft) if draft.graph is not None and draft.graph.parts else None
        if before is not None and message.part != draft.customer_id:
            draft.part = message.part
        draft.see(event.channel, at_ms, received_at_ms)
        self._linking.claims.link(draft, message, at_ms)
        apply = APPLY.get(event.event_type)
        if apply is not None:
            change = apply(draft, event, at_ms, None if just_happened else received_at_ms)
            if change is not None:
                self._consult(draft, change, just_happened)
        if before is not None:
            credit(draft, before, message.part, event.channel, at_ms, event.order_id or event.event_id)

    def _consult(self, draft: Draft, change: Change, just_happened: bool) -> None:
        """Show a change to the rules that want to see it, and carry out what they answer."""
        asked: dict[str, None] = {}
        for logic in self._rules.for_event(change.event.event_type):
            for step in logic.on_event(change, draft):
                self._take(draft, logic.rule, step, change, just_happened, asked)
        if asked:
            event = change.event
            _ask(tuple(asked), draft, event.event_id, change.at_ms, event.channel)

    def _take(
        self,
        draft: Draft,
        rule: str,
        step: Step,
        change: Change,
        just_happened: bool,
        asked: dict[str, None],
    ) -> None:
        """Carry out one step of a rule. What starts something needs an event that just happened (B23)."""
        event = change.event
        if isinstance(step, Cancel):
            for timer in draft.timers:
                if timer.rule == rule and timer.subject == step.subject:
                    draft.timers = tuple(other for other in draft.timers if other is not timer)
                    drop = Drop(timer.subject, timer.generation, change.at_ms, event.event_id, step.reason)
                    draft.effects.append(dropped(self._rules, rule, drop, draft))
        elif isinstance(step, Revoke):
            draft.effects.extend(revoked(self._rules, step, draft, change.at_ms, event.event_id))
        elif not just_happened:
            return
        elif isinstance(step, WakeAt):
            timer = Timer(rule, step.subject, step.due_at_ms, step.since_ms, event.event_id, step.reopened)
            self._arm(draft, timer)
        else:
            asked[step.sku] = None

    def _arm(self, draft: Draft, timer: Timer) -> None:
        others = tuple(other for other in draft.timers if (other.rule, other.subject) != (timer.rule, timer.subject))
        if len(others) >= TIMERS_KEPT:
            reason = DropReason.TOO_MANY_TIMERS
            drop = Drop(timer.subject, timer.generation, timer.since_ms, timer.caused_by, reason)
            draft.effects.append(dropped(self._rules, timer.rule, drop, draft))
            draft.evicted("timers")
            return
        draft.timers = (*others, timer)

    # --- time ---------------------------------------------------------------------------------------------------

    def _fire_due(self, draft: Draft, until_ms: int, clock_ms: int) -> None:
        """Fire the timers due at or before `until_ms`, instant by instant."""
        while due := [timer for timer in draft.timers if timer.due_at_ms <= until_ms]:
            instant_ms = min(timer.due_at_ms for timer in due)
            now = [timer for timer in due if timer.due_at_ms == instant_ms]
            draft.timers = tuple(timer for timer in draft.timers if timer.due_at_ms != instant_ms)
            proposals: list[tuple[Rule, Proposal]] = []
            for timer in now:
                rule = self._rules.by_name.get(timer.rule)
                if rule is None:
                    outcome: Proposal | Drop = Drop(
                        timer.subject, timer.generation, instant_ms, timer.caused_by, DropReason.RULE_REMOVED
                    )
                else:
                    outcome = self._rules.logic[timer.rule].on_time(timer, draft)
                if isinstance(outcome, Drop):
                    draft.effects.append(dropped(self._rules, timer.rule, outcome, draft))
                elif rule is not None:
                    proposals.append((rule, outcome))
            draft.effects.extend(settle(self._rules, proposals, draft, None if self._event_clock else clock_ms))

    # --- products -----------------------------------------------------------------------------------------------

    def _complements(self, draft: Draft, answer: Complements, now_ms: int) -> None:
        """Let every rule answer, and settle what they propose. An event that came too late offers nothing."""
        proposals: list[tuple[Rule, Proposal]] = []
        for rule in self._rules.rules:
            outcome = self._rules.logic[rule.name].on_complements(answer, draft)
            if outcome is None:
                continue
            answered = any(f.rule == rule.name and f.caused_by == answer.event_id for f in draft.fired)
            if isinstance(outcome, Proposal) and answered:
                reason = DropReason.ONCE_PER_EVENT
                outcome = Drop(outcome.subject, outcome.generation, outcome.due_at_ms, outcome.caused_by, reason)
            if isinstance(outcome, Drop):
                draft.effects.append(dropped(self._rules, rule.name, outcome, draft))
            else:
                proposals.append((rule, outcome))
        draft.effects.extend(settle(self._rules, proposals, draft, None if self._event_clock else now_ms))


def _ask(skus: tuple[str, ...], draft: Draft, event_id: str, at_ms: int, channel: str) -> None:
    """Ask about the first of `skus`; its answer brings the others back."""
    ask = AskComplements(draft.tenant, skus[0], draft.customer_id, event_id, at_ms, channel, skus[1:])
    draft.effects.append(Send("product", product_key(draft.tenant, skus[0]), ask))


def _counted(draft: Draft) -> list[Effect]:
    """Return the effects, with what the counters want to know of the decisions among them: outcome and reason."""
    effects = draft.effects
    if effects:
        decisions = [e.record for e in effects if isinstance(e, Publish) and isinstance(e.record, Decision)]
        effects.extend(Count("decisions", f"{decision.outcome}_{decision.reason}") for decision in decisions)
    return effects

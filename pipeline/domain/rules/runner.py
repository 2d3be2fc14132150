"""Rules at work: hooks are asked, their steps carried out, what they propose goes to the arbiter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

from pipeline.domain.arbiter import caps, held
from pipeline.domain.arbiter.outcomes import dropped, revoked
from pipeline.domain.arbiter.settle import Proposed, settle
from pipeline.domain.customer import aside
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.orders import Order
from pipeline.domain.customer.state import TIMERS_KEPT, CustomerState
from pipeline.domain.customer.word_to_products import hears_all
from pipeline.domain.identity.claims import is_claiming
from pipeline.domain.identity.graph import EMPTY
from pipeline.domain.messages.effects import Send
from pipeline.domain.messages.keys import product_key
from pipeline.domain.messages.to_customer import Complements, Merge, ProductNews, Restore
from pipeline.domain.messages.to_product import AskComplements
from pipeline.domain.reasons import DropReason
from pipeline.domain.rules.book import RuleBook
from pipeline.domain.rules.in_force import Rules
from pipeline.domain.triggers.cross_sell import ASKS_PER_EVENT
from pipeline.domain.triggers.kind import Kind
from pipeline.domain.triggers.steps import (
    Ask,
    Cancel,
    Change,
    Drop,
    Fired,
    Held,
    Mark,
    Proposal,
    Revoke,
    Step,
    Timer,
    WakeAt,
)


class RuleRunner:
    """Asks the rules about one customer, each under the version that is in force or that it began under (B29)."""

    def __init__(self, book: RuleBook, event_clock: bool) -> None:
        """On the event clock proposals are never late: they are decided as of their own time."""
        self._book = book
        self._event_clock = event_clock

    def on_event(
        self,
        draft: Draft,
        rules: Rules,
        logics: Sequence[Kind],
        change: Change,
        just_happened: bool,
        received_at_ms: int,
    ) -> None:
        """Show a change to the rules that want to see it, carry out what they answer, settle what they propose.

        An event that did not just happen starts nothing (B23). Products bought are asked for what audiences show too.
        """
        asked: dict[str, None] = {}
        if rules.asks_when_bought and just_happened:
            asked = dict.fromkeys((change.ordered or ())[:ASKS_PER_EVENT])
        proposals: list[Proposed] = []
        cause = change.event.event_id
        for logic in logics:
            if change.order is not None:
                self._take_back(draft, rules, logic, change.order, draft.fired, change.at_ms, cause)
            for step in logic.on_event(change, draft):
                if isinstance(step, Ask):
                    if just_happened:
                        asked[step.sku] = None
                elif (
                    just_happened
                    or isinstance(step, Cancel | Mark | Revoke | Drop)
                    or (logic.watches and isinstance(step, WakeAt))
                ):
                    self._take(draft, rules, logic.rule, step, change.at_ms, cause, proposals)
        if proposals:
            self._settle_known(draft, proposals, received_at_ms)
        if asked:
            _ask(tuple(asked), draft, cause, change.at_ms, change.event.channel)

    def on_complements(self, draft: Draft, answer: Complements, now_ms: int) -> None:
        """Let every rule answer, and settle what they propose. An event that came too late offers nothing."""
        proposals: list[Proposed] = []
        draft.part = "" if answer.part == draft.customer_id else answer.part
        rules = self._book.at(answer.asked_at_ms if self._event_clock else now_ms)
        if rules.asks_when_bought and answer.complements and answer.sku in draft.owned:
            draft.heard = draft.heard.answered(answer)
        for rule in rules.rules:
            for step in rules.logic[rule.name].on_complements(answer, draft):
                if isinstance(step, Proposal) and _answered(draft, rule.name, answer.event_id):
                    reason = DropReason.ONCE_PER_EVENT
                    step = Drop(step.subject, step.generation, step.due_at_ms, step.caused_by, reason)
                self._take(draft, rules, rule.name, step, answer.asked_at_ms, answer.event_id, proposals)
        self._settle_known(draft, proposals, now_ms)
        if answer.then:
            _ask(answer.then, draft, answer.event_id, answer.asked_at_ms, answer.channel)

    def on_product(self, draft: Draft, news: ProductNews, now_ms: int) -> None:
        """Let every rule answer what a product tells, and settle what they propose."""
        if hears_all(draft, news.sku):
            draft.heard = draft.heard.news(news)
        if news.there is not None:
            return
        proposals: list[Proposed] = []
        draft.part = ""
        rules = self._book.at(news.occurred_at_ms if self._event_clock else now_ms)
        for rule in rules.rules:
            for step in rules.logic[rule.name].on_product(news, draft):
                self._take(draft, rules, rule.name, step, news.occurred_at_ms, news.event_id, proposals)
        self._settle(draft, proposals, now_ms)

    def after_merge(self, draft: Draft, merge: Merge | Restore, at_ms: int, own: Sequence[Held] = ()) -> None:
        """End what waits in vain, now that another customer's state has joined (B15), or a merge was undone.

        `own` is what had been held before.
        """
        kept: dict[tuple[str, str], Timer] = {}
        for timer in draft.timers:
            rules = self._book.judge(timer.rule, timer.rules_number, at_ms)
            logic = rules.logic.get(timer.rule)
            reason = None if logic is None else logic.on_merge(timer, draft)
            about = (timer.rule, timer.subject)
            other = kept.get(about)
            if reason is None and other is None and len(kept) == TIMERS_KEPT:
                reason = DropReason.TOO_MANY_TIMERS
                draft.evicted("timers")
            if reason is None:
                kept[about] = timer if other is None or logic is None else logic.goes_on(other, timer)
                continue
            drop = Drop(timer.subject, timer.generation, merge.occurred_at_ms, merge.event_id, reason)
            draft.effects.append(dropped(rules, timer.rule, drop, draft))
        draft.timers = tuple(kept.values())
        rules = self._book.at(at_ms)
        caps.bound(draft, rules)
        judge = partial(self._judge, at_ms)
        draft.effects += held.after_merge(rules, judge, draft, merge.occurred_at_ms, merge.event_id, own)

    def take_back_bought(self, draft: Draft, before: CustomerState, merge: Merge, at_ms: int) -> None:
        """Take back what one side of a merge was sent, where the other had bought by then (B13).

        `before` is the side that goes on, as it was. An order from which on a message was waited for is no reason.
        """
        rules = self._book.at(at_ms)
        ours = {fired.trigger_id for fired in before.fired}
        for order_id, order in sorted(draft.orders.items()):
            if order.amount_minor is None:
                continue
            of_other_side = [
                fired
                for fired in draft.fired
                if (fired.trigger_id in ours) != (order_id in before.orders) and fired.since_ms < order.at_ms
            ]
            for logic in map(rules.logic.get, sorted({fired.rule for fired in of_other_side})):
                if logic is not None:
                    self._take_back(draft, rules, logic, order, of_other_side, merge.occurred_at_ms, merge.event_id)

    def drop_unheard(self, draft: Draft, event_at_ms: int, cause: str, at_ms: int) -> Sequence[Held]:
        """Drop and return what is held of products whose word the customer waits for no longer."""
        judge = partial(self._judge, at_ms)
        gone, effects = held.drop_unheard(self._book.at(at_ms), judge, draft, event_at_ms, cause)
        draft.effects += effects
        return gone

    def after_answer(self, draft: Draft, now_ms: int) -> None:
        """Decide what has waited to hear who the customer is, once that is known."""
        known = [each for each in draft.held if each.for_claims]
        if not known or is_claiming(draft):
            return
        draft.held = tuple(each for each in draft.held if each not in known)
        released = [(self._book.judge(each.rule, each.rules_number, now_ms), each) for each in known]
        self._settle(draft, (), now_ms, released)

    def fire(self, draft: Draft, instant_ms: int, clock_ms: int) -> str | None:
        """Fire the timers due at one instant, release what was held till then. Return the event it goes back to."""
        timers, waiting = draft.timers, draft.held
        draft.timers = tuple(timer for timer in timers if timer.due_at_ms != instant_ms)
        draft.held = tuple(each for each in waiting if each.release_at_ms != instant_ms)
        due = [timer for timer in timers if timer.due_at_ms == instant_ms]
        released = [(self._judge(instant_ms, each), each) for each in waiting if each.release_at_ms == instant_ms]
        proposals: list[Proposed] = []
        for timer in due:
            rules = self._book.judge(timer.rule, timer.rules_number, instant_ms)
            logic = rules.logic.get(timer.rule)
            if logic is None:
                reason = DropReason.RULE_REMOVED
                drop = Drop(timer.subject, timer.generation, instant_ms, timer.caused_by, reason)
                draft.effects.append(dropped(rules, timer.rule, drop, draft))
                continue
            draft.part = timer.part
            for step in logic.on_time(timer, draft):
                self._take(draft, rules, timer.rule, step, instant_ms, timer.caused_by, proposals)
        self._settle_known(draft, proposals, clock_ms, released)
        if not due and not released:
            return None
        return due[-1].caused_by if due else released[-1][1].proposal.caused_by

    def _take_back(
        self, draft: Draft, rules: Rules, logic: Kind, order: Order, sent: Sequence[Fired], at_ms: int, cause: str
    ) -> None:
        """Take back what a rule `sent` before it was known that this order had come first; not what went to others."""
        graph = draft.graph or EMPTY
        for fired in sent:
            if fired.part in graph.departed or fired.part in graph.apart:
                continue
            if fired.rule == logic.rule and fired.since_ms <= order.at_ms <= fired.due_at_ms:
                reason = logic.taken_back(fired, order)
                if reason is not None:
                    draft.effects += revoked(rules, Revoke(fired, reason), draft, at_ms, cause)

    def _judge(self, at_ms: int, each: Held) -> Rules:
        """Return the rules that decide at `at_ms` about what is held."""
        return self._book.judge(each.rule, each.rules_number, at_ms)

    def _take(
        self,
        draft: Draft,
        rules: Rules,
        rule: str,
        step: Step,
        at_ms: int,
        cause: str,
        proposals: list[Proposed],
    ) -> None:
        """Carry out one step of a rule under its version.

        What it proposes goes to `proposals`, to be settled with those of others.
        """
        if isinstance(step, Proposal):
            proposals.append((rules, rules.by_name[rule], replace(step, part=draft.part)))
        elif isinstance(step, WakeAt):
            timer = Timer(
                rule,
                step.subject,
                step.due_at_ms,
                step.since_ms,
                cause,
                step.by_event,
                step.note,
                rules.number,
                draft.part,
            )
            draft.effects += held.cancel(rules, draft, rule, step.subject, DropReason.SUPERSEDED, at_ms, cause)
            self._arm(draft, rules, timer, at_ms)
        elif isinstance(step, Cancel):
            aside.forget(draft, rule, step.subject)
            for timer in draft.timers:
                if timer.rule == rule and step.subject in (None, timer.subject):
                    draft.timers = tuple(other for other in draft.timers if other is not timer)
                    aside.put(draft, (timer,), at_ms)
                    drop = Drop(timer.subject, timer.generation, at_ms, cause, step.reason)
                    draft.effects.append(dropped(rules, rule, drop, draft))
            draft.effects += held.cancel(rules, draft, rule, step.subject, step.reason, at_ms, cause)
        elif isinstance(step, Mark):
            draft.put_mark(rule, step.subject, step.at_ms)
        elif isinstance(step, Revoke):
            draft.effects.extend(revoked(rules, step, draft, at_ms, cause))
        elif isinstance(step, Drop):
            draft.effects.append(dropped(rules, rule, step, draft))

    def _settle_known(
        self, draft: Draft, proposals: Sequence[Proposed], clock_ms: int, released: Sequence[tuple[Rules, Held]] = ()
    ) -> None:
        """Let the arbiter decide; what is proposed while identifiers are still claimed waits for the answer."""
        if proposals and is_claiming(draft):
            for rules, rule, proposal in proposals:
                at_ms = proposal.due_at_ms if self._event_clock else clock_ms
                draft.effects += held.put_for_claims(rules, rule, proposal, at_ms, draft)
            proposals = ()
        self._settle(draft, proposals, clock_ms, released)

    def _settle(
        self, draft: Draft, proposals: Sequence[Proposed], clock_ms: int, released: Sequence[tuple[Rules, Held]] = ()
    ) -> None:
        """Let the arbiter decide."""
        draft.effects += settle(proposals, draft, None if self._event_clock else clock_ms, released)

    def _arm(self, draft: Draft, rules: Rules, timer: Timer, at_ms: int) -> None:
        rule, subject = timer.rule, timer.subject
        others: list[Timer] = []
        replaced: list[Timer] = []
        for other in draft.timers:
            (replaced if other.rule == rule and other.subject == subject else others).append(other)
        aside.forget(draft, rule, subject)
        if len(others) >= TIMERS_KEPT:
            reason = DropReason.TOO_MANY_TIMERS
            drop = Drop(subject, timer.generation, timer.since_ms, timer.caused_by, reason)
            draft.effects.append(dropped(rules, rule, drop, draft))
            draft.evicted("timers")
            return
        draft.timers = (*others, timer)
        aside.put(draft, replaced, at_ms)


def _answered(draft: Draft, rule: str, event_id: str) -> bool:
    """Whether a rule has answered this event: sent, held for later, or held out."""
    return (
        any(fired.rule == rule and fired.caused_by == event_id for fired in draft.fired)
        or any(waiting.rule == rule and waiting.proposal.caused_by == event_id for waiting in draft.held)
        or any(sent.rule == rule and sent.held_out and sent.cause == caps.cause_of(event_id) for sent in draft.sent)
    )


def _ask(skus: tuple[str, ...], draft: Draft, event_id: str, at_ms: int, channel: str) -> None:
    """Ask about the first of `skus`; its answer brings the others back."""
    ask = AskComplements(draft.tenant, skus[0], draft.customer_id, event_id, at_ms, channel, skus[1:], part=draft.part)
    draft.effects.append(Send("product", product_key(draft.tenant, skus[0]), ask))

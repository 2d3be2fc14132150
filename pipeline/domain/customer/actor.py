"""The customer actor: what happened to a customer, what waits for a time, and what comes of both."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pipeline.domain.arbiter.outcomes import counted
from pipeline.domain.customer import aside
from pipeline.domain.customer.as_json import customer_json
from pipeline.domain.customer.changes import APPLY
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.feeds import Feeds
from pipeline.domain.customer.offers import answer_offer, answer_offers_held, give_back
from pipeline.domain.customer.recent import event_key, remember, remembered_digest
from pipeline.domain.customer.state import CustomerState, arrival_order, waits_until_ms
from pipeline.domain.customer.waiting import EFFECTS_PER_WAKE, put, without_first
from pipeline.domain.customer.word_to_products import Known, say, say_anew, take_back
from pipeline.domain.event_types import MERGE_CONFIRMED, MERGE_UNDONE, OF_OPERATORS, OPERATOR
from pipeline.domain.facets import learn
from pipeline.domain.facets.permissions import ABOUT_AN_ADDRESS
from pipeline.domain.identity.claims import founded, is_claiming
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.identity.linking import Linking
from pipeline.domain.identity.merging import credit, part_of
from pipeline.domain.messages.effects import Count, Effect, Send
from pipeline.domain.messages.keys import customer_key
from pipeline.domain.messages.to_customer import (
    Arrived,
    Complements,
    CustomerMessage,
    GraphMessage,
    Handover,
    ProductNews,
    Restore,
)
from pipeline.domain.product.demand import COUNTED, demanded
from pipeline.domain.referral_codes import is_word_to_sender
from pipeline.domain.rules.book import RuleBook
from pipeline.domain.rules.in_force import Rules
from pipeline.domain.rules.runner import RuleRunner
from pipeline.domain.time import DAY_MS, HOUR_MS, Clock
from pipeline.domain.triggers.steps import Change

__all__ = ["CustomerActor", "CustomerState", "customer_json"]

AHEAD_MS = HOUR_MS
"""How far an event's time may lie ahead of its arrival: clocks of phones and tills are minutes off, not hours."""

BEHIND_MS = 7 * DAY_MS
"""How old an event may be on arrival and still have "just happened", unless the rules file says otherwise of its
channel: an app that was offline for a holiday."""


class CustomerActor:
    """Answers: what does this event change in its customer, and what is to be sent because of it?

    An event id counts once. Contents are decided by `occurred_at`, whatever the order of arrival. A timer fires once
    and never early. On the wall clock, events apply as they arrive. On the event clock they wait in the state until
    the clock has passed them and then apply in the order of their own times, so that no interleaving matters.

    A cart filled at 1,000 ms, left alone for the hour that the rule waits:

    >>> from pipeline.domain.events import ChannelEvent, Item
    >>> from pipeline.domain.rules.in_force import Rule
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

    def __init__(
        self,
        rules: RuleBook | Rules,
        clock: Clock = "wall",
        identity: IdentityConfig | None = None,
        customers_every_ms: int = 0,
        counts_demand: bool = False,
    ) -> None:
        """Bind the actor to all versions of the rules, or the only one, to those of identity, and to a kind of clock.

        On the wall clock a message falls under the rules of its `now_ms`, on the event clock under those of the
        event's own time. What waits for a time is judged by the version it began under (B29). A changed customer is
        published once per `customers_every_ms`; 0: never. With `counts_demand`, products are told who looks at them.
        """
        self._book = rules if isinstance(rules, RuleBook) else RuleBook.of_one(rules)
        self._linking = Linking(identity or IdentityConfig())
        self._event_clock = clock == "event"
        self._run = RuleRunner(self._book, self._event_clock)
        self._feeds = Feeds(self._book, customers_every_ms)
        self._counts_demand = counts_demand

    def handle(
        self, state: CustomerState | None, message: CustomerMessage, now_ms: int
    ) -> tuple[CustomerState | None, Sequence[Effect]]:
        """Apply one message. `now_ms` is the logical time of the event it goes back to."""
        if isinstance(message, Restore) and (state is None or state.is_pointer):
            return self._restored(message, now_ms)
        if state is not None and state.is_pointer:
            if isinstance(message, ProductNews) and message.kept_until_ms is not None:
                return state, (give_back(message),)
            return self._linking.forwarded(state, message)
        if isinstance(message, Complements | ProductNews):
            return self._told_by_product(state, message, now_ms)
        if not isinstance(message, Arrived):
            return self._linked(state, message, now_ms)
        state = state or founded(message)
        if self._event_clock:
            return self._in_turn(state, message)
        draft = Draft(state)
        self._arrived(draft, message, message.received_at_ms)
        return draft.state(), counted(draft)

    def _told_by_product(
        self, state: CustomerState | None, message: Complements | ProductNews, now_ms: int
    ) -> tuple[CustomerState | None, Sequence[Effect]]:
        """Show the rules what a product answered, or tells who waits for it."""
        if state is None:
            return None, (Count("answers_dropped", "unknown_customer"),)
        if isinstance(message, Complements) and state.graph is not None and message.part in state.graph.departed:
            to = state.graph.departed[message.part]
            return state, (Send("customer", customer_key(state.tenant, to), replace(message, customer_id=to)),)
        if self._event_clock and isinstance(message, ProductNews):
            return self._in_turn(state, message)
        draft = Draft(state)
        self._heard(draft, message, now_ms)
        return (draft.state() if draft.differs_from(state) else state), counted(draft)

    def _heard(self, draft: Draft, message: Complements | ProductNews, now_ms: int) -> None:
        before, effects_before = draft.state(), len(draft.effects)
        if isinstance(message, Complements):
            clock_ms = self._time_of(message.asked_at_ms, now_ms)
            self._run.on_complements(draft, message, now_ms)
            say(draft, before, self._book.at(clock_ms).hearing, message.event_id, clock_ms)
        else:
            clock_ms = self._time_of(message.occurred_at_ms, now_ms)
            self._drop_unheard(draft, message.occurred_at_ms, message.event_id, clock_ms)
            held = draft.held
            self._run.on_product(draft, message, now_ms)
            answer_offer(draft, message, draft.effects[effects_before:], clock_ms)
            no_room = [each for each in held if each not in draft.held and each.proposal.about != message.sku]
            answer_offers_held(draft, no_room, clock_ms)
        if draft.differs_from(before):
            self._feeds.changed(draft, clock_ms, message.event_id)

    def _in_turn(
        self, state: CustomerState, message: Arrived | ProductNews
    ) -> tuple[CustomerState | None, Sequence[Effect]]:
        """Let a message wait until the clock has passed it; without room the earliest goes ahead of the clock."""
        early, ahead = put(state.early, message, arrival_order)
        state = replace(state, early=early)
        if ahead is None:
            return state, ()
        draft = Draft(state)
        draft.effects.append(Count("applied_ahead_of_clock", self.name))
        self._next(draft, ahead)
        return draft.state(), counted(draft)

    def _next(self, draft: Draft, message: Arrived | ProductNews) -> None:
        """Apply what waited, at its own time."""
        if isinstance(message, Arrived):
            self._arrived(draft, message, message.event.occurred_at_ms)
        elif message.kept_until_ms is not None and message.customer_id != draft.customer_id:
            draft.effects.append(give_back(message))  # it waited with one who is part of this one now
        else:
            self._heard(draft, message, message.occurred_at_ms)

    def _restored(self, restore: Restore, now_ms: int) -> tuple[CustomerState, Sequence[Effect]]:
        """Bring back a customer whose merge was undone."""
        draft = self._linking.restored(restore)
        at_ms = self._time_of(restore.occurred_at_ms, now_ms)
        self._run.after_merge(draft, restore, at_ms)
        self._feeds.restored(draft, at_ms, restore.event_id)
        say_anew(draft, self._book.at(at_ms).hearing, restore.event_id, at_ms)
        self._run.after_answer(draft, at_ms)
        return draft.state(), counted(draft)

    def _linked(
        self, state: CustomerState | None, message: GraphMessage, now_ms: int
    ) -> tuple[CustomerState | None, Sequence[Effect]]:
        """Carry out a message about the identity graph; a merge may end what a rule was waiting for (B15)."""
        if state is None:
            return None, self._linking.unknown(message)
        draft = Draft(state)
        pointer = self._linking.take(draft, message)
        about = message.merge if isinstance(message, Handover) else message
        at_ms = self._time_of(about.occurred_at_ms, now_ms)
        if pointer is not None:
            self._feeds.merged(draft, pointer, at_ms, about.event_id)
            take_back(draft, about.event_id, at_ms)
            return pointer, draft.effects
        if isinstance(message, Handover):
            self._run.after_merge(draft, message.merge, at_ms, state.held)
            aside.bound(draft, at_ms)
            self._run.take_back_bought(draft, state, message.merge, at_ms)
            answer_offers_held(draft, [held for held in state.held if held not in draft.held], at_ms)
            say(draft, state, self._book.at(at_ms).hearing, about.event_id, at_ms)
        self._run.after_answer(draft, at_ms)
        if draft.identifiers is not state.identifiers:
            self._feeds.changed(draft, at_ms, about.event_id)
            self._feeds.readdressed(draft, state, at_ms, about.event_id)
        return draft.state(), counted(draft)

    def wake(self, state: CustomerState, clock_ms: int) -> tuple[CustomerState | None, Sequence[Effect]]:
        """Apply the events the clock has passed, fire the timers due and release what was held, by their times.

        Stops between two instants when much has come of them; the rest waits for the next call.
        """
        draft = Draft(state)
        while not self._stands_still(draft):
            first = draft.early[0][0] if draft.early else None
            if first is None or (at_ms := waits_until_ms(first)) > clock_ms:
                self._fire_due(draft, clock_ms, clock_ms)
                break
            if not self._fire_due(draft, at_ms - 1, clock_ms):
                break
            draft.early = without_first(draft.early)
            self._next(draft, first)
        return draft.state(), counted(draft)

    def wakes_at(self, state: CustomerState) -> int | None:
        """Return when there is something to do without an event, or the earliest waiting event happened."""
        if self._stands_still(state):
            return None
        at_ms = self._next_ms(state)
        early_ms = waits_until_ms(state.early[0][0]) if state.early else None
        return early_ms if at_ms is None or (early_ms is not None and early_ms < at_ms) else at_ms

    def _time_of(self, occurred_at_ms: int, now_ms: int) -> int:
        """Return what the clock says of a message: on the event clock, the time of its event."""
        return occurred_at_ms if self._event_clock else now_ms

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
            whose = OPERATOR if event.event_type in OF_OPERATORS else event.channel
            draft.effects.append(Count(counter, whose))
            return
        draft.recent, draft.generation = remember(draft.recent, draft.generation, key, message.digest, received_at_ms)
        if event.event_type == MERGE_UNDONE:
            before_undoing = draft.state()
            self._linking.undo(draft, message)
            self._drop_unheard(draft, event.occurred_at_ms, event.event_id, received_at_ms)
            hearing = self._book.at(received_at_ms).hearing
            say(draft, before_undoing, hearing, event.event_id, received_at_ms)
            self._run.after_answer(draft, received_at_ms)
            self._feeds.changed(draft, received_at_ms, event.event_id)
            self._feeds.readdressed(draft, before_undoing, received_at_ms, event.event_id)
            return
        at_ms = event.occurred_at_ms
        rules = self._book.at(received_at_ms)
        behind_ms = rules.policy.late_ms.get(event.channel, BEHIND_MS)
        just_happened = received_at_ms - behind_ms <= at_ms <= received_at_ms + AHEAD_MS
        if not just_happened:
            draft.effects.append(Count("events_out_of_time", event.channel))
            at_ms = min(at_ms, received_at_ms)
        if event.event_type == MERGE_CONFIRMED:
            self._linking.claims.link(draft, message, at_ms, seen=False)
            return
        wanted_before = Known(draft.carts, draft.owned, draft.facets, draft.heard)
        before = part_of(draft) if draft.graph is not None and draft.graph.parts else None
        draft.part = "" if before is None or message.part == draft.customer_id else message.part
        if event.event_type in ABOUT_AN_ADDRESS:  # written as where messages go, however this event wrote it
            event = replace(event, identifiers=dict(message.identifiers))
        if not is_word_to_sender(event):
            draft.see(event.channel, at_ms, received_at_ms)
        self._linking.claims.link(draft, message, at_ms)
        draft.facets_before = draft.facets
        draft.facets = learn(draft.facets, event, at_ms)
        apply = APPLY.get(event.event_type)
        change = None if apply is None else apply(draft, event, at_ms, None if just_happened else received_at_ms)
        if self._counts_demand and event.event_type in COUNTED:
            draft.effects.extend(demanded(draft.tenant, event, at_ms))
        logics = rules.for_event(event.event_type)
        if logics or (rules.asks_when_bought and change is not None and change.ordered):
            self._run.on_event(draft, rules, logics, change or Change(event, at_ms), just_happened, received_at_ms)
        self._drop_unheard(draft, at_ms, event.event_id, received_at_ms)
        say(draft, wanted_before, rules.hearing, event.event_id, received_at_ms)
        if before is not None:
            credit(draft, before, message.part, event, at_ms)
        self._feeds.changed(draft, received_at_ms, event.event_id)

    def _drop_unheard(self, draft: Draft, event_at_ms: int, cause: str, at_ms: int) -> None:
        """Drop what is held of products the customer waits for no longer, and give back the pieces kept for it."""
        if draft.held:
            answer_offers_held(draft, self._run.drop_unheard(draft, event_at_ms, cause, at_ms), at_ms)

    # --- time ---------------------------------------------------------------------------------------------------

    def _fire_due(self, draft: Draft, until_ms: int, clock_ms: int) -> bool:
        """Fire the timers due at or before `until_ms`, release what was held, tell what is due, instant by instant.

        Return whether that is all: much may have come of it, and the rest waits for the next wake.
        """
        while (instant_ms := self._next_ms(draft)) is not None and instant_ms <= until_ms:
            if len(draft.effects) >= EFFECTS_PER_WAKE:
                return False
            released = [held for held in draft.held if held.release_at_ms == instant_ms]
            cause = self._run.fire(draft, instant_ms, clock_ms)
            answer_offers_held(draft, released, self._time_of(instant_ms, clock_ms))
            if cause is not None:
                self._feeds.changed(draft, instant_ms, cause)
            self._feeds.reached(draft, instant_ms)
        return len(draft.effects) < EFFECTS_PER_WAKE

    def _stands_still(self, customer: CustomerState | Draft) -> bool:
        """Whether nothing happens to a customer on the event clock before it is known who it is.

        The clock may leap over hours while the answer is under way: what they bring must not come before it.
        """
        return self._event_clock and is_claiming(customer)

    def _next_ms(self, customer: CustomerState | Draft) -> int | None:
        """Return when the earliest timer is due, something held is released, or there is something to tell."""
        at_ms = self._feeds.wakes_at(customer)
        for timer in customer.timers:
            if at_ms is None or timer.due_at_ms < at_ms:
                at_ms = timer.due_at_ms
        for waiting in customer.held:
            if at_ms is None or waiting.release_at_ms < at_ms:
                at_ms = waiting.release_at_ms
        return at_ms

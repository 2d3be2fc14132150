"""The product actor: what was bought together with a SKU, and what therefore goes well with it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pipeline.domain.messages import (
    AskComplements,
    BoughtTogether,
    Complement,
    Complements,
    Count,
    Effect,
    ProductMessage,
    Send,
    customer_key,
)
from pipeline.domain.product.state import ProductState
from pipeline.domain.time import Clock
from pipeline.domain.waiting import EFFECTS_PER_WAKE, put, without_first


class ProductActor:
    """Answers: what goes well with this product?

    Every order adds one basket to each of its SKUs. Confidence is the share of this SKU's baskets that held the
    other too; with more companions than are kept it is a lower bound. On the event clock, orders and
    questions wait until the clock has passed them and count in the order of their times, orders first.

    Of two orders that held a tent, one held a lamp:

    >>> actor, state = ProductActor(), None
    >>> for others in ("lamp",), ():
    ...     state, _ = actor.handle(state, BoughtTogether("default", "tent", others, occurred_at_ms=0), now_ms=0)
    >>> question = AskComplements("default", "tent", "customer-1", "e-7", asked_at_ms=0, channel="web")
    >>> state, (answer,) = actor.handle(state, question, now_ms=0)
    >>> answer.actor, answer.message.complements
    ('customer', (Complement(sku='lamp', baskets=1, confidence=0.5),))
    """

    name = "product"
    state_type = ProductState
    message_type: object = ProductMessage

    def __init__(self, clock: Clock = "wall") -> None:
        """Bind the actor to the kind of clock."""
        self._event_clock = clock == "event"

    def handle(
        self, state: ProductState | None, message: ProductMessage, now_ms: int
    ) -> tuple[ProductState | None, Sequence[Effect]]:
        """Count an order, or answer a customer. Without complements and without a next question there is no answer."""
        if not self._event_clock:
            return _applied(state, message)
        state = state or ProductState(message.tenant, message.sku)
        early, ahead = put(state.early, message, _order)
        state = replace(state, early=early)
        if ahead is None:
            return state, ()
        after, effects = _applied(state, ahead)
        return after, (Count("applied_ahead_of_clock", self.name), *effects)

    def wake(self, state: ProductState, clock_ms: int) -> tuple[ProductState | None, Sequence[Effect]]:
        """Count and answer what the clock has passed; when much has come of it, the rest waits for the next call."""
        after: ProductState | None = state
        effects: list[Effect] = []
        while after is not None and after.early and len(effects) < EFFECTS_PER_WAKE:
            first = after.early[0][0]
            if _at_ms(first) > clock_ms:
                break
            after, caused = _applied(replace(after, early=without_first(after.early)), first)
            effects.extend(caused)
        return (None if after == ProductState(state.tenant, state.sku) else after), effects

    def wakes_at(self, state: ProductState) -> int | None:
        """Return the time of the earliest message that waits."""
        return _at_ms(state.early[0][0]) if state.early else None


def _at_ms(message: ProductMessage) -> int:
    return message.occurred_at_ms if isinstance(message, BoughtTogether) else message.asked_at_ms


def _order(message: ProductMessage) -> tuple[int, bool, tuple[str, ...]]:
    """By time, orders before questions; ties by content, so that the order of arrival does not matter."""
    if isinstance(message, BoughtTogether):
        return message.occurred_at_ms, False, (str(message.gap_days), *message.others)
    return message.asked_at_ms, True, (message.customer_id, message.event_id)


def _applied(state: ProductState | None, message: ProductMessage) -> tuple[ProductState | None, Sequence[Effect]]:
    if isinstance(message, BoughtTogether):
        state = state or ProductState(message.tenant, message.sku)
        companions, effects = state.companions.bought(message)
        return replace(state, companions=companions), effects
    if state is None:
        return None, _answer(message, (), None) if message.then else ()
    complements, rhythm_days = state.companions.complements(), state.companions.rhythm_days()
    answers = bool(complements or message.then) or rhythm_days is not None
    return state, _answer(message, complements, rhythm_days) if answers else ()


def _answer(
    question: AskComplements, complements: tuple[Complement, ...], rhythm_days: float | None
) -> tuple[Effect, ...]:
    answer = Complements(
        question.tenant,
        question.customer_id,
        question.sku,
        complements,
        question.event_id,
        question.asked_at_ms,
        question.channel,
        question.then,
        rhythm_days,
    )
    return (Send("customer", customer_key(question.tenant, question.customer_id), answer),)

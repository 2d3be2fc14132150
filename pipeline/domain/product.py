"""The product actor: what was bought together with a SKU, and what therefore goes well with it."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.customer_json import Json
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
from pipeline.domain.time import Clock
from pipeline.domain.waiting import EFFECTS_PER_WAKE, Waiting, put, without_first

TOGETHER_KEPT = 200
"""SKUs counted per product. When full, a newcomer takes the place of the rarest (space-saving, Metwally 2005)."""

GAPS_FOR_A_RHYTHM = 10
"""Repurchases from which on a product has a rhythm: fewer are the habits of two or three customers."""

COMPLEMENTS_ANSWERED = 10
"""Complements per answer: the customer owns some, and wants one."""


class Pair(Struct, frozen=True, array_like=True, gc=False):
    """`counted` orders may have held both; `inherited` of them are the count of the SKU whose place this one took.

    The difference is sure: a pair is never said to be more frequent than it is.
    """

    counted: int
    inherited: int = 0

    @property
    def baskets(self) -> int:
        """Orders that surely held both."""
        return self.counted - self.inherited


class ProductState(Struct, frozen=True, array_like=True, gc=False):
    """One SKU: `baskets` orders held it; `together` counts those that also held another.

    `early` are messages the event clock has not passed yet, by time (at most `WAITING_KEPT`). `gaps` counts days
    between two purchases of one customer, rounded by `rounded_gap`.
    """

    tenant: str
    sku: str
    baskets: int = 0
    together: dict[str, Pair] = {}
    early: Waiting[ProductMessage] = ()
    gaps: dict[int, int] = {}


class ProductActor:
    """Answers: what goes well with this product?

    Every order adds one basket to each of its SKUs. Confidence is the share of this SKU's baskets that held the
    other too; with more than `TOGETHER_KEPT` companions it is a lower bound. On the event clock, orders and
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
        return _counted(state or ProductState(message.tenant, message.sku), message)
    if state is None:
        return None, _answer(message, (), None) if message.then else ()
    complements, rhythm_days = _complements(state), _rhythm_days(state.gaps)
    answers = bool(complements or message.then) or rhythm_days is not None
    return state, _answer(message, complements, rhythm_days) if answers else ()


def rounded_gap(days: int) -> int:
    """Round a gap, so that a product has at most 65 different ones: days to 30, then 5, from 120 on 15, at most 365."""
    step = 1 if days <= 30 else 5 if days <= 120 else 15
    return min(round(days / step) * step, 365)


def _rhythm_days(gaps: dict[int, int]) -> float | None:
    """Return the median gap."""
    total = sum(gaps.values())
    if total < GAPS_FOR_A_RHYTHM:
        return None
    seen = 0
    for gap in sorted(gaps):
        seen += gaps[gap]
        if seen * 2 >= total:
            return float(gap)
    return None


def product_json(state: ProductState) -> dict[str, Json]:
    """Return the product as an object with sorted keys: equal states are equal bytes."""
    return {
        "baskets": state.baskets,
        "complements": [
            {"baskets": other.baskets, "confidence": other.confidence, "sku": other.sku}
            for other in _complements(state)
        ],
        "rhythm_days": _rhythm_days(state.gaps),
        "sku": state.sku,
        "tenant": state.tenant,
    }


def _counted(state: ProductState, order: BoughtTogether) -> tuple[ProductState, Sequence[Effect]]:
    together = state.together.copy()
    effects: list[Effect] = []
    for sku in order.others:
        known = together.get(sku)
        if known is not None:
            together[sku] = Pair(known.counted + 1, known.inherited)
        elif len(together) < TOGETHER_KEPT:
            together[sku] = Pair(1)
        else:
            rarest = min(together, key=lambda other: (together[other].counted, other))
            inherited = together.pop(rarest).counted
            together[sku] = Pair(inherited + 1, inherited)
            effects.append(Count("evictions", "together"))
    gaps = state.gaps
    if order.gap_days is not None:
        gap = rounded_gap(order.gap_days)
        gaps = {**gaps, gap: gaps.get(gap, 0) + 1}
    return replace(state, baskets=state.baskets + 1, together=together, gaps=gaps), effects


def _complements(state: ProductState) -> tuple[Complement, ...]:
    """Return the best complements: by confidence, then SKU."""
    best = nsmallest(COMPLEMENTS_ANSWERED, state.together.items(), key=lambda pair: (-pair[1].baskets, pair[0]))
    return tuple(Complement(sku, pair.baskets, pair.baskets / state.baskets) for sku, pair in best)


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

"""The product actor: what a SKU is, what of it can be had, what goes well with it, and how much it is wanted."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pipeline.domain.customer.waiting import EFFECTS_PER_WAKE, put, without_first
from pipeline.domain.messages.effects import Count, Effect
from pipeline.domain.messages.to_product import (
    AskComplements,
    AskOrders,
    BoughtTogether,
    Demanded,
    OrderCounted,
    OrdersHeld,
    OrdersOf,
    OrdersTold,
    ProductMessage,
    ProductTold,
    SeenBeside,
    StockTold,
    TakenBack,
    VariantGone,
    VariantsTold,
)
from pipeline.domain.messages.waves import FromWaiters, ToWaiters, list_of
from pipeline.domain.product.answers import answered
from pipeline.domain.product.companions import Companions
from pipeline.domain.product.decay import HALF_LIFE_DAYS, Decay
from pipeline.domain.product.demand import Demand, Tally
from pipeline.domain.product.message_order import at_ms as time_of
from pipeline.domain.product.message_order import order
from pipeline.domain.product.orders_in_all import OrdersInAll
from pipeline.domain.product.state import ProductState
from pipeline.domain.product.substitutes import Substitutes
from pipeline.domain.product.told import Changed, told
from pipeline.domain.product.variants import Variants
from pipeline.domain.product.view import ViewFeed
from pipeline.domain.product.waiters import Waiters
from pipeline.domain.product.waves import Wave
from pipeline.domain.time import Clock


class ProductActor:
    """Answers: what is this product, how much of it is there and wanted, what does it cost, what goes well with it?

    What the catalogue tells settles by its own time (see `facts`, `stock`, `prices`). Every order adds one basket to
    each of its SKUs. Confidence is the share of this SKU's baskets that held the other too; with more companions than
    are kept it is a lower bound. On the event clock, everything waits until the clock has passed it and counts in the
    order of its time (see `message_order`). The categories of products, what has variants, and the counters of a
    tenant's orders have keys of their own here (see `keys`), and so have the lists of those who wait (see `waiters`).

    Of two orders that held a tent, one held a lamp:

    >>> actor, state = ProductActor(), None
    >>> for others in ("lamp",), ():
    ...     state, _ = actor.handle(state, BoughtTogether("default", "tent", others, occurred_at_ms=0), now_ms=0)
    >>> question = AskComplements("default", "tent", "customer-1", "e-7", asked_at_ms=0, channel="web")
    >>> state, (answer,) = actor.handle(state, question, now_ms=0)
    >>> answer.actor, answer.message.complements
    ('customer', (Complement(sku='lamp', baskets=1, confidence=0.5, support=None, lift=None, category=''),))
    """

    name = "product"
    state_type = ProductState
    message_type: object = ProductMessage

    def __init__(self, clock: Clock = "wall", half_life_days: int = HALF_LIFE_DAYS, views_every_ms: int = 0) -> None:
        """Bind the actor to the kind of clock, and to how fast orders fade.

        A changed product is published once per `views_every_ms`; 0: never.
        """
        self._event_clock = clock == "event"
        self._decay = Decay(half_life_days)
        self._feed = ViewFeed(views_every_ms)

    def handle(
        self, state: ProductState | None, message: ProductMessage, now_ms: int
    ) -> tuple[ProductState | None, Sequence[Effect]]:
        """Take in what was told, count, or answer a customer."""
        if not self._event_clock:
            after, effects = self._applied(state, message, now_ms)
            return _kept(self._feed.changed(state, after, now_ms)), effects
        state = state or ProductState(message.tenant, message.sku)
        early, ahead = put(state.early, message, order)
        state = replace(state, early=early)
        if ahead is None:
            return state, ()
        at_ms = time_of(ahead)
        after, effects = self._applied(state, ahead, at_ms)
        return self._feed.changed(state, after, at_ms), (Count("applied_ahead_of_clock", self.name), *effects)

    def wake(self, state: ProductState, clock_ms: int) -> tuple[ProductState | None, Sequence[Effect]]:
        """Do what the clock has passed, by its time; when much has come of it, the rest waits for the next call.

        What is told of a product at an instant knows what happened by then.
        """
        effects: list[Effect] = []
        while (due_ms := self.wakes_at(state)) is not None and due_ms <= clock_ms and len(effects) < EFFECTS_PER_WAKE:
            if state.early and time_of(state.early[0][0]) == due_ms:
                first = state.early[0][0]
                state = replace(state, early=without_first(state.early))
                after, caused = self._applied(state, first, due_ms)
                after = self._feed.changed(state, after, due_ms)
            elif state.waves is not None and state.waves.wakes_at() == due_ms:
                after, caused = _lapsed(state, due_ms, due_ms if self._event_clock else clock_ms)
            else:
                after, caused = self._feed.told(state)
            effects.extend(caused)
            state = after or ProductState(state.tenant, state.sku)
        return _kept(state), effects

    def wakes_at(self, state: ProductState) -> int | None:
        """Return when the earliest message that waits is due, a piece kept no longer, or the product told of."""
        tell_ms = self._feed.wakes_at(state)
        early_ms = time_of(state.early[0][0]) if state.early else None
        lapse_ms = None if state.waves is None else state.waves.wakes_at()
        if early_ms is None and lapse_ms is None:  # nearly always
            return tell_ms
        times = (early_ms, lapse_ms, tell_ms)
        return min((at_ms for at_ms in times if at_ms is not None), default=None)

    def _applied(
        self, state: ProductState | None, message: ProductMessage, at_ms: int
    ) -> tuple[ProductState | None, Sequence[Effect]]:
        """Apply a message as of `at_ms` by the clock."""
        if isinstance(message, Demanded):  # most messages of a shop, so first
            return _wanted(state or ProductState(message.tenant, message.sku), message)
        if isinstance(message, AskComplements):
            return state, answered(state, message)
        if isinstance(message, AskOrders):
            return state, (state.companions if state else Companions()).asked(message)
        if isinstance(message, OrdersOf):
            return state, ((state and state.orders) or OrdersInAll()).passed_on(message, self._decay)
        if state is None and isinstance(message, TakenBack | OrdersHeld):
            return None, ()
        state = state or ProductState(message.tenant, message.sku)
        match message:
            case BoughtTogether():
                return self._bought(state, message)
            case TakenBack():
                return self._taken_back(state, message)
            case SeenBeside():
                substitutes, effects = (state.substitutes or Substitutes()).seen(message, self._decay)
                return replace(state, substitutes=substitutes), effects
            case OrdersHeld():
                return replace(state, companions=state.companions.heard(message)), ()
            case OrdersTold():
                return replace(state, orders=(state.orders or OrdersInAll()).heard(message)), ()
            case OrderCounted():
                counter, effects = (state.orders or OrdersInAll()).counted(message, self._decay)
                return replace(state, orders=counter), effects
            case VariantsTold():
                variants, effects = (state.variants or Variants()).told(message)
                return replace(state, variants=variants), effects
        if isinstance(message, ProductTold | VariantGone | StockTold):
            after, changed, counts = told(state, message)
            return _waved(state, after, changed, message.update_id, at_ms, counts)
        if isinstance(message, FromWaiters):
            wave = Wave(state.tenant, state.sku, state.waves)
            wave.take(message)
            return state if wave.waves is state.waves else replace(state, waves=wave.waves), wave.effects
        assert isinstance(message, ToWaiters)
        waiters, words = (state.waiters or Waiters(list_of(message))).take(message)
        return state if waiters is state.waiters else replace(state, waiters=waiters), words

    def _bought(self, state: ProductState, order: BoughtTogether) -> tuple[ProductState, Sequence[Effect]]:
        """Count an order, and the sale where it says in which channel."""
        companions, effects = state.companions.bought(order, self._decay)
        state = replace(state, companions=companions)
        if not order.channel:
            return state, effects
        demand = state.demand or Demand(Tally(order.occurred_at_ms))
        demand, more = demand.counted("sale", order.occurred_at_ms, order.channel, order.store)
        return replace(state, demand=demand), (*effects, *more)

    def _taken_back(self, state: ProductState, back: TakenBack) -> tuple[ProductState, Sequence[Effect]]:
        """Take out of the counts what was given back, and a sale that was told twice."""
        state = replace(state, companions=state.companions.taken_back(back, self._decay))
        if not back.channel:
            return state, ()
        demand = state.demand or Demand(Tally(back.bought_at_ms))
        demand, effects = demand.counted("sale", back.bought_at_ms, back.channel, back.store, -1)
        return replace(state, demand=demand), effects


def _kept(state: ProductState | None) -> ProductState | None:
    """Return the state, None where there is nothing in it."""
    if state is None or state.demand is not None:  # which answers for most of them at no cost
        return state
    return None if state == ProductState(state.tenant, state.sku) else state


def _wanted(state: ProductState, message: Demanded) -> tuple[ProductState, Sequence[Effect]]:
    demand = state.demand or Demand(Tally(message.at_ms))
    if message.what == "rating":
        return replace(state, demand=demand.rated(message.stars)), ()
    demand, effects = demand.counted(message.what, message.at_ms, message.channel, message.store)
    return replace(state, demand=demand), effects


def _waved(
    before: ProductState,
    after: ProductState,
    changed: Changed,
    update_id: str,
    at_ms: int,
    effects: Sequence[Effect],
) -> tuple[ProductState, Sequence[Effect]]:
    """Let those who wait hear of what the catalogue has changed."""
    knew, knows = before.knows_stock, after.knows_stock
    if not changed.available and changed.price is None and knew == knows:
        return after, effects
    wave = Wave(after.tenant, after.sku, after.waves)
    if changed.available or knew != knows:
        was, now = before.available_by_size() if knew else None, after.available_by_size() if knows else None
        wave.on_availability(was, now, at_ms, update_id)
    if changed.price is not None:
        price = changed.price
        wave.on_price(price.before_minor, price.after_minor, price.currency, at_ms, update_id)
    return replace(after, waves=wave.waves), (*effects, *wave.effects)


def _lapsed(state: ProductState, due_ms: int, at_ms: int) -> tuple[ProductState, Sequence[Effect]]:
    """Let go of pieces kept until `due_ms`."""
    wave = Wave(state.tenant, state.sku, state.waves)
    wave.lapse(due_ms, at_ms)
    return replace(state, waves=wave.waves), wave.effects

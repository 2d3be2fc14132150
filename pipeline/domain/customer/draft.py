"""A customer being changed: the draft that a state is changed through."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.customer.carts import Cart
from pipeline.domain.customer.heard import Heard
from pipeline.domain.customer.orders import ORDERS_KEPT, Order
from pipeline.domain.customer.recent import Generation
from pipeline.domain.customer.state import (
    CARTS_KEPT,
    CHANNELS_KEPT,
    COOLDOWNS_KEPT,
    CURRENCIES_KEPT,
    FIRED_KEPT,
    FIRED_KEPT_MS,
    MARKS_KEPT,
    OWNED_KEPT,
    CustomerState,
    FeedTimes,
)
from pipeline.domain.customer.waiting import Waiting
from pipeline.domain.facets import Facets
from pipeline.domain.identity.graph import Graph, Link, Seen
from pipeline.domain.messages.effects import Count, Effect
from pipeline.domain.messages.to_customer import Arrived, ProductNews
from pipeline.domain.messages.waves import Hearing
from pipeline.domain.money import added
from pipeline.domain.triggers.steps import Aside, Fired, Held, Proposal, Sent, Timer


class Draft:
    """A customer being changed: a collection is replaced by a changed copy, never changed in place.

    Most events change few of them, and the state it was made from stays as it was.
    `effects` is what the changes cause, in their order; each entry dropped or refused for lack of room is among them.
    """

    __slots__ = (*CustomerState.__struct_fields__, "effects", "facets_before", "part")

    tenant: str
    customer_id: str
    founder: str
    identifiers: dict[str, dict[str, Link]]
    channels: dict[str, Seen]
    events: int
    first_seen_at_ms: int | None
    last_seen_at_ms: int | None
    last_received_at_ms: int | None
    carts: dict[str, Cart]
    closed_at_ms: int
    orders: dict[str, Order]
    orders_counted: int
    spend_minor: dict[str, int]
    owned: dict[str, int]
    timers: tuple[Timer, ...]
    cooldowns: dict[str, int]
    fired: tuple[Fired, ...]
    recent: bytes
    early: Waiting[Arrived | ProductNews]
    graph: Graph | None
    facets: Facets
    held: tuple[Held, ...]
    sent: tuple[Sent, ...]
    marks: dict[str, int]
    facets_before: Facets
    generation: Generation
    feed: FeedTimes
    hears: Hearing
    heard: Heard
    aside: tuple[Aside, ...]
    part: str
    effects: list[Effect]

    def __init__(self, state: CustomerState) -> None:
        """Begin with what is known."""
        self.tenant = state.tenant
        self.customer_id = state.customer_id
        self.founder = state.founder
        self.identifiers = state.identifiers
        self.channels = state.channels
        self.events = state.events
        self.first_seen_at_ms = state.first_seen_at_ms
        self.last_seen_at_ms = state.last_seen_at_ms
        self.last_received_at_ms = state.last_received_at_ms
        self.carts = state.carts
        self.closed_at_ms = state.closed_at_ms
        self.orders = state.orders
        self.orders_counted = state.orders_counted
        self.spend_minor = state.spend_minor
        self.owned = state.owned
        self.timers = state.timers
        self.cooldowns = state.cooldowns
        self.fired = state.fired
        self.recent = state.recent
        self.early = state.early
        self.graph = state.graph
        self.facets = self.facets_before = state.facets
        self.held = state.held
        self.sent = state.sent
        self.marks = state.marks
        self.generation = state.generation
        self.feed = state.feed
        self.hears = state.hears
        self.heard = state.heard
        self.aside = state.aside
        self.part = ""
        self.effects = []

    def state(self) -> CustomerState:
        """Return the customer as changed. The draft must not be used after."""
        return CustomerState(
            self.tenant,
            self.customer_id,
            self.founder,
            self.identifiers,
            self.channels,
            self.events,
            self.first_seen_at_ms,
            self.last_seen_at_ms,
            self.last_received_at_ms,
            self.carts,
            self.closed_at_ms,
            self.orders,
            self.orders_counted,
            self.spend_minor,
            self.owned,
            self.timers,
            self.cooldowns,
            self.fired,
            self.recent,
            self.early,
            self.graph,
            self.facets,
            self.held,
            self.sent,
            self.marks,
            self.generation,
            self.feed,
            self.hears,
            self.heard,
            self.aside,
        )

    def differs_from(self, state: CustomerState) -> bool:
        """Whether anything has changed since the draft was made from `state`."""
        return any(getattr(self, name) is not getattr(state, name) for name in CustomerState.__struct_fields__)

    def evicted(self, collection: str) -> None:
        """Count that a collection dropped or refused an entry for lack of room."""
        self.effects.append(Count("evictions", collection))

    def see(self, channel: str, at_ms: int, received_at_ms: int) -> None:
        """Note that a channel saw the customer."""
        self.events += 1
        if self.first_seen_at_ms is None or at_ms < self.first_seen_at_ms:
            self.first_seen_at_ms = at_ms
        if self.last_seen_at_ms is None or at_ms > self.last_seen_at_ms:
            self.last_seen_at_ms = at_ms
        if self.last_received_at_ms is None or received_at_ms > self.last_received_at_ms:
            self.last_received_at_ms = received_at_ms
        seen = self.channels.get(channel)
        if seen is not None:
            last_at_ms = at_ms if at_ms > seen.last_at_ms else seen.last_at_ms
            self.channels = {**self.channels, channel: Seen(seen.events + 1, last_at_ms)}
        elif len(self.channels) < CHANNELS_KEPT:
            self.channels = {**self.channels, channel: Seen(1, at_ms)}
        else:
            self.evicted("channels")

    def put_cart(self, cart_id: str, cart: Cart) -> None:
        """Keep a cart. Beyond the bound the one changed or bought longest ago goes, one with nothing in it first."""
        kept = {**self.carts, cart_id: cart}
        if len(kept) > CARTS_KEPT:
            others = (entry for entry in kept.items() if entry[0] != cart_id)
            del kept[min(others, key=cart_age)[0]]
            self.evicted("carts")
        self.carts = kept

    def put_order(self, order_id: str, order: Order) -> None:
        """Keep an order, and bring what was spent and what is owned in line with it.

        Beyond the bound the oldest of the others goes: a late order is still known when it is told again. A
        placeholder goes first.
        """
        before = self.orders.get(order_id)
        spent = order.spent_minor - (before.spent_minor if before else 0)
        if spent or order.amount_minor is not None:
            if order.currency in self.spend_minor or len(self.spend_minor) < CURRENCIES_KEPT:
                sum_minor = added(self.spend_minor.get(order.currency, 0), spent)
                self.spend_minor = {**self.spend_minor, order.currency: sum_minor}
            else:
                self.evicted("spend_minor")
        if self.part and before is None:
            order = replace(order, part=self.part)
        kept = {**self.orders, order_id: order}
        if len(kept) > ORDERS_KEPT:
            others = (entry for entry in kept.items() if entry[0] != order_id)
            del kept[min(others, key=_order_age)[0]]
            self.evicted("orders")
        self.orders = kept
        self._own(order)
        if before is not None and (gone := set(before.kept_skus).difference(order.kept_skus)):
            self.disown(gone)

    def disown(self, skus: set[str]) -> None:
        """Of what an order of `skus` brought keep what other orders tell, since when these do."""
        still: dict[str, int] = {}
        for order in self.orders.values():
            for sku in skus.intersection(order.kept_skus):
                still[sku] = max(order.at_ms, still.get(sku, order.at_ms))
        self.owned = {
            sku: still.get(sku, at_ms) for sku, at_ms in self.owned.items() if sku not in skus or sku in still
        }

    def put_fired(self, fired: Fired) -> None:
        """Remember a trigger that went out, and forget those that no purchase will overtake any more.

        What is kept does not depend on the order in which they went out: answers of products come in any.
        """
        known = sorted((*self.fired, fired), key=lambda each: (each.due_at_ms, each.rule, each.trigger_id))
        since_ms = known[-1].due_at_ms - FIRED_KEPT_MS
        kept = [each for each in known if each.due_at_ms >= since_ms]
        if len(kept) > FIRED_KEPT:
            self.evicted("fired")
        self.fired = tuple(kept[-FIRED_KEPT:])

    def start_cooldown(self, rule: str, at_ms: int) -> None:
        """Remember when a rule fired."""
        kept = {**self.cooldowns, rule: max(at_ms, self.cooldowns.get(rule, at_ms))}
        if len(kept) > COOLDOWNS_KEPT:
            del kept[min(kept, key=lambda other: (kept[other], other))]
            self.evicted("cooldowns")
        self.cooldowns = kept

    def mark(self, rule: str, subject: str) -> int | None:
        """Return what a rule marked under `subject`."""
        return self.marks.get(f"{rule}\x1f{subject}")

    def waits_until(self, rule: str, subject: str) -> int | None:
        """Return the time a rule waits for about this subject; None if it does not."""
        for timer in self.timers:
            if timer.rule == rule and timer.subject == subject:
                return timer.due_at_ms
        return None

    def waiting(self, rule: str) -> int:
        """Return how many subjects a rule waits for a time about."""
        return sum(timer.rule == rule for timer in self.timers)

    def held_about(self, rule: str, subject: str) -> Proposal | None:
        """Return a rule's message about this subject that waits for a better time."""
        for held in self.held:
            if held.rule == rule and held.proposal.subject == subject:
                return held.proposal
        return None

    def put_mark(self, rule: str, subject: str, at_ms: int | None) -> None:
        """Remember a time for a rule, or forget it."""
        name = f"{rule}\x1f{subject}"
        kept = {key: value for key, value in self.marks.items() if key != name}
        if at_ms is not None:
            kept[name] = at_ms
        self.marks = kept
        self.bound_marks()

    def bound_marks(self) -> None:
        """Keep no more than `MARKS_KEPT`."""
        if len(self.marks) <= MARKS_KEPT:
            return
        self.evicted("marks")
        of_rule: dict[str, list[tuple[int, str]]] = {}
        for name, at_ms in self.marks.items():
            of_rule.setdefault(name.partition("\x1f")[0], []).append((at_ms, name))
        gone: set[str] = set()
        while len(self.marks) - len(gone) > MARKS_KEPT:
            most = of_rule[max(of_rule, key=lambda rule: (len(of_rule[rule]), rule))]
            most.sort(reverse=True)
            gone.add(most.pop()[1])
        self.marks = {name: at_ms for name, at_ms in self.marks.items() if name not in gone}

    def _own(self, order: Order) -> None:
        if not order.kept_skus:
            return
        owned = self.owned.copy()
        for sku in order.kept_skus:
            owned[sku] = max(order.at_ms, owned.get(sku, order.at_ms))
        if len(owned) > OWNED_KEPT:
            self.evicted("owned")
        while len(owned) > OWNED_KEPT:
            del owned[min(owned, key=lambda sku: (owned[sku], sku))]
        self.owned = owned


def cart_age(entry: tuple[str, Cart]) -> tuple[bool, int, str]:
    """Order carts by what may go first: one with nothing in it, then the one changed or bought longest ago."""
    cart_id, cart = entry
    return cart.is_open, max(cart.changed_at_ms, cart.closed_at_ms), cart_id


def _order_age(entry: tuple[str, Order]) -> tuple[bool, int, str]:
    """Order orders by what may go first: one never heard of but for its end, then the oldest."""
    order_id, order = entry
    return order.amount_minor is not None, order.at_ms, order_id


def former(customer: CustomerState | Draft) -> set[str]:
    """Return the ids of the customers this one was merged from."""
    graph = customer.graph
    return set() if graph is None else (graph.parts.keys() | graph.settled.keys()) - {customer.customer_id}

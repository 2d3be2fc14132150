"""A market: many customers and the products they wait for, each actor real, messages in any order that Kafka may give.

    market = Market(a_rule("back_in_stock")).at("10:00").stock({"": 0}).asks("ann", "bob").stock({"": 1})
    assert market.fired == [("10:00", "back_in_stock", "ann")]

Every actor's key is a lane of its own: what one sends another arrives in that order, what different ones send in any.
Each step checks that states survive encoding, and that no more is offered than there is.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from random import Random
from typing import Any
from zlib import crc32

import msgspec
from msgspec.structs import replace

from pipeline.domain.customer.actor import CustomerActor, CustomerState
from pipeline.domain.customer.draft import Draft
from pipeline.domain.event_types import MERGE_UNDONE
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.identity.limits import standing
from pipeline.domain.messages.effects import Effect, Publish, Send
from pipeline.domain.messages.keys import customer_key, product_key
from pipeline.domain.messages.to_customer import Arrived, Meet, Merge
from pipeline.domain.messages.to_product import CatalogMessage, ProductTold, StockTold
from pipeline.domain.messages.waves import TellWaiters, Waits, waiters_key
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.product.state import ProductState
from pipeline.domain.product.waiters import Waiters
from pipeline.domain.product.waves import Waves
from pipeline.domain.records import Decision, Trigger
from pipeline.domain.rules.book import RuleBook
from pipeline.domain.rules.in_force import Rule, Rules
from tests.unit.domain.triggers.story import a_rule, at_ms, clock_of, event

SKU = "A"
STATES: dict[str, Any] = {
    "customer": msgspec.msgpack.Decoder(CustomerState),
    "product": msgspec.msgpack.Decoder(ProductState),
}


class Market:
    """One product, its customers, a clock. See the module."""

    def __init__(self, *rules: Rule, seed: int = 0) -> None:
        self.book = RuleBook.of_one(Rules("test", rules))
        self.actors: dict[str, Any] = {"customer": CustomerActor(self.book), "product": ProductActor()}
        self.states: dict[tuple[str, str], Any] = {}
        self.records: list[Trigger | Decision] = []
        self.counts: Counter[str] = Counter()
        #: Messages by sender and receiver, and how many were handled by kind.
        self.handled: Counter[str] = Counter()
        self.most_effects = self.biggest_state = 0
        self.now_ms = 0
        self._queues: dict[tuple[str, tuple[str, str]], deque[Any]] = {}
        self._chance = Random(seed)
        self._told = 0

    # --- telling ---

    def at(self, clock: str) -> Market:
        """Let the clock reach a time, stopping wherever somebody waits for one."""
        return self.until(at_ms(clock))

    def until(self, clock_ms: int) -> Market:
        while True:
            due = {
                place: wakes_at
                for place, state in self.states.items()
                if (wakes_at := self.actors[place[0]].wakes_at(state)) is not None and wakes_at <= clock_ms
            }
            if not due:
                break
            place = min(due, key=lambda each: (due[each], each))
            self.now_ms = max(self.now_ms, due[place])
            self._keep(place, *self.actors[place[0]].wake(self.states[place], self.now_ms))
            self.settle()
        self.now_ms = clock_ms
        return self

    def tell(self, customer_id: str, told: ChannelEvent) -> Market:
        """Tell a customer an event, and leave what comes of it under way."""
        self._told += 1
        at = told.occurred_at_ms or self.now_ms
        told = replace(told, event_id=told.event_id or f"e-{self._told}", occurred_at_ms=at)
        identifiers = (("cookie", customer_id),)
        told = replace(told, identifiers=dict(identifiers))
        digest = crc32(msgspec.msgpack.encode(told))
        message = Arrived("default", customer_id, identifiers, self.now_ms, digest, told, customer_id)
        self.put("producer", "customer", customer_key("default", customer_id), message)
        return self

    def asks(self, *customers: str, size: str | None = None) -> Market:
        """Let customers ask to be told of the product, one after the other."""
        for customer_id in customers:
            items = (Item(SKU, attributes={} if size is None else {"size": size}),)
            self.tell(customer_id, event("stock_alert_requested", items=items)).settle()
        return self

    def wishes(self, *customers: str) -> Market:
        for customer_id in customers:
            self.tell(customer_id, event("product_added_to_wishlist", items=(Item(SKU, 1, 100, "EUR"),))).settle()
        return self

    def carts(self, *customers: str, quantity: int = 1) -> Market:
        for customer_id in customers:
            self.tell(customer_id, event("product_added", items=(Item(SKU, quantity, 100, "EUR"),))).settle()
        return self

    def buys(self, *customers: str) -> Market:
        for customer_id in customers:
            self._told += 1
            order = event("order_completed", items=(Item(SKU),), order_id=f"o-{self._told}")
            self.tell(customer_id, order).settle()
        return self

    def meets(self, junior: str, senior: str) -> Market:
        """Let two customers turn out to be one."""
        other = self.states.get(("customer", customer_key("default", senior)))
        if other is None or other.is_pointer:
            return self
        facts = standing(Draft(other))
        self._told += 1
        meet = Meet("default", junior, facts, ("cookie", senior), senior, "", f"e-{self._told}", self.now_ms)
        self.put("identity", "customer", customer_key("default", junior), meet)
        return self

    def parts(self, senior: str) -> Market:
        """Let the last merge into a customer turn out to be wrong."""
        merges = self.merges(senior)
        return self.tell(senior, event(MERGE_UNDONE, properties={"merge_id": merges[-1].merge_id}))

    def merges(self, senior: str) -> tuple[Merge, ...]:
        """Return what a customer has been merged from, so far as it is no part of another."""
        graph = self.customer(senior).graph
        return () if graph is None else graph.merges

    def stock(self, pieces: dict[str, int]) -> Market:
        """Let there be so many pieces by size from now on, and everything that follows happen."""
        return self.stock_under_way(pieces).settle()

    def stock_under_way(self, pieces: dict[str, int]) -> Market:
        self._told += 1
        levels = tuple(("", size, count) for size, count in pieces.items())
        return self._catalogue(StockTold("default", SKU, f"s-{self._told}", self.now_ms, "full", levels, self._told))

    def orderable(self, beyond_stock: bool) -> Market:
        """Let it be sold from now on whatever the stock says, or no longer, and everything that follows happen."""
        return self.orderable_under_way(beyond_stock).settle()

    def orderable_under_way(self, beyond_stock: bool) -> Market:
        self._told += 1
        told = ProductTold("default", SKU, f"p-{self._told}", self.now_ms, self._told, backorder=beyond_stock)
        return self._catalogue(told)

    def sold(self, is_sold: bool) -> Market:
        """Let it be sold from now on, or no longer (deleted), and everything that follows happen."""
        self._told += 1
        told = ProductTold("default", SKU, f"p-{self._told}", self.now_ms, self._told, deleted=not is_sold)
        return self._catalogue(told).settle()

    def costs(self, price_minor: int, currency: str = "EUR") -> Market:
        return self.costs_under_way(price_minor, currency).settle()

    def costs_under_way(self, price_minor: int, currency: str = "EUR") -> Market:
        self._told += 1
        told = ProductTold(
            "default", SKU, f"p-{self._told}", self.now_ms, self._told, unit_price_minor=price_minor, currency=currency
        )
        return self._catalogue(told)

    def _catalogue(self, message: CatalogMessage) -> Market:
        self.put("catalogue", "product", product_key("default", SKU), message)
        return self

    # --- messages ---

    def put(self, sender: str, actor: str, key: str, message: Any) -> None:
        self._queues.setdefault((sender, (actor, key)), deque()).append(message)

    def step(self) -> bool:
        """Handle one message, of any lane; return whether there was one."""
        if not self._queues:
            return False
        lane = self._chance.choice(sorted(self._queues))
        queue = self._queues[lane]
        message = queue.popleft()
        if not queue:
            del self._queues[lane]
        place = lane[1]
        self.handled[type(message).__name__] += 1
        message = msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=self.actors[place[0]].message_type)
        self._keep(place, *self.actors[place[0]].handle(self.states.get(place), message, self.now_ms))
        return True

    def settle(self) -> Market:
        while self.step():
            pass
        return self

    def _keep(self, place: tuple[str, str], state: Any, effects: Sequence[Effect]) -> None:
        self.most_effects = max(self.most_effects, len(effects))
        if state is None:
            self.states.pop(place, None)
        else:
            encoded = msgspec.msgpack.encode(state)
            self.biggest_state = max(self.biggest_state, len(encoded))
            self.states[place] = STATES[place[0]].decode(encoded)
            assert self.states[place] == state
        for effect in effects:
            if isinstance(effect, Publish):
                if isinstance(effect.record, Trigger | Decision):
                    self.records.append(effect.record)
            elif isinstance(effect, Send):
                if isinstance(effect.message, TellWaiters):
                    self._check_offer(state, effect.message)
                if effect.actor != "identity":
                    self.put(":".join(place), effect.actor, effect.key, effect.message)
            else:
                self.counts[f"{effect.counter}/{effect.reason}"] += 1

    def _check_offer(self, state: ProductState, tell: TellWaiters) -> None:
        assert state.waves is not None
        for size in {offer.size for offer in tell.offers}:
            kept = sum(hold.pieces for hold in state.waves.holds if hold.size == size)
            assert kept >= sum(offer.size == size for offer in tell.offers), "a piece was offered and not kept"
            assert kept <= state.waves.pieces[size], "more was offered than there is"

    def lists(self, lists: dict[int, Waiters]) -> Market:
        """Let these waiting lists be there, known to their product."""
        for shard, waiters in lists.items():
            self.states["product", waiters_key("default", SKU, shard)] = ProductState("default", SKU, waiters=waiters)
            waits = Waits("default", SKU, shard, self.now_ms, waits=True)
            self.put(f"list-{shard}", "product", product_key("default", SKU), waits)
        return self.settle()

    # --- what came of it ---

    @property
    def waves(self) -> Waves:
        state = self.states.get(("product", product_key("default", SKU)))
        return Waves() if state is None or state.waves is None else state.waves

    def customer(self, customer_id: str) -> CustomerState:
        found: CustomerState = self.states["customer", customer_key("default", customer_id)]
        return found

    @property
    def triggers(self) -> list[Trigger]:
        return [record for record in self.records if isinstance(record, Trigger)]

    @property
    def fired(self) -> list[tuple[str, str]]:
        """When, and to whom."""
        return [(clock_of(each.fired_at_ms), each.customer_id) for each in self.triggers if each.status == "fired"]

    @property
    def told(self) -> set[str]:
        return {customer_id for _, customer_id in self.fired}

    @property
    def waiting(self) -> dict[str, Any]:
        """Everybody in the waiting lists."""
        found: dict[str, Any] = {}
        for (actor, _), state in self.states.items():
            if actor == "product" and state.waiters is not None:
                found.update(state.waiters.customers)
        return found


def back(**fields: Any) -> Rule:
    return a_rule("back_in_stock", **fields)


def sold_out(*rules: Rule) -> Market:
    return Market(*rules or (back(),)).at("10:00").stock({"": 0})

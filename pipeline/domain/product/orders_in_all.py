"""How many orders a tenant has in all: counted by a few keys, none of which sees every order.

An order goes to one of `COUNTERS`. Each tells the others whenever its own count has grown by a `GROWTH`th, so that any
of them can be asked: what it says is at most a `GROWTH`th behind.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from pipeline.domain.messages.effects import Effect, Send
from pipeline.domain.messages.keys import product_key
from pipeline.domain.messages.to_product import OrderCounted, OrdersHeld, OrdersOf, OrdersTold
from pipeline.domain.product.decay import Decay, Weight
from pipeline.domain.product.keys import COUNTERS, counter_key

GROWTH = 128
"""So counters tell each other some 500 times until they have 2,500 orders; later every second day, where half of the
weight fades in 180 days."""


class OrdersInAll(Struct, frozen=True, array_like=True, gc=False):
    """One counter: its `own` orders, what it `told` the others of them last, and what the others told it."""

    own: Weight = Weight()
    told: Weight = Weight()
    others: dict[str, Weight] = {}

    def counted(self, order: OrderCounted, decay: Decay) -> tuple[OrdersInAll, list[Effect]]:
        """Count an order, or one that was given back whole; tell the others where they should know."""
        at_ms = order.occurred_at_ms
        amount = 1.0
        if order.taken_back_ms is not None:
            amount = -decay.factor(at_ms - order.taken_back_ms)
        own = self.own.plus(amount, at_ms, decay)
        if abs(own.weight - self.told.at(own.at_ms, decay)) * GROWTH <= own.weight:
            return OrdersInAll(own, self.told, self.others), []
        return OrdersInAll(own, own, self.others), list(_told(order.tenant, order.sku, own))

    def heard(self, word: OrdersTold) -> OrdersInAll:
        """Take down what another has counted."""
        known = self.others.get(word.teller)
        if known is not None and known.at_ms > word.at_ms:
            return self
        others = {**self.others, word.teller: Weight(word.weight, word.at_ms)}
        return OrdersInAll(self.own, self.told, others)

    def passed_on(self, word: OrdersOf, decay: Decay) -> list[Effect]:
        """Tell those who should know it how many orders hold a product, and how many there are.

        Both as of one moment: that of the latest order, where a product speaks because of one that came late.
        """
        counted = (self.own, *self.others.values())
        at_ms = max(word.at_ms, *(each.at_ms for each in counted))
        weight = word.weight * decay.factor(at_ms - word.at_ms)
        orders = sum(each.at(at_ms, decay) for each in counted)
        return [
            Send(
                "product",
                product_key(word.tenant, sku),
                OrdersHeld(word.tenant, sku, word.of, weight, orders, word.category, at_ms),
            )
            for sku in word.to
        ]


def _told(tenant: str, key: str, own: Weight) -> Iterator[Send]:
    for number in range(COUNTERS):
        other = counter_key(number)
        if other != key:
            word = OrdersTold(tenant, other, key, own.weight, own.at_ms)
            yield Send("product", product_key(tenant, other), word)

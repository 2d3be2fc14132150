"""Whatever happens in whatever order: a word held back says what is so when it goes out, in the end all are told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.domain.customer.wants import own_size, wants_of
from pipeline.domain.events import Item
from pipeline.domain.messages.waves import Want
from pipeline.domain.records import Trigger
from pipeline.domain.time import DAY_MS, MINUTE_MS
from tests.harness.rounds import ROUNDS
from tests.unit.domain.product.market import SKU, Market
from tests.unit.domain.triggers.story import a_rule, event

CUSTOMERS = ("ann", "bob", "cid")
BIT = Want.CART | Want.WISH

customers = st.sampled_from(CUSTOMERS)
pieces = st.sampled_from((0, 1, 2, 3, 9))
moves = st.one_of(
    st.tuples(st.just("wish"), customers),
    st.tuples(st.just("unwish"), customers),
    st.tuples(st.just("cart"), customers, st.sampled_from((None, "38", "40"))),
    st.tuples(st.just("empty"), customers),
    st.tuples(st.just("buy"), customers),
    *(st.tuples(st.just("price"), st.sampled_from((100, 95, 85, 80, 70))) for _ in "often"),
    *(st.tuples(st.just("stock"), pieces, pieces) for _ in "often"),
    st.tuples(st.just("merge"), customers, customers),
    st.tuples(st.just("part"), customers),
    st.tuples(st.just("steps"), st.integers(1, 20)),
    st.tuples(st.just("pass"), st.sampled_from((1, 100, 700))),
)


class Model:
    """Carries moves out on a market in which all words wait for eight in the evening."""

    def __init__(self, seed: int) -> None:
        rules = (a_rule(kind, quiet_hours="09:00-20:00") for kind in ("price_drop", "low_stock"))
        self.market = Market(*rules, seed=seed).at("10:00").costs(100).stock({"38": 9, "40": 9})
        self.pieces, self.price, self.orders = {"38": 9, "40": 9}, 100, 0

    def move(self, what: str, *words: Any) -> None:
        """What the catalogue tells stays under way; what customers do has arrived everywhere before it goes on."""
        market = self.market
        match what:
            case "price":
                self.price = words[0]
                market.costs_under_way(self.price)
            case "stock":
                self.pieces = {"38": words[0], "40": words[1]}
                market.stock_under_way(self.pieces)
            case "steps":
                for _ in range(words[0]):
                    market.step()
            case "pass":
                market.settle()
                before = len(market.triggers)
                market.until(market.now_ms + words[0] * MINUTE_MS)
                for trigger in market.triggers[before:]:
                    self.check(trigger)
            case _:
                self.customer(what, *words)
                market.settle()

    def customer(self, what: str, customer_id: str, word: Any = None) -> None:
        market, cart_id = self.market, f"cart-of-{customer_id}"
        match what:
            case "wish":
                self.wants(customer_id, "product_added_to_wishlist")
            case "unwish":
                market.tell(customer_id, event("product_removed_from_wishlist", items=(Item(SKU),)))
            case "cart":
                self.wants(customer_id, "product_added", word)
            case "empty":
                market.tell(customer_id, event("cart_emptied", cart_id=cart_id))
            case "buy":
                self.orders += 1
                market.tell(customer_id, event("order_completed", items=(Item(SKU),), order_id=f"o-{self.orders}"))
            case "merge" if customer_id != word and {customer_id, word} <= self.living():
                market.settle().meets(max(customer_id, word), min(customer_id, word))
            case "part" if customer_id in self.living() and market.merges(customer_id):
                market.settle().parts(customer_id)

    def wants(self, customer_id: str, event_type: str, size: str | None = None) -> None:
        item = Item(SKU, 1, 100, "EUR", {} if size is None else {"size": size})
        self.market.tell(customer_id, event(event_type, items=(item,), cart_id=f"cart-of-{customer_id}"))

    def living(self) -> set[str]:
        """Who is known and no part of another."""
        states = (state for (actor, _), state in self.market.states.items() if actor == "customer")
        return {state.customer_id for state in states if not state.is_pointer}

    def check(self, trigger: Trigger) -> None:
        """Of what was held: no message was under way when it went out."""
        customer, context = self.market.customer(trigger.customer_id), trigger.context
        if trigger.rule == "price_drop":
            assert context["now_minor"] == self.price
            assert wants_of(customer, SKU, BIT).since
            return
        size = context["size"]
        assert context["in_stock"] == (sum(self.pieces.values()) if size is None else self.pieces[str(size)])
        assert wants_of(customer, SKU, Want.CART).since
        assert size == own_size(customer, SKU)

    def next_day(self) -> None:
        self.move("pass", DAY_MS // MINUTE_MS)

    def told_of(self, rule: str, since: int) -> list[str]:
        return sorted(trigger.customer_id for trigger in self.market.triggers[since:] if trigger.rule == rule)


@pytest.mark.timeout(180 * ROUNDS)
@settings(max_examples=200 * ROUNDS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(done=st.lists(moves, min_size=30, max_size=60), seed=st.integers(0, 10_000))
def test_what_was_held_is_so_when_it_goes_out_and_all_who_want_it_are_told_once_in_the_end(
    done: list[tuple[Any, ...]], seed: int
) -> None:
    model = Model(seed)
    for move in done:
        model.move(*move)
    model.next_day()

    model.move("price", 100)
    model.move("stock", 9, 9)
    model.next_day()
    for customer in model.living():
        model.move("wish", customer)
        model.move("cart", customer, "38")
    before, everybody = len(model.market.triggers), sorted(model.living())
    model.move("price", 50)
    model.move("stock", 2, 9)
    model.next_day()

    assert model.told_of("price_drop", before) == everybody
    assert model.told_of("low_stock", before) == everybody

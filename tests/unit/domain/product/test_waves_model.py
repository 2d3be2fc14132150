"""Whatever happens in whatever order: nobody is told twice of one asking, nor beyond the stock; in the end all are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.domain.events import Item
from pipeline.domain.time import DAY_MS, MINUTE_MS
from tests.harness.rounds import ROUNDS
from tests.unit.domain.product.market import SKU, Market
from tests.unit.domain.triggers.story import a_rule, event

CUSTOMERS = tuple(f"u-{number}" for number in range(7))

customers = st.sampled_from(CUSTOMERS)
sizes = st.sampled_from((None, "38", "40"))
moves = st.one_of(
    st.tuples(st.just("ask"), customers, sizes),
    st.tuples(st.just("wish"), customers),
    st.tuples(st.just("unwish"), customers),
    st.tuples(st.just("cart"), customers, sizes),
    st.tuples(st.just("buy"), customers, sizes),
    st.tuples(st.just("again"), st.integers(0, 5)),
    st.tuples(st.just("merge"), customers, customers),
    st.tuples(st.just("part"), st.integers(0, 5)),
    st.tuples(st.just("stock"), st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.just("stock"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("orderable"), st.booleans()),
    st.tuples(st.just("steps"), st.integers(1, 30)),
    st.tuples(st.just("pass"), st.sampled_from((1, 5, 30, 45, 600))),
)
RULES: dict[str, dict[str, Any]] = {
    "plain": {},
    "over a night": {"quiet_hours": "22:00-08:00"},
    "in quiet hours": {"quiet_hours": "09:00-20:00"},
    "with a cooldown": {"cooldown": "2h"},
}

EMPTIED_UNDER_WAY: list[tuple[Any, ...]] = [
    ("wish", "u-0"), ("wish", "u-1"), ("pass", 1), ("unwish", "u-0"), ("unwish", "u-1"), ("stock", 0, 0),
    ("wish", "u-1"), ("stock", 1, 0), ("steps", 11), ("stock", 0, 0),
]  # fmt: skip
"""Of one who is offered a piece the list seems empty to the product when the piece goes: they have wished anew."""

GIVEN_BACK_TOO_LATE: list[tuple[Any, ...]] = [
    ("wish", "u-5"), ("cart", "u-0", None), ("wish", "u-5"), ("steps", 25), ("buy", "u-5", None), ("again", 0),
    ("stock", 0, 0), ("unwish", "u-0"), ("again", 2), ("stock", 1, 0), ("steps", 12), ("ask", "u-0", None),
    ("ask", "u-2", None), ("stock", 0, 0), ("buy", "u-1", "38"), ("wish", "u-2"), ("stock", 1, 0),
]  # fmt: skip
"""A piece is given back that is gone long since; one that came in the same minute is kept for another."""


HELD_AND_MERGED: list[tuple[Any, ...]] = [
    ("wish", "u-6"), ("unwish", "u-1"), ("pass", 1), ("stock", 1, 0), ("pass", 1), ("ask", "u-3", None), ("pass", 1),
    ("merge", "u-6", "u-1"), ("pass", 5), ("part", 0), ("pass", 600),
]  # fmt: skip
"""Who is to be told of a piece later becomes part of another, and one more eager gets it instead."""

OFFERED_AND_MERGED: list[tuple[Any, ...]] = [
    ("ask", "u-0", None), ("wish", "u-1"), ("wish", "u-2"), ("steps", 6), ("stock", 1, 2), ("steps", 7),
    ("merge", "u-0", "u-1"),
]  # fmt: skip
"""An offer is under way to one who becomes part of another: the other is offered a piece as who they are now."""


class Model:
    """Carries moves out on a market, and remembers who asked when."""

    def __init__(self, seed: int, **rule: Any) -> None:
        self.market = Market(a_rule("back_in_stock", **rule), seed=seed).at("10:00").stock({"38": 0, "40": 0})
        self.asked: list[tuple[str, int]] = []
        #: Who each customer consists of, or did once, or was part of; and who it is part of.
        self.parts: dict[str, set[str]] = {customer: {customer} for customer in CUSTOMERS}
        self.part_of: dict[str, str] = {}
        self.past: list[tuple[str, Any]] = []

    def move(self, what: str, *words: Any) -> None:
        market = self.market
        match what:
            case "ask":
                self.ask(words[0], "stock_alert_requested", words[1])
            case "wish":
                self.ask(words[0], "product_added_to_wishlist", None)
            case "cart":
                self.ask(words[0], "product_added", words[1])
            case "unwish":
                self.tell(words[0], event("product_removed_from_wishlist", items=(Item(SKU),)))
            case "buy":
                order = event("order_completed", items=(Item(SKU),), order_id=f"o-{len(self.past)}")
                self.tell(words[0], order)
            case "again" if self.past:
                customer, told = self.past[-1 - words[0] % len(self.past)]
                market.tell(customer, told)
            case "merge" if words[0] != words[1]:
                self.merge(self.now_is(words[0]), self.now_is(words[1]))
            case "part":
                self.part(words[0])
            case "stock":
                market.stock_under_way({"38": words[0], "40": words[1]})
            case "orderable":
                market.orderable_under_way(words[0])
            case "steps":
                for _ in range(words[0]):
                    market.step()
            case "pass":
                market.settle().until(market.now_ms + words[0] * MINUTE_MS)
                self.check_kept()

    def ask(self, customer: str, event_type: str, size: str | None) -> None:
        self.asked.append((customer, self.market.now_ms))
        items = (Item(SKU, 1, 100, "EUR", {} if size is None else {"size": size}),)
        self.tell(customer, event(event_type, items=items))

    def tell(self, customer: str, told: Any) -> None:
        told = replace(told, event_id=f"move-{len(self.past)}", occurred_at_ms=self.market.now_ms)
        self.past.append((customer, told))
        self.market.tell(customer, told)

    def now_is(self, customer: str) -> str:
        while customer in self.part_of:
            customer = self.part_of[customer]
        return customer

    def merge(self, one: str, other: str) -> None:
        """Let two become one; the smaller id is senior. Who was parted once is kept apart."""
        senior, junior = sorted((one, other))
        known = {key for actor, key in self.market.states if actor == "customer"}
        if senior == junior or not {f"default\x1f{senior}", f"default\x1f{junior}"} <= known:
            return
        if self.parts[senior] & self.parts[junior]:
            return
        self.market.meets(junior, senior)
        self.parts[senior] |= self.parts[junior]
        self.part_of[junior] = senior

    def part(self, number: int) -> None:
        """Let the last merge into somebody turn out to be wrong; what was told to both of them was told to either."""
        self.market.settle()
        known = sorted(state.customer_id for (actor, _), state in self.market.states.items() if actor == "customer")
        merged = [customer for customer in known if self.market.merges(customer)]
        if not merged:
            return
        senior = merged[number % len(merged)]
        junior = self.market.merges(senior)[-1].loser
        self.market.parts(senior).settle()
        self.parts[junior] = self.parts[senior] = self.parts[senior] | self.parts[junior]
        del self.part_of[junior]

    def check(self) -> None:
        fired: dict[str, int] = {}
        for trigger in self.market.triggers:
            if trigger.status == "revoked":
                continue
            who, at = trigger.customer_id, trigger.fired_at_ms
            before, parts = fired.get(who), self.parts[who]
            if before is not None:
                assert any(by in parts and before < asked_ms <= at for by, asked_ms in self.asked), "told twice"
            fired[who] = at

    def check_kept(self) -> None:
        """With no message under way, a product keeps a piece for everybody whom a list has down for one."""
        for size in ("", "38", "40"):
            lists_say = sum(
                waiter.until_ms > self.market.now_ms and waiter.kept_size == size
                for waiter in self.market.waiting.values()
            )
            assert lists_say <= sum(hold.pieces for hold in self.market.waves.holds if hold.size == size)
        for (actor, _), state in self.market.states.items():
            for held in state.held if actor == "customer" else ():
                waiter = self.market.waiting[state.customer_id]
                assert waiter.until_ms > self.market.now_ms, "to be told later of a piece that is not kept"
                assert waiter.kept_size == (held.proposal.context["size"] or "")

    def wait_for(self) -> set[str]:
        """Who still wants it, and has not been told since they asked."""
        found: set[str] = set()
        for customer, waiter in self.market.waiting.items():
            told = [t.fired_at_ms for t in self.market.triggers if t.customer_id in self.parts[customer]]
            if waiter.wanted.rank and (not told or max(told) < waiter.wanted.asked_ms):
                found.add(customer)
        return found


@pytest.mark.timeout(180 * ROUNDS)
@pytest.mark.parametrize("rule", sorted(RULES))
@settings(max_examples=150 * ROUNDS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(done=st.lists(moves, min_size=10, max_size=50), seed=st.integers(0, 10_000))
@example(done=EMPTIED_UNDER_WAY, seed=0)
@example(done=GIVEN_BACK_TOO_LATE, seed=60)
@example(done=HELD_AND_MERGED, seed=0)
@example(done=OFFERED_AND_MERGED, seed=7)
def test_b30_nobody_twice_nobody_beyond_the_stock_everybody_in_the_end(
    rule: str, done: list[tuple[Any, ...]], seed: int
) -> None:
    model = Model(seed, **RULES[rule])
    market = model.market
    for move in done:
        model.move(*move)
        model.check()
    market.settle()
    model.check()
    model.check_kept()

    market.until(market.now_ms + DAY_MS).orderable(beyond_stock=False).stock({"38": 0, "40": 0})
    market.until(market.now_ms + DAY_MS)
    waited = model.wait_for()
    market.stock({"38": 50, "40": 50}).until(market.now_ms + 2 * DAY_MS)
    model.check()

    assert waited & model.wait_for() == set()
    assert market.waves.round is None

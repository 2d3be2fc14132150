"""What every rule kind owes, whatever it does: one suite over all of RULES, on random lives of a customer."""

from __future__ import annotations

import random

import msgspec
import pytest

from pipeline.domain import carts, customer_state, recent
from pipeline.domain.customer import CustomerActor, CustomerState
from pipeline.domain.event_types import EVENT_TYPES
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages import Arrived, Complement, Complements, Publish
from pipeline.domain.orders import ORDERS_KEPT
from pipeline.domain.records import Decision, Trigger
from pipeline.domain.rules import Rules
from pipeline.domain.triggers import RULES
from tests.unit.domain.story import (
    MIDNIGHT_MS,
    Story,
    a_rule,
    cart_emptied,
    event,
    order_completed,
    product_added,
    product_removed,
)

every_kind = pytest.mark.parametrize("kind", sorted(RULES))


def life(seed: int, count: int = 80) -> list[tuple[ChannelEvent, int]]:
    """Events and their arrival, some late, some with an impossible time."""
    chance = random.Random(seed)
    now, made = MIDNIGHT_MS, []
    for number in range(count):
        now += chance.choice((0, 1_000, 60_000, 3_600_000, 7_200_000))
        cart = chance.choice(("c1", "c2", None))
        sku = chance.choice("ABCD")
        what = chance.choice(
            [
                product_added(sku, cart=cart, price=100),
                product_removed(sku, cart=cart),
                cart_emptied(cart),
                event("checkout_started", cart_id=cart),
                order_completed(sku, "A", cart=cart, order=f"o-{chance.randrange(9)}"),
                event("product_viewed"),
            ]
        )
        happened = now - chance.choice((0, 0, 0, 600_000, 7_200_000, 30 * 86_400_000, -2 * 86_400_000))
        made.append((msgspec.structs.replace(what, event_id=f"e-{number}", occurred_at_ms=happened), now))
    return made


def lived(kind: str, seed: int, repeats: bool = False) -> Story:
    """One life under one rule; the story checks encoding at each step and that nothing fires early."""
    story = Story(a_rule(kind)).trained("A", "B", orders=9).trained("C", "D", "E", orders=5)
    chance = random.Random(seed)
    past: list[ChannelEvent] = []
    for told, arriving in life(seed):
        story.pass_time(arriving)
        story.tell(told, arriving)
        past.append(told)
        if repeats:
            story.tell(chance.choice(past[-40:]), arriving)
    story.pass_time(MIDNIGHT_MS + 30 * 86_400_000)
    return story


@every_kind
def test_the_same_life_gives_the_same_bytes(kind: str) -> None:
    for seed in range(10):
        first, second = lived(kind, seed), lived(kind, seed)
        assert msgspec.json.encode(first.records) == msgspec.json.encode(second.records)
        assert msgspec.msgpack.encode(first.state) == msgspec.msgpack.encode(second.state)


@every_kind
def test_it_does_fire_somewhere_in_these_lives(kind: str) -> None:
    assert sum(len(lived(kind, seed).fired) for seed in range(10)) > 10


@every_kind
def test_b19_events_told_twice_change_nothing(kind: str) -> None:
    for seed in range(10):
        once, twice = lived(kind, seed), lived(kind, seed, repeats=True)
        assert twice.counted("duplicates")
        assert twice.records == once.records
        assert twice.state == once.state


@every_kind
def test_every_trigger_has_an_id_of_its_own_and_exactly_one_decision(kind: str) -> None:
    for seed in range(10):
        story = lived(kind, seed)
        decisions = [record for record in story.records if isinstance(record, Decision)]
        for status in ("fired", "revoked"):
            ids = [trigger.trigger_id for trigger in story.triggers if trigger.status == status]
            assert ids == [decision.trigger_id for decision in decisions if decision.outcome == status]
            assert len(ids) == len(set(ids))
        assert len(decisions) == len({decision.decision_id for decision in decisions})


@every_kind
def test_a_revoke_takes_back_what_had_been_sent_and_only_that(kind: str) -> None:
    for seed in range(10):
        sent: set[str] = set()
        for trigger in lived(kind, seed).triggers:
            if trigger.status == "fired":
                sent.add(trigger.trigger_id)
            else:
                assert trigger.trigger_id in sent


@every_kind
def test_a_state_handed_in_stays_as_it_was(kind: str) -> None:
    actor = CustomerActor(Rules("test", (a_rule(kind),)))
    state: CustomerState | None = None
    for told, arriving in life(1):
        before = msgspec.msgpack.encode(state)
        message = Arrived("default", "customer-1", (("cookie", "c-9"),), arriving, 1, told)
        after, _ = actor.handle(state, message, arriving)
        answer = Complements("default", "customer-1", "A", (Complement("Z", 9, 0.9),), told.event_id, arriving, "web")
        assert after is not None
        encoded = msgspec.msgpack.encode(after)
        actor.handle(after, answer, arriving)
        actor.wake(after, arriving + 10**9)
        assert msgspec.msgpack.encode(state) == before
        assert msgspec.msgpack.encode(after) == encoded
        state = after


@every_kind
def test_every_kind_names_known_event_types_and_has_defaults_and_a_description(kind: str) -> None:
    logic = RULES[kind]

    assert logic.events <= EVENT_TYPES.keys()
    assert logic.config_type() == logic.config_type()
    assert (logic.__doc__ or "").startswith("Fires when")
    assert "At most once per" in (logic.__doc__ or "")


def test_a_hundred_thousand_events_leave_the_state_of_one_customer_bounded() -> None:
    """A robot: ever new carts, orders, products, channels, identifiers, and answers from products."""
    actor = CustomerActor(Rules("test", [a_rule(kind, cooldown="1s") for kind in sorted(RULES)]))
    chance = random.Random(7)
    state: CustomerState | None = None
    for number in range(100_000):
        now = MIDNIGHT_MS + number * 1_000
        kind = ("product_added", "cart_updated", "order_completed", "product_viewed")[number % 4]
        skus = {chance.randrange(100_000) for _ in range(3)}
        told = ChannelEvent(
            f"e-{number}",
            kind,
            f"channel-{number % 1_000}",
            now,
            {},
            order_id=f"o-{number}",
            cart_id=f"c-{number % 500}",
            items=tuple(Item(f"S{sku}", 1, 100, f"C{number % 50}", {f"a{n}": "x" for n in range(20)}) for sku in skus),
        )
        identifiers = (("account", "u-1"), ("cookie", f"c-{number}"), (f"kind-{number % 40}", f"value-{number}"))
        state, effects = actor.handle(state, Arrived("default", "c", identifiers, now, number, told), now)
        assert state is not None
        if number % 50 == 0:
            answer = Complements("default", "c", "A", (Complement(f"Z{number}", 9, 0.9),), f"e-{number}", now, "web")
            state, effects = actor.handle(state, answer, now)
            assert state is not None
            assert any(isinstance(e, Publish) and isinstance(e.record, Trigger) for e in effects)
        assert len(effects) <= 256
        due = actor.wakes_at(state)
        if due is not None and due <= now:
            state, _ = actor.wake(state, now)
            assert state is not None

    assert state is not None
    assert len(state.carts) == customer_state.CARTS_KEPT
    assert all(len(cart.lines) <= carts.LINES_KEPT for cart in state.carts.values())
    assert all(len(line.attributes) <= carts.ATTRIBUTES_KEPT for c in state.carts.values() for line in c.lines.values())
    assert len(state.orders) == ORDERS_KEPT
    assert len(state.owned) == customer_state.OWNED_KEPT
    assert len(state.channels) == customer_state.CHANNELS_KEPT
    assert all(len(links) <= 5 for links in state.identifiers.values())
    assert len(state.spend_minor) == customer_state.CURRENCIES_KEPT
    assert len(state.timers) <= customer_state.TIMERS_KEPT
    assert len(state.fired) == customer_state.FIRED_KEPT
    assert len(state.recent) == recent.RECENT_KEPT * 12
    assert len(msgspec.msgpack.encode(state)) < 64 * 1024

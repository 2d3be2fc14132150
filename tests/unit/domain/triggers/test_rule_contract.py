"""What every rule kind owes, whatever it does: one suite over all of RULES, on random lives of a customer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import pytest

from pipeline.domain.customer import carts, recent
from pipeline.domain.customer import state as customer_state
from pipeline.domain.customer.actor import CustomerActor, CustomerState
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.orders import ORDERS_KEPT
from pipeline.domain.customer.recent import KEPT_ANYWAY
from pipeline.domain.event_types import (
    CONTROL_TYPES,
    EVENT_TYPES,
    IDENTIFIER_BLOCKED,
    MERGE_CONFIRMED,
    MERGE_UNDONE,
)
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages.effects import Publish, Send
from pipeline.domain.messages.to_customer import Arrived, Complement, Complements, CustomerMessage, Granted
from pipeline.domain.messages.to_identity import Claim
from pipeline.domain.reasons import DropReason
from pipeline.domain.records import Decision, Trigger
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.time import DAY_MS, HOUR_MS
from pipeline.domain.triggers import RULES
from pipeline.domain.triggers.steps import Proposal, Timer
from tests.unit.domain.triggers.lives import EXAMPLES, ONCE, SEEDS, Told, life
from tests.unit.domain.triggers.story import (
    MIDNIGHT_MS,
    Story,
    a_rule,
    at_ms,
    order_completed,
    product_added,
)

every_kind = pytest.mark.parametrize("kind", sorted(RULES))
every_rule = pytest.mark.parametrize(
    ("kind", "example"),
    [
        pytest.param(kind, number, id=f"{kind}-{number}" if number else kind)
        for kind in sorted(RULES)
        for number in range(len(EXAMPLES.get(kind, ({},))))
    ],
)


def example_of(kind: str, number: int, **fields: Any) -> Rule:
    return a_rule(kind, **EXAMPLES.get(kind, ({},))[number], **fields)


def new_story(rule: Rule) -> Story:
    story = Story(rule).trained("A", "B", orders=9).trained("C", "D", "E", orders=5)
    return story.trained("A", orders=12, gap_days=9)


def tell(story: Story, message: Told, arriving: int) -> None:
    if isinstance(message, ChannelEvent):
        story.tell(message, arriving)
    else:
        story.deliver(message, arriving)


@cache
def lived(kind: str, example: int, seed: int, repeats: bool = False) -> Story:
    """One life under one rule; the story checks encoding at each step and that nothing fires early."""
    story = new_story(example_of(kind, example))
    chance = random.Random(seed)
    past: list[ChannelEvent] = []
    for message, arriving in life(seed):
        story.pass_time(arriving)
        tell(story, message, arriving)
        if isinstance(message, ChannelEvent):
            past.append(message)
        if repeats and past:
            story.tell(chance.choice(past[-KEPT_ANYWAY:]), arriving)
    story.pass_time(MIDNIGHT_MS + 500 * DAY_MS)
    return story


@every_rule
def test_the_same_life_gives_the_same_bytes(kind: str, example: int) -> None:
    for seed in SEEDS:
        first, second = lived(kind, example, seed), lived.__wrapped__(kind, example, seed)
        assert msgspec.json.encode(first.records) == msgspec.json.encode(second.records)
        assert msgspec.msgpack.encode(first.state) == msgspec.msgpack.encode(second.state)


@every_rule
def test_it_does_fire_somewhere_in_these_lives(kind: str, example: int) -> None:
    fired = [len(lived(kind, example, seed).fired) for seed in SEEDS]

    if kind in ONCE:
        assert max(fired) == 1
        assert sum(fired) >= len(SEEDS) // 2
    else:
        assert sum(fired) > len(SEEDS)


@every_rule
def test_b19_events_told_twice_change_nothing(kind: str, example: int) -> None:
    for seed in SEEDS:
        once, twice = lived(kind, example, seed), lived(kind, example, seed, repeats=True)
        assert len(twice.counted("duplicates")) > 50
        assert twice.records == once.records
        assert twice.state == once.state


@every_rule
def test_every_trigger_has_an_id_of_its_own_and_exactly_one_decision(kind: str, example: int) -> None:
    for seed in SEEDS:
        story = lived(kind, example, seed)
        decisions = [record for record in story.records if isinstance(record, Decision)]
        for status in ("fired", "revoked"):
            ids = [trigger.trigger_id for trigger in story.triggers if trigger.status == status]
            assert ids == [decision.trigger_id for decision in decisions if decision.outcome == status]
            assert len(ids) == len(set(ids))
        assert len(decisions) == len({decision.decision_id for decision in decisions})


@every_rule
def test_a_revoke_takes_back_what_had_been_sent_and_only_that(kind: str, example: int) -> None:
    for seed in SEEDS:
        sent: set[str] = set()
        for trigger in lived(kind, example, seed).triggers:
            if trigger.status == "fired":
                sent.add(trigger.trigger_id)
            else:
                assert trigger.trigger_id in sent


@every_rule
def test_a_state_handed_in_stays_as_it_was(kind: str, example: int) -> None:
    actor = CustomerActor(Rules("test", (example_of(kind, example),)))
    state: CustomerState | None = None
    for told, arriving in life(1):
        before = msgspec.msgpack.encode(state)
        message: CustomerMessage = (
            Arrived("default", "customer-1", (("cookie", "c-9"),), arriving, 1, told)
            if isinstance(told, ChannelEvent)
            else told
        )
        after, _ = actor.handle(state, message, arriving)
        complements = (Complement("Z", 9, 0.9),)
        answer = Complements("default", "customer-1", "A", complements, told.event_id, arriving, "web", (), 9.0)
        if after is None:
            continue
        encoded = msgspec.msgpack.encode(after)
        actor.handle(after, answer, arriving)
        actor.wake(after, arriving + 10**9)
        assert msgspec.msgpack.encode(state) == before
        assert msgspec.msgpack.encode(after) == encoded
        state = after


@every_rule
def test_what_expires_within_the_hour_does_not_go_out_after_an_outage_of_days(kind: str, example: int) -> None:
    over_ms, tellings = MIDNIGHT_MS + 5 * DAY_MS, 0
    for seed in SEEDS:
        story = new_story(example_of(kind, example, expires_after="1h"))
        told = [message for message, arriving in life(seed) if arriving <= over_ms]
        story.pass_time(over_ms)
        for message in told:
            tell(story, message, over_ms)
        story.pass_time(over_ms + 60 * DAY_MS)

        tellings += len(told)
        assert all(trigger.fired_at_ms > over_ms - HOUR_MS for trigger in story.triggers)
    assert tellings > 50


@every_kind
def test_every_kind_names_known_event_types_and_has_defaults_and_a_description(kind: str) -> None:
    logic = RULES[kind]

    events = logic("r", logic.config_type()).events
    assert events is None or events <= EVENT_TYPES.keys()
    assert logic.config_type() == logic.config_type()
    says = " ".join((logic.__doc__ or "").split())
    assert says.startswith("Fires when")
    assert "Unless" in says
    assert "At most once per" in says or "At most once each time" in says


def test_a_hundred_thousand_events_leave_the_state_of_one_customer_bounded() -> None:
    """A robot: ever new carts, orders, products, channels, identifiers, and answers from products."""
    examples = [(kind, number) for kind in sorted(RULES) for number in range(len(EXAMPLES.get(kind, ({},))))]
    rules = [
        example_of(kind, number, name=f"{kind}-{number}", cooldown="1s", rule_class="transactional")
        for kind, number in examples
    ]
    actor = CustomerActor(Rules("test", rules))
    types = sorted(EVENT_TYPES.keys() - CONTROL_TYPES - {MERGE_UNDONE, MERGE_CONFIRMED, IDENTIFIER_BLOCKED})
    chance = random.Random(7)
    state: CustomerState | None = None
    sizes: list[int] = []
    for number in range(100_000):
        now = MIDNIGHT_MS + number * 1_000
        kind = ("product_added", "cart_updated", "order_completed", types[number // 4 % len(types)])[number % 4]
        skus = {chance.randrange(100_000) for _ in range(3)}
        soon = now + chance.randrange(1, 10**7) * 1_000
        told = ChannelEvent(
            f"e-{number}",
            kind,
            f"channel-{number % 1_000}",
            now,
            {},
            order_id=f"o-{number}",
            cart_id=f"c-{number % 500}",
            items=tuple(Item(f"S{sku}", 1, 100, f"C{number % 50}", {f"a{n}": "x" for n in range(20)}) for sku in skus),
            properties={
                **{
                    name: f"{name}-{number}" for name in ("id", "code", "card_id", "query", "topic", "step", "category")
                },
                **dict.fromkeys(("starts_at", "expires_at"), soon),
                **dict.fromkeys(("points", "rating", "balance_minor", "size"), number % 7),
                "tier": f"tier {number % 9}",
            },
        )
        identifiers = (("account", "u-1"), ("cookie", f"c-{number}"), (f"kind-{number % 40}", f"value-{number}"))
        state, effects = actor.handle(state, Arrived("default", "c", identifiers, now, number, told), now)
        assert state is not None
        answered = effects
        while claims := [e.message for e in answered if isinstance(e, Send) and isinstance(e.message, Claim)]:
            granted = Granted("default", "c", claims[0].identifier, claims[0].event_id, now, part="c")
            state, answered = actor.handle(state, granted, now)
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
        if number in (50_000, 99_999):
            sizes.append(len(msgspec.msgpack.encode(state)))

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
    assert len(state.marks) <= customer_state.MARKS_KEPT
    assert max(sizes) < 128 * 1024
    assert sizes[1] < sizes[0] * 1.1


@every_kind
def test_what_a_rule_of_another_kind_left_waiting_stops_no_worker(kind: str) -> None:
    story = Story(a_rule(kind, name="renamed")).at("10:00", order_completed("A")).at("11:00", product_added("A"))
    assert story.state is not None
    draft, logic = Draft(story.state), story.book.at(0).logic["renamed"]
    for subject in ("A", "", "c/1"):
        timer = Timer("renamed", subject, at_ms("12:00"), at_ms("10:00"), "e-1")
        held = Proposal(subject, "1", at_ms("12:00"), "", at_ms("10:00"), "e-1", (), {}, "")

        assert isinstance(logic.on_time(timer, draft), Sequence)
        assert logic.on_merge(timer, draft) in (None, *DropReason)
        assert logic.on_release(held, draft) in (None, *DropReason)

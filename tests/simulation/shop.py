"""Streams of a small shop, rules for them, and a run of them under chosen conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.records import Decision
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers import RULES
from pipeline.settings import Settings
from pipeline.simulation import Conditions, Simulation
from pipeline.streaming.memory_lane import Crashes

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
MINUTE = 60_000

SHOP = Rules(
    "test",
    (
        Rule("cart_reminder", "abandoned_cart", RULES["abandoned_cart"].config_type(delay_ms=MINUTE * 30)),
        Rule("goes_well_with", "cross_sell", RULES["cross_sell"].config_type(min_baskets=1)),
    ),
)

EVENT_TYPES = (
    "product_viewed",
    "product_added",
    "product_added",
    "product_removed",
    "cart_updated",
    "cart_emptied",
    "checkout_started",
    "order_completed",
)


def played(
    events: Iterable[ChannelEvent],
    rules: Rules = SHOP,
    until_ms: int | None = None,
    crashes: Crashes | None = None,
    **conditions: Any,
) -> Simulation:
    """Return the simulation after `events`."""
    simulation = Simulation(Settings(), rules, IdentityConfig(), Conditions(**conditions), crashes=crashes)
    simulation.play(map(simulation.read, events), until_ms)
    return simulation


def results(simulation: Simulation) -> dict[str, object]:
    """Return everything that must not depend on how a stream was delivered."""
    return {
        "triggers": [trigger.trigger_id for trigger in simulation.triggers()],
        "decisions": _decisions(simulation),
        "identity": sorted(
            (change.tenant, change.kind, change.value, change.change, change.customer_id, change.reason)
            for change in simulation.identity_changes()
            if change.change != "merged"  # of three that join at one instant, which two were first does not matter
        ),
        "customers": simulation.customer_lines(),
        "products": simulation.product_lines(),
        "triggers_digest": simulation.triggers_digest(),
        "state_digest": simulation.state_digest(),
        "events": simulation.distinct_events(),
    }


def _decisions(simulation: Simulation) -> list[Decision]:
    """Return all, sorted; those of the very instant in which their customer joins others as of whoever comes of them.

    Of three that join at one instant, it does not matter which two were first, and so not either who decided.
    """
    joined = {
        (change.other_customer_id, change.occurred_at_ms): change.customer_id
        for change in simulation.identity_changes()
        if change.change == "merged"
    }

    def as_one(decision: Decision) -> Decision:
        at_ms, senior = decision.decided_at_ms, decision.customer_id
        while (senior, at_ms) in joined:
            senior = joined[senior, at_ms]
        return decision if senior == decision.customer_id else replace(decision, customer_id=senior, decision_id="")

    found = map(as_one, simulation.decisions())
    joining = {(senior, at_ms) for (_, at_ms), senior in joined.items()}
    named = (
        replace(each, decision_id="") if (each.customer_id, each.decided_at_ms) in joining else each for each in found
    )
    return sorted(
        named, key=lambda each: (each.decided_at_ms, each.customer_id, each.rule, each.reason, each.caused_by)
    )


def shop_stream(seed: int, count: int, same_instant: float = 0.3) -> list[ChannelEvent]:
    """Return a time-ordered stream over two tenants, three channels, a dozen customers who log in now and then."""
    random = Random(seed)
    at_ms = TEN
    events = []
    for number in range(count):
        if random.random() >= same_instant:
            at_ms += random.choice((1, 1_000, MINUTE, 5 * MINUTE))
        events.append(_event(number, at_ms, random.randrange, random.choice))
    return events


any_conditions = st.fixed_dictionaries(
    {
        "partitions": st.integers(1, 8),
        "seed": st.none() | st.integers(0, 1_000),
        "duplicate": st.sampled_from((0.0, 0.3)),
        "shuffle": st.sampled_from((0, 3, 20)),
        "crash": st.sampled_from((0.0, 0.3)),
    }
)
"""Whatever a stream may be delivered under."""


@st.composite
def shop_streams(draw: st.DrawFn, max_size: int = 40, ties: bool = True) -> list[ChannelEvent]:
    """Draw such a stream, in a form that shrinks; without `ties`, no two events happen at the same instant."""

    def below(limit: int) -> int:
        return draw(st.integers(0, limit - 1))

    def choice(options: tuple[Any, ...]) -> Any:
        return draw(st.sampled_from(options))

    at_ms = TEN
    events = []
    for number in range(draw(st.integers(1, max_size))):
        at_ms += choice((0 if ties else 2, 1, MINUTE, 20 * MINUTE, 40 * MINUTE))
        events.append(_event(number, at_ms, below, choice))
    return _one_after_the_other(events) if _compete(events) else events


def _compete(events: Iterable[ChannelEvent]) -> bool:
    """Whether two accounts want the same others: only one can have them, and of the same instant chance says which."""
    groups: list[set[tuple[str, str, str]]] = []
    for event in events:
        named = {(event.tenant, kind, value) for kind, value in event.identifiers.items()}
        joined = named.union(*(group for group in groups if group & named))
        groups = [*(group for group in groups if not group & named), joined]
    return any(sum(kind == "account" for _, kind, _ in group) > 1 for group in groups)


def _one_after_the_other(events: Iterable[ChannelEvent]) -> list[ChannelEvent]:
    return [replace(event, occurred_at_ms=event.occurred_at_ms + number) for number, event in enumerate(events)]


def _event(
    number: int, at_ms: int, below: Callable[[int], int], choice: Callable[[tuple[Any, ...]], Any]
) -> ChannelEvent:
    customer = below(6)
    known = choice((("account",), ("cookie",), ("account", "cookie"), ("email", "cookie"), ("account", "email")))
    values = {"account": f"u-{customer}", "email": f"{customer}@example.com", "cookie": f"c-{customer + below(3)}"}
    event_type = choice(EVENT_TYPES)
    items = tuple(Item(f"SKU-{below(6)}", 1 + below(3), 1_999, "EUR") for _ in range(1 + below(2)))
    event = ChannelEvent(
        f"e-{number}",
        event_type,
        choice(("web", "app", "pos")),
        at_ms,
        {kind: values[kind] for kind in known},
        choice(("north", "south")),
        cart_id=choice(("c1", "c2", None)),
        items=items,
    )
    return replace(event, order_id=f"o-{number}") if event_type == "order_completed" else event

"""A plain model of identity: one process, no shards, no messages. Events that share an identifier are one customer."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from random import Random
from typing import Any

from msgspec.structs import replace

from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.as_json import customer_json
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.identity.actor import founded_by
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.identity.hashed import HASHED_KINDS, hash_of
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.messages.to_customer import Arrived
from pipeline.domain.rules.in_force import Rules

START_MS = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
STEP_MS = 7_000

NO_LIMITS = IdentityConfig(limits={}, default_limit=None, customers_per_value=None, merge_cap=None)

TYPES = ("page_viewed", "product_viewed", "cart_updated", "product_added", "order_completed", "order_completed")


def random_stream(seed: int, events: int = 60, people: int = 5) -> list[ChannelEvent]:
    """Return events of a few people on changing devices; sometimes two people turn out to share an identifier."""
    chance = Random(seed)
    made = []
    for number in range(events):
        person = chance.randrange(people)
        device = f"c{person}-{chance.randrange(3)}"
        identifiers = {"cookie": device}
        if chance.random() < 0.35:
            identifiers["account"] = f"u{person}"
        if chance.random() < 0.25:
            identifiers["email"] = f"m{person}@example.com"
        if chance.random() < 0.04:
            identifiers["phone"] = f"+49170123456{chance.randrange(2)}"
        if chance.random() < 0.2:
            del identifiers["cookie"]
            identifiers.setdefault("email", f"m{person}@example.com")
            device = f"shop-{number}"
        made.append(_event(number, chance, identifiers, device))
    return made


def with_undone_merges(events: Sequence[ChannelEvent], seed: int) -> list[ChannelEvent]:
    """Return the stream with an operator who now and then takes a merge back, half a step after some event."""
    chance = Random(seed)
    told: list[ChannelEvent] = []
    for event in events:
        told.append(event)
        if chance.random() < 0.08:
            kind, value = chance.choice(sorted(event.identifiers.items()))
            at_ms = event.occurred_at_ms + STEP_MS // 2
            told.append(ChannelEvent(f"undo-{event.event_id}", "merge_undone", "web", at_ms, {kind: value}))
    return told


def with_hashes(events: Sequence[ChannelEvent], seed: int) -> list[ChannelEvent]:
    """Return the stream with half of its addresses and phone numbers sent as their SHA-256."""
    chance = Random(seed)

    def sent(kind: str, value: str) -> tuple[str, str]:
        if kind not in HASHED_KINDS or chance.random() < 0.5:
            return kind, value
        return f"{kind}_sha256", sha256(value.encode()).hexdigest()

    return [replace(event, identifiers=dict(sent(*pair) for pair in event.identifiers.items())) for event in events]


def forgetting_the_plain_form_of(customers: list[dict[str, Any]], sent: Sequence[ChannelEvent]) -> list[dict[str, Any]]:
    """Return `customers`, with hashes for the addresses and numbers that none of `sent` has in their plain form."""
    told = {pair for event in sent for pair in event.identifiers.items()}

    def known(kind: str, values: list[str]) -> list[str]:
        return sorted(
            value if kind not in HASHED_KINDS or (kind, value) in told else hash_of(value) for value in values
        )

    return [
        {**each, "identifiers": {kind: known(kind, values) for kind, values in each["identifiers"].items()}}
        for each in customers
    ]


def _event(number: int, chance: Random, identifiers: dict[str, str], device: str) -> ChannelEvent:
    event_type = chance.choice(TYPES)
    items: tuple[Item, ...] = ()
    cart_id = order_id = None
    if event_type in ("cart_updated", "product_added"):
        cart_id = f"cart-{device}"
        # Pieces added before and after somebody else's order, and only then found to be one customer's, are one sum.
        sku = f"sku-{number}" if event_type == "product_added" else f"sku-{chance.randrange(9)}"
        items = (Item(sku, chance.randint(1, 3), 500, "EUR"), Item("sku-x", 1, 100, "EUR"))[: chance.randint(1, 2)]
        items = items if event_type == "cart_updated" else items[:1]
    elif event_type == "order_completed":
        order_id = f"o-{number}"
        cart_id = f"cart-{device}" if chance.random() < 0.5 else None
        items = (Item(f"sku-{chance.randrange(9)}", 1, 500, "EUR"),)
    at_ms = START_MS + number * STEP_MS
    channel = chance.choice(("web", "app", "pos"))
    event = ChannelEvent(
        f"e-{number}", event_type, channel, at_ms, identifiers, order_id=order_id, cart_id=cart_id, items=items
    )
    return _telling(event, Random(f"{number}{device}"))


def _telling(event: ChannelEvent, chance: Random) -> ChannelEvent:
    """Return the event with more to learn from it. Nobody grants: what a grant is worth depends on the merge (B7)."""
    if event.event_type == "page_viewed" and chance.random() < 0.5:
        event = replace(event, event_type="identified", properties={"city": chance.choice("ABC")})
    return replace(
        event,
        session_id=chance.choice((None, "s-1", "s-2", "s-3")),
        store_id=chance.choice((None, None, "HH", "B")),
        trigger_id=chance.choice((None, None, "t-1")),
        consent=chance.choice((None, None, None, {"email": False}, {"push": False})),
    )


def components(events: Sequence[ChannelEvent], config: IdentityConfig) -> list[list[ChannelEvent]]:
    """Return the events of each customer, by a plain union-find over all identifiers."""
    parent: dict[Identifier, Identifier] = {}

    def root(identifier: Identifier) -> Identifier:
        parent.setdefault(identifier, identifier)
        while parent[identifier] != identifier:
            identifier = parent[identifier]
        return identifier

    for event in events:
        first, *others = config.strongest_first(event.identifiers)
        for other in others:
            parent[root(other)] = root(first)
    found: dict[Identifier, list[ChannelEvent]] = {}
    for event in events:
        found.setdefault(root(config.strongest_first(event.identifiers)[0]), []).append(event)
    return list(found.values())


def expected(events: Sequence[ChannelEvent], config: IdentityConfig) -> list[dict[str, Any]]:
    """Return every customer as JSON: all its events, in the order of their times, told to one customer."""
    return sorted((_told(group, config) for group in components(events, config)), key=lambda each: each["customer_id"])


def _told(events: Sequence[ChannelEvent], config: IdentityConfig) -> dict[str, Any]:
    identifiers = {pair for event in events for pair in event.identifiers.items()}
    founder = min(identifiers, key=lambda pair: (config.rank(pair[0]), pair[0], founded_by("default", pair)))
    customer_id = founded_by("default", founder)
    actor = CustomerActor(Rules("", ()), "wall", config)
    state = None
    for event in events:
        arrived = Arrived("default", customer_id, (founder,), event.occurred_at_ms, 1, event, customer_id)
        state, _ = actor.handle(state, arrived, event.occurred_at_ms)
    assert state is not None
    kinds = sorted({kind for kind, _ in identifiers})
    known = {kind: sorted(value for k, value in identifiers if k == kind) for kind in kinds}
    return {**customer_json(state), "identifiers": known}

"""The sharded identity graph against a plain one: whatever the interleaving, the same customers, the same states."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.identity.hashed import HASHED_KINDS, hash_of
from pipeline.domain.messages.keys import identity_key
from pipeline.domain.rules.in_force import Rules
from pipeline.settings import load_settings
from pipeline.simulation import Conditions, Simulation
from tests.harness.rounds import ROUNDS
from tests.simulation.identity_model import (
    NO_LIMITS,
    expected,
    forgetting_the_plain_form_of,
    random_stream,
    with_hashes,
    with_undone_merges,
)

SEEDS = range(200 * ROUNDS)


FOUND = (407, 418, 433, 439, 493, 815, 985)
"""Seeds with devices that go back and forth while merges are taken back: messages went in circles, links got lost."""


def by_hashes(simulation: Simulation) -> list[dict[str, object]]:
    """The customers, addresses and numbers by their hashes.

    Which side of a merge that is undone goes on knowing the plain form of an address depends on when it was told.
    """
    customers = [json.loads(line) for line in simulation.customer_lines()]
    for customer in customers:
        for kind in HASHED_KINDS & customer["identifiers"].keys():
            customer["identifiers"][kind] = sorted(map(hash_of, customer["identifiers"][kind]))
    return sorted(customers, key=lambda customer: str(customer["customer_id"]))


def disturbed(seed: int) -> Conditions:
    return Conditions(1 + seed % 8, seed, duplicate=0.1, shuffle=5, crash=0.05)


def played(events: Sequence[ChannelEvent], config: IdentityConfig, conditions: Conditions) -> Simulation:
    simulation = Simulation(load_settings(environ={}), Rules("", ()), config, conditions)
    simulation.play([simulation.read(event) for event in events])
    return simulation


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_customers_and_their_states_are_those_of_a_plain_union(seed: int) -> None:
    simulation = played(random_stream(seed), NO_LIMITS, disturbed(seed))

    found = [json.loads(line) for line in simulation.customer_lines()]
    for customer in found:
        del customer["merged_from"]
    wanted = expected(random_stream(seed), NO_LIMITS)
    for customer in wanted:
        del customer["merged_from"]
    assert sorted(found, key=lambda each: str(each["customer_id"])) == wanted


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_sent_as_hashes_now_and_then_addresses_and_numbers_join_the_same_customers(seed: int) -> None:
    events = random_stream(seed)
    hashed = with_hashes(events, seed)
    assert any("email_sha256" in event.identifiers for event in hashed)

    simulation = played(hashed, NO_LIMITS, disturbed(seed))

    found = [json.loads(line) for line in simulation.customer_lines()]
    wanted = forgetting_the_plain_form_of(expected(events, NO_LIMITS), hashed)
    for customer in (*found, *wanted):
        del customer["merged_from"]
    assert sorted(found, key=lambda each: str(each["customer_id"])) == wanted


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_no_customer_is_ever_above_its_limits(seed: int) -> None:
    limits = IdentityConfig(limits={"account": 1}, default_limit=2, customers_per_value=3, merge_cap=5)

    simulation = played(random_stream(seed), limits, disturbed(seed))

    for customer in map(json.loads, simulation.customer_lines()):
        assert all(len(values) <= (1 if kind == "account" else 2) for kind, values in customer["identifiers"].items())
        assert len(customer["merged_from"]) <= 5


@pytest.mark.soak
@pytest.mark.parametrize("seed", (*SEEDS, *FOUND))
def test_under_limits_and_with_merges_taken_back_any_delivery_gives_the_same_customers(seed: int) -> None:
    events = with_hashes(with_undone_merges(random_stream(seed), seed), seed)
    limits = IdentityConfig(limits={"account": 1}, default_limit=2, customers_per_value=3, merge_cap=5)

    straight = played(events, limits, Conditions())
    simulation = played(events, limits, disturbed(seed))

    assert by_hashes(simulation) == by_hashes(straight)
    assert simulation.product_lines() == straight.product_lines()
    customers = [json.loads(line) for line in simulation.customer_lines()]
    assert sum(customer["events"] for customer in customers) == sum(e.event_type != "merge_undone" for e in events)
    owners = {key: state.customer_id for key, state in simulation.bus.states("identity")}
    listed = {
        identity_key("default", (kind, value)): customer["customer_id"]
        for customer in customers
        for kind, values in customer["identifiers"].items()
        for value in values
    }
    assert {name: owners[name] for name in listed} == listed

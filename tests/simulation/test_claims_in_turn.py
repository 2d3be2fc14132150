"""The identifiers of one event are claimed strongest first: what a limit leaves no room for is the weakest of them."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.rules.in_force import Rules
from pipeline.settings import load_settings
from pipeline.simulation import Conditions, Simulation
from tests.harness.rounds import ROUNDS

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""

SHARED = {"loyalty": "l1", "email": "m@example.com", "phone": "+491701234567", "payment_token": "t1"}
KINDS = tuple(SHARED)
ORDERS = (("account", *KINDS), ("account", "payment_token", "phone", "loyalty", "email"))
ALL_BUT_ONE = {
    "merge_cap": IdentityConfig(merge_cap=3),
    "mapping_cap": IdentityConfig(mapping_cap=8),  # the account, three owners with two each, and no room for two more
    "kind_limit": IdentityConfig(default_limit=3),  # every owner has a social identifier of its own
}
SEEDS = range(40 * ROUNDS)


def seen(number: int, **identifiers: str) -> ChannelEvent:
    return ChannelEvent(f"e-{number}", "page_viewed", "web", TEN + number * 1_000, identifiers)


def played(events: list[ChannelEvent], config: IdentityConfig, conditions: Conditions) -> Simulation:
    simulation = Simulation(load_settings(environ={}), Rules("", ()), config, conditions)
    simulation.play([simulation.read(event) for event in events])
    return simulation


def disturbed(seed: int) -> Conditions:
    return Conditions(1 + seed % 8, seed, duplicate=0.2, crash=0.05)


@pytest.mark.soak
@pytest.mark.parametrize("limit", ALL_BUT_ONE)
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order[-1])
@pytest.mark.parametrize("seed", SEEDS)
def test_of_four_owners_that_one_event_joins_the_one_of_the_weakest_identifier_stays_apart(
    seed: int, order: tuple[str, ...], limit: str
) -> None:
    config = replace(ALL_BUT_ONE[limit], order=order)
    owners = [seen(number, **{kind: SHARED[kind]}, social=f"s-{number}") for number, kind in enumerate(KINDS)]
    together = seen(9, account="u1", **SHARED)

    simulation = played([*owners, together], config, disturbed(seed))

    refused = [change for change in simulation.identity_changes() if change.change == "refused"]
    assert [(change.kind, change.reason) for change in refused] == [(order[-1], limit)]
    customers = [json.loads(line) for line in simulation.customer_lines()]
    (joined,) = [each for each in customers if "account" in each["identifiers"]]
    assert set(KINDS) - joined["identifiers"].keys() == {order[-1]}
    assert sum(each["events"] for each in customers) == 5

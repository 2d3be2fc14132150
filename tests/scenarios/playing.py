"""Plays stories through the simulation: the actors of the worker, in memory, on event time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

from pipeline.domain.time import MINUTE_MS
from pipeline.identity_file import load_identity
from pipeline.rules_file import load_rules
from pipeline.settings import PROJECT_DIR, Settings
from pipeline.simulation import Conditions
from tests.scenarios.outcome import Followed, outcome_of
from tests.scenarios.scenario import Scenario, Told, rules_text, time_of

IDENTITY = load_identity(PROJECT_DIR / "deploy" / "identity.yaml")

Step: TypeAlias = tuple[Sequence[Told], int]
"""Events, and the time that the clock reaches after them."""


def events_of(scenario: Scenario, folder: Path) -> list[Told]:
    """Return the events of a story. What one quotes of a message (its code) is found by playing those before it."""
    events: list[Told] = []

    def sent(at_ms: int, rule: str, what: str) -> str:
        played = play([scenario], events, folder, at_ms)
        return outcome_of(played).quote(rule, what)

    events.extend(scenario.stream(sent))
    return events


def play(
    scenarios: Sequence[Scenario], events: Sequence[Told], folder: Path, until_ms: int, **conditions: Any
) -> Followed:
    """Play events as one stream, as `omni simulate` does."""
    return play_steps(scenarios, [(events, until_ms)], folder, **conditions)


def play_live(scenarios: Sequence[Scenario], events: Sequence[Told], folder: Path, until_ms: int) -> Followed:
    """Play events as a day brings them: each instant is over before anything is known of the next."""
    instants = groupby(events, key=time_of)
    return play_steps(scenarios, [*((list(told), at_ms) for at_ms, told in instants), ([], until_ms)], folder)


def play_steps(scenarios: Sequence[Scenario], steps: Iterable[Step], folder: Path, **conditions: Any) -> Followed:
    """Play events step by step, under the rules of these stories; a rules file is written to `folder`."""
    rules_file = folder / "rules.yaml"
    rules_file.write_text(rules_text(scenarios), encoding="utf-8")
    simulation = Followed(
        Settings(), load_rules(rules_file), IDENTITY, Conditions(**conditions), products_every_ms=MINUTE_MS
    )
    for events, until_ms in steps:
        simulation.play(map(simulation.read, events), until_ms)
    return simulation

"""A real shop's stream, where the data is at hand, against figures counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.domain.events import ChannelEvent
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers import RULES
from pipeline.sources import Read
from pipeline.sources.rees46 import Rees46
from tests.harness.rees46 import ABANDONED, CUSTOMERS, DISTINCT, END_MS, EVENTS, REVENUE_MINOR
from tests.simulation.shop import MINUTE, played, results


def rules(minutes: int) -> Rules:
    config = RULES["abandoned_cart"].config_type
    return Rules("test", (Rule("abandoned", "abandoned_cart", config(delay_ms=minutes * MINUTE)),))


@pytest.fixture(scope="module")
def events(rees46_sample: Path) -> list[ChannelEvent]:
    return [line.event for line in Rees46().read(rees46_sample) if isinstance(line, Read)]


@pytest.mark.parametrize(("minutes", "abandoned"), ABANDONED.items())
def test_the_abandoned_carts_of_a_morning_are_those_counted_by_hand(
    events: list[ChannelEvent], minutes: int, abandoned: int
) -> None:
    simulation = played(events, rules(minutes), END_MS)

    assert [trigger.status for trigger in simulation.triggers()] == ["fired"] * abandoned
    assert (len(events), simulation.distinct_events()) == (EVENTS, DISTINCT)
    assert simulation.duplicates() == EVENTS - DISTINCT
    spend = [msgspec.json.decode(line)["spend_minor"] for line in simulation.customer_lines()]
    assert sum(customer.get("USD", 0) for customer in spend) == REVENUE_MINOR
    assert len(spend) == CUSTOMERS


@pytest.mark.parametrize(
    "conditions",
    [
        {"partitions": 8},
        {"partitions": 3, "seed": 1, "duplicate": 0.1, "shuffle": 50},
        {"partitions": 5, "seed": 2, "crash": 0.2},
    ],
)
def test_the_real_stream_gives_the_same_however_it_is_delivered(
    events: list[ChannelEvent], conditions: dict[str, Any]
) -> None:
    straight = played(events, rules(5), END_MS)

    assert results(played(events, rules(5), END_MS, **conditions)) == results(straight)

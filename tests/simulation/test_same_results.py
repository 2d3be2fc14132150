"""The same stream gives the same triggers and customers, however it is delivered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent, Item
from pipeline.streaming.memory_lane import Crashes
from tests.harness.rounds import ROUNDS
from tests.simulation.shop import MINUTE, TEN, any_conditions, played, results, shop_stream, shop_streams


@pytest.mark.soak
@pytest.mark.timeout(180 * ROUNDS)
@settings(max_examples=150 * ROUNDS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=shop_streams(), conditions=any_conditions)
def test_any_stream_gives_the_same_results_under_any_conditions(
    stream: list[ChannelEvent], conditions: dict[str, Any]
) -> None:
    assert results(played(stream, **conditions)) == results(played(stream))


@pytest.mark.parametrize("partitions", range(1, 9))
def test_the_number_of_partitions_changes_nothing(partitions: int) -> None:
    stream = shop_stream(seed=1, count=600)
    straight = played(stream)

    assert len(straight.triggers()) > 50
    assert results(played(stream, partitions=partitions)) == results(straight)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6 * ROUNDS))
def test_repeats_reordering_and_crashes_together_change_nothing(seed: int) -> None:
    stream = shop_stream(seed, count=600)
    straight = played(stream)

    disturbed = played(stream, partitions=1 + seed % 8, seed=seed, duplicate=0.2, shuffle=25, crash=0.2)

    assert disturbed.bus.crashes.happened > 100
    assert disturbed.duplicates() > 50
    assert disturbed.counted()["repeats_dropped"] > 100
    assert results(disturbed) == results(straight)


class OneCrash(Crashes):
    """Crashes the unit of a given number before a given step of it; remembers how many units and steps there were."""

    def __init__(self, unit: int, step: int) -> None:
        super().__init__()
        self._at = (unit, step)
        self.steps: list[int] = []

    def step(self, steps: int) -> int | None:
        self.steps.append(steps)
        unit, step = self._at
        if len(self.steps) - 1 != unit:
            return None
        self.happened += 1
        return step


def test_a_crash_before_any_step_of_any_unit_changes_nothing() -> None:
    stream = shop_stream(seed=4, count=40)
    nowhere = OneCrash(-1, -1)
    straight = results(played(stream, partitions=2, crashes=nowhere))

    places = [(unit, step) for unit, steps in enumerate(nowhere.steps) for step in range(steps)]
    assert len(places) > 300
    for unit, step in places:
        crashes = OneCrash(unit, step)
        assert results(played(stream, partitions=2, crashes=crashes)) == straight, (unit, step)
        assert crashes.happened == 1


def test_the_same_seed_disturbs_in_the_same_way() -> None:
    stream = shop_stream(seed=2, count=300)
    conditions: dict[str, Any] = {"partitions": 3, "seed": 9, "duplicate": 0.2, "shuffle": 10, "crash": 0.1}

    one, other = played(stream, **conditions), played(stream, **conditions)

    assert one.bus.counts == other.bus.counts
    assert one.bus.crashes.happened == other.bus.crashes.happened


@pytest.mark.soak
@pytest.mark.timeout(180 * ROUNDS)
@settings(max_examples=40 * ROUNDS, deadline=None)
@given(stream=shop_streams(ties=False))
def test_b37_a_tenant_sees_only_its_own_events_whatever_the_other_does(stream: list[ChannelEvent]) -> None:
    end_ms = stream[-1].occurred_at_ms
    together = played(stream, until_ms=end_ms, partitions=3)
    alone = played([event for event in stream if event.tenant == "north"], until_ms=end_ms)

    assert [line for line in together.customer_lines() if b'"tenant":"north"' in line] == alone.customer_lines()
    assert [trigger for trigger in together.triggers() if trigger.tenant == "north"] == alone.triggers()


def test_two_tenants_with_equal_identifiers_stay_apart() -> None:
    north = shop_stream(seed=3, count=200)
    north = [replace(event, tenant="north") for event in north]
    south = [replace(event, tenant="south") for event in north]
    both = [event for pair in zip(north, south, strict=True) for event in pair]

    simulation = played(both, partitions=4)

    customers = simulation.customer_lines()
    assert sum(b'"tenant":"north"' in line for line in customers) * 2 == len(customers)
    assert simulation.distinct_events() == 400
    assert simulation.duplicates() == 0


def test_b17_ten_thousand_pending_timers_fire_once_each_and_none_early_whatever_crashes() -> None:
    carts = [
        ChannelEvent(
            f"e-{number}", "product_added", "web", TEN + number, {"account": f"u-{number}"}, items=(Item("A"),)
        )
        for number in range(10_000)
    ]

    simulation = played(carts, until_ms=TEN + 60 * MINUTE, partitions=4, seed=1, crash=0.2)

    due = sorted((trigger.caused_by, trigger.fired_at_ms) for trigger in simulation.triggers())
    assert due == sorted((event.event_id, event.occurred_at_ms + 30 * MINUTE) for event in carts)
    assert simulation.bus.crashes.happened > 100

"""What is measured of a durable unit."""

from __future__ import annotations

import time

import pytest
from prometheus_client import REGISTRY

from pipeline.app import measure
from pipeline.settings import load_settings
from pipeline.streaming.units import Unit

LATENCIES = {
    "omni_occurred_to_ingested_seconds": {"channel": "web"},
    "omni_event_seconds": {},
    "omni_timer_delay_seconds": {"actor": "customer"},
    "omni_cause_to_trigger_seconds": {"rule": "cart_reminder"},
}


def observed(metric: str, **labels: str) -> tuple[float, float]:
    values = (REGISTRY.get_sample_value(f"{metric}_{what}", labels) or 0 for what in ("count", "sum"))
    count, total = values
    return count, total


@pytest.mark.parametrize(("clock", "times"), [("wall", 1), ("event", 0)])
def test_how_long_events_and_triggers_took_is_measured_on_the_wall_clock_alone(clock: str, times: int) -> None:
    settings = load_settings(environ={"PIPELINE_CLOCK": clock, "PIPELINE_TOPIC_PREFIX": "shop."})
    ten_seconds_ago = int(time.time() * 1000) - 10_000
    unit = Unit(handled=3, earliest_ms=ten_seconds_ago, occurred_ms=ten_seconds_ago, due_ms=ten_seconds_ago)
    unit.fired_ms["cart_reminder"] = ten_seconds_ago
    before = {metric: observed(metric, **labels) for metric, labels in LATENCIES.items()}
    units, messages = observed("omni_unit_messages", actor="customer")

    measure("customer", "shop.channel.web", unit, 0.01, settings)

    for metric, labels in LATENCIES.items():
        count, total = observed(metric, **labels)
        assert count - before[metric][0] == times
        assert total - before[metric][1] == pytest.approx(10 * times, abs=5)
    assert observed("omni_unit_messages", actor="customer") == (units + 1, messages + 3)


def test_an_empty_unit_is_no_batch() -> None:
    units, _ = observed("omni_unit_messages", actor="customer")

    measure("customer", "customer.inbox", Unit(), 0.01, load_settings(environ={}))

    assert observed("omni_unit_messages", actor="customer")[0] == units

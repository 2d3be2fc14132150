"""Rounds: a stream is cut where an interleaving could change what comes of it, and nowhere else."""

from __future__ import annotations

from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.rules.in_force import Rules
from pipeline.settings import Settings
from pipeline.simulation import Simulation
from pipeline.streaming.ingest import Ingested
from pipeline.streaming.memory_rounds import Disturbance, rounds
from tests.simulation.shop import TEN, played


def ingested(at: int, tenant: str = "default", event_type: str = "page_viewed", **identifiers: str) -> Ingested:
    event = ChannelEvent(f"e-{at}-{identifiers}", event_type, "web", TEN + at, identifiers, tenant)
    return Simulation(Settings(), Rules("test", ()), IdentityConfig()).read(event)


def sizes(*events: Ingested, longest: int = 100) -> list[int]:
    return [len(events) for events in rounds(events, longest)]


def test_events_in_order_of_time_are_one_round() -> None:
    assert sizes(ingested(1, account="u-1"), ingested(1, account="u-2"), ingested(2, account="u-1")) == [3]


def test_an_event_that_goes_back_in_time_begins_a_round() -> None:
    assert sizes(ingested(5, account="u-1"), ingested(4, account="u-2"), ingested(6, account="u-1")) == [1, 2]


def test_an_identifier_beside_another_anchor_at_the_same_instant_begins_a_round() -> None:
    one, other = ingested(1, account="u-1", cookie="c-1"), ingested(1, account="u-2", cookie="c-1")

    assert sizes(one, other) == [1, 1]
    assert sizes(one, ingested(2, account="u-2", cookie="c-1")) == [2]
    assert sizes(one, ingested(1, account="u-1", cookie="c-1"), ingested(1, account="u-2")) == [3]


def test_equal_identifiers_of_two_tenants_do_not_cut() -> None:
    assert sizes(ingested(1, tenant="north", cookie="c-1"), ingested(1, "south", account="u-1", cookie="c-1")) == [2]


def test_a_long_round_ends_where_the_time_moves_on() -> None:
    events = [ingested(at, account=f"u-{number}") for number, at in enumerate((1, 2, 2, 2, 3))]

    assert sizes(*events, longest=2) == [4, 1]


def test_shuffled_events_move_no_further_than_said_and_none_is_lost() -> None:
    events = [ingested(at, account="u-1") for at in range(200)]

    delivered = Disturbance(seed=1, shuffle=5).deliveries(events)

    assert delivered != events
    assert sorted(delivered, key=lambda event: event.occurred_at_ms) == events
    assert max(abs(index - events.index(event)) for index, event in enumerate(delivered)) <= 5


def test_repeats_come_at_once_or_a_round_later() -> None:
    events = [ingested(at, account="u-1") for at in range(200)]
    disturbance = Disturbance(seed=1, duplicate=0.5)

    at_once, later = disturbance.deliveries(events), disturbance.left_over()

    assert 30 < len(at_once) - 200 < 70
    assert 30 < len(later) < 70
    assert disturbance.left_over() == []


def test_an_end_of_stream_event_moves_the_clock_and_counts_for_nothing() -> None:
    viewed = ChannelEvent("e-1", "page_viewed", "web", TEN, {"account": "u-1"})
    end = ChannelEvent("end", "end_of_stream", "web", TEN + 5_000, {})

    simulation = played([viewed, end])

    assert simulation.bus.clock_ms == TEN + 5_000
    assert (simulation.distinct_events(), simulation.handed_over, simulation.duplicates()) == (1, 1, 0)

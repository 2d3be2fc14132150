"""A product that everybody looks at: one write per unit of work, and no view lost or counted twice by a crash."""

from __future__ import annotations

import pytest

from pipeline.domain.messages.keys import product_key
from pipeline.domain.messages.to_product import Demanded, ProductMessage
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.product.state import ProductState
from pipeline.settings import Settings
from pipeline.streaming.envelope import Entry, pack, position
from pipeline.streaming.memory_lane import Changelog
from pipeline.streaming.partition import MAX_UNIT_MESSAGES, ActorPartition
from pipeline.streaming.units import Record
from pipeline.topology import InstallationTopology

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
KEY = product_key("default", "HOT")
VIEWS = 4_000


def envelope() -> Record:
    """Thousands of views of one product at the same instant, in one envelope."""
    view = Demanded("default", "HOT", "view", TEN, "web", "berlin")
    entries = [Entry(position(1, index), KEY, TEN, view) for index in range(VIEWS)]
    (value,) = pack("customer/0", TEN, TEN, entries)
    return Record(0, TEN, None, value)


def taken_over(changelog: Changelog) -> ActorPartition[ProductState, ProductMessage]:
    actor = ProductActor(views_every_ms=60_000)
    engine: ActorPartition[ProductState, ProductMessage] = ActorPartition(
        actor, 0, changelog, InstallationTopology(Settings())
    )
    unit = engine.takeover()
    assert unit is not None
    changelog.append(unit.changes)
    return engine


def test_a_thousand_views_of_one_product_are_written_as_often_as_units_of_work_end() -> None:
    changelog = Changelog()
    engine, written = taken_over(changelog), 0

    for unit in engine.apply([envelope()]):
        written += KEY.encode() in unit.changes
        changelog.append(unit.changes)
        engine.durable(unit, -1)

    assert written == VIEWS // MAX_UNIT_MESSAGES
    state = engine.state(KEY)
    assert state is not None
    assert state.demand is not None
    assert state.demand.overall.views == state.demand.stores["berlin"].views == VIEWS


@pytest.mark.parametrize("durable", range(VIEWS // MAX_UNIT_MESSAGES + 1))
def test_a_crash_between_two_units_of_one_envelope_loses_no_view_and_counts_none_twice(durable: int) -> None:
    changelog = Changelog()
    first = taken_over(changelog)
    for number, unit in enumerate(first.apply([envelope()])):
        if number == durable:
            break
        changelog.append(unit.changes)
        first.durable(unit, -1)

    second = taken_over(changelog)
    for unit in second.apply([envelope(), envelope()]):  # read again, and delivered twice
        changelog.append(unit.changes)
        second.durable(unit, -1)

    state = second.state(KEY)
    assert state is not None
    assert state.demand is not None
    assert state.demand.overall.views == VIEWS

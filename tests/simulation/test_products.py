"""Products on the in-memory bus: what is counted of them and told on `catalog.view`, under any disturbance."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from pipeline.domain.customer.orders import distinct_skus
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.messages.keys import product_key
from pipeline.domain.product.demand import COUNTED, HALF_LIFE_MS
from pipeline.domain.product.state import ProductState
from pipeline.domain.product.view import catalog_view
from pipeline.domain.records import CatalogView
from pipeline.settings import Settings
from pipeline.simulation import Conditions, Simulation
from pipeline.streaming.memory_lane import Crashes
from pipeline.streaming.units import Output
from pipeline.wire.records import decode_record
from tests.harness.rounds import ROUNDS
from tests.simulation.shop import MINUTE, SHOP, any_conditions, played, results, shop_stream, shop_streams

EVERY_MS = 10 * MINUTE
MORE_TYPES = {0: "product_viewed", 1: "product_reviewed", 2: "product_added_to_wishlist"}
"""By the number of an event in the stream: what some become, so that everything is counted."""


class Followed(Simulation):
    """Keeps every record of `catalog.view`, in the order of each key."""

    def __init__(self, crashes: Crashes | None = None, **conditions: Any) -> None:
        super().__init__(
            Settings(), SHOP, IdentityConfig(), Conditions(**conditions), crashes=crashes, products_every_ms=EVERY_MS
        )
        self.records: dict[str, list[CatalogView]] = {}

    def _delivered(self, output: Output) -> None:
        super()._delivered(output)
        if dict(output.headers).get("schema") == b"catalog_view":
            assert output.key is not None
            self.records.setdefault(output.key.decode(), []).append(decode_record(CatalogView, output.value))

    def run(self, stream: list[ChannelEvent]) -> Followed:
        self.play(map(self.read, stream), stream[-1].occurred_at_ms + 2 * EVERY_MS)
        return self

    def each_once(self) -> dict[str, list[CatalogView]]:
        """Records in order; a copy that a crash has made counts once."""
        return {
            key: [view for number, view in enumerate(views) if view not in views[:number]]
            for key, views in self.records.items()
        }

    def states(self) -> dict[str, ProductState]:
        """Return products by key, without what else has a key there: categories, counters of orders, waiting lists."""
        return {key: state for key, state in self.bus.states("product") if state.is_product}


def of_all_sorts(stream: list[ChannelEvent]) -> list[ChannelEvent]:
    """Let some events be reviews and wishes, and some happen in a store."""
    return [
        replace(
            event,
            event_type=MORE_TYPES.get(number % 7, event.event_type),
            order_id=None if number % 7 in MORE_TYPES else event.order_id,
            store_id=(None, "berlin", "paris")[number % 3],
            properties={"rating": 1 + number % 5},
        )
        for number, event in enumerate(stream)
    ]


def exact(stream: list[ChannelEvent], key: str, now_ms: int) -> dict[str, float]:
    """The decayed counts of one product, from the events alone."""
    found: dict[str, float] = {}
    for event in stream:
        what = "sale" if event.event_type == "order_completed" else COUNTED.get(event.event_type)
        if what and key in (product_key(event.tenant, sku) for sku in distinct_skus(event.items)):
            found[what] = found.get(what, 0.0) + 2 ** (-(now_ms - event.occurred_at_ms) / HALF_LIFE_MS)
    return found


def check(simulation: Followed, stream: list[ChannelEvent]) -> None:
    """Every event is counted once, and the last record of each product says what its state says."""
    for key, state in simulation.states().items():
        assert state.demand is not None
        overall = state.demand.overall
        counted = exact(stream, key, overall.at_ms)
        assert overall.views == pytest.approx(counted.get("view", 0.0))
        assert overall.carts == pytest.approx(counted.get("cart", 0.0))
        assert overall.sales == pytest.approx(counted.get("sale", 0.0))
        assert overall.wishes == pytest.approx(counted.get("wish", 0.0))
        assert state.demand.ratings == sum(
            event.event_type == "product_reviewed"
            and key in (product_key(event.tenant, sku) for sku in distinct_skus(event.items))
            for event in stream
        )
        last = simulation.records[key][-1]
        assert last == catalog_view(state, last.updated_at_ms)
        assert simulation.feed["catalog_view", key]
    assert simulation.records.keys() == simulation.states().keys()


@pytest.mark.parametrize("seed", range(3))
def test_repeats_reordering_and_crashes_change_no_count_and_no_record(seed: int) -> None:
    stream = of_all_sorts(shop_stream(seed, count=400))
    straight = Followed().run(stream)

    disturbed = Followed(partitions=1 + seed * 3, seed=seed, duplicate=0.2, shuffle=25, crash=0.2).run(stream)

    check(straight, stream)
    assert disturbed.bus.crashes.happened > 100
    assert sum(len(views) for views in straight.records.values()) > 50
    assert disturbed.each_once() == straight.each_once()
    assert results(disturbed) == results(straight)


@pytest.mark.soak
@pytest.mark.timeout(180 * ROUNDS)
@settings(max_examples=60 * ROUNDS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    stream=shop_streams(),
    conditions=any_conditions,
)
def test_under_any_conditions_products_know_the_same(stream: list[ChannelEvent], conditions: dict[str, Any]) -> None:
    told = of_all_sorts(stream)

    straight, disturbed = Followed().run(told), Followed(**conditions).run(told)

    check(disturbed, told)
    assert disturbed.each_once() == straight.each_once()
    assert disturbed.product_lines() == straight.product_lines()


def test_without_disturbance_no_product_is_told_of_twice_in_an_interval() -> None:
    simulation = Followed(partitions=2).run(of_all_sorts(shop_stream(seed=5, count=300)))

    for views in simulation.records.values():
        times = [view.updated_at_ms for view in views]
        assert all(later - before >= EVERY_MS for before, later in pairwise(times))
    assert sum(map(len, simulation.records.values())) > 50


def test_what_nobody_follows_is_not_counted_and_customers_and_triggers_are_the_same() -> None:
    stream = of_all_sorts(shop_stream(seed=6, count=200))
    end_ms = stream[-1].occurred_at_ms + 2 * EVERY_MS

    plain, followed = played(stream, until_ms=end_ms), Followed().run(stream)

    assert plain.customer_lines() == followed.customer_lines()
    assert plain.triggers_digest() == followed.triggers_digest()
    assert plain.decisions() == followed.decisions()
    for _, state in plain.bus.states("product"):
        assert state.demand is None or state.demand.overall.views == 0
    assert not plain.feed

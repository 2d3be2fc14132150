"""Streaming complements against the exact calculation, on what other people's customers bought."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest

from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.messages.to_customer import Complement
from pipeline.domain.product.companions import Companions
from pipeline.domain.product.known import BASKETS_TO_ASK
from pipeline.domain.product.state import ProductState
from pipeline.domain.rules.in_force import Rules
from pipeline.settings import Settings
from pipeline.simulation import Conditions, Simulation
from tests.harness.affinities import Affinities
from tests.harness.baskets import baskets_of, category_of, kept_baskets
from tests.harness.data_sets import events_of
from tests.harness.products import Products

BREAD, MILK = "BAKED BREAD/BUNS/ROLLS", "FLUID MILK PRODUCTS"
PASTA, SAUCE = "DRY NOODLES/PASTA", "PASTA SAUCE"


@cache
def by_category() -> tuple[Affinities, Products]:
    """A year of baskets of a grocer, by category, none of which fades: calculated, and told to products in turn."""
    baskets = baskets_of(events_of("complete_journey"), category_of)
    return Affinities(baskets), Products(half_life_days=0).all_ordered(baskets)


def told(category: str) -> Sequence[Complement]:
    return by_category()[1][category].companions.complements()


@pytest.mark.parametrize(
    ("a", "b", "baskets", "confidence", "lift"),
    [
        (BREAD, MILK, 2_396, 0.5112, 1.9193),
        (MILK, BREAD, 2_396, 0.4499, 1.9193),
        (PASTA, SAUCE, 517, 0.4675, 10.2716),
        (SAUCE, PASTA, 517, 0.5681, 10.2716),
    ],
)
def test_the_pairs_that_the_data_set_names_come_first_with_the_lift_that_it_names(
    a: str, b: str, baskets: int, confidence: float, lift: float
) -> None:
    exact = by_category()[0].pair(a, b)
    best = told(a)[0]

    assert (exact.baskets, round(exact.confidence, 4), round(exact.lift, 4)) == (baskets, confidence, lift)
    assert (best.sku, best.baskets, best.confidence) == (b, baskets, exact.confidence)
    assert best.lift == pytest.approx(lift, rel=0.02)
    assert best.support == pytest.approx(exact.support, rel=0.02)


def test_of_the_exact_ten_best_streaming_counts_find_nearly_all() -> None:
    found, best = by_category()[0].recall(told, BASKETS_TO_ASK)

    assert best > 2_000
    assert found / best >= 0.95


def test_what_came_back_counts_as_if_it_had_not_been_bought() -> None:
    events = sorted(events_of("online_retail"), key=lambda event: event.occurred_at_ms)
    exact = Affinities(kept_baskets(events))
    with_returns = Affinities(baskets_of(events))
    settings = Settings().replace("test", complements_half_life_days=0)
    simulation = Simulation(settings, Rules("test", []), IdentityConfig(), Conditions(partitions=3))
    simulation.play(map(simulation.read, events))

    products: dict[str, Companions] = {
        state.sku: state.companions
        for _, state in simulation.bus.states("product")
        if isinstance(state, ProductState) and state.is_product
    }
    assert {sku: each.baskets for sku, each in products.items() if each.baskets} == dict(exact.of)
    assert {sku: number for sku, number in with_returns.of.items() if number != exact.of[sku]}
    for sku, companions in products.items():
        counted = {other: pair.baskets for other, pair in companions.together.items()}
        expected = {other: number for other, number in exact.together[sku].items() if number}
        if companions.missed:  # some had to make room
            assert all(number <= expected[other] for other, number in counted.items())
        else:
            assert counted == expected


def test_the_report_of_a_simulation_leaves_out_what_is_no_product() -> None:
    events = list(events_of("complete_journey"))[:100]
    simulation = Simulation(Settings(), Rules("test", []), IdentityConfig())
    simulation.play(map(simulation.read, events))

    lines = simulation.product_lines()
    assert len(lines) == len({sku for basket in baskets_of(events) for sku in basket.skus})


def test_whatever_comes_in_between_products_tell_each_other_the_same() -> None:
    events = events_of("complete_journey")[:250]

    def lines(conditions: Conditions) -> list[bytes]:
        simulation = Simulation(Settings(), Rules("test", []), IdentityConfig(), conditions)
        simulation.play(map(simulation.read, events))
        return simulation.product_lines()

    alone = lines(Conditions())
    assert lines(Conditions(partitions=5, seed=7, duplicate=0.1, crash=0.1)) == alone
    assert any(b'"lift":1' in line for line in alone)

"""The generator repeats itself, and the gate catches a contender that is wrong by one event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from pipeline.domain.customer.actor import CustomerState
from pipeline.domain.product.state import ProductState
from pipeline.rules_file import load_rules
from pipeline.settings import load_settings
from tests.bench.contenders.actors_in_process import InProcess
from tests.bench.dataset import CHANNELS, DUPLICATES, Sample, Spec, stream
from tests.bench.gate import Facts, Names, differences, facts_of, fold

SPEC = Spec(events=6_000, customers=300, first_ms=1_790_000_000_000)
SAMPLES = tuple(stream(SPEC))
NAMES = Names(SPEC.customers)


def played(samples: Sequence[Sample]) -> Facts:
    """What the actors make of `samples`, without Kafka."""
    settings = load_settings(environ={})
    process = InProcess(settings, load_rules(settings.rules_file))
    refused = 0
    for sample in samples:
        refused += not process.take(sample.value, SPEC.first_ms + 10_000)
    states: dict[str, list[object]] = {"customer": [], "product": [], "identity": []}
    for (actor, _), state in process.states.items():
        states[actor].append(state)
    customers = [state for state in states["customer"] if isinstance(state, CustomerState)]
    products = [state for state in states["product"] if isinstance(state, ProductState)]
    return facts_of(customers, products, refused, NAMES)


def test_the_same_seed_is_the_same_bytes_and_another_seed_is_not() -> None:
    again = [sample.value for sample in stream(SPEC)]
    other = [sample.value for sample in stream(Spec(6_000, 300, SPEC.first_ms, seed=1))]

    assert again == [sample.value for sample in SAMPLES]
    assert other != again


def test_a_shorter_stream_is_the_beginning_of_a_longer_one() -> None:
    assert tuple(stream(Spec(1_000, 300, SPEC.first_ms))) == SAMPLES[:1_000]


def test_the_shop_is_as_described() -> None:
    times = Counter(sample.event.event_id for sample in SAMPLES if sample.event is not None)
    types = Counter(sample.event.event_type for sample in SAMPLES if sample.event is not None)
    anonymous = [s for s in SAMPLES if s.event is not None and "account" not in s.event.identifiers]

    assert len(SAMPLES) == SPEC.events
    assert {sample.channel for sample in SAMPLES} == set(CHANNELS)
    assert sum(sample.event is None for sample in SAMPLES) == pytest.approx(6, abs=6)
    assert sum(count - 1 for count in times.values()) == pytest.approx(SPEC.events * DUPLICATES, rel=0.3)
    assert types["product_viewed"] > types["page_viewed"] > types["product_added"] > types["order_completed"] > 100
    assert 0 < len(anonymous) < SPEC.events * 0.3
    assert all(sample.event.event_type == "product_viewed" for sample in anonymous if sample.event is not None)


def test_no_cart_and_no_order_is_told_out_of_order() -> None:
    latest: dict[tuple[int, str], int] = {}
    seen: set[str] = set()
    for sample in SAMPLES:
        event = sample.event
        if event is None or event.cart_id is None or event.event_id in seen:
            continue
        seen.add(event.event_id)
        cart = (sample.customer, event.cart_id)
        assert event.occurred_at_ms > latest.get(cart, 0)
        latest[cart] = event.occurred_at_ms


def test_the_actors_pass_the_gate() -> None:
    expected, found = fold(SAMPLES), played(SAMPLES)

    assert differences(expected, found) == []
    assert found.digest() == expected.digest()


@pytest.mark.parametrize("event_type", ["page_viewed", "product_added", "order_completed"])
def test_a_contender_that_loses_one_event_is_caught(event_type: str) -> None:
    at = next(n for n, s in enumerate(SAMPLES) if s.event is not None and s.event.event_type == event_type)
    original = SAMPLES[at].event
    assert original is not None

    found = played([s for s in SAMPLES if s.event is None or s.event.event_id != original.event_id])

    assert len(differences(fold(SAMPLES), found)) > 0
    assert found.digest() != fold(SAMPLES).digest()


def test_a_contender_that_counts_one_event_twice_is_caught() -> None:
    expected, found = fold(SAMPLES), played(SAMPLES)

    found.persons["7"].events += 1

    assert differences(expected, found) == [
        f"person 7: {found.persons['7']}, expected {expected.persons['7']}",
    ]
    assert found.digest() != expected.digest()


def test_a_contender_that_swallows_a_bad_record_is_caught() -> None:
    expected, found = fold(SAMPLES), played([sample for sample in SAMPLES if sample.event is not None])

    assert differences(expected, found) == [f"0 records refused, expected {expected.refused}"]

"""`python -m tests.bench.views`: what it costs that a customer looks at a product, at the customer and at the product.

In process, processor time of this process alone, the contenders in turn. The customer: an event with and without
telling the product. The product: a partition from packed envelopes to encoded states, views spread over many products
(each in a unit of work once or twice) and all of the same one.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from random import Random
from statistics import median
from zlib import crc32

from pipeline.domain.customer.actor import CustomerActor, CustomerState
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages.keys import product_key
from pipeline.domain.messages.to_customer import Arrived
from pipeline.domain.messages.to_product import Demanded, ProductMessage
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.product.state import ProductState
from pipeline.domain.rules.in_force import Rules
from pipeline.settings import Settings
from pipeline.streaming.envelope import Entry, pack, position
from pipeline.streaming.memory_lane import Changelog
from pipeline.streaming.partition import ActorPartition
from pipeline.streaming.units import Record
from pipeline.topology import InstallationTopology
from tests.bench import machine

FIRST_MS = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
VIEWS = 60_000
CUSTOMERS, PRODUCTS = 5_000, 20_000
PER_ENVELOPE = 80
"""Events of an input batch that go to one partition, under load."""
MINUTE_MS = 60_000
ROUNDS = 5


def at_customers(counts_demand: bool) -> float:
    """Return the microseconds of a view at its customer."""
    chance, actor = Random(1), CustomerActor(Rules("", ()), counts_demand=counts_demand)
    states: dict[str, CustomerState | None] = {}
    told = []
    for number in range(VIEWS):
        customer_id, sku = f"u-{chance.randrange(CUSTOMERS)}", f"SKU-{chance.randrange(PRODUCTS)}"
        who = (("account", customer_id),)
        event = ChannelEvent(f"e-{number}", "product_viewed", "web", FIRST_MS + number, dict(who), items=(Item(sku),))
        told.append(Arrived("default", customer_id, who, event.occurred_at_ms, crc32(event.event_id.encode()), event))
    began = time.process_time()
    for message in told:
        key = message.customer_id
        states[key], _ = actor.handle(states.get(key), message, message.received_at_ms)
    return (time.process_time() - began) / VIEWS * 1e6


def at_products(products: int) -> float:
    """Return the microseconds of a view at its product, one of so many, of which each is known already."""
    chance, changelog = Random(1), Changelog()
    actor = ProductActor(views_every_ms=MINUTE_MS)
    engine: ActorPartition[ProductState, ProductMessage] = ActorPartition(
        actor, 0, changelog, InstallationTopology(Settings())
    )
    unit = engine.takeover()
    assert unit is not None
    changelog.append(unit.changes)
    known = [f"SKU-{number}" for number in range(products)]
    seen = [f"SKU-{chance.randrange(products)}" for _ in range(VIEWS)]
    _apply(engine, changelog, _records(known, 0))
    records = _records(seen, len(known))
    began = time.process_time()
    _apply(engine, changelog, records)
    took = (time.process_time() - began) / VIEWS * 1e6
    states = (engine.state(product_key("default", sku)) for sku in known)
    counted = sum(state.demand.overall.views for state in states if state is not None and state.demand is not None)
    assert abs(counted - VIEWS - products) < 10, "each view is counted; a minute takes a little of it"
    return took


def _records(skus: list[str], after: int) -> list[Record]:
    """Views in envelopes, `after` so many others."""
    made, first = [], -(-after // PER_ENVELOPE) + 1
    for start in range(0, len(skus), PER_ENVELOPE):
        offset, at_ms = first + start // PER_ENVELOPE, FIRST_MS + after + start
        entries = [
            Entry(
                position(offset, index),
                product_key("default", sku),
                at_ms,
                Demanded("default", sku, "view", at_ms, "web"),
            )
            for index, sku in enumerate(skus[start : start + PER_ENVELOPE])
        ]
        made += [Record(offset, at_ms, None, value) for value in pack("customer/0", at_ms, at_ms, entries)]
    return made


def _apply(engine: ActorPartition[ProductState, ProductMessage], changelog: Changelog, records: list[Record]) -> None:
    for start in range(0, len(records), 100):
        for unit in engine.apply(records[start : start + 100]):
            changelog.append(unit.changes)
            engine.durable(unit, -1)


def main() -> int:
    """Measure, print."""
    contenders: dict[str, Callable[[], float]] = {
        "customer, untold": lambda: at_customers(counts_demand=False),
        "customer, told": lambda: at_customers(counts_demand=True),
        f"product, one of {PRODUCTS:,}": lambda: at_products(PRODUCTS),
        "product, all the same": lambda: at_products(1),
    }
    gc.disable()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, measure in contenders.items():
            times[name].append(measure())
            gc.collect()
    described = machine.describe()
    sys.stdout.write(f"{described['machine']}, {described['python']}; load {machine.load()}\n")
    for name, each in times.items():
        sys.stdout.write(f"{name:<24} {median(each):5.1f} µs a view ({min(each):.1f} to {max(each):.1f})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The validity gate: a contender that loses, doubles or misjudges one event is not a contender.

Facts are what a plain fold of the input says: per person the events counted, orders, spend and what lies in the
carts; per product the orders that held it; and the records refused. A person is whoever stands behind an account and
a cookie: whether views before the login belong to the account's customer or to one of their own depends on which
partition is read first, their sum does not.

Cross-sell triggers are counted and not compared: whether one fires depends on which orders the product had seen by
then, and that is a race between partitions by design.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256

import msgspec
from msgspec import Struct

from pipeline.domain.customer.actor import CustomerState
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.actor import founded_by
from pipeline.domain.product.state import ProductState
from tests.bench.dataset import CART_TYPES, Sample

CURRENCY = "EUR"
SHOWN = 5

Carts = dict[tuple[str, str], int]
"""(cart id, SKU) to pieces, none of them 0 or less."""


class Person(Struct):
    """What is known of one person; `spend` in minor units."""

    events: int = 0
    orders: int = 0
    spend: int = 0
    carts: Carts = msgspec.field(default_factory=dict)


class Facts(Struct):
    """What came of an input: persons and products by name, records refused."""

    persons: dict[str, Person]
    products: dict[str, int]
    refused: int

    def digest(self) -> str:
        """Return a hash that equal facts share."""
        lines = [
            f"{name} {person.events} {person.orders} {person.spend} {sorted(person.carts.items())}"
            for name, person in sorted(self.persons.items())
        ]
        lines += [f"{sku} {orders}" for sku, orders in sorted(self.products.items())]
        return sha256("\n".join([*lines, str(self.refused)]).encode()).hexdigest()


def fold(samples: Iterable[Sample]) -> Facts:
    """Fold an input into its facts, with nothing but dicts: each id once, carts and orders by time."""
    seen: set[str] = set()
    telling: list[tuple[int, ChannelEvent]] = []
    persons: dict[str, Person] = {}
    products: Counter[str] = Counter()
    refused = 0
    for sample in samples:
        event = sample.event
        if event is None:
            refused += 1
        elif event.event_id not in seen:
            seen.add(event.event_id)
            persons.setdefault(str(sample.customer), Person()).events += 1
            if event.event_type in CART_TYPES:
                telling.append((sample.customer, event))
    for customer, event in sorted(telling, key=lambda told: told[1].occurred_at_ms):
        person = persons[str(customer)]
        lines = [((event.cart_id or "", item.sku), item) for item in event.items]
        match event.event_type:
            case "product_added":
                for line, item in lines:
                    person.carts[line] = person.carts.get(line, 0) + item.quantity
            case "product_removed":
                for line, item in lines:
                    person.carts[line] = person.carts.get(line, 0) - item.quantity
            case "cart_updated":
                _empty(person.carts, event.cart_id)
                person.carts.update({line: item.quantity for line, item in lines})
            case "order_completed":
                _empty(person.carts, event.cart_id)
                person.orders += 1
                person.spend += sum(item.quantity * (item.unit_price_minor or 0) for item in event.items)
                products.update(item.sku for item in event.items)
    for person in persons.values():
        person.carts = {line: pieces for line, pieces in person.carts.items() if pieces > 0}
    return Facts(persons, dict(products), refused)


def _empty(carts: Carts, cart_id: str | None) -> None:
    for line in [line for line in carts if line[0] == cart_id]:
        del carts[line]


class Names:
    """Which person a customer id belongs to: whoever's account or cookie founded it."""

    def __init__(self, customers: int) -> None:
        """Compute the ids that the persons 0 to `customers` - 1 may be known under."""
        self._of = {
            founded_by("default", (kind, f"{mark}-{number}")): str(number)
            for number in range(customers)
            for kind, mark in (("account", "u"), ("cookie", "c"))
        }

    def __getitem__(self, customer_id: str) -> str:
        """Return the person, or the id itself where nobody should have it."""
        return self._of.get(customer_id, customer_id)


def facts_of(customers: Iterable[CustomerState], products: Iterable[ProductState], refused: int, names: Names) -> Facts:
    """Read the facts off a contender's states."""
    persons: dict[str, Person] = {}
    for state in customers:
        person = persons.setdefault(names[state.customer_id], Person())
        person.events += state.events
        person.orders += state.orders_counted
        person.spend += state.spend_minor.get(CURRENCY, 0)
        for cart_id, cart in state.carts.items():
            for sku, line in cart.lines.items():
                if line.quantity > 0:
                    person.carts[cart_id, sku] = line.quantity
    return Facts(
        persons, {state.sku: state.companions.baskets for state in products if state.companions.baskets}, refused
    )


def differences(expected: Facts, found: Facts) -> list[str]:
    """Return what is wrong in words, the first few of each kind; nothing when the contender is valid."""
    wrong = _of_mapping("person", expected.persons, found.persons)
    wrong += _of_mapping("product", expected.products, found.products)
    if expected.refused != found.refused:
        wrong.append(f"{found.refused} records refused, expected {expected.refused}")
    return wrong


def _of_mapping(what: str, expected: Mapping[str, object], found: Mapping[str, object]) -> list[str]:
    names = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    said = [f"{what} {name}: {found.get(name)}, expected {expected.get(name)}" for name in names[:SHOWN]]
    if len(names) > SHOWN:
        said.append(f"… and {len(names) - SHOWN} more of {len(expected)}")
    return said

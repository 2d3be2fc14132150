"""The shop that the benchmarks play: the same seed is the same events, bytes and all.

What is gated must not depend on which of several partitions is read first. Therefore a customer's cart belongs to
one channel, whose events share a key; anonymous events (cookie alone) are views; and only events that touch no cart
and no order are told out of order or malformed.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from msgspec import Struct

from pipeline.domain.events import Campaign, ChannelEvent, Context, Item
from pipeline.wire.channel_event import encode

CHANNELS = ("web", "app", "email", "pos", "push")
MIX = {
    "product_viewed": 0.55,
    "page_viewed": 0.25,
    "product_added": 0.08,
    "email_opened": 0.04,
    "push_opened": 0.03,
    "order_completed": 0.03,
    "product_removed": 0.015,
    "cart_updated": 0.005,
}
"""Share of each event type. A removal or an update of an empty cart, and an order of nothing outside a store, become
an addition to the cart."""
CART_TYPES = frozenset({"product_added", "product_removed", "cart_updated", "order_completed"})

SKUS = 500
KEY_EXPONENT = 0.9
"""Zipf exponent over customers: of 20,000 the first one sends about 6 % of the events, so that among
others hundreds of its events can come between an event and its duplicate."""
SKU_EXPONENT = 0.8
ANONYMOUS = 0.3
"""Share of customers who begin with a cookie alone and log in later."""
LOGIN = 0.25
"""Chance that an event of such a customer is the one that logs in."""
DUPLICATES = 0.02
OUT_OF_ORDER = 0.01
MALFORMED = 0.001
NEAR = 50
"""Within so many events a duplicate follows its original, or an event is told late."""
STEP_MS = 1
"""Between two events: all times differ, and even two million events are younger than the carts' reminder is due."""


class Spec(Struct, frozen=True):
    """A stream. `first_ms` is the time of its first event; at a seed, everything else depends on nothing."""

    events: int
    customers: int
    first_ms: int
    seed: int = 20_261_124
    key_exponent: float = KEY_EXPONENT


class Sample(Struct, frozen=True, gc=False):
    """One record to produce. `event` is None where the bytes are malformed; `customer` is the number of its sender."""

    channel: str
    key: bytes
    value: bytes
    customer: int
    event: ChannelEvent | None


def stream(spec: Spec) -> Iterator[Sample]:
    """Generate `spec.events` records, duplicates and malformed ones included, in the order of producing."""
    chance = random.Random(spec.seed)
    waiting: list[tuple[int, Sample]] = []
    made = 0
    for number, sample in enumerate(_originals(spec, chance)):
        if waiting and waiting[0][0] <= number:
            for _, late in waiting:
                yield late
                made += 1
                if made == spec.events:
                    return
            waiting = []
        draw = chance.random()
        assert sample.event is not None
        plain = sample.event.event_type not in CART_TYPES
        if draw < MALFORMED and plain:
            yield Sample(sample.channel, sample.key, sample.value[: len(sample.value) // 2], sample.customer, None)
        elif draw < MALFORMED + OUT_OF_ORDER and plain:
            waiting.append((number + chance.randrange(1, NEAR), sample))
            continue
        else:
            yield sample
            if draw > 1 - DUPLICATES:
                waiting.append((number + chance.randrange(1, NEAR), sample))
        made += 1
        if made == spec.events:
            return


def _originals(spec: Spec, chance: random.Random) -> Iterator[Sample]:
    """Generate events in the order of their times, without end."""
    customer_of = _zipf(spec.customers, spec.key_exponent)
    sku_of = _zipf(SKUS, SKU_EXPONENT)
    types, upto = list(MIX), list(accumulate(MIX.values()))
    places = random.Random(spec.seed).sample(range(spec.customers), spec.customers)
    known: set[int] = set()
    carts: dict[tuple[int, str], dict[str, int]] = {}
    at_ms, number = spec.first_ms, 0
    while True:
        customer = places[customer_of(chance)]
        event_type = types[min(bisect_left(upto, chance.random() * upto[-1]), len(types) - 1)]
        begins_anonymous = customer % 10 < ANONYMOUS * 10
        if begins_anonymous and customer not in known:
            if chance.random() < LOGIN:
                known.add(customer)
                event_type = "identified"
            else:
                event_type = "product_viewed"
        anonymous = begins_anonymous and customer not in known
        channel = _channel(event_type, chance)
        cart = carts.setdefault((customer, channel), {}) if event_type in CART_TYPES else {}
        if (event_type in ("product_removed", "cart_updated") and not cart) or (
            event_type == "order_completed" and channel != "pos" and not cart
        ):
            event_type = "product_added"
        if event_type == "product_added" and channel == "pos":
            event_type = "order_completed"
        sku = f"sku-{sku_of(chance):04d}"
        event = _event(number, event_type, channel, at_ms, customer, anonymous, sku, cart, chance)
        key = f"cookie:c-{customer}" if anonymous else f"account:u-{customer}"
        yield Sample(channel, key.encode(), encode(event), customer, event)
        at_ms += STEP_MS
        number += 1


def _channel(event_type: str, chance: random.Random) -> str:
    if event_type == "email_opened":
        return "email"
    if event_type == "push_opened":
        return "push"
    if event_type == "order_completed":
        return chance.choice(("web", "app", "pos"))
    return chance.choice(("web", "app"))


def _event(
    number: int,
    event_type: str,
    channel: str,
    at_ms: int,
    customer: int,
    anonymous: bool,
    sku: str,
    cart: dict[str, int],
    chance: random.Random,
) -> ChannelEvent:
    """Build one event; `cart` is what its channel's cart holds, and is kept up to date."""
    items: tuple[Item, ...] = ()
    order_id = cart_id = None
    if event_type == "product_added":
        cart[sku] = cart.get(sku, 0) + 1
        items = (_item(sku, 1),)
    elif event_type == "product_removed":
        sku = chance.choice(sorted(cart))
        cart[sku] -= 1
        if not cart[sku]:
            del cart[sku]
        items = (_item(sku, 1),)
    elif event_type == "cart_updated":
        cart[sku] = 2
        items = tuple(_item(each, pieces) for each, pieces in sorted(cart.items()))
    elif event_type == "order_completed":
        if not cart:
            cart.update({sku: 1, f"sku-{int(sku[4:]) * 7 % SKUS:04d}": 1})
        items = tuple(_item(each, pieces) for each, pieces in sorted(cart.items()))
        order_id = f"o-{number}"
        cart.clear()
    elif event_type == "product_viewed":
        items = (_item(sku, 1),)
    if event_type in CART_TYPES:
        cart_id = f"cart-{channel}"
    identifiers = {"cookie": f"c-{customer}"} if channel == "web" or anonymous or event_type == "identified" else {}
    if not anonymous:
        identifiers["account"] = f"u-{customer}"
    return ChannelEvent(
        event_id=f"e-{number}",
        event_type=event_type,
        channel=channel,
        occurred_at_ms=at_ms,
        identifiers=identifiers,
        session_id=f"s-{customer}-{at_ms // 1_800_000}",
        order_id=order_id,
        cart_id=cart_id,
        items=items,
        context=_CONTEXTS[customer % len(_CONTEXTS)],
    )


_CONTEXTS = (
    Context("phone", "de-DE", "DE", "Berlin", time_zone="Europe/Berlin"),
    Context("desktop", "de-AT", "AT", "Wien", time_zone="Europe/Vienna", campaign=Campaign("google", "cpc", "autumn")),
    Context("tablet", "fr-FR", "FR", "Lyon", time_zone="Europe/Paris"),
)


def _item(sku: str, pieces: int) -> Item:
    return Item(sku, pieces, 999 + int(sku[4:]) * 10, "EUR", {"size": "38", "colour": "blue"})


def _zipf(many: int, exponent: float) -> ZipfDraw:
    return ZipfDraw(list(accumulate(1 / rank**exponent for rank in range(1, many + 1))))


class ZipfDraw:
    """Draws ranks from 0 on, the first most often."""

    def __init__(self, upto: list[float]) -> None:
        """`upto` are the weights, added up."""
        self._upto = upto

    def __call__(self, chance: random.Random) -> int:
        """Draw one."""
        return bisect_left(self._upto, chance.random() * self._upto[-1])

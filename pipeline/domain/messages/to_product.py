"""What reaches a product, its category, or a counter of orders.

Internal messages travel in envelopes as msgpack arrays; the tag is the first element. New fields go to the end with a
default.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from pipeline.domain.messages.to_customer import ArrivedRaw, CustomerMessage
from pipeline.domain.messages.to_identity import IdentityMessage
from pipeline.domain.messages.waves import WaveMessage


class BoughtTogether(Struct, frozen=True, array_like=True, tag="b", gc=False):
    """One order held `sku` and the SKUs `others` (sorted, distinct, without `sku`).

    `gap_days` is how many days ago the same customer had bought it last, None where that is not known. `category` is
    that of `sku` as the order told it, "" where it did not. `channel` and `store` are where it was bought; with no
    channel it is not counted as a sale (see `Demanded`).
    """

    tenant: str
    sku: str
    others: tuple[str, ...]
    occurred_at_ms: int
    gap_days: int | None = None
    category: str = ""
    channel: str = ""
    store: str = ""


class TakenBack(Struct, frozen=True, array_like=True, tag="r", gc=False):
    """Of an order of `bought_at_ms`, `sku` was given back, or (`itself` False) the SKUs `others` were.

    So `sku` was not bought together with `others` after all. With a `channel`, its sale there, in that `store`, was
    told twice (a merge) and is called off. What was sold and came back was sold all the same.
    """

    tenant: str
    sku: str
    others: tuple[str, ...]
    occurred_at_ms: int
    bought_at_ms: int
    itself: bool
    channel: str = ""
    store: str = ""


class SeenBeside(Struct, frozen=True, array_like=True, tag="w", gc=False):
    """In a visit with an order `sku` was bought and `others`, of its category, only looked at; or the reverse."""

    tenant: str
    sku: str
    others: tuple[str, ...]
    occurred_at_ms: int


class OrderCounted(Struct, frozen=True, array_like=True, tag="o", gc=False):
    """At a counter of orders (`sku` is its key): there was one more, or one of `taken_back_ms` less."""

    tenant: str
    sku: str
    occurred_at_ms: int
    taken_back_ms: int | None = None


class OrdersTold(Struct, frozen=True, array_like=True, tag="u", gc=False):
    """At a counter of orders: what the counter `teller` has, as of `at_ms`."""

    tenant: str
    sku: str
    teller: str
    weight: float
    at_ms: int


class AskOrders(Struct, frozen=True, array_like=True, tag="q", gc=False):
    """`by` wants to know how many orders hold `sku`, of how many in all. It passes its own to a counter of orders."""

    tenant: str
    sku: str
    by: str
    at_ms: int


class OrdersOf(Struct, frozen=True, array_like=True, tag="t", gc=False):
    """At a counter of orders: let `to` know that `weight` orders hold `of`, a product of `category`."""

    tenant: str
    sku: str
    of: str
    to: tuple[str, ...]
    weight: float
    category: str
    at_ms: int


class OrdersHeld(Struct, frozen=True, array_like=True, tag="n", gc=False):
    """As of `at_ms`, `weight` orders hold `of`, a product of `category`, and there are `orders` in all."""

    tenant: str
    sku: str
    of: str
    weight: float
    orders: float
    category: str
    at_ms: int


class AskComplements(Struct, frozen=True, array_like=True, tag="a", gc=False):
    """`customer_id` took an interest in `sku` (event `event_id` in `channel`): what goes with it?

    `then` are the SKUs to ask about next. One after the other, because answers that race each other would make
    chance decide which one is sent. `new`: at the key of a category, a product that is too new to answer itself.
    `part` is the part of a merged customer that took the interest, "" for its own.
    """

    tenant: str
    sku: str
    customer_id: str
    event_id: str
    asked_at_ms: int
    channel: str
    then: tuple[str, ...] = ()
    new: str = ""
    part: str = ""


class ProductTold(Struct, frozen=True, array_like=True, tag="f", gc=False):
    """The catalogue says what a product is. The later by (`updated_at_ms`, `version`) holds."""

    tenant: str
    sku: str
    update_id: str
    updated_at_ms: int
    version: int = 0
    deleted: bool = False
    name: str = ""
    category: str = ""
    unit_price_minor: int | None = None
    currency: str | None = None
    attributes: dict[str, str] = {}
    backorder: bool = False
    group: str = ""


class VariantsTold(Struct, frozen=True, array_like=True, tag="v", gc=False):
    """At the key of a group (`sku`): as the catalogue says, it has these `variants`, SKU by id, and no others.

    `gone`: these SKUs are still to be told that it does not have them.
    """

    tenant: str
    sku: str
    update_id: str
    updated_at_ms: int
    version: int
    variants: dict[str, str]
    gone: tuple[str, ...] = ()


class VariantGone(Struct, frozen=True, array_like=True, tag="vg", gc=False):
    """As of (`updated_at_ms`, `version`), `sku` is no variant of `group` (its key) any more."""

    tenant: str
    sku: str
    update_id: str
    updated_at_ms: int
    version: int
    group: str


class StockTold(Struct, frozen=True, array_like=True, tag="s", gc=False):
    """How many pieces there are.

    `mode`: `full` (all stores and sizes of the SKU; what is not named is 0), `store` (all sizes of each store named),
    `level` (each named size of a store), `delta` (to be added; counted once per `update_id`).
    """

    tenant: str
    sku: str
    update_id: str
    updated_at_ms: int
    mode: str
    levels: tuple[tuple[str, str, int], ...]  # store ("" = the warehouse), size ("" = has none), pieces
    version: int = 0


class Demanded(Struct, frozen=True, array_like=True, tag="d", gc=False):
    """A customer took an interest in `sku`. `what`: view, cart, wish or rating (then in `stars`, hundredths of one).

    Each event is a message of its own, at its own position: so it counts once, however batches are cut after a crash.
    They are not added up before: an envelope of 80 events holds the hottest product once or twice, and the partition of
    a product counts 300,000 views of it a second (3 µs each, its state is written once per unit).
    """

    tenant: str
    sku: str
    what: str
    at_ms: int
    channel: str
    store: str = ""
    stars: int = 0


CatalogMessage: TypeAlias = ProductTold | VariantsTold | VariantGone | StockTold
"""What the catalogue tells, by way of `catalog.products` and `catalog.stock`, and what follows from it at once."""

CountMessage: TypeAlias = (
    BoughtTogether | TakenBack | SeenBeside | OrderCounted | OrdersTold | AskOrders | OrdersOf | OrdersHeld
)
"""About what is bought together, and how often."""

ProductMessage: TypeAlias = CountMessage | AskComplements | Demanded | CatalogMessage | WaveMessage

Message: TypeAlias = IdentityMessage | CustomerMessage | ArrivedRaw | ProductMessage

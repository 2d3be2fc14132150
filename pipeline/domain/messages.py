"""The messages actors send each other, one tagged union per inbox, and the effects an actor may ask for.

Internal messages travel in envelopes as msgpack arrays; the tag is the first element. New fields go to the end
with a default.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Raw, Struct

from pipeline.domain.events import ChannelEvent
from pipeline.domain.hashed import node_of
from pipeline.domain.records import AudienceMember, CatalogView, Customer, Decision, IdentityChange, Trigger
from pipeline.domain.wave_messages import WaveMessage

Identifier: TypeAlias = tuple[str, str]
"""Kind and normalised value: ("email", "a@example.com"), or its hashed form (see `hashed.py`)."""


# --- identity.inbox ---------------------------------------------------------------------------------------------


class Observed(Struct, frozen=True, array_like=True, tag="o", gc=False):
    """An event on its way to its customer, at the shard of its anchor.

    `identifiers` are normalised, blocked ones left out, strongest first: the first is the anchor. `event` stays
    encoded: identity does not look inside. `digest` is the CRC-32 of the event's content (see `Arrived`).
    """

    tenant: str
    identifiers: tuple[Identifier, ...]
    event_id: str
    occurred_at_ms: int
    received_at_ms: int
    digest: int
    event: Raw


class Standing(Struct, frozen=True, array_like=True, gc=False):
    """What one customer must know of another to decide whether they are one.

    `founder` is the kind of the identifier that founded it, `counts` its identifiers by kind, `merges` how many it has
    gone through, `apart` the ids of customers a person has parted it from.
    """

    customer_id: str
    founder: str
    counts: dict[str, int] = {}
    merges: int = 0
    apart: tuple[str, ...] = ()


class Claim(Struct, frozen=True, array_like=True, tag="c", gc=False):
    """At the shard of `identifier`: a customer saw it on `event_id` beside its own and claims it, for its `part`."""

    tenant: str
    identifier: Identifier
    claimant: Standing
    part: str
    event_id: str
    occurred_at_ms: int


class Assign(Struct, frozen=True, array_like=True, tag="a", gc=False):
    """At the shard of `identifier`: what belonged to one of `before` belongs to `after`; nothing if it does no longer.

    `before` are all the ids of one customer, the present one first: word of its merges may come late or in any order.
    `part` None leaves the part as it is (a merge, or its undoing); else it begins anew there (a login). `only` is the
    part it must be of, where a merge is undone: a device may have gone to a new part since.
    """

    tenant: str
    identifier: Identifier
    before: tuple[str, ...]
    after: str
    event_id: str
    occurred_at_ms: int
    part: str | None = None
    only: str = ""


class InVain(Struct, frozen=True, array_like=True, tag="v", gc=False):
    """At the shard of `identifier`: `claimant` claimed it and was refused by its owner."""

    tenant: str
    identifier: Identifier
    claimant: str


class Block(Struct, frozen=True, array_like=True, tag="k", gc=False):
    """At the shard of `identifier`: an operator says that it identifies nobody. It links nothing from now on."""

    tenant: str
    identifier: Identifier
    event_id: str
    occurred_at_ms: int


IdentityMessage: TypeAlias = Observed | Claim | Assign | InVain | Block


# --- customer.inbox ---------------------------------------------------------------------------------------------


class Arrived(Struct, frozen=True, array_like=True, tag="e", gc=False):
    """An event that has found its customer.

    `received_at_ms` is when the broker took it (its append time), `digest` the CRC-32 of its content: the same
    event id with another digest is a different event under a used name. `part` is the customer to which the event
    belonged before any merge, and belongs again should that be undone. `hops` is how often it was sent on to another
    part, because its device had gone with that one's login: of its copies the one sent on most often holds.
    """

    tenant: str
    customer_id: str
    identifiers: tuple[Identifier, ...]
    received_at_ms: int
    digest: int
    event: ChannelEvent
    part: str = ""
    hops: int = 0


class ArrivedRaw(Struct, frozen=True, array_like=True, tag="e", gc=False):
    """`Arrived` on the wire as identity forwards it, the event still encoded."""

    tenant: str
    customer_id: str
    identifiers: tuple[Identifier, ...]
    received_at_ms: int
    digest: int
    event: Raw
    part: str = ""


class Granted(Struct, frozen=True, array_like=True, tag="g", gc=False):
    """`identifier` is the customer's now, as it claimed on `event_id`.

    `forwarded` tells that it was meant for one that has become part of the customer: the identifier must hear of that.
    `part` is the customer to which it belongs before any merge.
    """

    tenant: str
    customer_id: str
    identifier: Identifier
    event_id: str
    occurred_at_ms: int
    forwarded: bool = False
    part: str = ""


class Refused(Struct, frozen=True, array_like=True, tag="r", gc=False):
    """`identifier`, claimed on `event_id`, stays with `owner`. The refusal has been published."""

    tenant: str
    customer_id: str
    identifier: Identifier
    event_id: str
    occurred_at_ms: int


class Meet(Struct, frozen=True, array_like=True, tag="m", gc=False):
    """Another customer and this one were seen on one event: `identifier` is of one of them, `claimant` the other.

    Whoever is junior decides, with the facts the senior sent along, and joins it.
    """

    tenant: str
    customer_id: str
    other: Standing
    identifier: Identifier
    claimant: str
    part: str
    event_id: str
    occurred_at_ms: int


class Release(Struct, frozen=True, array_like=True, tag="l", gc=False):
    """A device of this customer was used by `claimant`, whom it cannot be: let it go with its latest login."""

    tenant: str
    customer_id: str
    identifier: Identifier
    claimant: str
    part: str
    event_id: str
    occurred_at_ms: int


class Handover(Struct, frozen=True, array_like=True, tag="h", gc=False):
    """The whole `state` (an encoded `CustomerState`) of a junior customer, which from now on points here."""

    tenant: str
    customer_id: str
    merge: Merge
    state: Raw


class Restore(Struct, frozen=True, array_like=True, tag="s", gc=False):
    """A merge was undone: this customer lives again, with `state` (an encoded `CustomerState`).

    `parted_from` are all the ids of the customer it was part of, by which its identifiers still go.
    """

    tenant: str
    customer_id: str
    state: Raw
    event_id: str = ""
    occurred_at_ms: int = 0
    parted_from: tuple[str, ...] = ()


class GoOn(Struct, frozen=True, array_like=True, tag="n", gc=False):
    """A customer's word to itself: tell the next identifiers whose they are."""

    tenant: str
    customer_id: str
    event_id: str
    occurred_at_ms: int


class Merge(Struct, frozen=True, array_like=True, gc=False):
    """`loser` became part of `winner` because `event_id` carried `identifier`, of one of them, and one of the other.

    `founder` is the kind of the identifier that founded the loser. `part` is the former customer, part of the winner,
    that had the identifier or the event: the loser goes where it goes; "" is the winner's own.
    """

    merge_id: str
    loser: str
    winner: str
    founder: str
    identifier: Identifier
    event_id: str
    occurred_at_ms: int
    part: str = ""


class Complement(Struct, frozen=True, array_like=True, gc=False):
    """A product bought together with another: in how many `baskets`, and their share of the other's baskets.

    `lift` is how many times as large that share is as its share of all baskets, `support` the share of all baskets that
    held both: None while not known. Shares are of baskets by their weight: a recent one counts more. `category` is that
    of the product, "" while not known.
    """

    sku: str
    baskets: int
    confidence: float
    support: float | None = None
    lift: float | None = None
    category: str = ""


class Complements(Struct, frozen=True, array_like=True, tag="x", gc=False):
    """The product actor's answer to `AskComplements`: best first. `then` and `part` come back as they were asked.

    `rhythm_days` is after how many days customers buy the product again, None where too few have. `of_category`: the
    product is new, and these are the complements of its category.
    """

    tenant: str
    customer_id: str
    sku: str
    complements: tuple[Complement, ...]
    event_id: str
    asked_at_ms: int
    channel: str
    then: tuple[str, ...] = ()
    rhythm_days: float | None = None
    of_category: str = ""
    part: str = ""


class ProductNews(Struct, frozen=True, array_like=True, tag="p", gc=False):
    """A product tells a customer who waits for it: it can be had, or its price has changed.

    `in_stock` is how many pieces there are for those who wait (None: no news of stock; `ENDLESS`: as many as are
    ordered), in `size` where it has sizes.
    `unit_price_minor` is the price now and `before_minor` the one before, in `currency` (None: no news of the price).
    `pieces_before` is how many pieces there were where they have become few, or were (None: it is no word of that).
    `kept_until_ms`: one of the pieces is kept for this customer until then, the `place`-th of those told in
    the product's `round`.

    `there`: whether there are any, by size ("": at all), instead of all else: to be known, no rule looks at it.
    """

    tenant: str
    customer_id: str
    sku: str
    event_id: str
    occurred_at_ms: int
    in_stock: int | None = None
    size: str | None = None
    unit_price_minor: int | None = None
    before_minor: int | None = None
    currency: str | None = None
    pieces_before: int | None = None
    kept_until_ms: int | None = None
    place: int | None = None
    there: dict[str, bool] | None = None
    round: int = 0


GraphMessage: TypeAlias = Granted | Refused | Meet | Release | Handover | Restore | GoOn
"""About the identity graph."""

CustomerMessage: TypeAlias = Arrived | Complements | ProductNews | GraphMessage


# --- product.inbox ----------------------------------------------------------------------------------------------


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


# --- effects ----------------------------------------------------------------------------------------------------


class Send(Struct, frozen=True, gc=False):
    """Put `message` into the inbox of `actor` (identity, customer, product), at the shard of `key`."""

    actor: str
    key: str
    message: Message


class Publish(Struct, frozen=True, gc=False):
    """Publish `record` on its public topic under `key`. `cause` is the event id it goes back to."""

    key: str
    record: Trigger | Decision | IdentityChange | Customer | AudienceMember | CatalogView
    cause: str


class Count(Struct, frozen=True, gc=False):
    """Count one more of `counter` under `reason`: the labels `what` and `reason` of the metric `omni_counted`."""

    counter: str
    reason: str


Effect: TypeAlias = Send | Publish | Count


# --- keys -------------------------------------------------------------------------------------------------------


def identity_key(tenant: str, identifier: Identifier) -> str:
    """Key of an identifier's shard, the same for a value and its hash: tenants with equal identifiers never meet."""
    kind, value = node_of(identifier)
    return f"{tenant}\x1f{kind}:{value}"


def customer_key(tenant: str, customer_id: str) -> str:
    """Key of a customer's shard."""
    return f"{tenant}\x1f{customer_id}"


def product_key(tenant: str, sku: str) -> str:
    """Key of a product's shard."""
    return f"{tenant}\x1f{sku}"

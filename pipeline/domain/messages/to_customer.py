"""What reaches a customer.

Internal messages travel in envelopes as msgpack arrays; the tag is the first element. New fields go to the end with a
default.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Raw, Struct

from pipeline.domain.events import ChannelEvent
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.messages.to_identity import Standing


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
    """`identifier`, claimed on `event_id` for `part`, is not the customer's. The refusal has been published."""

    tenant: str
    customer_id: str
    identifier: Identifier
    event_id: str
    occurred_at_ms: int
    part: str = ""


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

"""The messages actors send each other, one tagged union per inbox, and the effects an actor may ask for.

Internal messages travel in envelopes as msgpack arrays; the tag is the first element. New fields go to the end
with a default.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Raw, Struct

from pipeline.domain.events import ChannelEvent
from pipeline.domain.records import Decision, IdentityChange, Trigger

Identifier: TypeAlias = tuple[str, str]
"""Kind and normalised value: ("email", "a@example.com")."""


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


class Claim(Struct, frozen=True, array_like=True, tag="c", gc=False):
    """At the shard of `identifier`: `customer_id` claims it, because of `event_id` that carried both."""

    tenant: str
    identifier: Identifier
    customer_id: str
    event_id: str
    occurred_at_ms: int


IdentityMessage: TypeAlias = Observed | Claim


# --- customer.inbox ---------------------------------------------------------------------------------------------


class Arrived(Struct, frozen=True, array_like=True, tag="e", gc=False):
    """An event that has found its customer.

    `received_at_ms` is when the broker took it (its append time), `digest` the CRC-32 of its content: the same
    event id with another digest is a different event under a used name.
    """

    tenant: str
    customer_id: str
    identifiers: tuple[Identifier, ...]
    received_at_ms: int
    digest: int
    event: ChannelEvent


class ArrivedRaw(Struct, frozen=True, array_like=True, tag="e", gc=False):
    """`Arrived` on the wire as identity forwards it, the event still encoded."""

    tenant: str
    customer_id: str
    identifiers: tuple[Identifier, ...]
    received_at_ms: int
    digest: int
    event: Raw


class Complement(Struct, frozen=True, array_like=True, gc=False):
    """A product bought together with another: in how many `baskets`, and their share of the other's baskets."""

    sku: str
    baskets: int
    confidence: float


class Complements(Struct, frozen=True, array_like=True, tag="x", gc=False):
    """The product actor's answer to `AskComplements`: best first. `then` comes back as it was asked."""

    tenant: str
    customer_id: str
    sku: str
    complements: tuple[Complement, ...]
    event_id: str
    asked_at_ms: int
    channel: str
    then: tuple[str, ...] = ()


CustomerMessage: TypeAlias = Arrived | Complements


# --- product.inbox ----------------------------------------------------------------------------------------------


class BoughtTogether(Struct, frozen=True, array_like=True, tag="b", gc=False):
    """One order held `sku` and the SKUs `others` (sorted, distinct, without `sku`)."""

    tenant: str
    sku: str
    others: tuple[str, ...]
    occurred_at_ms: int


class AskComplements(Struct, frozen=True, array_like=True, tag="a", gc=False):
    """`customer_id` took an interest in `sku` (event `event_id` in `channel`): what goes with it?

    `then` are the SKUs to ask about next. One after the other, because answers that race each other would make
    chance decide which one is sent.
    """

    tenant: str
    sku: str
    customer_id: str
    event_id: str
    asked_at_ms: int
    channel: str
    then: tuple[str, ...] = ()


ProductMessage: TypeAlias = BoughtTogether | AskComplements

Message: TypeAlias = Observed | Claim | Arrived | ArrivedRaw | Complements | BoughtTogether | AskComplements


# --- effects ----------------------------------------------------------------------------------------------------


class Send(Struct, frozen=True, gc=False):
    """Put `message` into the inbox of `actor` (identity, customer, product), at the shard of `key`."""

    actor: str
    key: str
    message: Message


class Publish(Struct, frozen=True, gc=False):
    """Publish `record` on its public topic under `key`. `cause` is the event id it goes back to."""

    key: str
    record: Trigger | Decision | IdentityChange
    cause: str


class Count(Struct, frozen=True, gc=False):
    """Count one more of `counter` under `reason`: the labels `what` and `reason` of the metric `omni_counted`."""

    counter: str
    reason: str


Effect: TypeAlias = Send | Publish | Count


# --- keys -------------------------------------------------------------------------------------------------------


def identity_key(tenant: str, identifier: Identifier) -> str:
    """Key of an identifier's shard: tenants with equal identifiers never meet."""
    return f"{tenant}\x1f{identifier[0]}:{identifier[1]}"


def customer_key(tenant: str, customer_id: str) -> str:
    """Key of a customer's shard."""
    return f"{tenant}\x1f{customer_id}"


def product_key(tenant: str, sku: str) -> str:
    """Key of a product's shard."""
    return f"{tenant}\x1f{sku}"

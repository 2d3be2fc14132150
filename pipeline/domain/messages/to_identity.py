"""What reaches the shard of an identifier.

Internal messages travel in envelopes as msgpack arrays; the tag is the first element. New fields go to the end with a
default.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Raw, Struct

from pipeline.domain.messages.keys import Identifier


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

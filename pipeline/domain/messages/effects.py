"""What an actor may ask for: a message to be sent, a record to be published, something to be counted."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from pipeline.domain.messages.to_product import Message
from pipeline.domain.records import AudienceMember, CatalogView, Customer, Decision, IdentityChange, Trigger


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

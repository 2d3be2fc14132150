"""The public records of changes and refusals of the identity graph; their ids are a function of what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias
from uuid import UUID

from pipeline.domain.ids import uuid5_text
from pipeline.domain.messages.effects import Count, Effect, Publish
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.messages.to_identity import Observed
from pipeline.domain.reasons import IdentityReason
from pipeline.domain.records import IdentityChange

REFUSALS = "identity_refusals"
"""Counter of refused links, by reason."""

_CHANGES = UUID("850f7108-aeb8-5b12-8546-75c5afe877dc")

Change: TypeAlias = Literal["created", "attached", "moved", "merged", "unmerged", "refused", "blocked"]


class Cause(Protocol):
    """A message about one identifier that goes back to an event."""

    @property
    def tenant(self) -> str:
        """Whose customers these are."""

    @property
    def identifier(self) -> Identifier:
        """What it is about."""

    @property
    def event_id(self) -> str:
        """The event."""

    @property
    def occurred_at_ms(self) -> int:
        """When it happened."""


class Event(NamedTuple):
    """An event, as the cause of what it changed about `identifier`."""

    tenant: str
    identifier: Identifier
    event_id: str
    occurred_at_ms: int


def identity_change(
    change: Change,
    customer_id: str,
    reason: str,
    cause: Cause | Observed,
    *,
    other: str = "",
    merge_id: str = "",
    parts: Mapping[str, int] | None = None,
) -> Publish:
    """Build the record of a change."""
    kind, value = cause.identifiers[0] if isinstance(cause, Observed) else cause.identifier
    said = (cause.tenant, change, customer_id, other, kind, value, reason, merge_id, cause.event_id)
    record = IdentityChange(
        uuid5_text(_CHANGES, "\x1f".join(said)), cause.tenant, change, customer_id, kind, value, reason,
        cause.event_id, cause.occurred_at_ms, other, merge_id, dict(parts or {}),
    )  # fmt: skip
    return Publish(customer_id, record, cause.event_id)


def refusal(customer_id: str, other: str, reason: IdentityReason, cause: Cause) -> Sequence[Effect]:
    """Return what tells that an identifier was not linked: the record, naming both customers, and its count."""
    return identity_change("refused", customer_id, reason, cause, other=other), Count(REFUSALS, reason)

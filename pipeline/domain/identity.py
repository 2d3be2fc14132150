r"""Who is this? Each identifier (a cookie, an account …) knows the one customer it belongs to.

An event arrives at the shard of its *anchor*, its strongest identifier. An anchor never seen before founds a
customer, whose id is a function of tenant and anchor: told again, it is the same customer. The event goes on to its
customer, and every other identifier on it is claimed for that customer at its own shard: a free one is taken, one
that belongs to somebody else is refused and the refusal published. An event always resolves, whatever its claims
come to.

Invariants: an owner never changes once set; an identifier claims each other identifier at most once (up to
`mapping_cap`), so an event whose identifiers are all known costs one message.

>>> from msgspec import Raw
>>> from pipeline.domain.identity_config import IdentityConfig
>>> actor = IdentityActor(IdentityConfig())
>>> event = Observed("default", (("account", "u-1"), ("cookie", "c-9")), "e-1", 1_000, 1_005, 7, Raw(b"\x90"))
>>> state, effects = actor.handle(None, event, 1_005)
>>> [type(effect.message if isinstance(effect, Send) else effect.record).__name__ for effect in effects]
['ArrivedRaw', 'Claim', 'IdentityChange']
>>> actor.handle(state, event, 1_005)[0] is state
True
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from msgspec import Struct

from pipeline.domain.identity_config import IdentityConfig
from pipeline.domain.ids import uuid5_text
from pipeline.domain.messages import (
    ArrivedRaw,
    Claim,
    Count,
    Effect,
    Identifier,
    IdentityMessage,
    Observed,
    Publish,
    Send,
    customer_key,
    identity_key,
)
from pipeline.domain.reasons import IdentityReason
from pipeline.domain.records import IdentityChange

NAMESPACE = UUID("850f7108-aeb8-5b12-8546-75c5afe877db")
"""Of every id made here; changing it would make strangers of all known customers."""

REFUSALS = "identity_refusals"
"""Counter of refused links, by reason."""


class IdentityState(Struct, frozen=True, array_like=True, gc=False):
    """What one identifier knows: its customer, since when (event time, ms), by which event.

    `claimed` are the other identifiers it has claimed for that customer, sorted.
    """

    customer_id: str
    since_ms: int
    by: str
    claimed: tuple[Identifier, ...] = ()


def founded_by(tenant: str, anchor: Identifier) -> str:
    """Return the id of the customer that `anchor` founds: a UUID, the same in every replay."""
    return uuid5_text(NAMESPACE, identity_key(tenant, anchor))


class IdentityActor:
    """The identity actor (see the module): one state per identifier, no timers."""

    name = "identity"
    state_type = IdentityState
    message_type: object = IdentityMessage

    def __init__(self, config: IdentityConfig) -> None:
        """Take the rules of identity.yaml."""
        self._cap = config.mapping_cap

    def handle(
        self, state: IdentityState | None, message: IdentityMessage, now_ms: int
    ) -> tuple[IdentityState, Sequence[Effect]]:
        """Resolve an observed event, or answer another identifier's claim."""
        if type(message) is Observed:
            return self._observed(state, message)
        assert isinstance(message, Claim)
        return _claimed(state, message)

    def wake(self, state: IdentityState, clock_ms: int) -> tuple[IdentityState, Sequence[Effect]]:
        """Nothing waits here."""
        return state, ()

    def wakes_at(self, state: IdentityState) -> int | None:
        """Nothing waits here."""
        return None

    def _observed(self, state: IdentityState | None, seen: Observed) -> tuple[IdentityState, Sequence[Effect]]:
        tenant, identifiers = seen.tenant, seen.identifiers
        before = state
        if state is None:
            state = IdentityState(founded_by(tenant, identifiers[0]), seen.occurred_at_ms, seen.event_id)
        customer_id, claimed = state.customer_id, state.claimed
        arrived = ArrivedRaw(tenant, customer_id, identifiers, seen.received_at_ms, seen.digest, seen.event)
        forward = Send("customer", customer_key(tenant, customer_id), arrived)
        new = [other for other in identifiers[1:] if not _within(claimed, other)]
        if before is not None and not new:
            return state, (forward,)
        effects: list[Effect] = [forward]
        state = self._claim(new, state, seen, effects)
        if before is None:
            effects.append(_change("created", customer_id, identifiers[0], IdentityReason.FIRST_SEEN, seen))
        return state, effects

    def _claim(
        self, new: list[Identifier], state: IdentityState, seen: Observed, effects: list[Effect]
    ) -> IdentityState:
        room = max(self._cap - len(state.claimed), 0)
        for other in new[:room]:
            claim = Claim(seen.tenant, other, state.customer_id, seen.event_id, seen.occurred_at_ms)
            effects.append(Send("identity", identity_key(seen.tenant, other), claim))
        for other in new[room:]:
            effects.append(_change("refused", state.customer_id, other, IdentityReason.MAPPING_CAP, seen))
            effects.append(Count(REFUSALS, IdentityReason.MAPPING_CAP))
        if not new[:room]:
            return state
        claimed = tuple(sorted((*state.claimed, *new[:room])))
        return IdentityState(state.customer_id, state.since_ms, state.by, claimed)


def _claimed(state: IdentityState | None, claim: Claim) -> tuple[IdentityState, Sequence[Effect]]:
    if state is None:
        taken = IdentityState(claim.customer_id, claim.occurred_at_ms, claim.event_id)
        return taken, (_change("attached", claim.customer_id, claim.identifier, IdentityReason.SEEN_TOGETHER, claim),)
    if state.customer_id == claim.customer_id:
        return state, ()
    refusal = _change("refused", claim.customer_id, claim.identifier, IdentityReason.OWNED_BY_OTHER, claim)
    return state, (refusal, Count(REFUSALS, IdentityReason.OWNED_BY_OTHER))


def _within(ascending: tuple[Identifier, ...], identifier: Identifier) -> bool:
    place = bisect_left(ascending, identifier)
    return place < len(ascending) and ascending[place] == identifier


def _change(
    change: Literal["created", "attached", "refused"],
    customer_id: str,
    identifier: Identifier,
    reason: IdentityReason,
    cause: Observed | Claim,
) -> Publish:
    """Build the public record of a change; its id is a function of what it says."""
    kind, value = identifier
    change_id = uuid5_text(NAMESPACE, "\x1f".join((cause.tenant, change, customer_id, kind, value, cause.event_id)))
    record = IdentityChange(
        change_id, cause.tenant, change, customer_id, kind, value, str(reason), cause.event_id, cause.occurred_at_ms
    )
    return Publish(customer_id, record, cause.event_id)

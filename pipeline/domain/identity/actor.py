r"""Who is this? Each identifier (a cookie, an account …) knows the one customer it belongs to.

An event arrives at the shard of its *anchor*, its strongest identifier. An anchor never seen before founds a
customer, whose id is a function of tenant and anchor: told again, it is the same customer. The event goes on to its
customer. What else stands on the event the customer claims (`linking.py`), and each claim is answered here: a free
identifier is taken; one that belongs to somebody else lets the two customers meet, to become one or stay apart.

Invariants: an identifier belongs to exactly one customer; it changes hands only by `Assign`, from the owner named in
it; an event always resolves, whatever the claims come to. A value that was claimed in vain by too many customers
(`customers_per_value`: the phone of a store) stops linking: who has it keeps it.

>>> from msgspec import Raw
>>> from pipeline.domain.identity.config import IdentityConfig
>>> actor = IdentityActor(IdentityConfig())
>>> event = Observed("default", (("account", "u-1"), ("cookie", "c-9")), "e-1", 1_000, 1_005, 7, Raw(b"\x90"))
>>> state, effects = actor.handle(None, event, 1_005)
>>> [type(effect.message if isinstance(effect, Send) else effect.record).__name__ for effect in effects]
['ArrivedRaw', 'IdentityChange']
>>> actor.handle(state, event, 1_005)[0] is state
True
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.identity.changes import identity_change, refusal
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.ids import uuid5_text
from pipeline.domain.messages.effects import Effect, Send
from pipeline.domain.messages.keys import Identifier, customer_key, identity_key
from pipeline.domain.messages.to_customer import ArrivedRaw, Granted, Meet, Refused
from pipeline.domain.messages.to_identity import Assign, Block, Claim, IdentityMessage, InVain, Observed
from pipeline.domain.reasons import IdentityReason

NAMESPACE = UUID("850f7108-aeb8-5b12-8546-75c5afe877db")
"""Of every customer id; changing it would make strangers of all known customers."""

ALONE = "event"
"""Kind of the identifier that stands in where an event has none: its own id, so a customer of its own."""


OWNERS_KEPT = 16
"""Logins remembered of a device, so that an event told late, or again, finds whose it was then. The oldest goes."""


class Owner(Struct, frozen=True, array_like=True, gc=False):
    """Whose a device was from the login at `since_ms` to the next one."""

    customer_id: str
    part: str
    since_ms: int


class IdentityState(Struct, frozen=True, array_like=True, gc=False):
    """What one identifier knows: its customer, since when (event time, ms), by which event.

    `part` is the customer it belonged to before any merge. `others` are the customers that claimed it in vain or had
    it before, sorted; `past` whose it was before, the latest last. `customer_id` is empty for one that was blocked
    before it was ever seen.
    """

    customer_id: str
    part: str
    since_ms: int
    by: str
    others: tuple[str, ...] = ()
    blocked: bool = False
    past: tuple[Owner, ...] = ()

    def owner_at(self, at_ms: int) -> tuple[str, str]:
        """Return customer and part of an event of that time: a device is its latest login's from then on."""
        if self.past and at_ms <= self.since_ms:
            then = [owner for owner in self.past if at_ms > owner.since_ms] or self.past[:1]
            return then[-1].customer_id, then[-1].part
        return self.customer_id, self.part


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
        self._customers_per_value = config.customers_per_value

    def handle(
        self, state: IdentityState | None, message: IdentityMessage, now_ms: int
    ) -> tuple[IdentityState | None, Sequence[Effect]]:
        """Resolve an observed event, or answer what a customer or an operator says of this identifier."""
        match message:
            case Observed():
                return _observed(state, message)
            case Claim():
                return self._claimed(state, message)
            case Assign():
                return _assigned(state, message)
            case InVain():
                return _in_vain(state, message)
            case Block():
                return _blocked(state, message)

    def wake(self, state: IdentityState, clock_ms: int) -> tuple[IdentityState, Sequence[Effect]]:
        """Nothing waits here."""
        return state, ()

    def wakes_at(self, state: IdentityState) -> int | None:
        """Nothing waits here."""
        return None

    def _claimed(self, state: IdentityState | None, claim: Claim) -> tuple[IdentityState, Sequence[Effect]]:
        claimant = claim.claimant.customer_id
        if state is None:
            taken = IdentityState(claimant, claim.part, claim.occurred_at_ms, claim.event_id)
            attached = identity_change("attached", claimant, IdentityReason.SEEN_TOGETHER, claim)
            return taken, (_granted(claim, taken), attached)
        if state.customer_id == claimant:
            return state, (_granted(claim, state),)
        reason = self._not_linking(state, claimant)
        if reason is not None:
            refused = Refused(
                claim.tenant, claimant, claim.identifier, claim.event_id, claim.occurred_at_ms, claim.part
            )
            to_claimant = Send("customer", customer_key(claim.tenant, claimant), refused)
            return state, (to_claimant, *refusal(claimant, state.customer_id, reason, claim))
        owner = state.customer_id
        meet = Meet(
            claim.tenant, owner, claim.claimant, claim.identifier, claimant, claim.part, claim.event_id,
            claim.occurred_at_ms,
        )  # fmt: skip
        return state, (Send("customer", customer_key(claim.tenant, owner), meet),)

    def _not_linking(self, state: IdentityState, claimant: str) -> IdentityReason | None:
        if state.blocked:
            return IdentityReason.BLOCKED
        most = self._customers_per_value
        if most is not None and claimant not in state.others and len(state.others) + 1 >= most:
            return IdentityReason.CUSTOMERS_PER_VALUE
        return None


def _observed(state: IdentityState | None, seen: Observed) -> tuple[IdentityState, Sequence[Effect]]:
    if state is not None and state.blocked:
        return state, (_passed_on(seen),)
    before = state
    if state is None:
        customer_id = founded_by(seen.tenant, seen.identifiers[0])
        state = IdentityState(customer_id, customer_id, seen.occurred_at_ms, seen.event_id)
    owner, part = state.owner_at(seen.occurred_at_ms)
    arrived = ArrivedRaw(seen.tenant, owner, seen.identifiers, seen.received_at_ms, seen.digest, seen.event, part)
    forward = Send("customer", customer_key(seen.tenant, owner), arrived)
    if before is not None:
        return state, (forward,)
    return state, (forward, identity_change("created", state.customer_id, IdentityReason.FIRST_SEEN, seen))


def _passed_on(seen: Observed) -> Send:
    """Leave a blocked anchor out: the next identifier decides, or the event stands alone."""
    identifiers = seen.identifiers[1:] or ((ALONE, seen.event_id),)
    return Send("identity", identity_key(seen.tenant, identifiers[0]), replace(seen, identifiers=identifiers))


def _assigned(state: IdentityState | None, assign: Assign) -> tuple[IdentityState | None, Sequence[Effect]]:
    before, after = assign.before, assign.after
    if state is None:
        return None, ()  # claimed by a customer that merged before the claim came: nobody's yet
    others = tuple(other for other in state.others if other not in before and other != after)
    if assign.part is None:

        def goes(owner: IdentityState | Owner) -> bool:
            return owner.customer_id in before and assign.only in ("", owner.part)

        owner = after if goes(state) else state.customer_id
        past = tuple(Owner(after, each.part, each.since_ms) if goes(each) else each for each in state.past)
        renamed = replace(state, customer_id=owner, others=others, past=past)
        return (state if renamed == state else renamed), ()
    if state.customer_id == after:
        return state, ()
    if state.customer_id not in before:  # gone with another login of the moment: who claimed it waits for an answer
        at_ms, part = assign.occurred_at_ms, assign.part
        refused = Refused(assign.tenant, after, assign.identifier, assign.event_id, at_ms, part)
        return state, (Send("customer", customer_key(assign.tenant, after), refused),)
    past = (*state.past, Owner(before[0], state.part, state.since_ms))[-OWNERS_KEPT:]
    others = _with(others, before[0])
    moved = IdentityState(after, assign.part, assign.occurred_at_ms, assign.event_id, others, past=past)
    return moved, (
        _granted(assign, moved),
        identity_change("moved", after, IdentityReason.LATEST_LOGIN, assign, other=before[0]),
    )


def _in_vain(state: IdentityState | None, told: InVain) -> tuple[IdentityState | None, Sequence[Effect]]:
    if state is None or told.claimant in (state.customer_id, *state.others):
        return state, ()
    return replace(state, others=_with(state.others, told.claimant)), ()


def _blocked(state: IdentityState | None, block: Block) -> tuple[IdentityState, Sequence[Effect]]:
    if state is None:
        state = IdentityState("", "", block.occurred_at_ms, block.event_id)
    if state.blocked:
        return state, ()
    return replace(state, blocked=True), (
        identity_change("blocked", state.customer_id, IdentityReason.OPERATOR, block),
    )


def _granted(asked: Claim | Assign, state: IdentityState) -> Send:
    owner = state.customer_id
    granted = Granted(asked.tenant, owner, asked.identifier, asked.event_id, asked.occurred_at_ms, part=state.part)
    return Send("customer", customer_key(asked.tenant, owner), granted)


def _with(ascending: tuple[str, ...], customer_id: str) -> tuple[str, ...]:
    return ascending if customer_id in ascending else tuple(sorted((*ascending, customer_id)))

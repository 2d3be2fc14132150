"""The customer's side of the identity graph: claims, meetings, merges and their undoing.

A customer claims every identifier that stands beside its own on an event. Where one belongs to somebody else, the two
customers *meet*. The senior one is whose founding identifier is stronger, then whose id is smaller: an order nobody can
change, so merges never run in a circle, and the same events end in the same ids whatever their order. The junior
decides, with the facts the senior sent along: within the limits it hands over its whole state, becomes a pointer to the
senior, and tells its identifiers. What still arrives at a pointer is sent on.

Beyond the limits nothing is merged and the refusal names both. A device then goes with its latest login, anything else
stays where it was. Every message may come late: it is sent on to whoever the customer has become, and what it asks is
decided there anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pipeline.domain.customer.draft import Draft, former
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.identity.changes import refusal
from pipeline.domain.identity.claims import Claims, assign, claim_again, claim_open, forget_claim, name_of
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.identity.graph import EMPTY, MOVED_KEPT, Moved
from pipeline.domain.identity.handover import hand_over, part, restored, take_over, tell
from pipeline.domain.identity.limits import Limits, standing
from pipeline.domain.messages.effects import Count, Effect, Send
from pipeline.domain.messages.keys import customer_key, identity_key
from pipeline.domain.messages.to_customer import (
    Arrived,
    Complements,
    CustomerMessage,
    GoOn,
    Granted,
    Handover,
    Meet,
    Refused,
    Release,
    Restore,
)
from pipeline.domain.messages.to_identity import InVain
from pipeline.domain.reasons import IdentityReason

DEVICES = frozenset({"cookie", "device"})
"""Kinds that are used by one person and then another: they go with their latest login."""


class Linking:
    """Carries out, on a customer's draft, what messages about the identity graph ask."""

    def __init__(self, config: IdentityConfig) -> None:
        """Keep to the rules of identity.yaml."""
        self._limits = Limits(config)
        self.claims = Claims(self._limits)

    # --- messages -----------------------------------------------------------------------------------------------

    def take(self, draft: Draft, message: CustomerMessage) -> CustomerState | None:
        """Carry out one message. Return what is left of this customer if it has become part of another, else None."""
        pointer = self._taken(draft, message)
        if pointer is None:
            self.claims.go_on(draft)
        return pointer

    def _taken(self, draft: Draft, message: CustomerMessage) -> CustomerState | None:
        if isinstance(message, Granted | Refused | Meet) and self.claims.send_answer_on(draft, message):
            return None
        match message:
            case Granted():
                self.claims.granted(draft, message)
            case Refused():
                forget_claim(draft, message.identifier)
            case Meet():
                return self._meet(draft, message)
            case Release():
                self._release(draft, message)
            case Handover():
                take_over(draft, message, self._limits)
            case GoOn():
                tell(draft, (message.event_id, message.occurred_at_ms))
            case Restore():
                draft.effects.append(Count("identity_messages_dropped", "restored_twice"))
        return None

    def unknown(self, message: CustomerMessage) -> Sequence[Effect]:
        """Answer what is asked of a customer that does not exist."""
        if isinstance(message, Meet):
            other = message.other.customer_id
            refused = Refused(
                message.tenant, other, message.identifier, message.event_id, message.occurred_at_ms, message.part
            )
            return (
                Send("customer", customer_key(message.tenant, other), refused),
                *refusal(other, message.customer_id, IdentityReason.UNKNOWN_CUSTOMER, message),
            )
        return (Count("identity_messages_dropped", "unknown_customer"),)

    def forwarded(self, state: CustomerState, message: CustomerMessage) -> tuple[CustomerState, Sequence[Effect]]:
        """Send on what arrives at a customer that has become part of another."""
        graph = state.graph or EMPTY
        to = graph.merged_into
        if isinstance(message, GoOn):
            draft = Draft(state)
            tell(draft, (message.event_id, message.occurred_at_ms))
            return draft.state(), draft.effects
        sent: list[Effect] = []
        if isinstance(message, Granted):
            message = replace(message, forwarded=True)
        if isinstance(message, Meet) and message.claimant == state.customer_id:
            message = replace(message, claimant=to)
        if isinstance(message, Complements):
            message = replace(message, part=message.part or state.customer_id)
        sent.append(Send("customer", customer_key(state.tenant, to), replace(message, customer_id=to)))
        if isinstance(message, Arrived):
            event = message.event
            cause = (event.event_id, event.occurred_at_ms)
            sent.append(assign(state, message.identifiers[0], to, *cause))
        return state, sent

    def restored(self, restore: Restore) -> Draft:
        """Return a customer that lives again; it goes on with what it had still to claim."""
        draft = restored(restore)
        self.claims.go_on(draft)
        return draft

    def undo(self, draft: Draft, arrived: Arrived) -> None:
        """Take a merge back, as an operator's event asks."""
        part(draft, arrived)
        self.claims.go_on(draft)

    # --- two customers meet ---------------------------------------------------------------------------------------

    def _meet(self, draft: Draft, meet: Meet) -> CustomerState | None:
        other, me = meet.other, standing(draft)
        if other.customer_id in {me.customer_id, *former(draft)}:
            claim_open(draft, meet)
            return None
        moved = draft.graph.moved.get(name_of(meet.identifier)) if draft.graph is not None else None
        if moved is not None and meet.claimant == other.customer_id:
            claim_again(draft, meet.identifier, other, meet.part, meet)
            return None
        reason = self._limits.against_merge(draft, me, other, meet.identifier)
        if reason is not None:
            self._refuse(draft, meet, reason)
            return None
        if self._limits.is_senior(me, other):
            asked = replace(meet, customer_id=other.customer_id, other=me)
            draft.effects.append(Send("customer", customer_key(draft.tenant, other.customer_id), asked))
            return None
        return hand_over(draft, meet)

    def _refuse(self, draft: Draft, meet: Meet, reason: IdentityReason) -> None:
        """Leave the two apart. A device goes with its latest login; anything else stays with its owner."""
        me, other = draft.customer_id, meet.other.customer_id
        mine = meet.claimant != other  # whether it is this customer that claimed
        claimant, owner = (me, other) if mine else (other, me)
        draft.effects.extend(refusal(claimant, owner, reason, meet))
        identifier, event_id, at_ms = meet.identifier, meet.event_id, meet.occurred_at_ms
        goes = identifier[0] in DEVICES and reason in (IdentityReason.KIND_LIMIT, IdentityReason.KEPT_APART)
        kind = identifier[0]  # the claim counts already
        number = len(draft.identifiers.get(kind, {})) if mine else meet.other.counts.get(kind, 0)
        if goes and self._limits.holds(kind, number):
            release = Release(draft.tenant, owner, identifier, claimant, meet.part, event_id, at_ms)
            if mine:
                draft.effects.append(Send("customer", customer_key(draft.tenant, owner), release))
            else:
                self._release(draft, release)
            return
        draft.effects.append(
            Send("identity", identity_key(draft.tenant, identifier), InVain(draft.tenant, identifier, claimant))
        )
        if mine:
            forget_claim(draft, identifier)
        else:
            refused = Refused(draft.tenant, claimant, identifier, event_id, at_ms, meet.part)
            draft.effects.append(Send("customer", customer_key(draft.tenant, claimant), refused))

    def _release(self, draft: Draft, release: Release) -> None:
        identifier, at_ms = release.identifier, release.occurred_at_ms
        kind, value = identifier
        links = draft.identifiers.get(kind, {})
        link = links.get(value)
        if link is not None and link.last_at_ms > at_ms:
            claimant = release.claimant
            draft.effects.extend(refusal(claimant, draft.customer_id, IdentityReason.EARLIER_LOGIN, release))
            refused = Refused(draft.tenant, claimant, identifier, release.event_id, at_ms, release.part)
            draft.effects.append(Send("customer", customer_key(draft.tenant, claimant), refused))
            return
        draft.identifiers = {**draft.identifiers, kind: {key: each for key, each in links.items() if key != value}}
        graph = draft.graph or EMPTY
        moved = {**graph.moved, name_of(identifier): Moved(release.claimant, at_ms, release.part)}
        while len(moved) > MOVED_KEPT:
            del moved[min(moved, key=lambda name: (moved[name].since_ms, name))]
        draft.graph = replace(graph, moved=moved)
        cause = (release.event_id, at_ms)
        draft.effects.append(assign(draft, identifier, release.claimant, *cause, part=release.part))

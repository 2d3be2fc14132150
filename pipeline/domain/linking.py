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
from uuid import UUID

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from pipeline.domain.claims import Claims, assign, forget_claim, name_of, standing
from pipeline.domain.customer_state import CustomerState, Draft, former
from pipeline.domain.identity_changes import Event, identity_change, refusal
from pipeline.domain.identity_config import IdentityConfig
from pipeline.domain.identity_graph import (
    ALIASES_KEPT,
    APART_KEPT,
    EMPTY,
    MOVED_KEPT,
    Graph,
    Moved,
    Told,
    descendants,
    merge_to_undo,
)
from pipeline.domain.ids import uuid5_text
from pipeline.domain.merging import fold, split
from pipeline.domain.messages import (
    Arrived,
    Claim,
    Count,
    CustomerMessage,
    Effect,
    GoOn,
    Granted,
    Handover,
    Identifier,
    InVain,
    Meet,
    Merge,
    Refused,
    Release,
    Restore,
    Send,
    Standing,
    customer_key,
    identity_key,
)
from pipeline.domain.reasons import IdentityReason

DEVICES = frozenset({"cookie", "device"})
"""Kinds that are used by one person and then another: they go with their latest login."""

TOLD_AT_ONCE = 200
"""Identifiers told of a merge in one step. A customer may have ten thousand, and its partition has others to serve."""

_MERGES = UUID("850f7108-aeb8-5b12-8546-75c5afe877dd")
"""Of every merge id."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CustomerState).decode


class Linking:
    """Carries out, on a customer's draft, what messages about the identity graph ask."""

    def __init__(self, config: IdentityConfig) -> None:
        """Keep to the rules of identity.yaml."""
        self._config = config
        self.claims = Claims(config)

    # --- messages -----------------------------------------------------------------------------------------------

    def take(self, draft: Draft, message: CustomerMessage) -> CustomerState | None:
        """Carry out one message. Return what is left of this customer if it has become part of another, else None."""
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
                self._handed_over(draft, message)
            case GoOn():
                self._tell(draft, (message.event_id, message.occurred_at_ms))
            case Restore():
                draft.effects.append(Count("identity_messages_dropped", "restored_twice"))
        return None

    def unknown(self, message: CustomerMessage) -> Sequence[Effect]:
        """Answer what is asked of a customer that does not exist."""
        if isinstance(message, Meet):
            refused = Refused(
                message.tenant, message.other.customer_id, message.identifier, message.event_id, message.occurred_at_ms
            )
            return (
                Send("customer", customer_key(message.tenant, message.other.customer_id), refused),
                *refusal(message.other.customer_id, message.customer_id, IdentityReason.UNKNOWN_CUSTOMER, message),
            )
        return (Count("identity_messages_dropped", "unknown_customer"),)

    def forwarded(self, state: CustomerState, message: CustomerMessage) -> tuple[CustomerState, Sequence[Effect]]:
        """Send on what arrives at a customer that has become part of another."""
        graph = state.graph or EMPTY
        to = graph.merged_into
        if isinstance(message, Restore):
            return restored(message), ()
        if isinstance(message, GoOn):
            draft = Draft(state)
            self._tell(draft, (message.event_id, message.occurred_at_ms))
            return draft.state(), draft.effects
        if isinstance(message, Meet) and message.other.customer_id == to:
            return state, ()  # the two have become one
        sent: list[Effect] = []
        if isinstance(message, Granted):
            message = replace(message, forwarded=True)
        sent.append(Send("customer", customer_key(state.tenant, to), replace(message, customer_id=to)))
        if isinstance(message, Arrived):
            event = message.event
            cause = (event.event_id, event.occurred_at_ms)
            sent.append(assign(state, message.identifiers[0], to, *cause))
        return state, sent

    # --- two customers meet ---------------------------------------------------------------------------------------

    def _meet(self, draft: Draft, meet: Meet) -> CustomerState | None:
        other, me = meet.other, standing(draft)
        if other.customer_id == me.customer_id:
            return None
        moved = draft.graph.moved.get(name_of(meet.identifier)) if draft.graph is not None else None
        if moved is not None and meet.claimant == other.customer_id:
            claim = Claim(
                draft.tenant, meet.identifier, other, meet.part, meet.event_id, meet.occurred_at_ms
            )  # ours no longer: ask again who has it
            draft.effects.append(Send("identity", identity_key(draft.tenant, meet.identifier), claim))
            return None
        reason = self._why_not(draft, me, other, meet.identifier)
        if reason is not None:
            self._refuse(draft, meet, reason)
            return None
        if self._seniority(me) < self._seniority(other):
            asked = replace(meet, customer_id=other.customer_id, other=me)
            draft.effects.append(Send("customer", customer_key(draft.tenant, other.customer_id), asked))
            return None
        return self._hand_over(draft, meet)

    def _seniority(self, standing: Standing) -> tuple[int, str, str]:
        return self._config.rank(standing.founder), standing.founder, standing.customer_id

    def _why_not(self, draft: Draft, me: Standing, other: Standing, identifier: Identifier) -> IdentityReason | None:
        """Return what speaks against this customer and the other being one: the limits, were they one."""
        if other.customer_id in me.apart or not {me.customer_id, *former(draft)}.isdisjoint(other.apart):
            return IdentityReason.KEPT_APART
        together = dict(me.counts)
        for kind, number in other.counts.items():
            together[kind] = together.get(kind, 0) + number
        kind, _ = identifier
        together[kind] = together.get(kind, 0) - 1  # it is both the owner's and the claimant's
        for kind in sorted(together):
            limit = self._config.limit_of(kind)
            if limit is not None and together[kind] > limit:
                return IdentityReason.KIND_LIMIT
        if sum(together.values()) > self._config.mapping_cap:
            return IdentityReason.MAPPING_CAP
        cap = self._config.merge_cap
        if cap is not None and me.merges + other.merges + 1 > cap:
            return IdentityReason.MERGE_CAP
        return None

    def _refuse(self, draft: Draft, meet: Meet, reason: IdentityReason) -> None:
        """Leave the two apart. A device goes with its latest login; anything else stays with its owner."""
        me, other = draft.customer_id, meet.other.customer_id
        mine = meet.claimant != other  # whether it is this customer that claimed
        claimant, owner = (me, other) if mine else (other, me)
        draft.effects.extend(refusal(claimant, owner, reason, meet))
        identifier, event_id, at_ms = meet.identifier, meet.event_id, meet.occurred_at_ms
        goes = identifier[0] in DEVICES and reason in (IdentityReason.KIND_LIMIT, IdentityReason.KEPT_APART)
        if goes and self._has_room(draft, meet, mine):
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
            refused = Refused(draft.tenant, claimant, identifier, event_id, at_ms)
            draft.effects.append(Send("customer", customer_key(draft.tenant, claimant), refused))

    def _has_room(self, draft: Draft, meet: Meet, mine: bool) -> bool:
        """Whether the claimant may have one more of this kind; the claim counts already."""
        kind = meet.identifier[0]
        limit = self._config.limit_of(kind)
        number = len(draft.identifiers.get(kind, {})) if mine else meet.other.counts.get(kind, 0)
        return limit is None or number <= limit

    def _release(self, draft: Draft, release: Release) -> None:
        identifier, at_ms = release.identifier, release.occurred_at_ms
        kind, value = identifier
        links = draft.identifiers.get(kind, {})
        link = links.get(value)
        if link is not None and link.last_at_ms > at_ms:
            draft.effects.extend(refusal(release.claimant, draft.customer_id, IdentityReason.EARLIER_LOGIN, release))
            refused = Refused(draft.tenant, release.claimant, identifier, release.event_id, at_ms)
            draft.effects.append(Send("customer", customer_key(draft.tenant, release.claimant), refused))
            return
        draft.identifiers = {**draft.identifiers, kind: {key: each for key, each in links.items() if key != value}}
        graph = draft.graph or EMPTY
        moved = {**graph.moved, name_of(identifier): Moved(release.claimant, at_ms, release.part)}
        while len(moved) > MOVED_KEPT:
            del moved[min(moved, key=lambda name: (moved[name].since_ms, name))]
        draft.graph = replace(graph, moved=moved)
        cause = (release.event_id, at_ms)
        draft.effects.append(assign(draft, identifier, release.claimant, *cause, part=release.part))

    # --- two customers become one ---------------------------------------------------------------------------------

    def _hand_over(self, draft: Draft, meet: Meet) -> CustomerState:
        me, winner, cause = draft.customer_id, meet.other.customer_id, (meet.event_id, meet.occurred_at_ms)
        merge_id = uuid5_text(_MERGES, "\x1f".join((draft.tenant, me, winner, *meet.identifier, meet.event_id)))
        merge = Merge(merge_id, me, winner, draft.founder, meet.identifier, *cause)
        state = draft.state()
        handover = Handover(draft.tenant, winner, merge, Raw(_encode(state)))
        draft.effects.append(Send("customer", customer_key(draft.tenant, winner), handover))
        former_ids = dict.fromkeys(former(state), 0)
        aliases = (draft.graph or EMPTY).aliases
        graph = Graph(merged_into=winner, untold=_told(state, winner), settled=former_ids, aliases=aliases)
        pointer = Draft(CustomerState(draft.tenant, me, founder=draft.founder, graph=graph))
        pointer.effects = draft.effects
        self._tell(pointer, cause)
        return pointer.state()

    def _handed_over(self, draft: Draft, handover: Handover) -> None:
        merge = handover.merge
        graph = draft.graph or EMPTY
        if any(known.merge_id == merge.merge_id for known in graph.merges):
            return
        loser = _decode(handover.state)
        told = _told(loser, draft.customer_id) if merge.winner != draft.customer_id else ()
        if told:  # it meant a customer that has become part of this one meanwhile
            aliases = tuple(dict.fromkeys((*graph.aliases, merge.winner)))[-ALIASES_KEPT:]
            draft.graph = replace(graph, aliases=aliases, untold=(*graph.untold, *told))
        reason = self._why_not(draft, standing(draft), standing(Draft(loser)), merge.identifier)
        if reason is not None:
            self._send_back(draft, loser, merge, reason)
            return
        moved = fold(draft, loser, merge)
        cause = Event(draft.tenant, merge.identifier, merge.event_id, merge.occurred_at_ms)
        said = {"other": merge.loser, "merge_id": merge.merge_id}
        draft.effects.append(
            identity_change("merged", draft.customer_id, IdentityReason.SEEN_TOGETHER, cause, **said, parts=moved)
        )
        draft.effects.append(Count("identity_merges", "merged"))
        self._tell(draft, (merge.event_id, merge.occurred_at_ms))

    def _send_back(self, draft: Draft, loser: CustomerState, merge: Merge, reason: IdentityReason) -> None:
        """Let a customer live again that came in vain: merges of the same moment have used up its room."""
        cause = Event(draft.tenant, merge.identifier, merge.event_id, merge.occurred_at_ms)
        draft.effects.extend(refusal(draft.customer_id, merge.loser, reason, cause))
        forget_claim(draft, merge.identifier)
        back = Draft(loser)
        forget_claim(back, merge.identifier)
        restore = Restore(draft.tenant, merge.loser, Raw(_encode(back.state())))
        draft.effects.append(Send("customer", customer_key(draft.tenant, merge.loser), restore))
        graph = draft.graph or EMPTY
        parts = sorted({merge.loser, *former(loser)})
        untold = tuple(told for told in graph.untold if told.customer_id != draft.customer_id)
        draft.graph = replace(
            graph,
            departed={**graph.departed, **dict.fromkeys(parts, merge.loser)},
            untold=(*untold, *_told(loser, merge.loser, of_parts=True)),
        )
        self._tell(draft, (merge.event_id, merge.occurred_at_ms))

    def undo(self, draft: Draft, arrived: Arrived) -> None:
        """Take a merge back, as an operator's event asks: by `properties.merge_id`, else what brought its anchor in."""
        graph = draft.graph or EMPTY
        event = arrived.event
        cause = Event(draft.tenant, arrived.identifiers[0], event.event_id, event.occurred_at_ms)
        merge_id = str(event.properties.get("merge_id") or "")
        merge = merge_to_undo(graph, draft.identifiers, merge_id, cause.identifier)
        if merge is None:
            draft.effects.extend(refusal(draft.customer_id, "", IdentityReason.UNKNOWN_MERGE, cause))
            return
        leaving = descendants(graph.merges, merge.loser)
        if not leaving <= graph.parts.keys():
            draft.effects.extend(refusal(draft.customer_id, merge.loser, IdentityReason.TOO_OLD, cause))
            return
        state, moved = split(draft, leaving, merge)
        restore = Restore(draft.tenant, merge.loser, Raw(_encode(state)))
        draft.effects.append(Send("customer", customer_key(draft.tenant, merge.loser), restore))
        told = {"other": merge.loser, "merge_id": merge.merge_id}
        draft.effects.append(
            identity_change("unmerged", draft.customer_id, IdentityReason.OPERATOR, cause, **told, parts=moved)
        )
        draft.effects.append(Count("identity_merges", "undone"))
        after = draft.graph or EMPTY
        draft.graph = replace(
            after,
            apart=(*after.apart, merge.loser)[-APART_KEPT:],
            departed={**after.departed, **dict.fromkeys(sorted(leaving), merge.loser)},
            untold=(*after.untold, *_told(state, merge.loser, of_parts=True)),
        )
        self._tell(draft, (event.event_id, event.occurred_at_ms))

    def _tell(self, draft: Draft, cause: tuple[str, int]) -> None:
        """Tell some identifiers whose they are now; the rest at the next `GoOn`."""
        graph = draft.graph or EMPTY
        if not graph.untold:
            return
        now, later = graph.untold[:TOLD_AT_ONCE], graph.untold[TOLD_AT_ONCE:]
        for told in now:
            draft.effects.append(assign(draft, told.identifier, told.customer_id, *cause, only=told.part))
        draft.graph = replace(graph, untold=later)
        if later:
            go_on = GoOn(draft.tenant, draft.customer_id, *cause)
            draft.effects.append(Send("customer", customer_key(draft.tenant, draft.customer_id), go_on))


def restored(message: Restore) -> CustomerState:
    """Return the state of a customer that lives again."""
    return _decode(message.state)


def _told(state: CustomerState, customer_id: str, *, of_parts: bool = False) -> tuple[Told, ...]:
    """List the identifiers of `state`, to be told whose they are; with `of_parts` only while they are of their part."""
    return tuple(
        Told((kind, value), customer_id, link.part or state.customer_id if of_parts else "")
        for kind, links in sorted(state.identifiers.items())
        for value, link in sorted(links.items())
    )

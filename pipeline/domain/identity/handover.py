"""Two customers become one, and one becomes two again: who sends what to whom, in steps of bounded size.

What becomes of the fields is `merging.py`.
"""

from __future__ import annotations

from uuid import UUID

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from pipeline.domain.customer.draft import Draft, former
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.identity.changes import Event, identity_change, refusal
from pipeline.domain.identity.claims import all_ids, assign, claim_open, forget_claim, link_of
from pipeline.domain.identity.graph import ALIASES_KEPT, APART_KEPT, EMPTY, Graph, Told, descendants, merge_to_undo
from pipeline.domain.identity.hashed import node_of
from pipeline.domain.identity.limits import Limits, standing
from pipeline.domain.identity.merging import fold, split
from pipeline.domain.ids import uuid5_text
from pipeline.domain.messages.effects import Count, Send
from pipeline.domain.messages.keys import customer_key
from pipeline.domain.messages.to_customer import Arrived, GoOn, Handover, Meet, Merge, Restore
from pipeline.domain.reasons import IdentityReason

TOLD_AT_ONCE = 200
"""Identifiers told of a merge in one step. A customer may have ten thousand, and its partition has others to serve."""

_MERGES = UUID("850f7108-aeb8-5b12-8546-75c5afe877dd")
"""Of every merge id."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CustomerState).decode


def hand_over(draft: Draft, meet: Meet) -> CustomerState:
    """Give the whole state to the customer met. Return the pointer to it that stays."""
    me, winner, cause = draft.customer_id, meet.other.customer_id, (meet.event_id, meet.occurred_at_ms)
    merge_id = uuid5_text(_MERGES, "\x1f".join((draft.tenant, me, winner, *meet.identifier, meet.event_id)))
    joins = meet.part if meet.claimant == winner else ""
    merge = Merge(merge_id, me, winner, draft.founder, meet.identifier, *cause, joins)
    before = draft.graph or EMPTY
    if draft.graph is not None:  # the identifiers not told yet are told of the winner
        draft.graph = replace(before, untold=(), parted_from=())
    state = draft.state()
    handover = Handover(draft.tenant, winner, merge, Raw(_encode(state)))
    draft.effects.append(Send("customer", customer_key(draft.tenant, winner), handover))
    former_ids = dict.fromkeys(former(state), 0)
    graph = Graph(
        merged_into=winner,
        untold=_told(state, winner),
        settled=former_ids,
        aliases=before.aliases,
        parted_from=before.parted_from,
    )
    pointer = Draft(CustomerState(draft.tenant, me, founder=draft.founder, graph=graph))
    pointer.effects = draft.effects
    tell(pointer, cause)
    return pointer.state()


def take_over(draft: Draft, handover: Handover, limits: Limits) -> None:
    """Take in a customer that hands itself over, if the limits still allow it."""
    merge = handover.merge
    graph = draft.graph or EMPTY
    if any(known.merge_id == merge.merge_id for known in graph.merges):
        return
    loser = _decode(handover.state)
    home = graph.departed.get(merge.part or merge.winner)
    if home is not None:
        _hand_on(draft, handover, loser, home)
        return
    told = _told(loser, draft.customer_id) if merge.winner != draft.customer_id else ()
    if told:  # it meant a customer that has become part of this one meanwhile
        aliases = tuple(dict.fromkeys((*graph.aliases, merge.winner)))[-ALIASES_KEPT:]
        draft.graph = replace(graph, aliases=aliases, untold=(*graph.untold, *told))
    reason = limits.against_merge(draft, standing(draft), standing(Draft(loser)), merge.identifier)
    if reason is not None:
        _send_back(draft, loser, merge, reason)
        return
    met_by = link_of(draft, merge.identifier)
    moved = fold(draft, loser, replace(merge, part="" if met_by is None else met_by.part))
    cause = Event(draft.tenant, merge.identifier, merge.event_id, merge.occurred_at_ms)
    said = {"other": merge.loser, "merge_id": merge.merge_id}
    draft.effects.append(
        identity_change("merged", draft.customer_id, IdentityReason.SEEN_TOGETHER, cause, **said, parts=moved)
    )
    draft.effects.append(Count("identity_merges", "merged"))
    claim_open(draft, cause)
    tell(draft, (merge.event_id, merge.occurred_at_ms))


def _hand_on(draft: Draft, handover: Handover, loser: CustomerState, home: str) -> None:
    """Hand a customer on that joins a part taken out again meanwhile."""
    graph, merge = draft.graph or EMPTY, handover.merge
    here = replace(handover, customer_id=home, merge=replace(merge, winner=home))
    draft.effects.append(Send("customer", customer_key(draft.tenant, home), here))
    draft.graph = replace(
        graph,
        departed={**graph.departed, **dict.fromkeys(sorted({merge.loser, *former(loser)}), home)},
        untold=(*graph.untold, *_told(loser, home)),
    )
    tell(draft, (merge.event_id, merge.occurred_at_ms))


def _send_back(draft: Draft, loser: CustomerState, merge: Merge, reason: IdentityReason) -> None:
    """Let a customer live again that came in vain: merges of the same moment have used up its room."""
    cause = Event(draft.tenant, merge.identifier, merge.event_id, merge.occurred_at_ms)
    draft.effects.extend(refusal(draft.customer_id, merge.loser, reason, cause))
    forget_claim(draft, merge.identifier)
    back = Draft(loser)
    forget_claim(back, merge.identifier)
    _let_go(draft, back.state(), {merge.loser, *former(loser)}, (merge.event_id, merge.occurred_at_ms))


def part(draft: Draft, arrived: Arrived) -> None:
    """Take a merge back, as an operator's event asks: by `properties.merge_id`, else what brought its anchor in."""
    graph = draft.graph or EMPTY
    event = arrived.event
    cause = Event(draft.tenant, arrived.identifiers[0], event.event_id, event.occurred_at_ms)
    merge_id = str(event.properties.get("merge_id") or "")
    merge = merge_to_undo(graph, draft.identifiers, merge_id, cause.identifier)
    if merge is None:
        reason = IdentityReason.UNKNOWN_MERGE
        if not draft.events and draft.graph is None:
            reason = IdentityReason.UNKNOWN_IDENTIFIER
        elif graph.settled and not merge_id:  # which identifiers the settled parts had is not known any more
            reason = IdentityReason.TOO_OLD
        draft.effects.extend(refusal(draft.customer_id, "", reason, cause))
        return
    leaving = descendants(graph.merges, merge.loser)
    if not leaving <= graph.parts.keys():
        draft.effects.extend(refusal(draft.customer_id, merge.loser, IdentityReason.TOO_OLD, cause))
        return
    asked = (event.event_id, event.occurred_at_ms)
    state, moved = split(draft, leaving, merge, asked)
    _let_go(draft, state, leaving, asked)
    told = {"other": merge.loser, "merge_id": merge.merge_id}
    draft.effects.append(
        identity_change("unmerged", draft.customer_id, IdentityReason.OPERATOR, cause, **told, parts=moved)
    )
    draft.effects.append(Count("identity_merges", "undone"))
    after = draft.graph or EMPTY
    draft.graph = replace(after, apart=(*after.apart, merge.loser)[-APART_KEPT:])


def _let_go(draft: Draft, state: CustomerState, parts: set[str], cause: tuple[str, int]) -> None:
    """Let a customer live again, with the `parts` it is made of.

    It tells its identifiers itself: what it has told them of the merge may still be under way, and must come first.
    """
    graph, home = draft.graph or EMPTY, state.customer_id
    restore = Restore(draft.tenant, home, Raw(_encode(state)), *cause, all_ids(draft))
    draft.effects.append(Send("customer", customer_key(draft.tenant, home), restore))
    gone = {node_of(told.identifier) for told in _told(state, home)}
    draft.graph = replace(
        graph,
        departed={**graph.departed, **dict.fromkeys(sorted(parts), home)},
        untold=tuple(told for told in graph.untold if node_of(told.identifier) not in gone),
    )


def tell(draft: Draft, cause: tuple[str, int]) -> None:
    """Tell some identifiers whose they are now; the rest at the next `GoOn`."""
    graph = draft.graph or EMPTY
    if not graph.untold:
        return
    now, later = graph.untold[:TOLD_AT_ONCE], graph.untold[TOLD_AT_ONCE:]
    for told in now:
        draft.effects.append(assign(draft, told.identifier, told.customer_id, *cause, only=told.part))
    draft.graph = replace(graph, untold=later, parted_from=graph.parted_from if later else ())
    if later:
        go_on = GoOn(draft.tenant, draft.customer_id, *cause)
        draft.effects.append(Send("customer", customer_key(draft.tenant, draft.customer_id), go_on))


def _told(state: CustomerState, customer_id: str, *, of_parts: bool = False) -> tuple[Told, ...]:
    """List the identifiers of `state`, to be told whose they are; with `of_parts` only while they are of their part."""
    return tuple(
        Told((kind, value), customer_id, link.part or state.customer_id if of_parts else "")
        for kind, links in sorted(state.identifiers.items())
        for value, link in sorted(links.items())
    )


def restored(restore: Restore) -> Draft:
    """Return a customer that lives again, and tells its identifiers so."""
    state = _decode(restore.state)
    draft = Draft(state)
    untold = _told(state, state.customer_id, of_parts=True)
    draft.graph = replace(draft.graph or EMPTY, untold=untold, parted_from=restore.parted_from)
    tell(draft, (restore.event_id, restore.occurred_at_ms))
    if draft.graph == EMPTY:
        draft.graph = None
    return draft

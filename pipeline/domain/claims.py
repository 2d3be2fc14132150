"""A customer's identifiers: which it has, which it claims, and which went elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pipeline.domain.customer_state import CustomerState, Draft, former
from pipeline.domain.hashed import in_one_form, node_of
from pipeline.domain.identity_changes import refusal
from pipeline.domain.identity_config import IdentityConfig
from pipeline.domain.identity_graph import EMPTY, REFUSED_KEPT, Link
from pipeline.domain.messages import (
    Arrived,
    Assign,
    Claim,
    Granted,
    Identifier,
    Send,
    Standing,
    customer_key,
    identity_key,
)
from pipeline.domain.reasons import IdentityReason


class Claims:
    """Notes the identifiers of events and claims the new ones, within the limits of identity.yaml."""

    def __init__(self, config: IdentityConfig) -> None:
        """Keep to the rules of identity.yaml."""
        self._config = config

    def elsewhere(self, draft: Draft, arrived: Arrived) -> Sequence[Send]:
        """Send an event on that belongs to a part taken out again, or to a device that has gone with another login."""
        graph = draft.graph
        if graph is None:
            return ()
        event = arrived.event
        to = graph.departed.get(arrived.part)
        if to is not None:
            cause = (event.event_id, event.occurred_at_ms)
            owner = assign(draft, arrived.identifiers[0], to, *cause, only=arrived.part)
            return Send("customer", customer_key(draft.tenant, to), replace(arrived, customer_id=to)), owner
        moved = graph.moved.get(name_of(arrived.identifiers[0])) if graph.moved else None
        if moved is None or event.occurred_at_ms <= moved.since_ms:
            return ()
        to = moved.customer_id
        sent_on = replace(arrived, customer_id=to, part=moved.part, hops=arrived.hops + 1)
        return (Send("customer", customer_key(draft.tenant, to), sent_on),)

    def link(self, draft: Draft, arrived: Arrived, at_ms: int) -> None:
        """Note the identifiers of an event; claim those that are new."""
        known, identifiers = in_one_form(draft.identifiers, arrived.identifiers)
        anchor = identifiers[0]
        new: list[Identifier] = []
        if arrived.customer_id != draft.customer_id:  # it waited for the clock while its customer merged
            draft.effects.append(assign(draft, anchor, draft.customer_id, arrived.event.event_id, at_ms))
        for identifier in identifiers:
            kind, value = identifier
            links = known.get(kind)
            link = None if links is None else links.get(value)
            if link is None:
                if identifier is not anchor:
                    new.append(identifier)
                    continue
                link = Link(at_ms, arrived.event.event_id, _part(draft, arrived.part))
            elif identifier is anchor:
                if at_ms <= link.last_at_ms and link.linked:
                    continue
                link = Link(max(at_ms, link.last_at_ms), link.by, _part(draft, arrived.part))
            elif at_ms > link.last_at_ms:
                link = Link(at_ms, link.by, link.part, link.linked)
            else:
                continue
            known = {**known, kind: {value: link} if links is None else {**links, value: link}}
        draft.identifiers = known
        for identifier in new:
            self._claim(draft, identifier, arrived, at_ms)

    def _claim(self, draft: Draft, identifier: Identifier, arrived: Arrived, at_ms: int) -> None:
        graph = draft.graph
        if graph is not None and graph.refused and node_of(identifier) in graph.refused:
            return
        event_id = arrived.event.event_id
        me = standing(draft)
        claim = Claim(draft.tenant, identifier, me, arrived.part or me.customer_id, event_id, at_ms)
        kind, value = identifier
        limit = self._config.limit_of(kind)
        if limit is not None and me.counts.get(kind, 0) >= limit:
            reason = IdentityReason.KIND_LIMIT
        elif sum(me.counts.values()) >= self._config.mapping_cap:
            reason = IdentityReason.MAPPING_CAP
        else:
            link = Link(at_ms, event_id, _part(draft, arrived.part), linked=False)
            draft.identifiers = {**draft.identifiers, kind: {**draft.identifiers.get(kind, {}), value: link}}
            draft.effects.append(Send("identity", identity_key(draft.tenant, identifier), claim))
            return
        draft.effects.extend(refusal(me.customer_id, "", reason, claim))
        _forget(draft, identifier)

    def granted(self, draft: Draft, granted: Granted) -> None:
        """Note that a claim was answered with yes."""
        draft.identifiers, ((kind, value),) = in_one_form(draft.identifiers, (granted.identifier,))
        links = draft.identifiers.get(kind, {})
        link = links.get(value) or Link(granted.occurred_at_ms, granted.event_id)
        if not link.linked or value not in links:
            linked = Link(link.last_at_ms, link.by, link.part)
            draft.identifiers = {**draft.identifiers, kind: {**links, value: linked}}
        if granted.forwarded:
            cause = (granted.event_id, granted.occurred_at_ms)
            draft.effects.append(assign(draft, granted.identifier, draft.customer_id, *cause))
        if draft.graph is not None and name_of(granted.identifier) in draft.graph.moved:
            moved = {name: to for name, to in draft.graph.moved.items() if name != name_of(granted.identifier)}
            draft.graph = replace(draft.graph, moved=moved)


def standing(draft: Draft) -> Standing:
    """Return the facts another customer needs to decide about a merge."""
    graph = draft.graph or EMPTY
    counts = {kind: len(links) for kind, links in draft.identifiers.items() if links}
    return Standing(draft.customer_id, draft.founder, counts, len(graph.merges), graph.apart)


def founded(arrived: Arrived) -> CustomerState:
    """Return a new customer, which has the identifier that founded it from the beginning.

    On the event clock its events wait, and meanwhile it may merge.
    """
    kind, value = arrived.identifiers[0]
    link = Link(0, arrived.event.event_id)
    return CustomerState(arrived.tenant, arrived.customer_id, founder=kind, identifiers={kind: {value: link}})


def forget_claim(draft: Draft, identifier: Identifier) -> None:
    """Forget a claim that was refused, and do not claim again at once."""
    _, ((kind, value),) = in_one_form(draft.identifiers, (identifier,))
    links = draft.identifiers.get(kind, {})
    if value in links and not links[value].linked:
        draft.identifiers = {**draft.identifiers, kind: {key: each for key, each in links.items() if key != value}}
    _forget(draft, identifier)


def _forget(draft: Draft, identifier: Identifier) -> None:
    graph = draft.graph or EMPTY
    draft.graph = replace(graph, refused=(*graph.refused, node_of(identifier))[-REFUSED_KEPT:])


def assign(
    owner: CustomerState | Draft,
    identifier: Identifier,
    after: str,
    event_id: str,
    at_ms: int,
    part: str | None = None,
    only: str = "",
) -> Send:
    """Build the word to an identifier that it belongs to `after`, wherever it has last heard it belongs."""
    aliases = owner.graph.aliases if owner.graph is not None else ()
    before = (owner.customer_id, *sorted({*former(owner), *aliases} - {owner.customer_id}))
    message = Assign(owner.tenant, identifier, before, after, event_id, at_ms, part, only)
    return Send("identity", identity_key(owner.tenant, identifier), message)


def name_of(identifier: Identifier) -> str:
    """Return the key of an identifier in `Graph.moved`."""
    return f"{identifier[0]}:{identifier[1]}"


def _part(draft: Draft, part: str) -> str:
    return "" if part == draft.customer_id else part

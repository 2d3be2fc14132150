"""A customer's identifiers: which it has, which it claims, and which went elsewhere.

The identifiers of one event are claimed one after the other, strongest first, the next when the one before is
answered: so it is the weakest that a limit leaves no room for. Other events do not wait.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pipeline.domain.customer.draft import Draft, former
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.identity.changes import Event, refusal
from pipeline.domain.identity.graph import CLAIMING_KEPT, EMPTY, REFUSED_KEPT, Claiming, Link
from pipeline.domain.identity.hashed import in_one_form, node_of
from pipeline.domain.identity.limits import Limits, standing
from pipeline.domain.messages.effects import Send
from pipeline.domain.messages.keys import Identifier, customer_key, identity_key
from pipeline.domain.messages.to_customer import Arrived, Granted, Meet, Refused
from pipeline.domain.messages.to_identity import Assign, Claim, Standing
from pipeline.domain.time import MINUTE_MS

CLAIMS_WAIT_MS = MINUTE_MS
"""How long a message waits to hear whose the identifiers of events are. The answer takes a fraction of a second, or as
long as Kafka takes to give a dead worker's partitions to another (45 s). A lost one holds nothing up for ever."""


class Claims:
    """Notes the identifiers of events and claims the new ones, within the limits of identity.yaml."""

    def __init__(self, limits: Limits) -> None:
        """Keep to the limits of identity.yaml."""
        self._limits = limits

    def elsewhere(self, draft: Draft, arrived: Arrived) -> Sequence[Send]:
        """Send an event on that belongs to a part taken out again, or to a device that has gone with another login."""
        graph = draft.graph
        if graph is None:
            return ()
        event = arrived.event
        moved = graph.moved.get(name_of(arrived.identifiers[0])) if graph.moved else None
        if moved is not None and event.occurred_at_ms > moved.since_ms:
            to = moved.customer_id
            sent_on = replace(arrived, customer_id=to, part=moved.part, hops=arrived.hops + 1)
            return (Send("customer", customer_key(draft.tenant, to), sent_on),)
        to = graph.departed.get(arrived.part, "")
        if not to:
            return ()
        cause = (event.event_id, event.occurred_at_ms)
        owner = assign(draft, arrived.identifiers[0], to, *cause, only=arrived.part)
        return Send("customer", customer_key(draft.tenant, to), replace(arrived, customer_id=to)), owner

    def send_answer_on(self, draft: Draft, answer: Granted | Refused | Meet) -> bool:
        """Send an answer on, if the part for which the claim was made has been taken out again; tell whether it has.

        What the customer has claimed itself meanwhile, and is granted as that part's, it does not get.
        """
        to = draft.graph.departed.get(answer.part) if draft.graph is not None else None
        if to is None:
            return False
        sent_on: Granted | Refused | Meet = replace(answer, customer_id=to)
        if isinstance(answer, Meet):
            if answer.other.customer_id in {
                draft.customer_id,
                *former(draft),
            }:  # the owner is one with whom it has parted from
                cause = (answer.event_id, answer.occurred_at_ms)
                sent_on = Refused(draft.tenant, to, answer.identifier, *cause, answer.part)
            elif answer.claimant == answer.other.customer_id:
                return False
            else:
                sent_on = replace(answer, customer_id=to, claimant=to)
        draft.effects.append(Send("customer", customer_key(draft.tenant, to), sent_on))
        if isinstance(answer, Granted):
            cause = (answer.event_id, answer.occurred_at_ms)
            draft.effects.append(assign(draft, answer.identifier, to, *cause, only=answer.part))
            if _is_under_way(draft, answer.identifier):
                forget_claim(draft, answer.identifier)
        return True

    def link(self, draft: Draft, arrived: Arrived, at_ms: int, *, seen: bool = True) -> None:
        """Note the identifiers of an event; claim those that are new. Those known were `seen` then, or only named."""
        known, identifiers = in_one_form(draft.identifiers, arrived.identifiers)
        anchor = identifiers[0]
        wanted: list[Identifier] = []
        any_new = False
        if arrived.customer_id != draft.customer_id:  # it waited for the clock while its customer merged
            draft.effects.append(assign(draft, anchor, draft.customer_id, arrived.event.event_id, at_ms))
        for identifier in identifiers:
            kind, value = identifier
            links = known.get(kind)
            link = None if links is None else links.get(value)
            if link is None:
                if identifier is not anchor:
                    wanted.append(identifier)
                    any_new = True
                    continue
                link = Link(at_ms, arrived.event.event_id, _part(draft, arrived.part))
            elif identifier is anchor:
                if link.linked and not (seen and at_ms > link.last_at_ms):
                    continue
                # The event may have waited, and the device gone with a login since: the link knows better.
                part = link.part if link.linked else _part(draft, arrived.part)
                link = Link(max(at_ms, link.last_at_ms), link.by, part)
            else:
                if not link.linked:
                    wanted.append(identifier)
                if not seen or at_ms <= link.last_at_ms:
                    continue
                link = Link(at_ms, link.by, link.part, link.linked)
            known = {**known, kind: {value: link} if links is None else {**links, value: link}}
        draft.identifiers = known
        if any_new:
            part = arrived.part or draft.customer_id
            self._put(draft, Claiming(arrived.event.event_id, at_ms, part, (anchor, *wanted)))

    def go_on(self, draft: Draft) -> None:
        """Claim the next identifier of each event whose last claim has been answered."""
        if draft.graph is None or not draft.graph.claiming:
            return
        claiming = draft.graph.claiming
        draft.graph = replace(draft.graph, claiming=())
        for each in claiming:
            self._put(draft, each)
        if draft.graph == EMPTY:
            draft.graph = None

    def _put(self, draft: Draft, claiming: Claiming) -> None:
        """Claim what is to be claimed now, and keep the rest for later."""
        identifiers = claiming.identifiers
        while len(identifiers) > 1 and not _is_under_way(draft, identifiers[0]):
            identifiers = identifiers[1:]
            self._claim(draft, identifiers[0], claiming)
        if len(identifiers) == 1:
            return
        graph = draft.graph or EMPTY
        kept = (*graph.claiming, replace(claiming, identifiers=identifiers))
        if len(kept) > CLAIMING_KEPT:
            for identifier in kept[0].identifiers[1:]:
                self._claim(draft, identifier, kept[0])
            draft.evicted("claiming")
            kept = kept[1:]
            graph = draft.graph or EMPTY
        draft.graph = replace(graph, claiming=kept)

    def _claim(self, draft: Draft, identifier: Identifier, claiming: Claiming) -> None:
        """Claim an identifier for an event, unless it is the customer's, claimed or refused already."""
        graph, at_ms = draft.graph, claiming.occurred_at_ms
        if graph is not None and graph.refused and node_of(identifier) in graph.refused:
            return
        draft.identifiers, (identifier,) = in_one_form(draft.identifiers, (identifier,))
        kind, value = identifier
        links = draft.identifiers.get(kind, {})
        link = links.get(value)
        if link is not None:  # by another event, while this one waited
            last_at_ms = max(at_ms, link.last_at_ms)
            draft.identifiers = {**draft.identifiers, kind: {**links, value: replace(link, last_at_ms=last_at_ms)}}
            return
        me = standing(draft)
        claim = Claim(draft.tenant, identifier, me, claiming.part, claiming.event_id, at_ms)
        reason = self._limits.against_claim(me, kind)
        if reason is not None:
            draft.effects.extend(refusal(me.customer_id, "", reason, claim))
            _forget(draft, identifier)
            return
        link = Link(at_ms, claiming.event_id, _part(draft, claiming.part), linked=False)
        draft.identifiers = {**draft.identifiers, kind: {**links, value: link}}
        draft.effects.append(Send("identity", identity_key(draft.tenant, identifier), claim))

    def granted(self, draft: Draft, granted: Granted) -> None:
        """Note that a claim was answered with yes, unless a later login has taken the device meanwhile."""
        went = draft.graph.moved.get(name_of(granted.identifier)) if draft.graph is not None else None
        is_gone = went is not None and granted.occurred_at_ms < went.since_ms
        if is_gone and link_of(draft, granted.identifier) is None:
            return
        draft.identifiers, ((kind, value),) = in_one_form(draft.identifiers, (granted.identifier,))
        links = draft.identifiers.get(kind, {})
        link = links.get(value) or Link(granted.occurred_at_ms, granted.event_id, linked=False)
        if not link.linked:
            linked = Link(link.last_at_ms, link.by, _part(draft, granted.part))
            draft.identifiers = {**draft.identifiers, kind: {**links, value: linked}}
        if granted.forwarded:
            cause = (granted.event_id, granted.occurred_at_ms)
            draft.effects.append(assign(draft, granted.identifier, draft.customer_id, *cause))
        if draft.graph is not None and name_of(granted.identifier) in draft.graph.moved:
            moved = {name: to for name, to in draft.graph.moved.items() if name != name_of(granted.identifier)}
            draft.graph = replace(draft.graph, moved=moved)


def claim_again(draft: Draft, identifier: Identifier, claimant: Standing, part: str, cause: Event | Meet) -> None:
    """Ask again who has an identifier: who had it has it no longer, and a claim is not answered yet."""
    claim = Claim(draft.tenant, identifier, claimant, part, cause.event_id, cause.occurred_at_ms)
    draft.effects.append(Send("identity", identity_key(draft.tenant, identifier), claim))


def claim_open(draft: Draft, cause: Event | Meet) -> None:
    """Claim again what two met by who are one now, if it had gone elsewhere: being one is no answer then."""
    link = link_of(draft, cause.identifier)
    if link is not None and not link.linked:
        claim_again(draft, cause.identifier, standing(draft), link.part or draft.customer_id, cause)


def is_claiming(customer: CustomerState | Draft) -> bool:
    """Whether it is not known yet whose the identifiers of all its events are."""
    if customer.graph is not None and customer.graph.claiming:
        return True
    for links in customer.identifiers.values():
        for link in links.values():
            if not link.linked:
                return True
    return False


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
    message = Assign(owner.tenant, identifier, all_ids(owner), after, event_id, at_ms, part, only)
    return Send("identity", identity_key(owner.tenant, identifier), message)


def all_ids(owner: CustomerState | Draft) -> tuple[str, ...]:
    """Return every id by which an identifier may know this customer, the present one first."""
    graph = owner.graph or EMPTY
    others = {*former(owner), *graph.aliases, *graph.parted_from} - {owner.customer_id}
    return (owner.customer_id, *sorted(others))


def _is_under_way(draft: Draft, identifier: Identifier) -> bool:
    """Whether an identifier is claimed and the claim is not answered yet."""
    link = link_of(draft, identifier)
    return link is not None and not link.linked


def link_of(draft: Draft, identifier: Identifier) -> Link | None:
    """Return what is known of an identifier in either form; None if it is not the customer's."""
    known, ((kind, value),) = in_one_form(draft.identifiers, (identifier,))
    return known.get(kind, {}).get(value)


def name_of(identifier: Identifier) -> str:
    """Return the key of an identifier in `Graph.moved`."""
    return f"{identifier[0]}:{identifier[1]}"


def _part(draft: Draft, part: str) -> str:
    return "" if part == draft.customer_id else part

"""What a customer remembers of the identity graph: its identifiers, the parts it was merged from, where others went."""

from __future__ import annotations

from msgspec import Struct

from pipeline.domain.facets import NO_FACETS, Facets
from pipeline.domain.identity.hashed import in_one_form
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.messages.to_customer import Merge

ALIASES_KEPT = 256
"""A merge that meets another under way is rare: these many are more than a customer has merges."""

APART_KEPT = 64
"""Customers a person has parted this one from. The one parted longest ago goes first."""

MOVED_KEPT = 32
"""Devices that went with another customer's login, remembered for the events still on their way."""

REFUSED_KEPT = 32
"""Identifiers refused, so that not every event asks for them again. The one refused longest ago is asked for again."""


CLAIMING_KEPT = 16
"""Events whose identifiers wait to be claimed; an answer takes a fraction of a second. Of one more, those of the one
that has waited longest are claimed at once (counted as an eviction): a lost answer must not hold them up for ever."""


class Seen(Struct, frozen=True, array_like=True, gc=False):
    """How often and when last a channel saw the customer."""

    events: int
    last_at_ms: int


class Link(Struct, frozen=True, array_like=True, gc=False):
    """An identifier of the customer: when last seen, on which event first, for which part ("" is its own).

    `last_at_ms` is 0 while the event it came with waits for the clock. `linked` is false while the claim is under way:
    it counts towards the limits, but is nobody's address yet.
    """

    last_at_ms: int
    by: str
    part: str = ""
    linked: bool = True


class Part(Struct, frozen=True, array_like=True, gc=False):
    """The share of one former customer in what is known of the one it is part of now: what undoing gives back.

    `moves` is how often it has changed hands.
    """

    events: int = 0
    first_seen_at_ms: int | None = None
    last_seen_at_ms: int | None = None
    last_received_at_ms: int | None = None
    channels: dict[str, Seen] = {}
    closed_at_ms: int = 0
    orders_counted: int = 0
    spend_minor: dict[str, int] = {}
    moves: int = 0
    facets: Facets = NO_FACETS


class Moved(Struct, frozen=True, array_like=True, gc=False):
    """To whom, and to which part of it, an identifier went, with which login (event time, ms)."""

    customer_id: str
    since_ms: int
    part: str


class Told(Struct, frozen=True, array_like=True, gc=False):
    """An identifier to be told that it belongs to `customer_id` now, if it is still of `part` ("" for any)."""

    identifier: Identifier
    customer_id: str
    part: str = ""


class Claiming(Struct, frozen=True, array_like=True, gc=False):
    """The identifiers of an event still to be claimed, strongest first; the first is the one under way.

    `part` is the customer to which the event belonged before any merge.
    """

    event_id: str
    occurred_at_ms: int
    part: str
    identifiers: tuple[Identifier, ...]


class Graph(Struct, frozen=True, array_like=True, gc=False):
    """What only a customer has that was merged, parted, refused or moved, or has claims waiting.

    `merges` are those that made this customer, oldest first. `parts` has an entry per former customer, its own
    included, once there was a merge; `settled` has those too old to be taken out again, with how often they moved.
    `aliases` are customers that were to be the winner of a merge and had become part of this one first. `departed`
    says where parts went that were taken out again. `claiming` are events with identifiers still to be claimed. A
    customer that has become part of another has `merged_into` and nothing else, but the identifiers it has not told
    yet (`untold`) and its former ids. `parted_from` are all the ids of the customer it has just been taken out of,
    while there are identifiers it has not told of that.
    """

    merges: tuple[Merge, ...] = ()
    parts: dict[str, Part] = {}
    apart: tuple[str, ...] = ()
    departed: dict[str, str] = {}
    moved: dict[str, Moved] = {}
    refused: tuple[Identifier, ...] = ()
    merged_into: str = ""
    untold: tuple[Told, ...] = ()
    settled: dict[str, int] = {}
    aliases: tuple[str, ...] = ()
    claiming: tuple[Claiming, ...] = ()
    parted_from: tuple[str, ...] = ()


EMPTY = Graph()


def descendants(merges: tuple[Merge, ...], customer_id: str) -> set[str]:
    """Return `customer_id` and every customer that had joined it or joined by it, by the merges of the present one."""
    found = {customer_id}
    while True:
        more = {merge.loser for merge in merges if (merge.part or merge.winner) in found} - found
        if not more:
            return found
        found |= more


def merge_to_undo(
    graph: Graph, identifiers: dict[str, dict[str, Link]], merge_id: str, identifier: Identifier
) -> Merge | None:
    """Find the merge to undo: by its id, else the latest that brought in the part of the identifier."""
    if merge_id:
        return next((merge for merge in graph.merges if merge.merge_id == merge_id), None)
    identifiers, ((kind, value),) = in_one_form(identifiers, (identifier,))
    link = identifiers.get(kind, {}).get(value)
    if link is None or not link.part:
        return None
    came = [merge for merge in graph.merges if link.part in descendants(graph.merges, merge.loser)]
    return came[-1] if came else None

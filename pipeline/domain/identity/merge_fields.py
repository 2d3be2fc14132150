"""What a merge does to every field of a customer's state: a sentence for people, and how the two values unite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.customer import cart_shares, waiting
from pipeline.domain.customer.audiences import is_membership
from pipeline.domain.customer.carts import Cart
from pipeline.domain.customer.heard import Heard
from pipeline.domain.customer.orders import Order
from pipeline.domain.customer.recent import Generation, united, united_generation
from pipeline.domain.customer.state import arrival_order
from pipeline.domain.customer.waiting import Waiting
from pipeline.domain.facets import Facets
from pipeline.domain.facets import united as facets_of_both
from pipeline.domain.identity.graph import ALIASES_KEPT, EMPTY, Graph, Link, Seen
from pipeline.domain.identity.hashed import in_one_form
from pipeline.domain.messages.to_customer import Arrived, ProductNews
from pipeline.domain.triggers.steps import Aside, Fired, Held, Sent, Timer

_Early: TypeAlias = Waiting[Arrived | ProductNews]

Fold: TypeAlias = Callable[[Any, Any, "Sides"], Any]


class Sides(Struct, frozen=True):
    """Who merges: the ids of both, for the tags of what came from whom.

    `closed_at_ms` is the latest order of either that named no cart: it bought what was in the carts of both.
    """

    winner: str
    loser: str
    closed_at_ms: int = 0

    def tag(self, part: str) -> str:
        """Return the tag of what the loser had."""
        return part or self.loser

    def timer(self, timer: Timer) -> Timer:
        """Return a timer of the loser as the winner has it."""
        return replace(timer, part=self.tag(timer.part))


def _winner(a: Any, b: Any, sides: Sides) -> Any:
    return a


def _sum(a: int, b: int, sides: Sides) -> int:
    return a + b


def latest(a: int | None, b: int | None, sides: Sides) -> int | None:
    """Return the later of two times."""
    return max((time for time in (a, b) if time is not None), default=None)


def earliest(a: int | None, b: int | None, sides: Sides) -> int | None:
    """Return the earlier of two times."""
    return min((time for time in (a, b) if time is not None), default=None)


def _latest_each(a: dict[str, int], b: dict[str, int], sides: Sides) -> dict[str, int]:
    return {key: max(a.get(key, 0), b.get(key, 0)) for key in sorted(a.keys() | b.keys())}


def _marks(a: dict[str, int], b: dict[str, int], sides: Sides) -> dict[str, int]:
    theirs = {mark: at_ms for mark, at_ms in b.items() if not is_membership(mark)}
    return _latest_each(a, theirs, sides)


def sums(a: dict[str, int], b: dict[str, int], sides: Sides) -> dict[str, int]:
    """Add up, key by key."""
    return {key: a.get(key, 0) + b.get(key, 0) for key in sorted(a.keys() | b.keys())}


def channels_of_both(a: dict[str, Seen], b: dict[str, Seen], sides: Sides) -> dict[str, Seen]:
    """Add up the events of each channel; its latest time."""
    return {
        channel: Seen(
            sum(each[channel].events for each in (a, b) if channel in each),
            max(each[channel].last_at_ms for each in (a, b) if channel in each),
        )
        for channel in sorted(a.keys() | b.keys())
    }


def _identifiers(
    a: dict[str, dict[str, Link]], b: dict[str, dict[str, Link]], sides: Sides
) -> dict[str, dict[str, Link]]:
    named = tuple((kind, value) for kind, links in sorted(b.items()) for value in sorted(links))
    a, forms = in_one_form(a, named)
    both = {kind: dict(a.get(kind, {})) for kind in sorted(a.keys() | b.keys())}
    for (kind, form), (_, value) in zip(forms, named, strict=True):
        theirs, ours = b[kind][value], both[kind].get(form)
        tagged = replace(theirs, part=sides.tag(theirs.part))
        kept = tagged if ours is None or (theirs.linked and not ours.linked) else ours
        last_at_ms = max(theirs.last_at_ms, ours.last_at_ms if ours else 0)
        both[kind][form] = replace(kept, last_at_ms=last_at_ms)
    return both


def _carts(a: dict[str, Cart], b: dict[str, Cart], sides: Sides) -> dict[str, Cart]:
    both = {cart_id: cart_shares.bought_by_either(cart, sides.closed_at_ms) for cart_id, cart in a.items()}
    for cart_id, cart in sorted(b.items()):
        theirs, ours = cart_shares.tagged(cart, sides.tag), a.get(cart_id)
        both[cart_id] = (
            cart_shares.bought_by_either(theirs, sides.closed_at_ms)
            if ours is None
            else cart_shares.united(ours, theirs, sides.closed_at_ms)
        )
    return both


def _orders(a: dict[str, Order], b: dict[str, Order], sides: Sides) -> dict[str, Order]:
    both = dict(a)
    for order_id, theirs in sorted(b.items()):
        tagged = replace(theirs, part=sides.tag(theirs.part))
        ours = both.get(order_id)
        both[order_id] = tagged if ours is None else one_order(ours, tagged)
    return both


def one_order(a: Order, b: Order) -> Order:
    """Unite two tellings of one order: the completed one, the earlier of two; refunded and cancelled as either says."""
    told = min((a, b), key=lambda order: (order.amount_minor is None, order.at_ms, order.part))
    return replace(
        told,
        refunded_minor=max(a.refunded_minor, b.refunded_minor),
        refunded_whole=a.refunded_whole or b.refunded_whole,
        cancelled=a.cancelled or b.cancelled,
        back={sku: max(a.back.get(sku, 0), b.back.get(sku, 0)) for sku in sorted(a.back.keys() | b.back.keys())},
    )


def _timers(a: tuple[Timer, ...], b: tuple[Timer, ...], sides: Sides) -> tuple[Timer, ...]:
    # Two about one subject are both kept here: which of them goes on the rule knows (see `RuleRunner.after_merge`).
    both = {(timer.rule, timer.subject, timer.generation): timer for timer in (*map(sides.timer, b), *a)}
    return tuple(sorted(both.values(), key=lambda each: (each.due_at_ms, each.rule, each.subject, each.generation)))


def _aside(a: tuple[Aside, ...], b: tuple[Aside, ...], sides: Sides) -> tuple[Aside, ...]:
    return (*a, *(Aside(sides.timer(each.timer), sides.tag(each.by)) for each in b))


def _fired(a: tuple[Fired, ...], b: tuple[Fired, ...], sides: Sides) -> tuple[Fired, ...]:
    theirs = (replace(fired, part=sides.tag(fired.part)) for fired in b)
    both = {fired.trigger_id: fired for fired in (*a, *theirs)}
    return tuple(sorted(both.values(), key=lambda fired: (fired.due_at_ms, fired.trigger_id)))


def _facets(a: Facets, b: Facets, sides: Sides) -> Facets:
    return facets_of_both(a, b)


def _held(a: tuple[Held, ...], b: tuple[Held, ...], sides: Sides) -> tuple[Held, ...]:
    theirs = (replace(held, proposal=replace(held.proposal, part=sides.tag(held.proposal.part))) for held in b)
    both = {(held.rule, held.proposal.subject, held.proposal.generation): held for held in (*theirs, *a)}
    return tuple(sorted(both.values(), key=lambda held: (held.release_at_ms, held.rule, held.proposal.subject)))


def _sent(a: tuple[Sent, ...], b: tuple[Sent, ...], sides: Sides) -> tuple[Sent, ...]:
    both = Counter(a) | Counter(b)  # what both know from before they were parted counts once
    return tuple(sorted(both.elements(), key=lambda sent: (sent.at_ms, sent.rule, sent.channel)))


def _recent(a: bytes, b: bytes, sides: Sides) -> bytes:
    return united(a, b)


def _generation(a: Generation, b: Generation, sides: Sides) -> Generation:
    return united_generation(a, b)


def _early(
    a: Waiting[Arrived | ProductNews], b: Waiting[Arrived | ProductNews], sides: Sides
) -> Waiting[Arrived | ProductNews]:
    return waiting.united(a, b, arrival_order)


def _heard(a: Heard, b: Heard, sides: Sides) -> Heard:
    return a.united(b)


def _graph(a: Graph | None, b: Graph | None, sides: Sides) -> Graph:
    ours, theirs = a or EMPTY, b or EMPTY
    # What is back here has not gone elsewhere, and who came back knows better where others went since: else what is
    # sent on would come back for ever.
    here = {sides.winner, sides.loser}.union(ours.parts, theirs.parts, ours.settled, theirs.settled)
    departed = {
        part: to
        for graph in (theirs, ours)
        for part, to in graph.departed.items()
        if part not in here and to not in here
    }
    return Graph(
        merges=(*ours.merges, *theirs.merges),
        apart=tuple(dict.fromkeys((*ours.apart, *theirs.apart))),
        departed=departed,
        moved={**theirs.moved, **ours.moved},
        refused=(*theirs.refused, *ours.refused),
        untold=ours.untold,
        parted_from=ours.parted_from,
        settled={**theirs.settled, **ours.settled},
        aliases=tuple(dict.fromkeys((*theirs.aliases, *ours.aliases)))[-ALIASES_KEPT:],
        claiming=(*ours.claiming, *theirs.claiming),
    )


FIELDS: dict[str, tuple[str, Fold]] = {
    "tenant": ("one tenant's customers merge among themselves", _winner),
    "customer_id": ("the senior's id stays, the junior's points to it", _winner),
    "founder": ("the senior's", _winner),
    "identifiers": ("all of both; each remembers the part it came from", _identifiers),
    "channels": ("events added up, the latest time", channels_of_both),
    "events": ("added up", _sum),
    "first_seen_at_ms": ("the earlier", earliest),
    "last_seen_at_ms": ("the later", latest),
    "last_received_at_ms": ("the later", latest),
    "carts": (
        "all of both; of one id, line by line the latest change, pieces only added and removed added up, what each "
        "part put in is kept beside it; what an order of either bought is closed",
        _carts,
    ),
    "closed_at_ms": ("the later", latest),
    "orders": ("all of both; one told on both sides is one order", _orders),
    "orders_counted": ("added up, an order told on both sides once", _sum),
    "spend_minor": ("added up by currency, an order told on both sides once", sums),
    "owned": ("all of both", _latest_each),
    "timers": (
        "armed under the senior, unless their cart was bought or emptied on the other side; of one rule about one "
        "subject the later, of two runs of a sequence the one further on",
        _timers,
    ),
    "cooldowns": ("the later of each rule", _latest_each),
    "fired": ("all of both; what a purchase of the other side overtook, told by now or later, is revoked", _fired),
    "recent": ("all of both, so that an event told again on either side counts once", _recent),
    "early": ("all of both", _early),
    "graph": ("merges, refusals, what was kept apart and what is still to be claimed: all of both", _graph),
    "facets": ("each facet by its own rule: the latest word, sums, sets; deny wins until a newer grant", _facets),
    "held": ("all of both, released under the senior; of one rule about one subject the later", _held),
    "sent": ("all of both: caps add up", _sent),
    "marks": ("the later of each; who belongs to an audience is looked at anew", _marks),
    "generation": ("all that `recent` has of both is as new as the newer", _generation),
    "feed": ("the senior's; the junior is told of once more, as part of the senior", _winner),
    "hears": ("the senior's: products are told anew what it wants, and that the junior wants nothing", _winner),
    "heard": ("of each product the later word, undone it stays with both", _heard),
    "aside": ("all of both, and what waits no longer for one because of the other", _aside),
}
"""What becomes of each field of `CustomerState`, for people, and how."""

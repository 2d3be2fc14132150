"""What a merge does to every field of a customer's state, and what undoing it gives back.

`FIELDS` is the one table: a sentence for people, and the function that unites the two values. A cart, an order and an
identifier remember the part they came from, and each part keeps its share of the totals (`Part`), so that a merge can
be undone exactly for what is counted, and item by item for the rest. What limits what is sent (cooldowns, triggers
that went out, event ids) goes to both sides: nothing fires again because of a merge or its undoing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain import carts, waiting
from pipeline.domain.carts import Cart
from pipeline.domain.customer_state import (
    CARTS_KEPT,
    CHANNELS_KEPT,
    COOLDOWNS_KEPT,
    CURRENCIES_KEPT,
    FIRED_KEPT,
    OWNED_KEPT,
    TIMERS_KEPT,
    CustomerState,
    Draft,
    arrival_order,
    cart_age,
)
from pipeline.domain.identity_graph import ALIASES_KEPT, EMPTY, Graph, Link, Part, Seen
from pipeline.domain.messages import Arrived, Merge
from pipeline.domain.orders import ORDERS_KEPT, Order
from pipeline.domain.recent import united
from pipeline.domain.triggers.kind import Fired, Timer
from pipeline.domain.waiting import Waiting

PARTS_KEPT = 32
"""Former customers whose share is kept apart. Beyond, the one that joined first is taken for good (`too_old`)."""

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


def _winner(a: Any, b: Any, sides: Sides) -> Any:
    return a


def _sum(a: int, b: int, sides: Sides) -> int:
    return a + b


def _latest(a: int | None, b: int | None, sides: Sides) -> int | None:
    return max((time for time in (a, b) if time is not None), default=None)


def _earliest(a: int | None, b: int | None, sides: Sides) -> int | None:
    return min((time for time in (a, b) if time is not None), default=None)


def _latest_each(a: dict[str, int], b: dict[str, int], sides: Sides) -> dict[str, int]:
    return {key: max(a.get(key, 0), b.get(key, 0)) for key in sorted(a.keys() | b.keys())}


def _sums(a: dict[str, int], b: dict[str, int], sides: Sides) -> dict[str, int]:
    return {key: a.get(key, 0) + b.get(key, 0) for key in sorted(a.keys() | b.keys())}


def _channels(a: dict[str, Seen], b: dict[str, Seen], sides: Sides) -> dict[str, Seen]:
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
    both: dict[str, dict[str, Link]] = {}
    for kind in sorted(a.keys() | b.keys()):
        links = dict(a.get(kind, {}))
        for value, theirs in sorted(b.get(kind, {}).items()):
            ours = links.get(value)
            tagged = replace(theirs, part=sides.tag(theirs.part))
            kept = tagged if ours is None or (theirs.linked and not ours.linked) else ours
            last_at_ms = max(theirs.last_at_ms, ours.last_at_ms if ours else 0)
            links[value] = replace(kept, last_at_ms=last_at_ms)
        both[kind] = links
    return both


def _carts(a: dict[str, Cart], b: dict[str, Cart], sides: Sides) -> dict[str, Cart]:
    both = {cart_id: carts.bought(cart, sides.closed_at_ms) for cart_id, cart in a.items()}
    for cart_id, cart in sorted(b.items()):
        theirs, ours = carts.bought(cart, sides.closed_at_ms), both.get(cart_id)
        both[cart_id] = replace(theirs, part=sides.tag(theirs.part)) if ours is None else _cart(ours, theirs)
    return both


def _cart(a: Cart, b: Cart) -> Cart:
    """Unite two carts of one id: what was told whole or bought voids what is older on either side.

    Of a line that both changed, the pieces add up where one side knows nothing but pieces added and removed (somebody
    logs in with the click that adds one more); else the latest change holds.
    """
    contents_at_ms, closed_at_ms = max(a.contents_at_ms, b.contents_at_ms), max(a.closed_at_ms, b.closed_at_ms)
    told, other = sorted((a, b), key=lambda cart: (cart.contents_at_ms, cart.amount_minor or 0), reverse=True)
    lines = {sku: line for sku, line in told.lines.items() if line.changed_at_ms > closed_at_ms}
    for sku, line in other.lines.items():
        if line.changed_at_ms <= closed_at_ms or (line.changed_at_ms <= contents_at_ms and contents_at_ms):
            continue
        known = lines.get(sku)
        if known is None:
            lines[sku] = line
            continue
        latest = max(line, known, key=lambda each: (each.changed_at_ms, each.quantity))
        if not other.contents_at_ms:
            latest = replace(latest, quantity=line.quantity + known.quantity)
        lines[sku] = latest
    return replace(
        a,
        changed_at_ms=max(a.changed_at_ms, b.changed_at_ms),
        contents_at_ms=contents_at_ms,
        closed_at_ms=closed_at_ms,
        lines=dict(sorted(lines.items())),
        amount_minor=told.amount_minor if told.contents_at_ms > closed_at_ms else None,
        currency=told.currency,
    )


def _orders(a: dict[str, Order], b: dict[str, Order], sides: Sides) -> dict[str, Order]:
    both = dict(a)
    for order_id, theirs in sorted(b.items()):
        tagged = replace(theirs, part=sides.tag(theirs.part))
        ours = both.get(order_id)
        both[order_id] = tagged if ours is None else _order(ours, tagged)
    return both


def _order(a: Order, b: Order) -> Order:
    """Unite two tellings of one order: the completed one, the earlier of two; refunded and cancelled as either says."""
    told = min((a, b), key=lambda order: (order.amount_minor is None, order.at_ms, order.part))
    return replace(
        told,
        refunded_minor=max(a.refunded_minor, b.refunded_minor),
        refunded_whole=a.refunded_whole or b.refunded_whole,
        cancelled=a.cancelled or b.cancelled,
    )


def _timers(a: tuple[Timer, ...], b: tuple[Timer, ...], sides: Sides) -> tuple[Timer, ...]:
    both: dict[tuple[str, str], Timer] = {}
    for timer in (*a, *b):
        known = both.get((timer.rule, timer.subject))
        if known is None or (timer.due_at_ms, timer.generation) > (known.due_at_ms, known.generation):
            both[timer.rule, timer.subject] = timer
    return tuple(sorted(both.values(), key=lambda timer: (timer.due_at_ms, timer.rule, timer.subject)))


def _fired(a: tuple[Fired, ...], b: tuple[Fired, ...], sides: Sides) -> tuple[Fired, ...]:
    both = {fired.trigger_id: fired for fired in (*a, *b)}
    return tuple(sorted(both.values(), key=lambda fired: (fired.due_at_ms, fired.trigger_id)))


def _recent(a: bytes, b: bytes, sides: Sides) -> bytes:
    return united(a, b)


def _early(a: Waiting[Arrived], b: Waiting[Arrived], sides: Sides) -> Waiting[Arrived]:
    return waiting.united(a, b, arrival_order)


def _graph(a: Graph | None, b: Graph | None, sides: Sides) -> Graph:
    ours, theirs = a or EMPTY, b or EMPTY
    return Graph(
        merges=(*ours.merges, *theirs.merges),
        apart=tuple(dict.fromkeys((*ours.apart, *theirs.apart))),
        departed={**theirs.departed, **ours.departed},
        moved={**theirs.moved, **ours.moved},
        refused=(*theirs.refused, *ours.refused),
        untold=(*ours.untold, *theirs.untold),
        settled={**theirs.settled, **ours.settled},
        aliases=tuple(dict.fromkeys((*theirs.aliases, *ours.aliases)))[-ALIASES_KEPT:],
    )


FIELDS: dict[str, tuple[str, Fold]] = {
    "tenant": ("one tenant's customers merge among themselves", _winner),
    "customer_id": ("the senior's id stays, the junior's points to it", _winner),
    "founder": ("the senior's", _winner),
    "identifiers": ("all of both; each remembers the part it came from", _identifiers),
    "channels": ("events added up, the latest time", _channels),
    "events": ("added up", _sum),
    "first_seen_at_ms": ("the earlier", _earliest),
    "last_seen_at_ms": ("the later", _latest),
    "last_received_at_ms": ("the later", _latest),
    "carts": (
        "all of both; of one id, line by line the latest change, pieces only added and removed added up; "
        "what an order of either bought is closed",
        _carts,
    ),
    "closed_at_ms": ("the later", _latest),
    "orders": ("all of both; one told on both sides is one order", _orders),
    "orders_counted": ("added up, an order told on both sides once", _sum),
    "spend_minor": ("added up by currency, an order told on both sides once", _sums),
    "owned": ("all of both", _latest_each),
    "timers": ("armed under the senior, unless their cart was bought or emptied on the other side", _timers),
    "cooldowns": ("the later of each rule", _latest_each),
    "fired": ("all of both, so that a late purchase on either side revokes", _fired),
    "recent": ("all of both, so that an event told again on either side counts once", _recent),
    "early": ("all of both", _early),
    "graph": ("merges, refusals and what was kept apart: all of both", _graph),
}
"""What becomes of each field of `CustomerState`, for people, and how."""


def part_of(state: CustomerState | Draft, moves: int = 0) -> Part:
    """Return the totals of a customer that was never merged, as the share it will have in another."""
    return Part(
        state.events,
        state.first_seen_at_ms,
        state.last_seen_at_ms,
        state.last_received_at_ms,
        state.channels,
        state.closed_at_ms,
        state.orders_counted,
        state.spend_minor,
        moves,
    )


def fold(draft: Draft, loser: CustomerState, merge: Merge) -> dict[str, int]:
    """Take the loser's whole state into `draft`. Return the parts that changed hands, with how often each has."""
    ours, theirs = _parts(draft), _parts(loser)
    moved = {part_id: replace(part, moves=part.moves + 1) for part_id, part in theirs.items()}
    parts = {**ours, **moved}
    _count_once(draft, loser, parts)
    sides = Sides(draft.customer_id, loser.customer_id, max(draft.closed_at_ms, loser.closed_at_ms))
    for name, (_, how) in FIELDS.items():
        setattr(draft, name, how(getattr(draft, name), getattr(loser, name), sides))
    graph = draft.graph or EMPTY
    settled = {part_id: moves + 1 for part_id, moves in (loser.graph or EMPTY).settled.items()}
    held = {f"{kind}:{value}" for kind, links in draft.identifiers.items() for value in links}
    draft.graph = replace(
        graph,
        merges=(*graph.merges, merge),
        parts=parts,
        settled={**graph.settled, **settled},
        # What is back here has not gone elsewhere: else what is sent on would come back for ever.
        departed={part_id: to for part_id, to in graph.departed.items() if part_id not in parts},
        moved={name: to for name, to in graph.moved.items() if name not in held},
    )
    _bound(draft)
    return {part_id: part.moves for part_id, part in moved.items()} | settled


def split(draft: Draft, leaving: set[str], merge: Merge) -> tuple[CustomerState, dict[str, int]]:
    """Take the parts `leaving` out of `draft`, the loser of `merge` and all that had become part of it.

    Return its state, and the parts that changed hands, with how often each has.
    """
    graph, home = draft.graph or EMPTY, merge.loser
    gone = {part_id: replace(graph.parts[part_id], moves=graph.parts[part_id].moves + 1) for part_id in sorted(leaving)}
    stay = {part_id: part for part_id, part in graph.parts.items() if part_id not in leaving}

    def theirs(tagged: Any) -> bool:
        return tagged.part in leaving

    def taken(entries: dict[str, Any]) -> dict[str, Any]:
        return {
            key: replace(entry, part="" if entry.part == home else entry.part)
            for key, entry in entries.items()
            if theirs(entry)
        }

    links = {kind: taken(values) for kind, values in draft.identifiers.items()}
    their_carts, their_orders = taken(draft.carts), taken(draft.orders)
    left = Draft(CustomerState(draft.tenant, home, founder=merge.founder))
    left.identifiers = {kind: values for kind, values in links.items() if values}
    left.carts, left.orders = their_carts, their_orders
    left.timers = tuple(timer for timer in draft.timers if timer.subject in their_carts)
    left.cooldowns, left.fired, left.recent = draft.cooldowns, draft.fired, draft.recent
    their_skus = {sku for order in their_orders.values() if order.is_kept for sku in order.skus}
    left.owned = {sku: at_ms for sku, at_ms in draft.owned.items() if sku in their_skus}
    left.graph = Graph(
        merges=tuple(each for each in graph.merges if each.winner in leaving),
        parts=gone,
        apart=(*graph.apart, draft.customer_id),
        refused=graph.refused,
    )
    _total(left, gone)

    draft.identifiers = {
        kind: {value: link for value, link in values.items() if not theirs(link)}
        for kind, values in draft.identifiers.items()
    }
    draft.carts = {cart_id: cart for cart_id, cart in draft.carts.items() if not theirs(cart)}
    draft.orders = {order_id: order for order_id, order in draft.orders.items() if not theirs(order)}
    draft.timers = tuple(timer for timer in draft.timers if timer not in left.timers)
    ours = {sku for order in draft.orders.values() if order.is_kept for sku in order.skus}
    draft.owned = {sku: at_ms for sku, at_ms in draft.owned.items() if sku in ours or sku not in their_skus}
    draft.graph = replace(graph, parts=stay, merges=tuple(each for each in graph.merges if each.loser not in leaving))
    _total(draft, stay)
    return left.state(), {part_id: part.moves for part_id, part in gone.items()}


def credit(draft: Draft, before: Part, part_id: str, channel: str, at_ms: int, order_id: str | None) -> None:
    """Add what one event changed in the totals to the share of its part; `before` are the totals before it."""
    graph = draft.graph or EMPTY
    name = part_id if part_id in graph.parts else draft.customer_id
    parts = dict(graph.parts)
    share = parts.get(name, Part())
    seen = share.channels.get(channel, Seen(0, at_ms))
    parts[name] = replace(
        share,
        events=share.events + draft.events - before.events,
        first_seen_at_ms=at_ms if share.first_seen_at_ms is None else min(at_ms, share.first_seen_at_ms),
        last_seen_at_ms=at_ms if share.last_seen_at_ms is None else max(at_ms, share.last_seen_at_ms),
        last_received_at_ms=draft.last_received_at_ms,
        channels={**share.channels, channel: Seen(seen.events + 1, max(seen.last_at_ms, at_ms))},
        closed_at_ms=draft.closed_at_ms if draft.closed_at_ms > before.closed_at_ms else share.closed_at_ms,
    )
    if order_id is not None and draft.spend_minor is not before.spend_minor:
        order = draft.orders.get(order_id)
        name = (order.part or draft.customer_id) if order is not None else name
        share = parts.get(name, parts[draft.customer_id])
        spent = {
            currency: amount - before.spend_minor.get(currency, 0) for currency, amount in draft.spend_minor.items()
        }
        parts[name] = replace(
            share,
            orders_counted=share.orders_counted + draft.orders_counted - before.orders_counted,
            spend_minor=_sums(share.spend_minor, spent, _NOBODY),
        )
    draft.graph = replace(graph, parts=parts)


_NOBODY = Sides("", "")


def _parts(state: CustomerState | Draft) -> dict[str, Part]:
    graph = state.graph or EMPTY
    return graph.parts or {state.customer_id: part_of(state)}


def _total(draft: Draft, parts: dict[str, Part]) -> None:
    """Make the totals of `draft` the sum of the shares."""
    total = Part()
    for part_id in sorted(parts):
        part = parts[part_id]
        total = Part(
            total.events + part.events,
            _earliest(total.first_seen_at_ms, part.first_seen_at_ms, _NOBODY),
            _latest(total.last_seen_at_ms, part.last_seen_at_ms, _NOBODY),
            _latest(total.last_received_at_ms, part.last_received_at_ms, _NOBODY),
            _channels(total.channels, part.channels, _NOBODY),
            max(total.closed_at_ms, part.closed_at_ms),
            total.orders_counted + part.orders_counted,
            _sums(total.spend_minor, part.spend_minor, _NOBODY),
        )
    draft.events = total.events
    draft.first_seen_at_ms = total.first_seen_at_ms
    draft.last_seen_at_ms = total.last_seen_at_ms
    draft.last_received_at_ms = total.last_received_at_ms
    draft.channels = total.channels
    draft.closed_at_ms = total.closed_at_ms
    draft.orders_counted = total.orders_counted
    draft.spend_minor = {currency: spent for currency, spent in total.spend_minor.items() if spent}


def _count_once(draft: Draft, loser: CustomerState, parts: dict[str, Part]) -> None:
    """Take an order that both sides were told of out of the totals of the side that does not keep it."""
    for order_id in sorted(draft.orders.keys() & loser.orders.keys()):
        ours = draft.orders[order_id]
        theirs = loser.orders[order_id]
        tagged = replace(theirs, part=theirs.part or loser.customer_id)
        kept = _order(ours, tagged)
        both_told = ours.amount_minor is not None and theirs.amount_minor is not None
        spent_before = {ours.currency: ours.spent_minor}
        spent_before[theirs.currency] = spent_before.get(theirs.currency, 0) + theirs.spent_minor
        change = _sums({kept.currency: kept.spent_minor}, {c: -spent for c, spent in spent_before.items()}, _NOBODY)
        for side, order, home in ((draft, ours, draft.customer_id), (None, tagged, loser.customer_id)):
            name = order.part or home
            if name not in parts:
                name = home if home in parts else draft.customer_id
            share = parts[name]
            stays = order.part == kept.part or (side is draft and kept.part == ours.part)
            mine = kept.spent_minor - order.spent_minor if stays else -order.spent_minor
            fewer = 1 if both_told and not stays else 0
            parts[name] = replace(
                share,
                orders_counted=share.orders_counted - fewer,
                spend_minor=_sums(share.spend_minor, {order.currency: mine}, _NOBODY),
            )
        draft.orders_counted -= 1 if both_told else 0
        draft.spend_minor = _sums(draft.spend_minor, change, _NOBODY)


def _bound(draft: Draft) -> None:
    """Keep every collection within its bound, as single events do; what goes is counted."""
    while len(draft.carts) > CARTS_KEPT:
        gone = min(draft.carts.items(), key=cart_age)[0]
        draft.carts = {cart_id: cart for cart_id, cart in draft.carts.items() if cart_id != gone}
        draft.evicted("carts")
    draft.orders = _newest(draft, "orders", draft.orders, ORDERS_KEPT, lambda order: order.at_ms)
    draft.owned = _newest(draft, "owned", draft.owned, OWNED_KEPT, lambda at_ms: at_ms)
    draft.cooldowns = _newest(draft, "cooldowns", draft.cooldowns, COOLDOWNS_KEPT, lambda at_ms: at_ms)
    draft.channels = _newest(draft, "channels", draft.channels, CHANNELS_KEPT, lambda seen: seen.last_at_ms)
    draft.spend_minor = _newest(draft, "spend_minor", draft.spend_minor, CURRENCIES_KEPT, lambda spent: spent)
    if len(draft.timers) > TIMERS_KEPT:
        draft.timers = draft.timers[:TIMERS_KEPT]
        draft.evicted("timers")
    if len(draft.fired) > FIRED_KEPT:
        draft.fired = draft.fired[-FIRED_KEPT:]
        draft.evicted("fired")
    _settle(draft)


def _newest(draft: Draft, name: str, entries: dict[str, Any], most: int, time_of: Callable[[Any], int]) -> Any:
    if len(entries) <= most:
        return entries
    draft.evicted(name)
    kept = sorted(entries.items(), key=lambda entry: (time_of(entry[1]), entry[0]))[-most:]
    return dict(sorted(kept))


def _settle(draft: Draft) -> None:
    """Beyond `PARTS_KEPT`, take the parts that joined first for good: their share becomes this customer's own."""
    graph = draft.graph or EMPTY
    over = len(graph.parts) - PARTS_KEPT
    if over <= 0:
        return
    own = draft.customer_id
    joined = [merge.loser for merge in graph.merges if merge.loser in graph.parts][:over]
    gone = set(joined)
    scratch = Draft(CustomerState(draft.tenant, own))
    _total(scratch, {part_id: graph.parts[part_id] for part_id in (own, *joined)})
    parts = {part_id: part for part_id, part in graph.parts.items() if part_id not in gone}
    parts[own] = part_of(scratch, graph.parts[own].moves)

    def ours(entries: dict[str, Any]) -> dict[str, Any]:
        return {key: replace(entry, part="") if entry.part in gone else entry for key, entry in entries.items()}

    draft.identifiers = {kind: ours(links) for kind, links in draft.identifiers.items()}
    draft.carts, draft.orders = ours(draft.carts), ours(draft.orders)
    settled = {part_id: graph.parts[part_id].moves for part_id in joined}
    draft.graph = replace(graph, parts=parts, settled={**graph.settled, **settled})

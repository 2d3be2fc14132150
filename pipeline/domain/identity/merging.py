"""Making one customer of two, and two of one again.

Each field unites as `merge_fields.FIELDS` says. A cart, an order, an identifier and what waits remember their part,
and each part keeps its share of the totals (`Part`), so that a merge can be undone exactly for what is counted, and
item by item or facet by facet for the rest. What limits what is sent (cooldowns, messages and triggers that went out,
marks of rules, event ids) goes to both sides:
nothing fires again because of a merge or its undoing.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from pipeline.domain.customer import aside, cart_shares
from pipeline.domain.customer.baskets import tell_return, tell_twice
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.customer.wants import wants_of
from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets import learn, united
from pipeline.domain.identity import merge_bounds
from pipeline.domain.identity.graph import EMPTY, Graph, Part, Seen
from pipeline.domain.identity.merge_fields import FIELDS, Sides, channels_of_both, earliest, latest, one_order, sums
from pipeline.domain.messages.to_customer import Merge
from pipeline.domain.messages.waves import Want
from pipeline.domain.triggers.steps import Proposal

PARTS_KEPT = 32
"""Former customers whose share is kept apart. Beyond, the one that joined first is taken for good (`too_old`)."""


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
        state.facets,
    )


def fold(draft: Draft, loser: CustomerState, merge: Merge) -> dict[str, int]:
    """Take the loser's whole state into `draft`. Return the parts that changed hands, with how often each has."""
    ours, theirs = _parts(draft), _parts(loser)
    moved = {part_id: replace(part, moves=part.moves + 1) for part_id, part in theirs.items()}
    parts = {**ours, **moved}
    _count_once(draft, loser, parts, merge.occurred_at_ms)
    told_twice = draft.orders.keys() & loser.orders.keys()
    sides = Sides(draft.customer_id, loser.customer_id, max(draft.closed_at_ms, loser.closed_at_ms))
    draft.aside = aside.of_both(draft, loser.timers, sides)
    for name, (_, how) in FIELDS.items():
        setattr(draft, name, how(getattr(draft, name), getattr(loser, name), sides))
    both_say = (draft.orders[order_id] for order_id in told_twice)
    draft.disown({sku for order in both_say for sku in order.skus if sku not in order.kept_skus})
    graph = draft.graph or EMPTY
    settled = {part_id: moves + 1 for part_id, moves in (loser.graph or EMPTY).settled.items()}
    held = {f"{kind}:{value}" for kind, links in draft.identifiers.items() for value in links}
    draft.graph = replace(
        graph,
        merges=(*graph.merges, merge),
        parts=parts,
        settled={**graph.settled, **settled},
        moved={name: to for name, to in graph.moved.items() if name not in held},
    )
    merge_bounds.bound(draft)
    _settle(draft)
    return {part_id: part.moves for part_id, part in moved.items()} | settled


def split(
    draft: Draft, leaving: set[str], merge: Merge, cause: tuple[str, int]
) -> tuple[CustomerState, dict[str, int]]:
    """Take the parts `leaving` out of `draft`, the loser of `merge` and all that had become part of it.

    `cause` is the event that asks for it, and its time. Return the state of what leaves, and the parts that changed
    hands, with how often each has.
    """
    graph, home = draft.graph or EMPTY, merge.loser
    gone = {part_id: replace(graph.parts[part_id], moves=graph.parts[part_id].moves + 1) for part_id in sorted(leaving)}
    stay = {part_id: part for part_id, part in graph.parts.items() if part_id not in leaving}

    def theirs(tagged: Any) -> bool:
        return tagged.part in leaving

    def at_home(part_id: str) -> str:
        return "" if part_id == home else part_id

    def taken(entries: dict[str, Any]) -> dict[str, Any]:
        return {key: replace(entry, part=at_home(entry.part)) for key, entry in entries.items() if theirs(entry)}

    links = {kind: taken(values) for kind, values in draft.identifiers.items()}
    their_orders = taken(draft.orders)
    left = Draft(CustomerState(draft.tenant, home, founder=merge.founder))
    left.identifiers = {kind: values for kind, values in links.items() if values}
    left.orders = their_orders
    left.timers, left.aside = aside.parted(draft, leaving.__contains__, at_home, cause)
    left.sent, left.marks = draft.sent, draft.marks
    their_held = tuple(held for held in draft.held if theirs(held.proposal) and not held.proposal.is_of_a_product)
    left.cooldowns = draft.cooldowns
    left.fired = tuple(
        replace(fired, part=at_home(fired.part) if theirs(fired) else draft.customer_id) for fired in draft.fired
    )
    left.recent, left.generation, left.heard = draft.recent, draft.generation, draft.heard
    their_skus = {sku for order in their_orders.values() for sku in order.kept_skus}
    left.owned = {sku: at_ms for sku, at_ms in draft.owned.items() if sku in their_skus}
    left.disown(their_skus)
    left.graph = Graph(
        merges=tuple(each for each in graph.merges if each.loser in leaving - {home}),
        parts=gone,
        apart=(*graph.apart, draft.customer_id),
        refused=graph.refused,
        claiming=tuple(each for each in graph.claiming if theirs(each)),
    )
    _total(left, gone)
    closed_at_ms = max(part.closed_at_ms for part in stay.values())
    carts = {
        cart_id: cart_shares.parted(cart, leaving, closed_at_ms, left.closed_at_ms)
        for cart_id, cart in draft.carts.items()
    }
    draft.carts = {cart_id: here for cart_id, (here, _) in carts.items() if here is not None}
    left.carts = {
        cart_id: cart_shares.tagged(there, at_home) for cart_id, (_, there) in carts.items() if there is not None
    }
    words = (held for held in draft.held if _is_word_for(left, held.proposal))
    left.held = tuple(
        replace(held, proposal=replace(held.proposal, part=at_home(held.proposal.part)))
        for held in (*their_held, *words)
    )

    draft.identifiers = {
        kind: {value: link for value, link in values.items() if not theirs(link)}
        for kind, values in draft.identifiers.items()
    }
    draft.orders = {order_id: order for order_id, order in draft.orders.items() if not theirs(order)}
    draft.timers, draft.aside = aside.parted(draft, lambda part_id: part_id not in leaving, str, cause)
    draft.held = tuple(held for held in draft.held if held not in their_held)
    draft.disown(their_skus)
    draft.graph = replace(
        graph,
        parts=stay,
        merges=tuple(each for each in graph.merges if each.loser not in leaving),
        claiming=tuple(each for each in graph.claiming if not theirs(each)),
    )
    _total(draft, stay)
    return left.state(), {part_id: part.moves for part_id, part in gone.items()}


def _is_word_for(customer: Draft, held: Proposal) -> bool:
    """Whether what is held is word of a product the customer wants. A piece it is offered anew, by the product."""
    return bool(held.is_of_a_product and not held.keeps_a_piece and wants_of(customer, held.about, Want.ANY).since)


def credit(draft: Draft, before: Part, part_id: str, event: ChannelEvent, at_ms: int) -> None:
    """Add what one event changed to the share of its part; `before` is the share of all before it."""
    channel, order_id = event.channel, event.order_id or event.event_id
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
        facets=learn(share.facets, event, at_ms),
    )
    if draft.spend_minor is not before.spend_minor:
        order = draft.orders.get(order_id)
        name = (order.part or draft.customer_id) if order is not None else name
        share = parts.get(name, parts[draft.customer_id])
        spent = {
            currency: amount - before.spend_minor.get(currency, 0) for currency, amount in draft.spend_minor.items()
        }
        parts[name] = replace(
            share,
            orders_counted=share.orders_counted + draft.orders_counted - before.orders_counted,
            spend_minor=sums(share.spend_minor, spent, _NOBODY),
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
            earliest(total.first_seen_at_ms, part.first_seen_at_ms, _NOBODY),
            latest(total.last_seen_at_ms, part.last_seen_at_ms, _NOBODY),
            latest(total.last_received_at_ms, part.last_received_at_ms, _NOBODY),
            channels_of_both(total.channels, part.channels, _NOBODY),
            max(total.closed_at_ms, part.closed_at_ms),
            total.orders_counted + part.orders_counted,
            sums(total.spend_minor, part.spend_minor, _NOBODY),
            facets=united(total.facets, part.facets),
        )
    draft.events = total.events
    draft.first_seen_at_ms = total.first_seen_at_ms
    draft.last_seen_at_ms = total.last_seen_at_ms
    draft.last_received_at_ms = total.last_received_at_ms
    draft.channels = total.channels
    draft.closed_at_ms = total.closed_at_ms
    draft.orders_counted = total.orders_counted
    draft.facets = total.facets
    draft.spend_minor = {currency: spent for currency, spent in total.spend_minor.items() if spent}


def _count_once(draft: Draft, loser: CustomerState, parts: dict[str, Part], at_ms: int) -> None:
    """Take an order that both sides were told of out of the totals of the side that does not keep it.

    The products were told of it twice as well, and perhaps not of what the other side knows to have come back.
    """
    for order_id in sorted(draft.orders.keys() & loser.orders.keys()):
        ours, theirs = draft.orders[order_id], loser.orders[order_id]
        theirs = replace(theirs, part=theirs.part or loser.customer_id)
        kept = one_order(ours, theirs)
        told_twice = ours.amount_minor is not None and theirs.amount_minor is not None
        for order in (ours, theirs):
            stays = order.part == kept.part
            spent = {order.currency: (kept.spent_minor if stays else 0) - order.spent_minor}
            fewer = int(told_twice and not stays)
            name = order.part if order.part in parts else draft.customer_id
            share = parts[name]
            parts[name] = replace(
                share,
                orders_counted=share.orders_counted - fewer,
                spend_minor=sums(share.spend_minor, spent, _NOBODY),
            )
            if stays:
                tell_return(draft, order_id, order, kept, at_ms)
            else:
                tell_twice(draft, order_id, order, at_ms)
            draft.orders_counted -= fewer
            draft.spend_minor = sums(draft.spend_minor, spent, _NOBODY)


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
    draft.carts = {cart_id: cart_shares.settled(cart, gone) for cart_id, cart in draft.carts.items()}
    draft.orders = ours(draft.orders)
    settled = {part_id: graph.parts[part_id].moves for part_id in joined}
    draft.graph = replace(graph, parts=parts, settled={**graph.settled, **settled})

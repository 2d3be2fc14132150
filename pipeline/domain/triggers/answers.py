"""What several kinds need: proposals, waits, and what the customer has done since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.domain.customer.orders import Order
from pipeline.domain.events import Item, Scalar
from pipeline.domain.reasons import DropReason
from pipeline.domain.triggers.steps import Cancel, Change, Drop, Fired, Proposal, Step, Timer, WakeAt
from pipeline.domain.triggers.view import CustomerView


def at_once(
    change: Change,
    reason: str,
    *,
    subject: str = "",
    about: str = "",
    items: tuple[Item, ...] = (),
    context: Mapping[str, Scalar] = {},
    told_as: str = "",
    until_ms: int = 0,
) -> Proposal:
    """Return a proposal because of an event, due with it, and once per event and subject."""
    event, at_ms = change.event, change.at_ms
    return Proposal(
        subject,
        event.event_id,
        at_ms,
        about,
        at_ms,
        event.event_id,
        items,
        dict(context),
        reason,
        told_as=told_as,
        until_ms=until_ms,
    )


def wait(subject: str, due_at_ms: int, change: Change, note: str = "") -> WakeAt:
    """Wait for a time because of an event."""
    return WakeAt(subject, due_at_ms, change.at_ms, by_event=True, note=note)


def in_time(
    timer: Timer,
    reason: str,
    *,
    about: str = "",
    items: tuple[Item, ...] = (),
    context: Mapping[str, Scalar] = {},
    until_ms: int = 0,
) -> Proposal:
    """Return the proposal that a timer was armed for."""
    return Proposal(
        timer.subject,
        timer.generation,
        timer.due_at_ms,
        about,
        timer.since_ms,
        timer.caused_by,
        items,
        dict(context),
        reason,
        until_ms=until_ms,
    )


def instead_of(held: Proposal | None, proposal: Proposal) -> Sequence[Step]:
    """Propose what is so now instead of what is held about the same: that goes, whatever becomes of the other."""
    if held is None:
        return (proposal,)
    if held.generation == proposal.generation:  # told twice
        return ()
    return (Cancel(held.subject, DropReason.SUPERSEDED), proposal)


def not_any_more(timer: Timer, reason: DropReason) -> Drop:
    """Return the end of what a timer was armed for."""
    return Drop(timer.subject, timer.generation, timer.due_at_ms, timer.caused_by, reason)


def is_news(change: Change, customer: CustomerView, event_types: frozenset[str]) -> bool:
    """Whether the event is later than every one of these types before it: a late one starts nothing anew."""
    activity = customer.facets_before.activity
    if activity is not None:
        for event_type in event_types:
            known = activity.types.get(event_type)
            if known is not None and known.last_at_ms >= change.at_ms:
                return False
    return True


def happened_since(customer: CustomerView, event_types: frozenset[str], since_ms: int) -> bool:
    """Whether an event of one of these types happened at `since_ms` or later, whatever order they were told in."""
    activity = customer.facets.activity
    if activity is None:
        return False
    times = (activity.last_at_ms(event_type) for event_type in event_types)
    return any(at_ms is not None and at_ms >= since_ms for at_ms in times)


def ordered_since(customer: CustomerView, at_ms: int) -> bool:
    """Whether an order was placed at `at_ms` or later; one told again later does not count as another."""
    return any(order.amount_minor is not None and order.at_ms >= at_ms for order in customer.orders.values())


def was_sent(rule: str, subject: str, customer: CustomerView) -> bool:
    """Whether the rule has sent its message about this subject lately, perhaps by the other side of a merge."""
    return any(fired.rule == rule and fired.subject == subject for fired in customer.fired)


def was_told(rule: str, proposal: Proposal, customer: CustomerView) -> bool:
    """Whether the rule has told what a proposal says while that was held, perhaps by the other side of a merge."""
    return proposal.told_as != "" and customer.mark(rule, proposal.told_as) is not None


def orders_kept(customer: CustomerView) -> int:
    """Return how many orders were completed and not given back whole; of those long forgotten, all are taken to be."""
    return customer.orders_counted - sum(
        order.amount_minor is not None and not order.is_kept for order in customer.orders.values()
    )


def bought_before(fired: Fired, order: Order) -> str | None:
    """Say that what a message is about was bought before it went out (B13); None if it was not, or was given back."""
    return f"{fired.about} was bought before the message was sent" if fired.about in order.kept_skus else None


def is_in_a_cart(sku: str, customer: CustomerView) -> bool:
    """Whether a product is in one of the customer's carts."""
    return any((line := cart.lines.get(sku)) is not None and line.quantity > 0 for cart in customer.carts.values())

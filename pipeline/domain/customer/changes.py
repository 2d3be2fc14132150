"""What each event type changes in its customer: one function per type, and the table that names them.

Each gets the draft, the event, the time that counts for it (`at_ms`) and the time of arrival where the event's own
could not be believed (`told_at_ms`, else None); it returns what rules may look at, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from zlib import crc32

from msgspec import Raw, msgpack
from msgspec.structs import replace

from pipeline.domain.customer import cart_shares, carts
from pipeline.domain.customer.baskets import tell_order, tell_return
from pipeline.domain.customer.carts import Cart
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.orders import (
    SKUS_PER_ORDER,
    Order,
    amount_of,
    distinct_skus,
    pieces_of,
    same_currency,
    with_pieces_back,
)
from pipeline.domain.event_types import REFERRAL
from pipeline.domain.events import ChannelEvent
from pipeline.domain.messages.effects import Count, Send
from pipeline.domain.messages.keys import identity_key
from pipeline.domain.messages.to_identity import Observed
from pipeline.domain.money import NO_CURRENCY, added
from pipeline.domain.referral_codes import is_word_to_sender, referral_code
from pipeline.domain.triggers.steps import Change


def _product_added(draft: Draft, event: ChannelEvent, at_ms: int, told_at_ms: int | None) -> Change | None:
    if not event.items:
        draft.effects.append(Count("events_incomplete", "items"))
        return None

    def add(cart: Cart) -> Cart:
        added, over = carts.changed(cart, event.items, 1, at_ms)
        if over:
            draft.evicted("cart_lines")
        return added

    return _cart_changed(draft, event, at_ms, add, distinct_skus(event.items))


def _product_removed(draft: Draft, event: ChannelEvent, at_ms: int, told_at_ms: int | None) -> Change | None:
    if not event.items:
        draft.effects.append(Count("events_incomplete", "items"))
        return None

    def remove(cart: Cart) -> Cart:
        removed, over = carts.changed(cart, event.items, -1, at_ms)
        if over:
            draft.evicted("cart_lines")
        return removed

    return _cart_changed(draft, event, at_ms, remove)


def _cart_updated(draft: Draft, event: ChannelEvent, at_ms: int, told_at_ms: int | None) -> Change | None:
    def tell(cart: Cart) -> Cart:
        told, over = carts.replaced(cart, event.items, event.amount_minor, event.currency, at_ms)
        if over:
            draft.evicted("cart_lines")
        return told

    return _cart_changed(draft, event, at_ms, tell)


def _cart_emptied(draft: Draft, event: ChannelEvent, at_ms: int, told_at_ms: int | None) -> Change | None:
    return _cart_changed(draft, event, at_ms, lambda cart: carts.emptied(cart, at_ms))


def _checkout_started(draft: Draft, event: ChannelEvent, at_ms: int, told_at_ms: int | None) -> Change | None:
    cart = draft.carts.get(event.cart_id or "")
    if cart is None or not cart.is_open:
        return None
    return _cart_changed(draft, event, at_ms, lambda cart: carts.touched(cart, at_ms))


def _cart_changed(
    draft: Draft,
    event: ChannelEvent,
    at_ms: int,
    change: Callable[[Cart], Cart],
    carted: tuple[str, ...] = (),
) -> Change | None:
    """Change one cart, unless an order at or after that time closed it (B14). No cart id: the customer's only cart."""
    cart_id = event.cart_id or ""
    before = draft.carts.get(cart_id) or Cart(part=draft.part)
    if at_ms <= max(before.closed_at_ms, draft.closed_at_ms):
        draft.effects.append(Count("cart_changes_ignored", "closed"))
        return None
    after = cart_shares.changed_by(draft.part, before, change)
    if after is before:
        draft.effects.append(Count("cart_changes_ignored", "superseded"))
        return None
    draft.put_cart(cart_id, after)
    if not after.is_open:
        return Change(event, at_ms, emptied=cart_id if before.is_open else None)
    reopened = not before.is_open and at_ms <= before.changed_at_ms
    touched = cart_id if reopened or at_ms > before.changed_at_ms else None
    return Change(event, at_ms, touched, after.changed_at_ms, reopened, carted=carted)


def _order_completed(draft: Draft, event: ChannelEvent, at_ms: int, told_at_ms: int | None) -> Change | None:
    order_id = event.order_id or event.event_id
    known = draft.orders.get(order_id)
    if known is not None and known.amount_minor is not None:
        draft.effects.append(Count("orders_repeated", event.channel))
        return None
    amount_minor, currency = _amount(draft, event) or (0, NO_CURRENCY)
    skus = distinct_skus(event.items)
    if len(skus) > SKUS_PER_ORDER:
        draft.evicted("order_skus")
        skus = skus[:SKUS_PER_ORDER]
    order = Order(
        at_ms,
        amount_minor,
        currency,
        skus,
        received_at_ms=told_at_ms,
        pieces=pieces_of(event.items, skus),
        cart_id=event.cart_id or "",
    )
    if known is not None:
        order = replace(order, cancelled=known.cancelled, refunded_whole=known.refunded_whole, back=known.back)
        order = _with_refund(draft, order, known.refunded_minor, known.currency)
    if order.kept_skus == skus:
        order = replace(order, channel=event.channel, store=event.store_id or "")
    draft.orders_counted += 1
    draft.put_order(order_id, order)
    tell_order(draft, order_id, order, event)
    return Change(event, at_ms, closed=_close(draft, event.cart_id or None, at_ms), order=order)


def _close(draft: Draft, cart_id: str | None, at_ms: int) -> tuple[str, ...]:
    """Close the cart an order names, or else all; return those it bought (B12).

    What was removed and never added is owed no more either: its addition would be from before the order.
    """
    if cart_id is None:
        draft.closed_at_ms = max(draft.closed_at_ms, at_ms)
        closing = sorted(told_id for told_id, cart in draft.carts.items() if cart.is_open or cart.lines)
    else:
        closing = [cart_id]
    bought: list[str] = []
    for closing_id in closing:
        before = draft.carts.get(closing_id) or Cart(part=draft.part)
        if cart_id is None:
            after = cart_shares.changed_by(draft.part, before, partial(carts.bought, at_ms=at_ms))
        else:
            after = cart_shares.closed(before, at_ms)
        draft.put_cart(closing_id, after)
        if before.is_open and not after.is_open:
            bought.append(closing_id)
    return tuple(bought)


def _order_cancelled(draft: Draft, event: ChannelEvent, at_ms: int, told_at_ms: int | None) -> Change | None:
    if event.order_id is None:
        draft.effects.append(Count("events_incomplete", "order_id"))
        return None
    known = draft.orders.get(event.order_id, Order(at_ms, received_at_ms=told_at_ms))
    _put_returned(draft, event.order_id, replace(known, cancelled=True), at_ms)
    return None


def _order_refunded(draft: Draft, event: ChannelEvent, at_ms: int, told_at_ms: int | None) -> Change | None:
    """Take a refund off: the amount told, else the lines told, else the whole order. Producers differ in its sign."""
    if event.order_id is None:
        draft.effects.append(Count("events_incomplete", "order_id"))
        return None
    order = draft.orders.get(event.order_id, Order(at_ms, received_at_ms=told_at_ms))
    if event.amount_minor is None and not event.items:
        _put_returned(draft, event.order_id, replace(order, refunded_whole=True), at_ms)
        return None
    order = replace(order, back=with_pieces_back(order.back, event.items))
    refund = _amount(draft, event)
    if refund is not None:
        order = _with_refund(draft, order, abs(refund[0]), refund[1])
    _put_returned(draft, event.order_id, order, at_ms)
    return None


def _put_returned(draft: Draft, order_id: str, order: Order, at_ms: int) -> None:
    """Keep an order of which something came back, and let the products know."""
    before = draft.orders.get(order_id)
    draft.put_order(order_id, order)
    tell_return(draft, order_id, before, order, at_ms)


def _amount(draft: Draft, event: ChannelEvent) -> tuple[int, str] | None:
    amount = amount_of(event)
    if amount is None:
        draft.effects.append(Count("events_incomplete", "currency"))
    return amount


def _with_refund(draft: Draft, order: Order, refund_minor: int, currency: str) -> Order:
    """Take an amount off an order. One in another currency is left out: nobody told what it is worth in this one."""
    if not same_currency(order.currency, currency):
        draft.effects.append(Count("events_incomplete", "currency"))
        return order
    if order.amount_minor is None and order.currency == NO_CURRENCY:
        order = replace(order, currency=currency)
    return replace(order, refunded_minor=added(order.refunded_minor, refund_minor))


def _referral_redeemed(draft: Draft, event: ChannelEvent, at_ms: int, told_at_ms: int | None) -> Change | None:
    """Tell the customer who had sent the code: `referral_sent` made it one of their identifiers (S6).

    Once per friend, and not of a code of one's own.
    """
    code = referral_code(event)
    if code is None or is_word_to_sender(event) or code in draft.identifiers.get(REFERRAL, {}):
        return None
    before = draft.facets_before.loyalty
    if before is not None and code in before.referrals and before.referrals[code].used_at_ms:
        return None
    identifier = (REFERRAL, code)
    word = replace(
        event,
        event_id=f"{event.event_id}/sender",
        identifiers={REFERRAL: code},
        items=(),
        cart_id=None,
        order_id=None,
        session_id=None,
        store_id=None,
        context=None,
        consent=None,
        trigger_id=None,
        properties={"code": code, "by_friend": True},
    )
    packed = msgpack.encode(word, order="deterministic")
    received_at_ms = at_ms if told_at_ms is None else told_at_ms
    message = Observed(
        draft.tenant, (identifier,), word.event_id, event.occurred_at_ms, received_at_ms, crc32(packed), Raw(packed)
    )
    draft.effects.append(Send("identity", identity_key(draft.tenant, identifier), message))
    return None


Apply = Callable[[Draft, ChannelEvent, int, int | None], Change | None]

APPLY: dict[str, Apply] = {
    "product_added": _product_added,
    "product_removed": _product_removed,
    "cart_updated": _cart_updated,
    "cart_emptied": _cart_emptied,
    "checkout_started": _checkout_started,
    "order_completed": _order_completed,
    "order_cancelled": _order_cancelled,
    "order_refunded": _order_refunded,
    "referral_redeemed": _referral_redeemed,
}
"""Event type → what it changes beyond last-seen; a type not named changes nothing more."""

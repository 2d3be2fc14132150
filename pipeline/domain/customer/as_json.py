"""A customer as JSON, for people and machines (`omni customer`, the customers topic)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from pipeline.domain.customer.carts import Cart
from pipeline.domain.customer.draft import former
from pipeline.domain.customer.orders import Order
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import Item
from pipeline.domain.facets import facets_json
from pipeline.domain.time import rfc3339

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"


def customer_json(state: CustomerState) -> dict[str, Json]:
    """Return the customer as an object with sorted keys: equal states are equal bytes. Times as RFC 3339 in UTC.

    Each facet that knows something stands under its name. `traits`, `consent` and `journey_stage` are always there.
    `sold_out` has the sizes of products that the customer was told are gone, "" for all of a product.
    """
    permissions = state.facets.permissions
    consents = {} if permissions is None else permissions.consents
    said: dict[str, Json] = {
        "carts": [_cart(cart_id, cart, state.closed_at_ms) for cart_id, cart in sorted(state.carts.items())],
        "channels": {
            channel: {"events": seen.events, "last_seen_at": rfc3339(seen.last_at_ms)}
            for channel, seen in sorted(state.channels.items())
        },
        "consent": {name: word.granted for name, word in sorted(consents.items())},
        "cooldowns": {rule: rfc3339(at_ms) for rule, at_ms in sorted(state.cooldowns.items())},
        "customer_id": state.customer_id,
        "events": state.events,
        "first_seen_at": _time(state.first_seen_at_ms),
        "held": [
            {"release_at": rfc3339(held.release_at_ms), "rule": held.rule, "subject": held.proposal.subject}
            for held in sorted(state.held, key=lambda held: (held.release_at_ms, held.rule, held.proposal.subject))
        ],
        "identifiers": {
            kind: sorted(value for value, link in links.items() if link.linked)
            for kind, links in sorted(state.identifiers.items())
            if any(link.linked for link in links.values())
        },
        "journey_stage": state.facets.stage,
        "last_orders": [_order(order_id, order) for order_id, order in sorted(state.orders.items())],
        "last_received_at": _time(state.last_received_at_ms),
        "last_seen_at": _time(state.last_seen_at_ms),
        "merged_from": sorted(former(state)),
        "orders": state.orders_counted,
        "owned": sorted(state.owned),
        "spend_minor": dict(sorted(state.spend_minor.items())),
        "tenant": state.tenant,
        "timers": [
            {"due_at": rfc3339(timer.due_at_ms), "rule": timer.rule, "subject": timer.subject}
            for timer in sorted(state.timers, key=lambda timer: (timer.due_at_ms, timer.rule, timer.subject))
        ],
        "traits": {},
        "triggers": [
            {"due_at": rfc3339(fired.due_at_ms), "rule": fired.rule, "trigger_id": fired.trigger_id}
            for fired in sorted(state.fired, key=lambda fired: (fired.due_at_ms, fired.rule, fired.trigger_id))
        ],
        **facets_json(state.facets),
    }
    if sold_out := state.heard.sold_out():
        said["sold_out"] = sold_out
    return dict(sorted(said.items()))


def _cart(cart_id: str, cart: Cart, closed_at_ms: int) -> dict[str, Json]:
    """`closed_at_ms` is the latest order that named no cart: it closed this one, unless that was changed since."""
    closed_at_ms = cart.closed_at_ms or (closed_at_ms if cart.changed_at_ms <= closed_at_ms else 0)
    return {
        "amount_minor": cart.amount_minor,
        "cart_id": cart_id,
        "changed_at": _time(cart.changed_at_ms or None),
        "closed_at": _time(closed_at_ms or None),
        "currency": cart.currency,
        "items": [_item(item) for item in cart.items()],
        "open": cart.is_open,
    }


def _item(item: Item) -> dict[str, Json]:
    return {
        "attributes": dict(sorted(item.attributes.items())),
        "currency": item.currency,
        "quantity": item.quantity,
        "sku": item.sku,
        "unit_price_minor": item.unit_price_minor,
    }


def _order(order_id: str, order: Order) -> dict[str, Json]:
    return {
        "amount_minor": order.amount_minor,
        "at": rfc3339(order.at_ms),
        "cancelled": order.cancelled,
        "currency": order.currency,
        "order_id": order_id,
        "received_at": _time(order.received_at_ms),
        "refunded_minor": order.given_back_minor,
        "skus": list(order.skus),
    }


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)

"""The record of a customer that sites, applications and ad platforms follow (topic `customers`).

It is a function of the state and of the time it is told for, so a replay gives the same bytes.
"""

from __future__ import annotations

from msgspec import json
from msgspec.structs import replace

from pipeline.domain.customer.as_json import customer_json
from pipeline.domain.customer.carts import Cart
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.records import Customer, OpenCart

DETAILS_BYTES = 512 * 1024
"""Of a larger customer the record tells no `details`, and its carts without attributes: state and record travel in one
record of the changelog, which holds 15 MiB, and the state alone may have ten of them. A usual customer has 3 KiB."""

_encode = json.Encoder(order="sorted").encode


def customer_record(state: CustomerState, updated_at_ms: int) -> Customer:
    """Return what is told of a customer."""
    facets = state.facets
    traits, permissions, situation = facets.traits, facets.permissions, facets.situation
    loyalty, interests, visits = facets.loyalty, facets.interests, facets.visits
    details = _encode(customer_json(state))
    is_small = len(details) <= DETAILS_BYTES
    return Customer(
        tenant=state.tenant,
        customer_id=state.customer_id,
        updated_at_ms=updated_at_ms,
        identifiers={
            kind: linked
            for kind, links in state.identifiers.items()
            if (linked := tuple(sorted(value for value, link in links.items() if link.linked)))
        },
        traits={} if traits is None else {n: value for n, (value, _) in traits.known.items() if value is not None},
        consent={} if permissions is None else {n: word.granted for n, word in permissions.consents.items()},
        journey_stage=facets.stage,
        first_seen_at_ms=state.first_seen_at_ms,
        last_seen_at_ms=state.last_seen_at_ms,
        orders=state.orders_counted,
        spend_minor=state.spend_minor,
        tier=None if loyalty is None else loyalty.tier_name,
        points=loyalty.points if loyalty is not None and loyalty.accounts else None,
        open_carts=tuple(
            _open_cart(cart_id, cart, is_small)
            for cart_id, cart in sorted(state.carts.items())
            if cart.is_open and cart.changed_at_ms > max(cart.closed_at_ms, state.closed_at_ms)
        ),
        preferred_sizes={}
        if interests is None
        else {category: size for category in interests.sizes if (size := interests.size(category)) is not None},
        favourite_store=None if visits is None else visits.favourite_store,
        time_zone=None if situation is None else situation.text("time_zone"),
        locale=None if situation is None else situation.text("locale"),
        country=None if situation is None else situation.text("country"),
        city=None if situation is None else situation.text("city"),
        device=None if situation is None else situation.text("device"),
        details=details.decode() if is_small else None,
    )


def pointer_record(tenant: str, customer_id: str, merged_into: str, updated_at_ms: int) -> Customer:
    """Return what is told of a customer that has become part of another."""
    return Customer(tenant, customer_id, updated_at_ms, merged_into)


def _open_cart(cart_id: str, cart: Cart, with_attributes: bool) -> OpenCart:
    items = cart.items()
    if not with_attributes:
        items = tuple(replace(item, attributes={}) for item in items)
    return OpenCart(cart_id, cart.changed_at_ms, items, cart.amount_minor, cart.currency)

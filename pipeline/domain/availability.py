"""Whether a customer can have a product in their size, by what products have told them (`heard.py`)."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.domain.events import Item
from pipeline.domain.triggers.view import CustomerView


def size_of(sku: str, customer: CustomerView) -> str | None:
    """Return the size in which a customer wants a product; None where it is not known.

    What was put into an open cart last says it, else what word of stock was asked for, else the size preferred in the
    category in which it was looked at.
    """
    lines = (cart.lines[sku] for cart in customer.carts.values() if sku in cart.lines)
    sizes = ((line.changed_at_ms, line.attributes.get("size", "")) for line in lines if line.quantity > 0)
    carted = max((each for each in sizes if each[1]), default=None)
    if carted is not None:
        return carted[1]
    interests = customer.facets.interests
    if interests is None:
        return None
    alert, view = interests.alerts.get(sku), interests.views.get(sku)
    if alert is not None and alert.size:
        return alert.size
    return interests.size(view.category) if view is not None and view.category else None


def to_be_had(items: Iterable[Item], customer: CustomerView) -> tuple[Item, ...]:
    """Return the items without those known to be sold out, in their size where they name one, else the customer's."""
    stock = customer.heard.stock
    return tuple(
        item
        for item in items
        if item.sku not in stock
        or not customer.heard.is_gone(item.sku, item.attributes.get("size") or size_of(item.sku, customer))
    )

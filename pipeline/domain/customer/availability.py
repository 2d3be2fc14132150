"""Whether a customer can have a product in their size, by what products have told them (`heard.py`)."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.domain.customer.wants import own_size
from pipeline.domain.events import Item
from pipeline.domain.triggers.view import CustomerView


def size_of(sku: str, customer: CustomerView) -> str | None:
    """Return the size in which a customer wants a product; None where it is not known.

    The one they chose, else the one preferred in its category: that in which it was looked at, else that told with what
    it goes with.
    """
    interests = customer.facets.interests
    chosen = own_size(customer, sku)
    if chosen is not None or interests is None:
        return chosen
    view = interests.views.get(sku)
    category = (view.category if view is not None else None) or customer.heard.category(sku)
    return interests.size(category) if category else None


def to_be_had(items: Iterable[Item], customer: CustomerView) -> tuple[Item, ...]:
    """Return the items without those known to be sold out, in their size where they name one, else the customer's."""
    stock = customer.heard.stock
    return tuple(
        item
        for item in items
        if item.sku not in stock
        or not customer.heard.is_gone(item.sku, item.attributes.get("size") or size_of(item.sku, customer))
    )

"""Events for one facet, at literal times of a day."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent, Item, Scalar
from pipeline.domain.facets.facet import Facet
from tests.unit.domain.triggers.story import at_ms, event

F = TypeVar("F", bound=Facet)


def told(facet: F, *events: ChannelEvent) -> F:
    """The facet after events, each counting at its own time."""
    for each in events:
        facet = facet.learn(each, each.occurred_at_ms)
    return facet


def at(clock: str, event_type: str, *items: Item, **fields: Any) -> ChannelEvent:
    """An event at a time; what is no field of an event is a property."""
    names = ChannelEvent.__struct_fields__
    properties: dict[str, Scalar] = {name: value for name, value in fields.items() if name not in names}
    known = {name: value for name, value in fields.items() if name in names}
    told = event(event_type, items=items, properties=properties, **known)
    return replace(told, occurred_at_ms=at_ms(clock))


def shoe(sku: str, size: str | None = None, price: int | None = None, category: str = "shoes") -> Item:
    attributes = {"category": category} | ({"size": size} if size else {})
    return Item(sku, 1, price, None if price is None else "EUR", attributes)

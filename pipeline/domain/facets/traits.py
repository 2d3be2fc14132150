"""What a customer told about themselves: name, birthday, sizes, tastes, as `identified` events say it."""

from __future__ import annotations

from typing import ClassVar, Self

from msgspec import Struct

from pipeline.domain.events import ChannelEvent, Scalar
from pipeline.domain.facets.facet import Json, Known, latest_of, newer, newest

TRAITS_KEPT = 64
"""Names per customer: Segment's reserved traits are twenty. The one told longest ago goes first."""


class Traits(Struct, frozen=True, array_like=True, gc=False):
    """`known` maps the name of a trait (Segment's words in snake_case: `birthday`, `first_name`) to its latest value.

    A trait told as null is forgotten: its value is None.
    """

    EVENTS: ClassVar[frozenset[str] | None] = frozenset({"identified"})

    known: dict[str, Known] = {}

    def value(self, name: str) -> Scalar:
        """Return the latest value of a trait, None if unknown."""
        found = self.known.get(name)
        return None if found is None else found[0]

    def learn(self, event: ChannelEvent, at_ms: int) -> Self:
        """Take over the properties of an `identified` event."""
        known = dict(self.known)
        for name, value in event.properties.items():
            if newer(known.get(name), value, at_ms):
                known[name] = (value, at_ms)
        return self if known == self.known else type(self)(_bounded(known))

    def united(self, other: Self) -> Self:
        """Of each trait the later."""
        return type(self)(_bounded(latest_of(self.known, other.known)))

    def json(self) -> Json:
        """Return the values alone."""
        return {name: value for name, (value, _) in sorted(self.known.items()) if value is not None}


def _bounded(known: dict[str, Known]) -> dict[str, Known]:
    return newest(known, TRAITS_KEPT, lambda entry: entry[1])

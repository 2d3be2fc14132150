"""Facets: what we know of a customer beyond carts and orders, each side of it a small pure module of its own.

To add one: a module here with a struct (see `facet.py`), a field in `Facets`, a test that tells its story. It is then
learnt, merged, parted, bounded and shown by itself.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, get_args, get_type_hints

from msgspec import Struct
from msgspec.structs import astuple

from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets.activity import Activity
from pipeline.domain.facets.cards import Cards
from pipeline.domain.facets.facet import Facet, Json
from pipeline.domain.facets.interests import Interests
from pipeline.domain.facets.journey import SUPPORT, Journey
from pipeline.domain.facets.loyalty import Loyalty
from pipeline.domain.facets.permissions import Permissions
from pipeline.domain.facets.purchases import Purchases
from pipeline.domain.facets.responses import Responses
from pipeline.domain.facets.service import Service
from pipeline.domain.facets.situation import Situation
from pipeline.domain.facets.traits import Traits
from pipeline.domain.facets.visits import Visits

__all__ = ["NO_FACETS", "Facets", "learn", "united"]


class Facets(Struct, frozen=True, array_like=True, gc=False):
    """All facets of one customer; None for one that knows nothing yet. Learnt in this order."""

    situation: Situation | None = None
    traits: Traits | None = None
    permissions: Permissions | None = None
    responses: Responses | None = None
    activity: Activity | None = None
    visits: Visits | None = None
    interests: Interests | None = None
    purchases: Purchases | None = None
    loyalty: Loyalty | None = None
    cards: Cards | None = None
    service: Service | None = None
    journey: Journey | None = None

    @property
    def stage(self) -> str | None:
        """Return the stage of the customer's journey: support while a case is open, else what was done last (S23).

        A rule sees a change of stage by `customer.facets_before.stage != customer.facets.stage`.
        """
        if self.service is not None and self.service.has_open_case:
            return SUPPORT
        return None if self.journey is None else self.journey.doing


NO_FACETS: Final = Facets()


@cache
def _types() -> dict[str, type[Facet]]:
    hints = get_type_hints(Facets)
    return {name: get_args(hints[name])[0] for name in Facets.__struct_fields__}


_LEARNING: dict[str, tuple[tuple[int, Facet], ...]] = {}
"""Event type → facets that learn from it, by place in `Facets`, each with the empty one to begin with."""


def learn(facets: Facets, event: ChannelEvent, at_ms: int) -> Facets:
    """Return the facets after one event, which counts at `at_ms`; the very same if nothing was learnt."""
    learning = _LEARNING.get(event.event_type)
    if learning is None:
        learning = tuple(
            (place, facet_type())
            for place, facet_type in enumerate(_types().values())
            if facet_type.EVENTS is None or event.event_type in facet_type.EVENTS
        )
        if len(_LEARNING) < 1_000:  # types are any words: a stream of ever new ones must not fill the memory
            _LEARNING[event.event_type] = learning
    known: tuple[Any, ...] = astuple(facets)
    changed: list[Any] | None = None
    for place, empty in learning:
        before = known[place] or empty
        after = before.learn(event, at_ms)
        if after is not before:
            if changed is None:
                changed = list(known)
            changed[place] = after
    return facets if changed is None else Facets(*changed)


def united(a: Facets, b: Facets) -> Facets:
    """Return what two customers that became one know together."""
    if a is NO_FACETS or a == NO_FACETS:
        return b
    values: dict[str, Any] = {}
    for name in Facets.__struct_fields__:
        ours, theirs = getattr(a, name), getattr(b, name)
        values[name] = ours.united(theirs) if ours is not None and theirs is not None else ours or theirs
    return Facets(**values)


def facets_json(facets: Facets) -> dict[str, Json]:
    """Return every facet that knows something, by name."""
    return {name: facet.json() for name in sorted(Facets.__struct_fields__) if (facet := getattr(facets, name))}

"""What a customer did, how often, on which days: what "three visits within a month" is decided by."""

from __future__ import annotations

from typing import ClassVar, Self

from msgspec import Struct

from pipeline.domain.event_types import EVENT_TYPES
from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets.facet import Json, newest
from pipeline.domain.time import DAY_MS, rfc3339

TYPES_KEPT = 24
"""Event types counted per customer, of those we know by name. The one seen longest ago goes first."""

DAYS_KEPT = 32
"""Days with such an event that are told apart; older ones are one number. Windows of conditions are exact while the
customer was active in that way on no more days."""

KNOWN = frozenset(EVENT_TYPES)


class Count(Struct, frozen=True, array_like=True, gc=False):
    """One event type: how often ever, when last (ms), how often on each of the latest days (since 1970, in UTC)."""

    total: int = 0
    last_at_ms: int = 0
    days: dict[int, int] = {}


class Activity(Struct, frozen=True, array_like=True, gc=False):
    """`types` by event type."""

    EVENTS: ClassVar[frozenset[str] | None] = None

    types: dict[str, Count] = {}

    def count(self, event_type: str, since_ms: int | None = None) -> int:
        """Return how often, ever or since the beginning of the day (UTC) that holds `since_ms`."""
        found = self.types.get(event_type)
        if found is None:
            return 0
        if since_ms is None:
            return found.total
        since_day = since_ms // DAY_MS
        return sum(times for day, times in found.days.items() if day >= since_day)

    def last_at_ms(self, event_type: str) -> int | None:
        """Return when it happened last."""
        found = self.types.get(event_type)
        return None if found is None else found.last_at_ms

    def learn(self, event: ChannelEvent, at_ms: int) -> Self:
        """Count the event, if its type is one we know."""
        event_type = event.event_type
        if event_type not in KNOWN:
            return self
        day = at_ms // DAY_MS
        types = self.types.copy()
        known = types.get(event_type)
        if known is None:
            types[event_type] = Count(1, at_ms, {day: 1})
            return type(self)(newest(dict(sorted(types.items())), TYPES_KEPT, _last))
        days = known.days.copy()
        if day in days:
            days[day] += 1
        else:
            days[day] = 1
            days = _bounded(days)
        types[event_type] = Count(known.total + 1, max(at_ms, known.last_at_ms), days)
        return type(self)(types)

    def united(self, other: Self) -> Self:
        """Add up, day by day."""
        types = dict(self.types)
        for event_type, theirs in other.types.items():
            ours = types.get(event_type, Count())
            days = {
                day: ours.days.get(day, 0) + theirs.days.get(day, 0) for day in ours.days.keys() | theirs.days.keys()
            }
            last_at_ms = max(ours.last_at_ms, theirs.last_at_ms)
            types[event_type] = Count(ours.total + theirs.total, last_at_ms, _bounded(days))
        return type(self)(newest(dict(sorted(types.items())), TYPES_KEPT, _last))

    def json(self) -> Json:
        """Return how often and when last, by type."""
        return {
            event_type: {"count": known.total, "last_at": rfc3339(known.last_at_ms)}
            for event_type, known in sorted(self.types.items())
        }


def _last(count: Count) -> int:
    return count.last_at_ms


def _bounded(days: dict[int, int]) -> dict[int, int]:
    return dict(sorted(days.items())[-DAYS_KEPT:])

"""Where and how a customer was last met: device, locale, place, time zone, weather."""

from __future__ import annotations

from typing import ClassVar, Final, Self

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent, Context, Scalar
from pipeline.domain.facets.facet import Json, Known, latest_of

FIELDS: Final = ("device", "locale", "country", "city", "latitude", "longitude", "time_zone", "weather")
"""Of an event's context; bounded by being these."""

_EMPTY: Final = Context()


class Situation(Struct, frozen=True, array_like=True, gc=False):
    """`context` is what was told last, at `at_ms`; `known` has the latest values of the fields it does not tell.

    Most events of a customer tell the same as the one before: then only the time changes.
    """

    EVENTS: ClassVar[frozenset[str] | None] = None

    context: Context = _EMPTY
    at_ms: int = 0
    known: dict[str, Known] = {}

    def value(self, name: str) -> Scalar:
        """Return the latest value of one field, None if nobody told."""
        value: Scalar = getattr(self.context, name)
        return self.known.get(name, (None, 0))[0] if value is None else value

    def text(self, name: str) -> str | None:
        """Return the latest value of one field as text."""
        value = self.value(name)
        return None if value is None else str(value)

    def learn(self, event: ChannelEvent, at_ms: int) -> Self:
        """Take over what the event's context tells."""
        context = event.context
        if context is None:
            return self
        if context.campaign is not None:  # where a visit came from is no situation
            context = replace(context, campaign=None)
        if context == self.context:
            return type(self)(context, at_ms, self.known) if at_ms > self.at_ms else self
        if context == _EMPTY:
            return self
        return self.united(type(self)(context, at_ms))

    def united(self, other: Self) -> Self:
        """Of each field the later."""
        known = latest_of(self._all(), other._all())
        at_ms = max((time for _, time in known.values()), default=0)
        now = {name: value for name, (value, time) in known.items() if time == at_ms}
        before = {name: entry for name, entry in known.items() if entry[1] != at_ms}
        return type(self)(Context(**now), at_ms, before)  # type: ignore[arg-type]

    def json(self) -> Json:
        """Return the values alone."""
        return {name: value for name, (value, _) in sorted(self._all().items())}

    def _all(self) -> dict[str, Known]:
        known = dict(self.known)
        for name in FIELDS:
            value = getattr(self.context, name)
            if value is not None:
                known[name] = (value, self.at_ms)
        return known

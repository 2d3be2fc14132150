"""Conditions on what a customer did, where and how lately. Repeated events are counted by whole days (UTC)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from pipeline.domain.conditions.word import Ago, Lately, Word, bounds_text, lately, lately_ends, within_text
from pipeline.domain.event_types import EVENT_TYPES
from pipeline.domain.time import DAY_MS, duration_text
from pipeline.domain.triggers.view import CustomerView

EventType: TypeAlias = Annotated[str, Meta(extra={"one_of": tuple(EVENT_TYPES)})]
Times: TypeAlias = Annotated[int, Meta(ge=1)]


class Did(Word, frozen=True):
    """An event of this type happened, so many times (once, if not said), within this time (ever, if not said)."""

    EXAMPLE: ClassVar[str] = "{did: order_completed, at_least: 3, within: 90d}"

    did: EventType
    at_least: Times = 1
    at_most: Times | None = None
    within_ms: int | None = None

    def __post_init__(self) -> None:
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"at_most ({self.at_most}) is less than at_least ({self.at_least}), so it never holds")
        if self._is_counted and self.within_ms is not None and self.within_ms % DAY_MS:
            raise ValueError("what happened several times is counted in whole days: write within like 7d")

    @property
    def _is_counted(self) -> bool:
        """Whether knowing the last time is not enough."""
        return self.at_least > 1 or self.at_most is not None

    @property
    def text(self) -> str:
        """What happened, how often, how lately."""
        times = f" {bounds_text(self.at_least, self.at_most)} times" if self._is_counted else ""
        return f"{self.did} happened{times}{within_text(self.within_ms)}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it happened that often."""
        activity = customer.facets.activity
        if activity is None:
            return False
        if not self._is_counted:
            return lately(activity.last_at_ms(self.did), self.within_ms, at_ms)
        count = activity.count(self.did, None if self.within_ms is None else at_ms - self.within_ms)
        return self.at_least <= count and (self.at_most is None or count <= self.at_most)

    def moments(self, customer: CustomerView) -> Iterable[int]:
        """Return when a day with such an event leaves the window."""
        activity = customer.facets.activity
        if activity is None or self.within_ms is None:
            return ()
        if not self._is_counted:
            return lately_ends(activity.last_at_ms(self.did), self.within_ms)
        found = activity.types.get(self.did)
        days = {} if found is None else found.days
        return [(day + edge) * DAY_MS + self.within_ms for day in days for edge in (0, 1)]

    def changes_at(self, customer: CustomerView, at_ms: int, *, now: bool) -> int | None:
        """Return when too few of them will be in the window. Time alone never makes them more."""
        if self.at_most is None and not now:
            return None
        return super().changes_at(customer, at_ms, now=now)


class DidNot(Word, frozen=True):
    """No event of this type happened for this long (never, if not said)."""

    EXAMPLE: ClassVar[str] = "{did_not: order_completed, for: 30d}"

    did_not: EventType
    for_ms: int | None = None

    @property
    def text(self) -> str:
        """What did not happen, for how long."""
        return f"{self.did_not} did not happen" + (f" for {duration_text(self.for_ms)}" if self.for_ms else "")

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it did not happen."""
        activity = customer.facets.activity
        return activity is None or not lately(activity.last_at_ms(self.did_not), self.for_ms, at_ms)

    def moments(self, customer: CustomerView) -> Iterable[int]:
        """Return when it will have been so long ago."""
        activity = customer.facets.activity
        return () if activity is None else lately_ends(activity.last_at_ms(self.did_not), self.for_ms)


class LastSeen(Word, frozen=True):
    """The customer was last seen, in whatever channel, this long ago."""

    EXAMPLE: ClassVar[str] = "{last_seen: {more_than: 30d}}"

    last_seen: Ago

    @property
    def text(self) -> str:
        """How long ago."""
        return f"last seen {self.last_seen.text}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it was so long ago."""
        return self.last_seen.hold(customer.last_seen_at_ms, at_ms)

    def moments(self, customer: CustomerView) -> Iterable[int]:
        """Return when it will have been so long ago."""
        return self.last_seen.moments(customer.last_seen_at_ms)


class FirstSeen(Word, frozen=True):
    """The customer was first seen this long ago."""

    EXAMPLE: ClassVar[str] = "{first_seen: {less_than: 7d}}"

    first_seen: Ago

    @property
    def text(self) -> str:
        """How long ago."""
        return f"first seen {self.first_seen.text}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it was so long ago."""
        return self.first_seen.hold(customer.first_seen_at_ms, at_ms)

    def moments(self, customer: CustomerView) -> Iterable[int]:
        """Return when it will have been so long ago."""
        return self.first_seen.moments(customer.first_seen_at_ms)


class ChannelSeen(Lately, frozen=True):
    """The customer was seen in this channel, within this time (ever, if not said)."""

    EXAMPLE: ClassVar[str] = "{channel_seen: pos, within: 90d}"

    channel_seen: str

    @property
    def text(self) -> str:
        """Where, how lately."""
        return f"seen in {self.channel_seen}{within_text(self.within_ms)}"

    def last_ms(self, customer: CustomerView) -> int | None:
        """Return when it was last."""
        seen = customer.channels.get(self.channel_seen)
        return None if seen is None else seen.last_at_ms


class Store(Lately, frozen=True):
    """The customer was in, or bought in, this store, within this time (ever, if not said)."""

    EXAMPLE: ClassVar[str] = "{store: berlin-1, within: 30d}"

    store: str

    @property
    def text(self) -> str:
        """Where, how lately."""
        return f"seen in store {self.store}{within_text(self.within_ms)}"

    def last_ms(self, customer: CustomerView) -> int | None:
        """Return when it was last."""
        visits = customer.facets.visits
        found = None if visits is None else visits.stores.get(self.store)
        return None if found is None else found.last_at_ms


class InStore(Word, frozen=True):
    """The customer is in this store now: entered, and has not left."""

    EXAMPLE: ClassVar[str] = "{in_store: berlin-1}"

    in_store: str

    @property
    def text(self) -> str:
        """Where."""
        return f"in store {self.in_store} now"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it is."""
        visits = customer.facets.visits
        return visits is not None and visits.inside == self.in_store

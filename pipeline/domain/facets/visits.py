"""Sessions online and visits to stores: how often, where, and where the customer is now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Self

from msgspec import Struct

from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets.facet import Json, newest, number_of
from pipeline.domain.time import rfc3339

SESSION_GAP_MS = 30 * 60_000
"""Silence that ends a session: what Google Analytics 4 takes by default."""

SESSIONS_KEPT = 8
"""Sessions remembered, the newest; older ones are only counted. What comes of a time before all of them is taken to be
of one that was counted: only there, beyond eight sessions, does the order of arrival matter."""

STORES_KEPT = 20
"""Stores visited or bought in. The one seen longest ago goes first."""

ONLINE = frozenset({"web", "app", "tablet", "kiosk", "voice"})
"""Channels where somebody is present: their events make sessions even where no session is told. A message that
arrives or a parcel that is handed over does not."""

ELSEWHERE = frozenset({"referral_redeemed"})
"""Event types that may be of somebody else: the sender is told that a friend has redeemed. They begin no session."""

IN_STORE = frozenset({"pos", "store_sensor", "kiosk"})
"""Channels that stand in a store: an order there was bought there, one elsewhere is only collected."""


class Session(Struct, frozen=True, array_like=True, gc=False):
    """One session: its id ("" where none was told), channel, first and last event (ms), number of events."""

    session_id: str
    channel: str
    started_at_ms: int
    last_at_ms: int
    events: int = 1

    def touches(self, other: Self) -> bool:
        """Whether both are one session: of the same id; without one, in the same channel without silence between."""
        if self.session_id or other.session_id:
            return self.session_id == other.session_id
        return self.channel == other.channel and (
            self.started_at_ms - other.last_at_ms < SESSION_GAP_MS
            and other.started_at_ms - self.last_at_ms < SESSION_GAP_MS
        )

    def joined(self, other: Self) -> Self:
        """Return both as one; the channel is the one it began in."""
        return type(self)(
            self.session_id,
            min((self.started_at_ms, self.channel), (other.started_at_ms, other.channel))[1],
            min(self.started_at_ms, other.started_at_ms),
            max(self.last_at_ms, other.last_at_ms),
            self.events + other.events,
        )


class Store(Struct, frozen=True, array_like=True, gc=False):
    """One store: visits, orders, last heard of; `entered_at_ms` is later than `exited_at_ms` while inside."""

    visits: int = 0
    orders: int = 0
    last_at_ms: int = 0
    entered_at_ms: int = 0
    exited_at_ms: int = 0

    def united(self, other: Self) -> Self:
        """Add up; the latest times."""
        return type(self)(
            self.visits + other.visits,
            self.orders + other.orders,
            max(self.last_at_ms, other.last_at_ms),
            max(self.entered_at_ms, other.entered_at_ms),
            max(self.exited_at_ms, other.exited_at_ms),
        )


class Visits(Struct, frozen=True, array_like=True, gc=False):
    """`sessions` is their number ever, `latest` the newest of them, by last event; `stores` by store id.

    A visit to a store is an entrance. An event of any channel that only names a store makes it known.
    `place` is the position seen last: latitude, longitude (degrees), when (ms).
    """

    EVENTS: ClassVar[frozenset[str] | None] = None

    sessions: int = 0
    latest: tuple[Session, ...] = ()
    stores: dict[str, Store] = {}
    place: tuple[float, float, int] | None = None

    @property
    def favourite_store(self) -> str | None:
        """Return the store most often visited or bought in."""
        if not self.stores:
            return None
        return max(self.stores, key=lambda store: (_times(self.stores[store]), self.stores[store].last_at_ms, store))

    @property
    def inside(self) -> str | None:
        """Return the store the customer is in: the one entered last, unless it was left since."""
        if not self.stores:
            return None
        store = max(self.stores, key=lambda store: (self.stores[store].entered_at_ms, store))
        return store if self.stores[store].entered_at_ms > self.stores[store].exited_at_ms else None

    def learn(self, event: ChannelEvent, at_ms: int) -> Self:
        """Count the event to its session and its store."""
        sessions, latest, stores = self.sessions, self.latest, self.stores
        session_id = event.session_id or ""
        if session_id or (event.channel in ONLINE and event.event_type not in ELSEWHERE):
            last = latest[-1] if latest else None
            if last is not None and session_id == last.session_id != "" and at_ms > last.last_at_ms:  # nearly always
                going_on = Session(session_id, last.channel, last.started_at_ms, at_ms, last.events + 1)
                latest = (*latest[:-1], going_on)
            else:
                session = Session(session_id, event.channel, at_ms, at_ms)
                after, among = _with(sessions, latest, 1, (session,))
                forgotten = len(latest) == SESSIONS_KEPT and at_ms < latest[0].last_at_ms and after > sessions
                if not forgotten:
                    sessions, latest = after, among
        if event.store_id:
            store, known = _store_of(event, at_ms), stores.get(event.store_id)
            if known is not None:
                store = known.united(store)
            stores = newest({**stores, event.store_id: store}, STORES_KEPT, _last)
        place = self.place
        if event.context is not None or event.event_type == "location_seen":
            place = _later(place, _place_of(event, at_ms))
        if latest is self.latest and stores is self.stores and place is self.place:
            return self
        return type(self)(sessions, latest, stores, place)

    def united(self, other: Self) -> Self:
        """Add up; of the same session id, one session."""
        sessions, latest = _with(self.sessions, self.latest, other.sessions, other.latest)
        none = Store()
        stores = {
            store: self.stores.get(store, none).united(other.stores.get(store, none))
            for store in sorted(self.stores.keys() | other.stores.keys())
        }
        return type(self)(sessions, latest, newest(stores, STORES_KEPT, _last), _later(self.place, other.place))

    def json(self) -> Json:
        """Return sessions, stores and where the customer is."""
        latest: list[Json] = [
            {
                "channel": session.channel,
                "events": session.events,
                "last_at": rfc3339(session.last_at_ms),
                "session_id": session.session_id or None,
                "started_at": rfc3339(session.started_at_ms),
            }
            for session in self.latest
        ]
        place: Json = None
        if self.place is not None:
            latitude, longitude, at_ms = self.place
            place = {"at": rfc3339(at_ms), "latitude": latitude, "longitude": longitude}
        return {
            "favourite_store": self.favourite_store,
            "inside": self.inside,
            "latest_sessions": latest,
            "place": place,
            "sessions": self.sessions,
            "stores": {
                store_id: {"last_at": rfc3339(store.last_at_ms), "orders": store.orders, "visits": store.visits}
                for store_id, store in sorted(self.stores.items())
            },
        }


def _with(
    sessions: int, latest: tuple[Session, ...], more: int, others: Iterable[Session]
) -> tuple[int, tuple[Session, ...]]:
    """Add `more` sessions, `others` the newest of them; what turns out to be one session counts once."""
    sessions += more
    kept = list(latest)
    for other in others:
        for each in [session for session in kept if session.touches(other)]:  # a late event may close a gap
            kept.remove(each)
            other = other.joined(each)
            sessions -= 1
        kept.append(other)
    return sessions, _sorted(kept)[-SESSIONS_KEPT:]


def _sorted(sessions: Iterable[Session]) -> tuple[Session, ...]:
    return tuple(sorted(sessions, key=lambda each: (each.last_at_ms, each.session_id, each.channel)))


def _store_of(event: ChannelEvent, at_ms: int) -> Store:
    """Return what one event says of the store it names."""
    event_type = event.event_type
    if event_type == "store_entered":
        return Store(1, 0, at_ms, at_ms)
    if event_type == "store_exited":
        return Store(0, 0, at_ms, 0, at_ms)
    bought = event_type == "order_completed" and event.channel in IN_STORE
    return Store(0, int(bought), at_ms)


def _place_of(event: ChannelEvent, at_ms: int) -> tuple[float, float, int] | None:
    """Return the position of the event's context, or what a `location_seen` says in its properties."""
    context = event.context
    latitude: float | None = None
    longitude: float | None = None
    if context is not None:
        latitude, longitude = context.latitude, context.longitude
    if event.event_type == "location_seen" and (latitude is None or longitude is None):
        latitude, longitude = number_of(event, "latitude"), number_of(event, "longitude")
    if latitude is None or longitude is None or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return None
    return float(latitude), float(longitude), at_ms


def _later(a: tuple[float, float, int] | None, b: tuple[float, float, int] | None) -> tuple[float, float, int] | None:
    if a is None or b is None:
        return b if a is None else a
    return b if (b[2], b[0], b[1]) > (a[2], a[0], a[1]) else a


def _last(store: Store) -> int:
    return store.last_at_ms


def _times(store: Store) -> int:
    return store.visits + store.orders

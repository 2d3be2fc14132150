"""Near a store: a customer is round the corner while it is open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self, get_args
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct
from msgspec.structs import replace

from pipeline.domain.arbiter.policy import QuietHours
from pipeline.domain.events import Scalar
from pipeline.domain.local_time import UTC, end_of, named_zone, period_of, within
from pipeline.domain.places import METRES_PER_DEGREE, metres_between
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import EPOCH, HOUR_MS
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import at_once
from pipeline.domain.triggers.steps import Change, Mark, Proposal, Step
from pipeline.domain.triggers.view import CustomerView

LEFT = 1.5
"""Times the radius at which a customer has left: a phone's position wavers, and nobody comes back by that."""

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS = get_args(Day)


class Store(Struct, frozen=True):
    """A store: where it is, how near is near (metres), when it opens on the clock of its `time_zone` (IANA).

    Without `opens` it always does, but for the days it is `closed_on`; without `time_zone` it has that of the rules
    file.
    """

    store_id: str
    latitude: Annotated[float, Meta(ge=-90.0, le=90.0)]
    longitude: Annotated[float, Meta(ge=-180.0, le=180.0)]
    radius_m: Annotated[int, Meta(ge=1, le=50_000)] = 300
    opens: QuietHours | None = None
    closed_on: tuple[Day, ...] = ()
    time_zone: str | None = None

    def __post_init__(self) -> None:
        """Refuse a zone that does not exist. Raises ValueError."""
        if self.time_zone is not None and named_zone(self.time_zone) is None:
            raise ValueError(f"unknown time_zone {self.time_zone}: write it like Europe/Berlin")

    def is_open(self, at_ms: int) -> bool:
        """Whether it is open."""
        there = self._local(at_ms)
        if _DAYS[there.weekday()] in self.closed_on:
            return False
        return self.opens is None or within(self.opens, there.hour * 60 + there.minute)

    def closes_at_ms(self, at_ms: int) -> int:
        """Return when it closes that is open at `at_ms`; 0: never."""
        ends = [] if self.opens is None else [end_of(self.opens, at_ms, self._zone)]
        if self.closed_on:
            day_ms = at_ms
            while _DAYS[self._local(day_ms).weekday()] not in self.closed_on:
                _, day_ms = period_of("day", day_ms, self._zone)
            ends.append(day_ms)
        return min(ends, default=0)

    @property
    def _zone(self) -> ZoneInfo:
        return named_zone(self.time_zone or "UTC") or UTC

    def _local(self, at_ms: int) -> datetime:
        return (EPOCH + timedelta(milliseconds=at_ms)).astimezone(self._zone)

    def metres_to(self, latitude: float, longitude: float) -> float:
        """Return the distance; where it is plain that it is far, only the part from north to south."""
        north_south = abs(self.latitude - latitude) * METRES_PER_DEGREE
        if north_south > self.radius_m * LEFT:
            return north_south
        return metres_between(self.latitude, self.longitude, latitude, longitude)


class Config(kind.Config, frozen=True):
    """The `stores`. Who was not seen near one for `gone_after_ms` is taken to have left."""

    stores: tuple[Store, ...] = ()
    gone_after_ms: Annotated[int, Meta(ge=1)] = 6 * HOUR_MS

    def __post_init__(self) -> None:
        """Refuse two stores of one name. Raises ValueError."""
        if len({store.store_id for store in self.stores}) < len(self.stores):
            raise ValueError("two stores have the same store_id")

    def in_zone(self, time_zone: str) -> Self:
        """Return it with the zone of the rules file for stores that have none of their own."""
        return replace(
            self, stores=tuple(replace(store, time_zone=store.time_zone or time_zone) for store in self.stores)
        )


class NearStore(kind.Kind):
    """Fires when a customer is seen, in any channel, within the radius of a store that is open; the nearest of several.

    Unless they are in a store already, or it has closed before they can be told. At most once per visit to the area:
    who has left may be told again, after `cooldown` if the rule has one.
    """

    config_type = Config
    events = None

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its stores."""
        super().__init__(rule, config)
        self._stores = {store.store_id: store for store in config.stores}
        self._gone_after_ms = config.gone_after_ms

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Look where the customer is now, if the event tells it and none told later."""
        visits, before = customer.facets.visits, customer.facets_before.visits
        if visits is None or visits.place is None or (before is not None and visits.place == before.place):
            return ()
        latitude, longitude, at_ms = visits.place
        steps: list[Step] = []
        come: list[tuple[float, str]] = []
        for store_id, store in self._stores.items():
            metres = store.metres_to(latitude, longitude)
            seen_ms = customer.mark(self.rule, store_id)
            if metres > store.radius_m * LEFT:
                if seen_ms is not None:
                    steps.append(Mark(store_id, None))
            elif seen_ms is not None and at_ms - seen_ms <= self._gone_after_ms:
                steps.append(Mark(store_id, at_ms))
            elif metres <= store.radius_m:
                come.append((metres, store_id))
        is_inside = change.event.store_id is not None or visits.inside is not None
        is_open = [each for each in come if self._stores[each[1]].is_open(at_ms)]
        if is_inside or is_open:
            steps += [Mark(store_id, at_ms) for _, store_id in come]
        if is_open and not is_inside:
            metres, store_id = min(is_open)
            reason, context = _said(store_id, metres)
            until_ms = self._stores[store_id].closes_at_ms(at_ms)
            steps.append(at_once(change, reason, subject=store_id, context=context, until_ms=until_ms))
        return steps

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not tell who has gone on, nor who is in a store by now, or was since."""
        store, visits = self._stores.get(proposal.subject), customer.facets.visits
        if store is None or visits is None or visits.place is None:
            return DropReason.NOT_SO
        went_in = any(each.entered_at_ms >= proposal.since_ms for each in visits.stores.values())
        has_gone = store.metres_to(*visits.place[:2]) > store.radius_m * LEFT
        return DropReason.NOT_SO if has_gone or went_in or visits.inside is not None else None

    def as_of_now(self, proposal: Proposal, customer: CustomerView) -> Proposal:
        """Tell how far it is from where the customer was seen last."""
        store, visits = self._stores.get(proposal.subject), customer.facets.visits
        if store is None or visits is None or visits.place is None:
            return proposal
        reason, context = _said(store.store_id, store.metres_to(*visits.place[:2]))
        return replace(proposal, reason=reason, context=context)


def _said(store_id: str, metres: float) -> tuple[str, dict[str, Scalar]]:
    reason = f"{metres:.0f} m from the store {store_id}, which is open"
    return reason, {"store_id": store_id, "metres": round(metres)}

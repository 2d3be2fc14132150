"""The event invitation: a pop-up, a launch, an evening, for those near enough whom it suits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta

from pipeline.domain.facets.interests import Interests
from pipeline.domain.places import metres_between
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import DAY_MS, epoch_ms, rfc3339
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import at_once, was_told
from pipeline.domain.triggers.steps import Change, Mark, Proposal, Step
from pipeline.domain.triggers.view import CustomerView

_WRITTEN = "write it like 2027-03-20T18:00:00+01:00"

_TRIED = "\x1ftried"  # no event is called so
_MAKES_REACHABLE = frozenset({"identified", "subscribed", "consent_granted"})
"""Events after which one who could not be written to before may be."""


class Config(kind.Config, frozen=True):
    """`event` is the event's name, `starts_at` its time (RFC 3339 with a zone); invited is from `ahead_ms` before it.

    Place: within `within_km` of `latitude` and `longitude`, or in one of `cities`; none of them: everywhere.
    Taste: looked at or bought in one of `categories`. `sizes`: prefers one of these in any category. Empty: all.
    """

    event: str = "our event"
    starts_at: str = "2100-01-01T00:00:00Z"
    ahead_ms: Annotated[int, Meta(ge=1)] = 14 * DAY_MS
    latitude: Annotated[float, Meta(ge=-90.0, le=90.0)] | None = None
    longitude: Annotated[float, Meta(ge=-180.0, le=180.0)] | None = None
    within_km: Annotated[float, Meta(gt=0.0)] = 30.0
    cities: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a time nobody can read, and half a position. Raises ValueError."""
        _moment(self.starts_at)
        if (self.latitude is None) is not (self.longitude is None):
            raise ValueError("latitude and longitude are given together or not at all")


class EventInvitation(kind.Kind):
    """Fires when a customer near the event, of its size and taste, is seen in any channel within `ahead` before it.

    Unless it has begun. At most once per customer; who cannot be written to is tried again a day later, or once they
    have said who they are, subscribed or consented.
    """

    config_type = Config
    events = None

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and the event."""
        super().__init__(rule, config)
        self._config = config
        self._starts_at_ms = _moment(config.starts_at)
        self._cities = frozenset(city.casefold() for city in config.cities)

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Invite who fits, the first time they are seen."""
        config = self._config
        if not self._starts_at_ms - config.ahead_ms <= change.at_ms < self._starts_at_ms:
            return ()
        if customer.mark(self.rule, config.event) is not None or self._tried_just_now(change, customer):
            return ()
        interests = customer.facets.interests or Interests()
        if config.categories and not interests.categories.keys() & set(config.categories):
            return ()
        if config.sizes and not {interests.size(category) for category in interests.sizes} & set(config.sizes):
            return ()
        place = self._near(customer)
        if place is None or customer.held_about(self.rule, config.event) is not None:
            return ()
        context = {"event": config.event, "starts_at": rfc3339(self._starts_at_ms)}
        reason = f"{config.event} is {place}"
        invitation = at_once(
            change,
            reason,
            subject=config.event,
            context=context,
            told_as=config.event,
            until_ms=self._starts_at_ms,
        )
        return (Mark(_TRIED, change.at_ms), invitation)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not invite whom the other side of a merge has invited while it waited."""
        return DropReason.DONE if was_told(self.rule, proposal, customer) else None

    def _tried_just_now(self, change: Change, customer: CustomerView) -> bool:
        tried_ms = customer.mark(self.rule, _TRIED)
        if tried_ms is None or change.event.event_type in _MAKES_REACHABLE:
            return False
        return abs(change.at_ms - tried_ms) < DAY_MS

    def _near(self, customer: CustomerView) -> str | None:
        """Return in words how near the event is, None if it is not."""
        config, situation, visits = self._config, customer.facets.situation, customer.facets.visits
        if config.latitude is None and not config.cities:
            return "open to all"
        city = None if situation is None else situation.text("city")
        if city is not None and city.casefold() in self._cities:
            return f"in {city}"
        if config.latitude is None or config.longitude is None or visits is None or visits.place is None:
            return None
        km = metres_between(config.latitude, config.longitude, *visits.place[:2]) / 1000
        return f"{km:.0f} km away" if km <= config.within_km else None


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"starts_at: {text!r} is no time: {_WRITTEN}") from None
    if moment.tzinfo is None:
        raise ValueError(f"starts_at: {text!r} has no time zone: {_WRITTEN}")
    return epoch_ms(moment)

"""The birthday, or another day that comes back every year: a wedding day, the day somebody became a member."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct
from msgspec.structs import replace

from pipeline.domain.events import Scalar
from pipeline.domain.local_time import named_zone, zone_of
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import DAY_MS, EPOCH, epoch_ms
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import not_any_more
from pipeline.domain.triggers.steps import Cancel, Change, Mark, Proposal, Step, Timer, WakeAt
from pipeline.domain.triggers.view import CustomerView

MOST_YEARS = 120
"""What lies further back is a default of some form, like 0001-01-01 or 1900-01-01, and means that nobody knows."""

_DATE = re.compile(r"(?:([0-9]{4})-|--)?([0-9]{2})-([0-9]{2})(?:T.*)?")
_LEAP_YEAR = 2000
_ARMED, _KEPT = "armed", "kept"


class Config(kind.Config, frozen=True):
    """`trait` holds the date: YYYY-MM-DD, --MM-DD or MM-DD. Told `days_ahead` of it, `at` a time of the customer's day.

    `time_zone` (IANA) is for customers of whom neither zone nor country is known; left out: that of the rules file.
    """

    trait: str = "birthday"
    days_ahead: Annotated[int, Meta(ge=0, le=90)] = 0
    at: Annotated[
        str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", extra={"remedy": 'Write a time like "09:00".'})
    ] = "09:00"
    time_zone: str | None = None

    def __post_init__(self) -> None:
        """Refuse a zone that does not exist. Raises ValueError."""
        if self.time_zone is not None and named_zone(self.time_zone) is None:
            raise ValueError(f"unknown time_zone {self.time_zone}: write it like Europe/Berlin")

    def in_zone(self, time_zone: str) -> Self:
        """Return it with the zone of the rules file where it has none of its own."""
        return replace(self, time_zone=self.time_zone or time_zone)


class Birthday(kind.Kind):
    """Fires when the day of the trait comes round, `days_ahead` before it, `at` that time of the customer's day.

    Unless the date is unknown, or was taken back. One of 29 February is kept on the 28th in other years. At most once
    per year, also where the date is corrected after it was kept.
    """

    config_type = Config
    events = None

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its parameters."""
        super().__init__(rule, config)
        self._config = config
        self._at = time.fromisoformat(config.at)

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Wait for the next time, if the date, the zone or the rule is new."""
        waits = customer.waits_until(self.rule, "") is not None
        if customer.facets.traits is None and not waits:
            return ()
        now_ms = max(change.at_ms, customer.last_seen_at_ms or 0)
        armed_ms = customer.mark(self.rule, _ARMED)
        if waits and armed_ms is not None and armed_ms <= now_ms:  # due already: it is not for the next year
            return ()
        due = self._next(customer, now_ms)
        if due is None:
            return (Cancel("", DropReason.NOT_SO),) if waits else ()
        return () if waits and armed_ms == due.at_ms else self._armed(due, change.at_ms)

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Propose the message, if the day is still this one, and wait for the next year."""
        due = self._next(customer, timer.due_at_ms - 1)
        if due is None:
            return (not_any_more(timer, DropReason.NOT_SO),)
        if due.at_ms != timer.due_at_ms:
            return self._armed(due, timer.since_ms)
        trait = self._config.trait
        context: dict[str, Scalar] = {"trait": trait, "date": due.day.isoformat(), "years": due.years}
        context["days_ahead"] = self._config.days_ahead
        kept_ms = epoch_ms(datetime.combine(due.day, time(), UTC))
        proposal = Proposal(
            subject=trait,
            generation=str(due.day.year),
            due_at_ms=timer.due_at_ms,
            about="",
            since_ms=timer.since_ms,
            caused_by=timer.caused_by,
            items=(),
            context=context,
            reason=f"The {trait.replace('_', ' ')} is on {due.day.isoformat()}",
        )
        following = self._next(customer, timer.due_at_ms, due.day.year)
        steps: list[Step] = [Mark(_KEPT, kept_ms), proposal]
        return steps if following is None else [*steps, *self._armed(following, timer.since_ms)]

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not congratulate on a date that was taken back meanwhile."""
        return DropReason.NOT_SO if self._date(customer) is None else None

    def _date(self, customer: CustomerView) -> tuple[int | None, int, int] | None:
        told = None if customer.facets.traits is None else customer.facets.traits.value(self._config.trait)
        return _month_and_day(told) if isinstance(told, str) else None

    def _armed(self, due: _Due, since_ms: int) -> list[Step]:
        return [WakeAt("", due.at_ms, since_ms, by_event=True), Mark(_ARMED, due.at_ms)]

    def _next(self, customer: CustomerView, after_ms: int, kept_year: int = 0) -> _Due | None:
        """Return the first time after `after_ms` for a day of a year later than those kept."""
        found = self._date(customer)
        if found is None:
            return None
        born, month, day = found
        kept_ms = customer.mark(self.rule, _KEPT)
        if kept_ms is not None:
            kept_year = max(kept_year, _day_of(kept_ms).year)
        zone = zone_of(customer, self._config.time_zone or "UTC")
        this_year = _day_of(after_ms - DAY_MS).year  # where the customer is it may still be the day before
        first = max(this_year, kept_year + 1, (born or 0) + 1)
        if first > MAXYEAR - 4 or (born is not None and this_year - born > MOST_YEARS):
            return None
        for year in range(first, first + 4):  # its days ahead may lie in the year before
            at_ms, kept = _told_at(year, month, day, self._config.days_ahead, self._at, zone)
            if at_ms > after_ms:
                return _Due(at_ms, kept, None if born is None else year - born)
        return None


class _Due(Struct, frozen=True):
    """When to tell of which day, and how many years it is since the first."""

    at_ms: int
    day: date
    years: int | None


@lru_cache(maxsize=4_096)
def _month_and_day(text: str) -> tuple[int | None, int, int] | None:
    """Return year (None if not told), month and day of a date; None for what is none."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day = match[1], int(match[2]), int(match[3])
    try:
        date(int(year or _LEAP_YEAR), month, day)
    except ValueError:
        return None
    return int(year) if year else None, month, day


@lru_cache(maxsize=8_192)  # a year of days in some zones: asked for with every event of everybody who told a date
def _told_at(year: int, month: int, day: int, days_ahead: int, at: time, zone: ZoneInfo) -> tuple[int, date]:
    """Return when to tell (ms) of which day."""
    kept = _in_year(year, month, day)
    return epoch_ms(datetime.combine(kept - timedelta(days=days_ahead), at, zone)), kept


def _in_year(year: int, month: int, day: int) -> date:
    """Return the day in a year; 29 February falls on the 28th where there is none.

    >>> str(_in_year(2027, 2, 29)), str(_in_year(2028, 2, 29))
    ('2027-02-28', '2028-02-29')
    """
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, month, day - 1)


def _day_of(at_ms: int) -> date:
    return (EPOCH + timedelta(milliseconds=at_ms)).date()

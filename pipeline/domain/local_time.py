"""What a customer's clock on the wall shows, and when it will show something else."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from pipeline.domain.arbiter.policy import QuietHours
from pipeline.domain.countries import ZONE_OF_COUNTRY
from pipeline.domain.time import EPOCH, epoch_ms

if TYPE_CHECKING:  # rule kinds look at the clock, too
    from pipeline.domain.triggers.view import CustomerView

UTC: Final = ZoneInfo("UTC")

_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)


@lru_cache(maxsize=1_024)  # the world has 600; producers may send any word, which must not fill the memory
def named_zone(name: str) -> ZoneInfo | None:
    """Return the zone of an IANA name; None if there is none.

    A name without a place is refused but for UTC: some of them ("localtime") mean what the machine is set to.
    """
    place, _, rest = name.partition("/")
    if name != "UTC" and (not rest or place in ("posix", "right")):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not there; a folder, or too long for a file's name; no name at all
        return None


def zone_of(customer: CustomerView, default: str) -> ZoneInfo:
    """Return the zone the customer was last met in, else that of the country, else the `default`."""
    situation = customer.facets.situation
    if situation is not None:
        told = named_zone(situation.text("time_zone") or "")
        told = told or named_zone(ZONE_OF_COUNTRY.get((situation.text("country") or "").upper(), ""))
        if told is not None:
            return told
    return named_zone(default) or UTC


def minute_of_day(at_ms: int, zone: ZoneInfo) -> int:
    """Return the minutes since midnight that the clock shows."""
    local = _local(at_ms, zone)
    return local.hour * 60 + local.minute


def within(hours: QuietHours, minute: int) -> bool:
    """Whether a minute of the day lies from `start_minute` up to `end_minute`; from a minute to itself is never.

    >>> [within(QuietHours(22 * 60, 8 * 60), minute) for minute in (21 * 60 + 59, 22 * 60, 7 * 60 + 59, 8 * 60)]
    [False, True, True, False]
    """
    if hours.start_minute <= hours.end_minute:
        return hours.start_minute <= minute < hours.end_minute
    return minute >= hours.start_minute or minute < hours.end_minute


def end_of(hours: QuietHours, at_ms: int, zone: ZoneInfo) -> int:
    """Return the first time after `at_ms` at which the clock shows the end of these hours, or leaps over it.

    Where the clock goes back over it, that is the first time it shows it; when that has passed, the second.
    """
    today = _local(at_ms, zone).date()
    times = (  # in their order
        _shows(today + days * _DAY, hours.end_minute, zone, fold)
        for days in range(3)  # the third where the end was today and tomorrow is left out: zones cross the date line
        for fold in (0, 1)
    )
    return next(end_ms for end_ms in times if end_ms > at_ms and not within(hours, minute_of_day(end_ms, zone)))


def period_of(calendar: Literal["day", "week", "month"], at_ms: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return the start and the end (exclusive) of the customer's day, week (from Monday) or month around `at_ms`."""
    day = _local(at_ms, zone).date()
    if calendar == "week":
        day -= day.weekday() * _DAY
        after = day + 7 * _DAY
    elif calendar == "month":
        day = day.replace(day=1)
        after = (day + 31 * _DAY).replace(day=1)
    else:
        after = day + _DAY
    return _shows(day, 0, zone), _shows(after, 0, zone)


def _local(at_ms: int, zone: ZoneInfo) -> datetime:
    return (EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone)


def _shows(day: date, minute: int, zone: ZoneInfo, fold: int = 0) -> int:
    """Return when the clock shows this; where it leaps over it, the moment of the leap.

    `fold` chooses between the two times it does where it goes back.
    """
    shown = datetime(day.year, day.month, day.day, minute // 60 % 24, minute % 60, tzinfo=zone, fold=fold)
    at_ms = epoch_ms(shown)
    if _local(at_ms, zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return at_ms
    before, after = sorted((epoch_ms(shown.replace(fold=0)), epoch_ms(shown.replace(fold=1))))
    old = _local(before, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if _local(middle, zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after

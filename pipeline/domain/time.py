"""Times and durations: integer milliseconds inside, RFC 3339 in UTC and `15s 30m 4h 7d` for people."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

Clock: TypeAlias = Literal["wall", "event"]
"""What timers run on: the time of day, or the time that the stream itself tells."""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_EPOCH_IN_UTC = EPOCH.replace(tzinfo=None)  # written without a zone, which takes half the time

_UNITS_MS = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_FIRST_MS = -62_135_596_800_000  # 0001-01-01, the first and last moments RFC 3339 can write
_LAST_MS = 253_402_300_799_999


def rfc3339(at_ms: int) -> str:
    """Return a time as RFC 3339 text in UTC with milliseconds; what lies outside the years 1 to 9999 is clamped.

    >>> rfc3339(1_790_000_000_123)
    '2026-09-21T14:13:20.123Z'
    """
    if not _FIRST_MS <= at_ms <= _LAST_MS:
        at_ms = min(max(at_ms, _FIRST_MS), _LAST_MS)
    return (_EPOCH_IN_UTC + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds") + "Z"


def epoch_ms(moment: datetime) -> int:
    """Return a moment that has a zone as whole milliseconds since 1970, rounded down, without a float on the way.

    >>> epoch_ms(datetime.fromisoformat("2026-09-21T16:13:20.123999+02:00"))
    1790000000123
    """
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def parse_duration(text: str) -> int:
    """Return the milliseconds of `15s`, `30m`, `4h` or `7d`; ValueError says what a duration looks like.

    >>> parse_duration("30m")
    1800000
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        message = f"{text!r} is not a duration: write a whole number and a unit, as in 15s, 30m, 4h or 7d"
        raise ValueError(message)
    return int(match[1]) * _UNITS_MS[match[2]]


def duration_written(duration_ms: int) -> str:
    """Return a duration of whole seconds as `parse_duration` reads it, in the largest unit that is whole.

    >>> duration_written(90 * MINUTE_MS), duration_written(7 * DAY_MS)
    ('90m', '7d')
    """
    unit = next(unit for unit in "dhms" if duration_ms % _UNITS_MS[unit] == 0 or unit == "s")
    return f"{duration_ms // _UNITS_MS[unit]}{unit}"


def duration_text(duration_ms: int) -> str:
    """Return a duration as a person would say it, in the largest unit (up to minutes below two hours) that is whole.

    >>> duration_text(60 * MINUTE_MS), duration_text(2 * DAY_MS), duration_text(90_000)
    ('60 min', '2 days', '90 s')
    """
    if duration_ms >= 2 * DAY_MS and duration_ms % DAY_MS == 0:
        return f"{duration_ms // DAY_MS} days"
    if duration_ms >= 2 * HOUR_MS and duration_ms % HOUR_MS == 0:
        return f"{duration_ms // HOUR_MS} h"
    if duration_ms >= MINUTE_MS and duration_ms % MINUTE_MS == 0:
        return f"{duration_ms // MINUTE_MS} min"
    return f"{duration_ms / SECOND_MS:g} s"

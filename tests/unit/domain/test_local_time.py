"""The customer's clock: zones known and unknown, and both changes of the clock."""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.domain.arbiter.policy import QuietHours
from pipeline.domain.countries import ZONE_OF_COUNTRY
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import Context
from pipeline.domain.facets import Facets
from pipeline.domain.facets.situation import Situation
from pipeline.domain.local_time import end_of, minute_of_day, named_zone, period_of, within, zone_of
from pipeline.domain.time import epoch_ms, rfc3339
from tests.unit.domain.triggers.story import hours


def ms(text: str) -> int:
    return epoch_ms(datetime.fromisoformat(text))


def met(**known: str) -> Draft:
    situation = Situation(replace(Context(), **known))
    return Draft(CustomerState("default", "customer-1", facets=Facets(situation=situation)))


@pytest.mark.parametrize(
    ("known", "zone"),
    [
        ({"time_zone": "Asia/Kolkata", "country": "DE"}, "Asia/Kolkata"),
        ({"country": "DE"}, "Europe/Berlin"),
        ({"country": "de"}, "Europe/Berlin"),
        ({"country": "US"}, "America/New_York"),
        ({"country": "AU"}, "Australia/Sydney"),
        ({"time_zone": "Mars/Olympus", "country": "FR"}, "Europe/Paris"),
        ({"time_zone": "Mars/Olympus", "country": "XX"}, "Europe/Vienna"),
        ({"city": "Graz"}, "Europe/Vienna"),
        ({}, "Europe/Vienna"),
    ],
)
def test_b26_the_zone_is_the_customers_own_else_the_countrys_else_the_default(known: dict[str, str], zone: str) -> None:
    assert zone_of(met(**known), "Europe/Vienna").key == zone


def test_b26_nobody_was_met_yet_and_the_default_is_nonsense_then_it_is_utc() -> None:
    assert zone_of(Draft(CustomerState("default", "customer-1")), "nowhere").key == "UTC"


@pytest.mark.parametrize("name", ["", "Europe", "Europe/", "localtime", "posix/Europe/Berlin", "../UTC", "/etc/passwd"])
@pytest.mark.parametrize("more", ["", "\x00", "x" * 5_000])
def test_what_is_no_zone_is_none_and_breaks_nothing(name: str, more: str) -> None:
    assert named_zone(name + more) is None


def test_every_country_has_a_zone_of_its_own_as_the_iana_database_lists_them() -> None:
    listed: dict[str, set[str]] = {}
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            listed.setdefault(country, set()).add(zone)

    assert listed.keys() == ZONE_OF_COUNTRY.keys()
    for country, zone in ZONE_OF_COUNTRY.items():
        assert zone in listed[country]
        assert named_zone(zone) is not None


@pytest.mark.parametrize(
    ("zone", "quiet", "now", "until"),
    [
        # any night
        ("Europe/Berlin", "22:00-08:00", "2026-11-24T22:00:00+01:00", "2026-11-25T08:00:00+01:00"),
        ("Europe/Berlin", "22:00-08:00", "2026-11-25T07:59:59+01:00", "2026-11-25T08:00:00+01:00"),
        ("Europe/Berlin", "13:00-15:00", "2026-11-25T14:00:00+01:00", "2026-11-25T15:00:00+01:00"),
        # the night that is an hour shorter, and the one that is longer
        ("Europe/Berlin", "22:00-08:00", "2027-03-27T23:00:00+01:00", "2027-03-28T08:00:00+02:00"),
        ("Europe/Berlin", "22:00-08:00", "2026-10-24T23:00:00+02:00", "2026-10-25T08:00:00+01:00"),
        # an end the clock leaps over: at once when it leaps, from 02:00 to 03:00
        ("Europe/Berlin", "22:00-02:30", "2027-03-27T23:00:00+01:00", "2027-03-28T03:00:00+02:00"),
        ("Europe/Berlin", "22:00-02:30", "2027-03-28T01:59:59+01:00", "2027-03-28T03:00:00+02:00"),
        ("Europe/Berlin", "22:00-02:00", "2027-03-28T01:00:00+01:00", "2027-03-28T03:00:00+02:00"),
        # an end the clock shows twice: the first time, and if that is over the second
        ("Europe/Berlin", "22:00-02:30", "2026-10-25T02:10:00+02:00", "2026-10-25T02:30:00+02:00"),
        ("Europe/Berlin", "22:00-02:30", "2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00"),
        # half an hour off, no change of the clock, both sides of the date line, a change at midnight, a day left out
        ("Asia/Kolkata", "22:00-08:00", "2026-11-24T23:00:00+05:30", "2026-11-25T08:00:00+05:30"),
        ("America/St_Johns", "22:00-08:00", "2027-03-13T23:30:00-03:30", "2027-03-14T08:00:00-02:30"),
        ("Asia/Tokyo", "22:00-08:00", "2026-11-24T23:00:00+09:00", "2026-11-25T08:00:00+09:00"),
        ("Pacific/Kiritimati", "22:00-08:00", "2026-11-24T23:00:00+14:00", "2026-11-25T08:00:00+14:00"),
        ("Asia/Beirut", "22:00-00:15", "2026-03-28T23:00:00+02:00", "2026-03-29T01:00:00+03:00"),
        ("Pacific/Apia", "22:00-08:00", "2011-12-29T23:00:00-10:00", "2011-12-31T08:00:00+14:00"),
    ],
)
def test_b26_quiet_hours_end_when_the_customers_clock_says_so(zone: str, quiet: str, now: str, until: str) -> None:
    where = named_zone(zone)
    assert where is not None
    assert within(hours(quiet), minute_of_day(ms(now), where))

    end_ms = end_of(hours(quiet), ms(now), where)

    assert rfc3339(end_ms) == rfc3339(ms(until))
    assert not within(hours(quiet), minute_of_day(end_ms, where))


@settings(max_examples=500, deadline=None)
@given(
    zone=st.sampled_from(sorted(set(ZONE_OF_COUNTRY.values()) | {"Australia/Lord_Howe", "America/Adak", "UTC"})),
    minutes=st.integers(0, 45 * 366 * 24 * 60),
    quiet=st.tuples(st.integers(0, 24 * 60 - 1), st.integers(0, 24 * 60 - 1)),
)
def test_b26_in_whatever_zone_and_year_quiet_hours_end_after_now_and_when_the_clock_shows_it_or_leaps_over(
    zone: str, minutes: int, quiet: tuple[int, int]
) -> None:
    where, now, hours_ = named_zone(zone), ms("1995-01-01T00:00:00Z") + minutes * 60_000, QuietHours(*quiet)
    assert where is not None

    end_ms = end_of(hours_, now, where)

    shown, before = minute_of_day(end_ms, where), minute_of_day(end_ms - 60_000, where)
    assert now < end_ms < now + ms("1970-01-03T02:00:00Z")
    assert not within(hours_, shown)
    assert shown == hours_.end_minute or (shown - before) % 1_440 > 1


@pytest.mark.parametrize(
    ("calendar", "now", "start", "end"),
    [
        ("day", "2026-11-24T00:00:00+01:00", "2026-11-24T00:00:00+01:00", "2026-11-25T00:00:00+01:00"),
        ("day", "2027-03-28T12:00:00+02:00", "2027-03-28T00:00:00+01:00", "2027-03-29T00:00:00+02:00"),
        ("day", "2026-10-25T12:00:00+01:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"),
        ("week", "2026-11-29T23:59:59+01:00", "2026-11-23T00:00:00+01:00", "2026-11-30T00:00:00+01:00"),
        ("month", "2026-12-31T23:59:59+01:00", "2026-12-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00"),
        ("month", "2027-02-01T00:00:00+01:00", "2027-02-01T00:00:00+01:00", "2027-03-01T00:00:00+01:00"),
    ],
)
def test_days_weeks_and_months_are_those_of_the_customers_calendar(
    calendar: str, now: str, start: str, end: str
) -> None:
    berlin = named_zone("Europe/Berlin")
    assert berlin is not None

    assert period_of(calendar, ms(now), berlin) == (ms(start), ms(end))  # type: ignore[arg-type]

"""Small words: times, durations, money."""

from __future__ import annotations

import pytest

from pipeline.domain.money import money_text
from pipeline.domain.time import duration_text, parse_duration, rfc3339


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_795_514_400_007, "2026-11-24T10:00:00.007Z"),
        (10**18, "9999-12-31T23:59:59.999Z"),
        (-(10**18), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_written_in_utc_with_milliseconds(at_ms: int, text: str) -> None:
    assert rfc3339(at_ms) == text


@pytest.mark.parametrize(
    ("text", "duration_ms"), [("15s", 15_000), ("30m", 1_800_000), ("4h", 14_400_000), ("7d", 604_800_000)]
)
def test_durations_are_read(text: str, duration_ms: int) -> None:
    assert parse_duration(text) == duration_ms


@pytest.mark.parametrize("text", ["", "1", "h", "1.5h", "-1h", "1 h", "1w", "1h30m", "١h"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="15s, 30m, 4h or 7d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "text"), [("15s", "15 s"), ("60m", "60 min"), ("4h", "4 h"), ("24h", "24 h"), ("7d", "7 days")]
)
def test_durations_are_said_as_people_say_them(duration: str, text: str) -> None:
    assert duration_text(parse_duration(duration)) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (5998, "EUR", "59.98 EUR"),
        (5, "EUR", "0.05 EUR"),
        (1200, "JPY", "1200 JPY"),
        (1234, "KWD", "1.234 KWD"),
        (50, "XXX", "0.50"),
    ],
)
def test_money_is_written_with_the_digits_of_its_currency(amount: int, currency: str, text: str) -> None:
    assert money_text(amount, currency) == text

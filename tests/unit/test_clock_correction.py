"""Clocks of phones and tills that are wrong: when an event was sent says by how much (B23)."""

from __future__ import annotations

import pytest

from pipeline.channel_reader import ChannelReader
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.messages.to_identity import Observed
from pipeline.streaming.ingest import Ingested
from pipeline.streaming.units import Record

NOON_MS = 1_795_521_600_000  # 2026-11-24T12:00:00Z
HOUR_MS = 3_600_000


def read(occurred_ms: int, sent_ms: int | None, received_ms: int, event_clock: bool = False) -> Ingested:
    event = ChannelEvent("e-1", "page_viewed", "app", occurred_ms, {"device": "d-1"}, sent_at_ms=sent_ms)

    class Told:
        def decode(self, value: bytes | None) -> ChannelEvent:
            return event

    reader = ChannelReader(Told(), IdentityConfig(), event_clock)  # type: ignore[arg-type]
    return reader(Record(0, received_ms, None, b""))


def observed(ingested: Ingested) -> Observed:
    assert isinstance(ingested.message, Observed)
    return ingested.message


@pytest.mark.parametrize("ahead_ms", [3 * HOUR_MS, -26 * HOUR_MS, -50 * 365 * 24 * HOUR_MS])
def test_b23_an_event_of_a_wrong_clock_counts_when_it_really_happened(ahead_ms: int) -> None:
    """It happened ten minutes before it was sent, whatever the clock said."""
    sent_ms = NOON_MS + ahead_ms

    ingested = read(sent_ms - 600_000, sent_ms, NOON_MS)

    assert ingested.occurred_at_ms == NOON_MS - 600_000
    assert ingested.counts == (("clocks_corrected", "app"),)


def test_seconds_on_the_way_are_no_wrong_clock() -> None:
    ingested = read(NOON_MS - 600_000, NOON_MS - 5_000, NOON_MS)

    assert ingested.occurred_at_ms == NOON_MS - 600_000
    assert ingested.counts == ()


def test_what_a_phone_gathered_without_a_network_keeps_its_times() -> None:
    ingested = read(NOON_MS - 8 * HOUR_MS, NOON_MS, NOON_MS + 2_000)

    assert ingested.occurred_at_ms == NOON_MS - 8 * HOUR_MS


def test_a_second_sending_is_the_same_event_although_it_is_corrected_by_another_amount() -> None:
    first = read(NOON_MS, NOON_MS + 1_000, NOON_MS + HOUR_MS)
    second = read(NOON_MS, NOON_MS + 60_000, NOON_MS + 2 * HOUR_MS)

    assert observed(first).digest == observed(second).digest


def test_on_the_event_clock_nothing_is_corrected() -> None:
    ingested = read(NOON_MS, NOON_MS + 5 * HOUR_MS, NOON_MS + 5 * HOUR_MS, event_clock=True)

    assert ingested.occurred_at_ms == NOON_MS
    assert ingested.counts == ()

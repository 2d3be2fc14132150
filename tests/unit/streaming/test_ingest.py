"""Ingest of one channel partition: when its source counts as handled, how its units are cut, when it gives up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.messages.to_identity import Observed
from pipeline.streaming import ingest
from pipeline.streaming.envelope import EnvelopeDecoder
from pipeline.streaming.ingest import Fuse, FuseBlown, Ingested, IngestPartition
from pipeline.streaming.units import Output, Record

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""


class OnePlace:
    """One partition for all."""

    def inbox(self, actor: str, key: str) -> tuple[str, int]:
        """Return it."""
        return f"{actor}.inbox", 0

    def record(self, publish: Any) -> Output:
        """Publish nothing in these tests."""
        raise AssertionError(publish)


def letter(topic: str, partition: int, record: Record, reason: str, detail: str) -> Output:
    return Output("deadletter", 0, None, record.value or b"")


def observed(at_ms: int) -> Ingested:
    message = Observed("default", (("account", "u-1"),), "e", at_ms, at_ms, 0, Raw(b"\xc0"))
    return Ingested("key", at_ms, message, at_ms)


def control(at_ms: int) -> Ingested:
    return Ingested("", at_ms, None, at_ms)


def reading(read: Callable[[Record], Ingested], event_clock: bool = True, fuse: Fuse | None = None) -> IngestPartition:
    return IngestPartition("channel.web", 0, read, letter, OnePlace(), fuse or Fuse(0.5, 1_000), event_clock)


@pytest.mark.parametrize(("event_clock", "reached_ms"), [(True, TEN), (False, TEN + 5)])
def test_the_source_has_come_so_far_only_when_what_it_caused_is_delivered(event_clock: bool, reached_ms: int) -> None:
    partition = reading(lambda record: control(TEN), event_clock)

    (unit,) = partition.apply([Record(0, TEN + 5, None, b"")])
    assert partition.watermark is None

    partition.durable(unit, -1)
    assert partition.watermark == reached_ms


def test_on_an_event_clock_another_event_of_the_same_instant_may_follow_an_event_but_not_a_control_event() -> None:
    partition = reading(lambda record: observed(TEN) if record.value else control(TEN))

    (event,) = partition.apply([Record(0, TEN, None, b"event")])
    partition.durable(event, -1)
    after_event = partition.watermark
    (said,) = partition.apply([Record(1, TEN, None, None)])
    partition.durable(said, -1)

    assert (after_event, partition.watermark) == (TEN - 1, TEN)


def test_late_events_do_not_take_back_a_watermark_that_an_owner_before_has_committed() -> None:
    partition = reading(lambda record: observed(TEN - 60_000))
    partition.watermark = TEN

    (unit,) = partition.apply([Record(0, TEN, None, b"late")])
    partition.durable(unit, -1)

    assert partition.watermark == TEN


def test_an_envelope_tells_the_earliest_and_latest_append_though_append_times_step_back() -> None:
    partition = reading(lambda record: observed(TEN))

    (unit,) = partition.apply([Record(0, 2_000, None, b""), Record(1, 3_000, None, b""), Record(2, 1_000, None, b"")])

    sent = EnvelopeDecoder[Observed](Observed).decode(unit.outputs[0].value)
    assert (sent.first_ms, sent.last_ms) == (1_000, 3_000)


def test_large_records_make_several_units_each_of_which_may_be_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "MAX_UNIT_BYTES", 100_000)
    partition = reading(lambda record: observed(TEN))

    units = list(partition.apply([Record(offset, TEN, None, bytes(60_000)) for offset in range(5)]))

    assert [(unit.handled, unit.next_offset) for unit in units] == [(2, 2), (2, 4), (1, 5)]


def test_a_blown_fuse_says_what_is_wrong_with_the_records_that_it_keeps_from_the_dead_letters() -> None:
    def read(record: Record) -> Ingested:
        if record.offset == 0:
            raise InvalidEvent(InvalidReason.NO_CHANNEL, "channel is empty")
        raise InvalidEvent(InvalidReason.BAD_TIME, "occurred_at_ms = 7")

    partition = reading(read, fuse=Fuse(0.5, 3))

    with pytest.raises(FuseBlown, match="2 of 3 are bad_time, for example: occurred_at_ms = 7"):
        list(partition.apply([Record(offset, TEN, None, b"") for offset in range(3)]))


def test_a_unit_tells_when_its_first_readable_event_occurred() -> None:
    def read(record: Record) -> Ingested:
        if record.offset == 0:
            raise InvalidEvent(InvalidReason.BAD_TIME, "no")
        return observed(TEN + record.offset)

    (unit,) = reading(read).apply([Record(offset, TEN, None, b"") for offset in range(3)])

    assert unit.occurred_ms == TEN + 1


def test_how_long_ago_the_catalogue_was_changed_is_not_told_as_a_delay_of_events() -> None:
    def read(record: Record) -> Ingested:
        return replace(observed(TEN - 31_536_000_000), actor="product") if record.offset < 2 else observed(TEN)

    partition = reading(read)

    (of_catalog,) = partition.apply([Record(offset, TEN, None, b"") for offset in range(2)])
    (of_both,) = partition.apply([Record(offset, TEN, None, b"") for offset in range(3)])

    assert (of_catalog.occurred_ms, of_both.occurred_ms) == (0, TEN)

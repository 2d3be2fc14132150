"""All events of a history in the order of their times, on the embedded engine and on a real server."""

from __future__ import annotations

import pytest

from pipeline.domain.events import ChannelEvent
from pipeline.history import stored_events
from pipeline.history.rows import Kind, Row
from pipeline.history.stored_events import StoredEvents, event_of, selected
from pipeline.history.writer import HistoryWriter
from tests.history_rows import CHANGE, FULL_EVENT, ORIGIN, TEN_O_CLOCK, event_row
from tests.unit.history.test_stored_events import again

pytestmark = pytest.mark.clickhouse

MINUTE_MS = 60_000


def happened(minute: int, event_id: str = "", **fields: int) -> Row:
    at_ms = TEN_O_CLOCK + minute * MINUTE_MS
    received = {"received_at_ms": at_ms} | fields
    return event_row(event_id or f"e-{minute}", minute, occurred_at_ms=at_ms, **received)


def ids(events: StoredEvents) -> list[str]:
    return [event.event_id for event in events]


def test_an_event_comes_back_from_the_database_as_from_its_row(history: HistoryWriter) -> None:
    history.write([Row(Kind.EVENT, FULL_EVENT, "channel.web/3", 0, ORIGIN)])

    (row,) = history.engine.query(f"SELECT {selected()} FROM events").objects()

    assert event_of(row) == again(FULL_EVENT)


def test_events_come_by_time_whatever_the_order_they_were_written_in_and_each_once(
    history: HistoryWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_events, "SLICE_ROWS", 4)
    minutes = [400, 3, 59, 7, 120, 61, 5, 60, 1_500, 11, 2, 10]  # eight of them in one hour, hours without any
    for minute in minutes:
        history.write([happened(minute), happened(minute)])

    events = StoredEvents(history.engine)

    assert events.count == 12
    assert ids(events) == ids(events) == [f"e-{minute}" for minute in sorted(minutes)]


def test_of_the_same_time_the_one_received_first_comes_first(history: HistoryWriter) -> None:
    history.write([happened(0, "b", received_at_ms=TEN_O_CLOCK + 9), happened(0, "a", received_at_ms=TEN_O_CLOCK + 10)])

    assert ids(StoredEvents(history.engine)) == ["b", "a"]


def test_a_span_takes_its_start_and_leaves_its_end_and_what_an_operator_blocked_is_told_in_its_place(
    history: HistoryWriter,
) -> None:
    block = [
        Row(Kind.IDENTITY_CHANGE, change, "identity.changes/0", number, ORIGIN)
        for number, change in enumerate(
            CHANGE.__class__(
                f"i-{minute}", "default", "blocked", "customer-1", "phone", "+491701", "operator",
                f"block-{minute}", TEN_O_CLOCK + minute * MINUTE_MS,
            )
            for minute in (1, 3, 9)
        )
    ]  # fmt: skip
    history.write([*(happened(minute) for minute in range(8)), *block])

    events = StoredEvents(history.engine, TEN_O_CLOCK + 2 * MINUTE_MS, TEN_O_CLOCK + 5 * MINUTE_MS)

    assert ids(events) == ["e-2", "e-3", "block-3", "e-4"]
    at_ms = TEN_O_CLOCK + 3 * MINUTE_MS
    blocked = ChannelEvent("block-3", "identifier_blocked", "operator", at_ms, {"phone": "+491701"})
    assert list(events)[2] == blocked


def test_what_is_received_while_the_events_are_read_is_left_out_so_that_they_stay_the_same(
    history: HistoryWriter,
) -> None:
    history.write([happened(5), happened(1)])
    events = StoredEvents(history.engine)

    history.write([happened(3, received_at_ms=TEN_O_CLOCK + 6 * MINUTE_MS)])

    assert ids(events) == ["e-1", "e-5"]
    assert ids(StoredEvents(history.engine)) == ["e-1", "e-3", "e-5"]


def test_an_empty_history_has_none(history: HistoryWriter) -> None:
    events = StoredEvents(history.engine)

    assert (events.count, ids(events)) == (0, [])

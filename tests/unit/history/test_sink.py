from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError
from msgspec.structs import replace
from prometheus_client import REGISTRY

from pipeline.history.ages import SAMPLED_ROWS
from pipeline.history.batch import Batch
from pipeline.history.engine import HistoryUnavailable, RowsRefused
from pipeline.history.rows import Row
from pipeline.history.sink import AGAIN_ROWS, FULL_ROWS, Sink
from pipeline.history.writer import HistoryWriter
from pipeline.settings import load_settings
from pipeline.streaming import envelope
from pipeline.streaming.envelope import Entry, Envelope
from pipeline.streaming.ingest import FuseBlown
from pipeline.wire.records import encode_record
from tests.history_rows import DECISION, TRIGGER, arrived

PLACE = TopicPartition("decisions", 0)


class Message(NamedTuple):
    offset: int
    value: bytes | None = encode_record(DECISION)
    topic: str = "decisions"
    partition: int = 0
    timestamp: int = 0
    key: bytes | None = None


class Story:
    """A consumer, a database and a clock in one; `log` is what they were asked to do, in order."""

    def __init__(self, *polls: Sequence[Message], seconds_per_poll: float = 0.25) -> None:
        self.log: list[str] = []
        self.stop = threading.Event()
        self.now = 100.0
        self.paused = False
        self.refusals = 0
        self.broker_errors = 0
        self.commit_errors = 0
        self.mine = {PLACE}
        self.end = 0
        self.committed_before: int | None = None
        self.unstorable = 0
        self.write_seconds = 0.0
        self.on_poll: Callable[[], None] = lambda: None
        self._polls = list(polls)
        self._pace = seconds_per_poll

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Message]]:
        self.now += self._pace
        if self.broker_errors:
            self.broker_errors -= 1
            raise KafkaConnectionError("refused")
        self.on_poll()
        if self.paused:
            return {}
        if not self._polls:
            self.stop.set()
            return {}
        messages = self._polls.pop(0)
        return {PLACE: list(messages)} if messages else {}

    def assignment(self) -> set[TopicPartition]:
        return self.mine

    def committed(self, _place: TopicPartition, timeout_ms: int) -> int | None:
        return self.committed_before

    def highwater(self, _place: TopicPartition) -> int:
        return self.end

    def pause(self, *_places: TopicPartition) -> None:
        self.paused = True

    def resume(self, *_places: TopicPartition) -> None:
        self.paused = False

    def commit(self, offsets: dict[TopicPartition, Any], timeout_ms: int) -> None:
        if self.commit_errors:
            self.commit_errors -= 1
            self.log.append("not committed")
            raise KafkaConnectionError("refused")
        self.log.append(f"commit {offsets[PLACE].offset}")

    def store(self, batch: Batch) -> None:
        if self.refusals:
            self.refusals -= 1
            self.log.append("away")
            raise HistoryUnavailable("away")
        if self.unstorable:
            raise RowsRefused("one of these")
        self.log.append(f"write {batch.rows} at {self.now:.2f}")
        self.now += self.write_seconds

    def write(self, rows: Sequence[Row]) -> int:
        self.log.append(f"write {len(rows)} one by one")
        return self.unstorable

    def close(self, autocommit: bool = False) -> None:
        self.log.append("close")

    def run(self) -> list[str]:
        settings = load_settings(environ={}, fuse_min_records=100)
        Sink(cast(Any, self), settings, lambda: cast(HistoryWriter, self), clock=lambda: self.now).run(self.stop)
        return self.log


def test_an_offset_is_committed_only_after_its_rows_are_stored() -> None:
    story = Story([Message(0), Message(1)])

    assert story.run() == ["write 2 at 100.25", "commit 2"]


def test_the_first_row_after_a_pause_is_written_at_once_and_the_next_a_second_later() -> None:
    story = Story([Message(0)], [Message(1)], [Message(2)], [], [], [Message(3)], [], [], [], [])

    log = story.run()

    assert log[::2] == ["write 1 at 100.25", "write 2 at 101.25", "write 1 at 102.25"]


@pytest.mark.parametrize(
    ("write_seconds", "begun_at"),
    [
        (0.25, ["100.12", "101.12", "102.12"]),  # a second after the last was begun
        (0.75, ["100.12", "101.38", "102.62"]),  # half a second after it was done
        (3.0, ["100.12", "103.62", "107.12"]),
    ],
)
def test_a_slow_database_is_written_to_once_a_second_and_after_half_a_second_of_collecting(
    write_seconds: float, begun_at: list[str]
) -> None:
    story = Story(*([Message(offset)] for offset in range(40)), seconds_per_poll=0.125)
    story.write_seconds = write_seconds

    writes = story.run()[::2]

    assert [line.rpartition(" ")[2] for line in writes[:3]] == begun_at


def test_a_full_hand_takes_nothing_more_in_until_its_second_is_over() -> None:
    half = [Message(offset) for offset in range(FULL_ROWS // 2)]
    story = Story([Message(0)], half, half, [Message(1)], seconds_per_poll=0.125)
    paused_at: list[float] = []
    story.on_poll = lambda: paused_at.append(story.now) if story.paused else None

    log = story.run()

    assert log[::2] == ["write 1 at 100.12", f"write {FULL_ROWS} at 101.12", "write 1 at 101.38"]
    assert paused_at == [100.5, 100.625, 100.75, 100.875, 101.0, 101.125]


def test_of_rows_that_the_database_refuses_the_batch_is_looked_at_one_by_one() -> None:
    story = Story([Message(0), Message(1)])
    story.unstorable = 1

    assert story.run() == ["write 2 one by one", "commit 2"]


def test_b35_while_the_database_is_away_nothing_is_taken_in_committed_or_lost() -> None:
    story = Story([Message(0)], [Message(1)])
    story.refusals = 3

    log = story.run()

    assert log == ["away", "close", "away", "close", "away", "close", "write 1 at 103.75", "commit 1", *log[-2:]]
    assert log[-1] == "commit 2"


def test_a_stop_while_the_database_is_away_commits_nothing() -> None:
    story = Story([Message(0)])
    story.refusals = 1000
    story.on_poll = lambda: story.stop.set() if story.now > 120 else None

    assert not any(line.startswith(("commit", "write")) for line in story.run())


def test_what_was_taken_away_in_a_rebalance_is_not_committed() -> None:
    story = Story([Message(0)])
    story.mine = set()

    assert story.run() == ["write 1 at 100.25"]


def test_a_stop_stores_and_commits_what_is_in_hand() -> None:
    story = Story([Message(0)], [Message(1)])

    assert story.run()[-2:] == ["write 1 at 100.75", "commit 2"]


def test_b39_a_broker_that_is_away_is_waited_for() -> None:
    story = Story([Message(0)])
    story.broker_errors = 3

    assert story.run() == ["write 1 at 101.00", "commit 1"]


def test_b39_an_offset_that_could_not_be_committed_is_committed_a_second_later_without_new_rows() -> None:
    story = Story([Message(0)], [], [], [], [], [], [])
    story.commit_errors = 1

    assert story.run() == ["write 1 at 100.25", "not committed", "commit 1"]


def test_messages_without_rows_are_committed_once_a_second_and_not_at_each_poll() -> None:
    tombstones = [[Message(offset, value=None)] for offset in range(9)]

    assert Story(*tombstones).run() == ["commit 1", "commit 5", "commit 9"]


def test_far_too_much_that_cannot_be_read_stops_history_before_it_is_committed() -> None:
    story = Story([Message(offset, value=b"rubbish") for offset in range(100)])

    with pytest.raises(FuseBlown, match=r"decisions/0: 100 of the last 100 .* not a decision"):
        story.run()
    assert story.log == []


def test_far_too_much_that_cannot_be_stored_stops_history_before_it_is_committed() -> None:
    story = Story([Message(offset) for offset in range(100)])
    story.unstorable = 60

    with pytest.raises(FuseBlown, match="the database: 60 of the last 100"):
        story.run()
    assert story.log == ["write 100 one by one"]


def skipped() -> float:
    labels = {"what": "offsets_skipped", "reason": "decisions"}
    return REGISTRY.get_sample_value("omni_counted_total", labels) or 0


@pytest.mark.parametrize(
    ("committed", "offsets", "gone"),
    [
        (None, (5, 6), 0),  # a new group begins with what there is
        (5, (5, 6), 0),
        (2, (5, 6), 3),  # went while history was down
        (5, (5, 9), 3),  # while its database was away
        (7, (5, 6), 0),  # read again
    ],
)
def test_records_that_kafka_removed_before_they_were_stored_are_counted_and_told(
    caplog: pytest.LogCaptureFixture, committed: int | None, offsets: tuple[int, int], gone: int
) -> None:
    story = Story(*([Message(offset)] for offset in offsets))
    story.committed_before = committed
    before = skipped()

    story.run()

    assert skipped() - before == gone
    assert ("are gone, not stored" in caplog.text) == bool(gone)


def test_where_no_row_can_be_stored_history_stops_before_it_has_tried_all_of_them() -> None:
    story = Story([Message(offset) for offset in range(3 * AGAIN_ROWS)])
    story.unstorable = AGAIN_ROWS

    with pytest.raises(FuseBlown, match="the database"):
        story.run()
    assert story.log == [f"write {AGAIN_ROWS} one by one"]


def test_why_a_record_is_refused_stands_in_its_dead_letter_and_of_its_text_nothing_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Story([Message(0, value=b"anna@example.com")]).run()

    assert caplog.messages == ["decisions/0, offset 0 is refused: undecodable; its dead letter says more"]


def test_what_is_refused_and_what_is_left_to_do_can_be_seen_from_outside() -> None:
    before = REGISTRY.get_sample_value("omni_history_refused_rows_total", {"reason": "undecodable"}) or 0
    story = Story([Message(0), Message(1, value=b"rubbish")])
    story.end = 12

    story.run()

    assert REGISTRY.get_sample_value("omni_history_refused_rows_total", {"reason": "undecodable"}) == before + 1
    assert REGISTRY.get_sample_value("omni_history_lag_records", {"topic": "decisions", "partition": "0"}) == 10


def test_a_partition_that_another_has_read_meanwhile_is_not_behind_when_it_comes_back() -> None:
    story = Story([Message(0)], *[[]] * 8)
    polls: list[int] = []

    def rebalance() -> None:
        polls.append(1)
        story.mine = set() if len(polls) == 2 else {PLACE}
        story.end = 1 if len(polls) < 2 else 9  # eight more, which the other one has read

    story.on_poll = rebalance

    story.run()

    assert REGISTRY.get_sample_value("omni_history_lag_records", {"topic": "decisions", "partition": "0"}) is None


def test_how_far_each_partition_is_behind_is_told_once_a_second_and_not_at_each_poll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[float] = []
    story = Story([Message(0)], *[[]] * 8)
    monkeypatch.setattr("pipeline.metrics.show", lambda *_: told.append(story.now))

    story.run()

    assert told == [100.25, 101.25, 102.25]


def test_while_rows_cannot_be_stored_the_delay_grows() -> None:
    story = Story([Message(0)])
    story.refusals = 1000
    story.on_poll = lambda: story.stop.set() if story.now > 120 else None

    story.run()

    assert (REGISTRY.get_sample_value("omni_history_delay_seconds") or 0) > 1_000_000  # the message is of 1970


def seen(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"{metric}_count", labels) or 0


def test_how_old_what_is_stored_has_become_is_sampled_by_rule_and_channel_of_each_write() -> None:
    triggers = [
        Message(offset, encode_record(TRIGGER), "triggers.cart_reminder") for offset in range(10 * SAMPLED_ROWS)
    ]
    story = Story(triggers)
    before = seen("omni_trigger_to_stored_seconds", rule="cart_reminder")

    story.run()

    assert seen("omni_trigger_to_stored_seconds", rule="cart_reminder") - before == SAMPLED_ROWS


def events(*channels: str) -> Message:
    entries = [Entry(number, "key", 1, arrived(f"e-{number}", channel=each)) for number, each in enumerate(channels)]
    return Message(0, envelope.encode(Envelope("identity/0", 1, 1, entries)), "customer.inbox")


def test_events_and_each_rules_triggers_are_sampled_however_many_decisions_come_before_them() -> None:
    reminder = encode_record(TRIGGER)
    back = encode_record(replace(TRIGGER, rule="win_back"))
    busy = [Message(number) for number in range(2 * SAMPLED_ROWS)]
    busy += [Message(number, reminder, "triggers.cart_reminder") for number in range(2 * SAMPLED_ROWS)]
    of_channel = seen("omni_occurred_to_stored_seconds", channel="web")
    of_rule = seen("omni_trigger_to_stored_seconds", rule="win_back")

    Story([*busy, events("web"), Message(0, back, "triggers.win_back")]).run()

    assert seen("omni_occurred_to_stored_seconds", channel="web") - of_channel == 1
    assert seen("omni_trigger_to_stored_seconds", rule="win_back") - of_rule == 1


def test_b13_a_revoke_bears_the_time_of_what_it_revokes_and_is_not_taken_for_late() -> None:
    revoke = encode_record(replace(TRIGGER, status="revoked"))
    before = seen("omni_trigger_to_stored_seconds", rule="cart_reminder")

    Story([Message(0, revoke, "triggers.cart_reminder")]).run()

    assert seen("omni_trigger_to_stored_seconds", rule="cart_reminder") == before


def test_an_event_of_a_channel_that_nobody_configured_is_measured_as_other() -> None:
    before = seen("omni_occurred_to_stored_seconds", channel="other")

    Story([events("web", "fridge")]).run()

    assert seen("omni_occurred_to_stored_seconds", channel="other") - before == 1
    assert seen("omni_occurred_to_stored_seconds", channel="fridge") == 0

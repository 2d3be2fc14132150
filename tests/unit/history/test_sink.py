from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError
from prometheus_client import REGISTRY

from pipeline.history.engine import HistoryUnavailable
from pipeline.history.rows import Row
from pipeline.history.sink import FULL_ROWS, Sink
from pipeline.history.writer import HistoryWriter
from pipeline.settings import load_settings
from pipeline.streaming.ingest import FuseBlown
from pipeline.wire.records import encode_record
from tests.history_rows import DECISION

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
        self.unstorable = 0
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

    def write(self, rows: Sequence[Row]) -> int:
        if self.refusals:
            self.refusals -= 1
            self.log.append("away")
            raise HistoryUnavailable("away")
        self.log.append(f"write {len(rows)} at {self.now:.2f}")
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


def test_a_full_hand_is_written_without_waiting_for_the_second() -> None:
    half = [Message(offset) for offset in range(FULL_ROWS // 2)]
    story = Story([Message(0)], half, half, seconds_per_poll=0.01)

    story.run()

    assert story.log[2] == f"write {FULL_ROWS} at 100.03"


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
    assert story.log == ["write 100 at 100.25"]


def test_what_is_refused_and_what_is_left_to_do_can_be_seen_from_outside() -> None:
    before = REGISTRY.get_sample_value("omni_history_refused_total", {"reason": "undecodable"}) or 0
    story = Story([Message(0), Message(1, value=b"rubbish")])
    story.end = 12

    story.run()

    assert REGISTRY.get_sample_value("omni_history_refused_total", {"reason": "undecodable"}) == before + 1
    assert REGISTRY.get_sample_value("omni_history_lag_records", {"topic": "decisions"}) == 10


def test_while_rows_cannot_be_stored_the_delay_grows() -> None:
    story = Story([Message(0)])
    story.refusals = 1000
    story.on_poll = lambda: story.stop.set() if story.now > 120 else None

    story.run()

    assert (REGISTRY.get_sample_value("omni_history_delay_seconds") or 0) > 1_000_000  # the message is of 1970

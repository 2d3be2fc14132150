from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from kafka import TopicPartition
from kafka.errors import KafkaConnectionError

from pipeline.history.engine import HistoryUnavailable
from pipeline.history.intake import Intake
from pipeline.history.rows import Row
from pipeline.history.sink import FULL_ROWS, Sink
from pipeline.history.writer import HistoryWriter
from pipeline.settings import load_settings
from pipeline.wire.records import encode_record
from tests.history_rows import DECISION

PLACE = TopicPartition("decisions", 0)


class Message(NamedTuple):
    offset: int
    value: bytes = encode_record(DECISION)
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

    def write(self, rows: Sequence[Row]) -> None:
        if self.refusals:
            self.refusals -= 1
            self.log.append("away")
            raise HistoryUnavailable("away")
        self.log.append(f"write {len(rows)} at {self.now:.2f}")

    def close(self, autocommit: bool = False) -> None:
        self.log.append("close")

    def run(self) -> list[str]:
        intake = Intake(load_settings(environ={}))
        Sink(cast(Any, self), intake, lambda: cast(HistoryWriter, self), clock=lambda: self.now).run(self.stop)
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

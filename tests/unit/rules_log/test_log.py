"""What the records of the topic `rules` mean: which versions there are, and from when each holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.domain.rules.book import UnreadableRules
from pipeline.rules_log.log import LEAD_MS, Applied, RulesLog

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
FILE, COMMAND = ("by", b"file"), ("by", b"command")


def text(version: str) -> str:
    return f"version: {version}\nrules: []\n"


class Log(RulesLog):
    """Takes records one after the other."""

    def __init__(self, event_clock: bool = False) -> None:
        super().__init__(event_clock)
        self.next = 0

    def say(
        self, version: str, at_ms: int, by: tuple[str, bytes] = FILE, from_ms: int | None = None, raw: str = ""
    ) -> Applied:
        headers = [by] if from_ms is None else [by, ("from", str(from_ms).encode())]
        self.next += 1
        return self.take(self.next - 1, at_ms, (raw or text(version)).encode(), headers)

    def version_at(self, at_ms: int) -> tuple[str, int]:
        rules = self.book.at(at_ms)
        return rules.version, rules.number


def test_the_first_rules_hold_from_the_beginning_for_without_any_nothing_is_handled() -> None:
    log = Log()

    assert log.say("v1", TEN).from_ms == 0
    assert log.version_at(0) == ("v1", 1)


def test_further_rules_hold_a_little_after_the_broker_took_them_so_that_every_worker_has_read_them() -> None:
    log = Log()
    log.say("v1", TEN)
    log.say("v2", TEN + 60_000)

    assert log.version_at(TEN + 60_000 + LEAD_MS - 1) == ("v1", 1)
    assert log.version_at(TEN + 60_000 + LEAD_MS) == ("v2", 2)


def test_workers_that_apply_the_same_change_at_once_make_one_version_of_it() -> None:
    log = Log()
    log.say("v1", TEN)
    first = log.say("v2", TEN + 1_000)

    assert log.say("v2", TEN + 1_001) is first
    assert len(log.book) == 2


def test_rules_that_come_back_after_others_are_a_version_of_their_own() -> None:
    log = Log()
    for version in ("v1", "v2", "v1"):
        log.say(version, TEN)

    assert log.version_at(TEN + LEAD_MS) == ("v1", 3)


def test_a_version_for_a_time_to_come_holds_from_then_on() -> None:
    log = Log()
    log.say("v1", TEN)
    log.say("friday", TEN, COMMAND, from_ms=TEN + 86_400_000)

    assert log.version_at(TEN + 86_399_999) == ("v1", 1)
    assert log.version_at(TEN + 86_400_000) == ("friday", 2)


def test_a_version_for_a_time_that_is_past_holds_as_soon_as_one_for_now() -> None:
    log = Log()
    log.say("v1", TEN)

    assert log.say("v2", TEN, COMMAND, from_ms=TEN - 86_400_000).from_ms == TEN + LEAD_MS


def test_a_version_for_later_can_be_brought_forward() -> None:
    log = Log()
    log.say("v1", TEN)
    log.say("friday", TEN, COMMAND, from_ms=TEN + 86_400_000)
    assert not log.says(text("friday"), TEN + LEAD_MS)
    log.say("friday", TEN, COMMAND)

    assert log.version_at(TEN + LEAD_MS) == ("friday", 3)


def test_on_the_event_clock_a_version_holds_from_the_time_given_however_long_ago_that_is() -> None:
    log = Log(event_clock=True)
    log.say("v1", TEN, FILE, from_ms=0)
    log.say("v2", TEN, COMMAND, from_ms=1_000)

    assert [log.version_at(at_ms)[0] for at_ms in (0, 999, 1_000)] == ["v1", "v1", "v2"]


def test_what_a_file_said_last_is_remembered_whatever_was_applied_by_command_since() -> None:
    log = Log()
    log.say("v1", TEN)
    log.say("v2", TEN, COMMAND)

    assert log.file_text == text("v1")
    assert log.says(text("v2"), TEN + LEAD_MS)


def test_old_rules_that_this_release_cannot_read_hinder_nobody_and_those_in_force_do(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    log = Log()
    log.say("", TEN, raw="rules: [{name: a, kind: horoscope}]")
    log.say("v2", TEN)
    log.say("", TEN + 60_000, raw="rules: [{name: b, kind: oracle}]")

    assert log.version_at(TEN + LEAD_MS) == ("v2", 2)
    assert log.book.judge("a", 1, TEN + LEAD_MS).version == "v2"
    with pytest.raises(UnreadableRules):
        log.book.at(TEN + 60_000 + LEAD_MS)
    assert "rules number 3:1: " in caplog.text


def test_what_somebody_else_put_on_the_topic_stops_nobody_from_applying_rules_anew() -> None:
    log = Log()
    log.say("v1", TEN)
    log.take(1, TEN, b"version: \xff\nrules: []\n", [("from", b"2026-11-27T00:00:00Z")])
    log.next = 2
    log.say("v3", TEN + 60_000)

    with pytest.raises(UnreadableRules, match="number 2"):
        log.version_at(TEN + LEAD_MS)
    assert log.version_at(TEN + 60_000 + LEAD_MS) == ("v3", 3)

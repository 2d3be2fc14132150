"""A broken producer: the worker stops and says so, and nothing of what it sent is lost."""

from __future__ import annotations

import pytest

from pipeline.domain.events import ChannelEvent
from pipeline.domain.records import DeadLetter
from pipeline.errors import NO
from pipeline.topics import DEADLETTER, prefixed
from pipeline.wire.channel_event import encode
from pipeline.wire.records import decode_record
from tests.harness.fixtures import Install, carts
from tests.harness.waiting import PATIENCE_SECONDS

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
GOOD, BAD = 800, 1_600


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_a_topic_mostly_of_rubbish_stops_the_worker_which_says_why_and_loses_nothing(install: Install) -> None:
    installation = install(carts("1h"))
    for number in range(BAD):
        installation.send_bytes("web", 0, f"rubbish {number}".encode())
        if number % 2:
            event = ChannelEvent(f"e-{number}", "page_viewed", "web", TEN, {"account": "u-1"})
            installation.send_bytes("web", 0, encode(event))
    installation.flush()

    stopped = installation.start()
    assert stopped.process.wait(PATIENCE_SECONDS) == NO, "it does not start again: that would let some more through"
    assert "records are invalid, the limit is 50%" in stopped.said()
    assert len(installation.records(prefixed(installation.settings, DEADLETTER))) < 1_000
    installation.start(fuse_invalid_ratio="1.0")
    installation.settle()

    letters = [
        decode_record(DeadLetter, reading.value or b"")
        for reading in installation.records(prefixed(installation.settings, DEADLETTER))
    ]
    assert {letter.value for letter in letters} == {f"rubbish {number}".encode() for number in range(BAD)}
    assert len({letter.dead_letter_id for letter in letters}) == BAD
    assert installation.customers.by_account()["u-1"].events == GOOD

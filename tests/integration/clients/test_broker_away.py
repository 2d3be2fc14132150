"""Every command that is a client of Kafka, without one."""

from __future__ import annotations

import time

import pytest

from tests.conftest import Omni


@pytest.mark.parametrize(
    "words",
    [
        ["publish", "-"],
        ["replay", "-"],
        ["tail", "triggers"],
        ["deadletter", "list"],
    ],
)
def test_a_broker_that_is_away_is_said_within_ten_seconds(omni: Omni, words: list[str]) -> None:
    began = time.monotonic()

    done = omni(*words, env={"KAFKA_BOOTSTRAP": "127.0.0.1:9"}, stdin="{}")

    assert done.code == 3
    assert "127.0.0.1:9" in done.stderr
    assert "omni kafka start" in done.stderr
    assert time.monotonic() - began < 10

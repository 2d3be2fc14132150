"""The local broker: one that was found running is not this process's to kill."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.broker import BrokerError, local
from pipeline.broker.local import LocalKafka
from pipeline.broker.state import BrokerState, broker_dir, running_pid, write_state

SLEEP = "import sys, time; print(flush=True); time.sleep(60)"


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that passes for the broker of `tmp_path` and answers nobody."""
    directory = broker_dir(tmp_path)
    directory.mkdir()
    words = [sys.executable, "-c", SLEEP, "kafka.Kafka", str(directory / "server.properties")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    write_state(directory, BrokerState(client_port=1, controller_port=2, cluster_id="c", pid=process.pid))
    yield process
    process.kill()
    process.communicate()


@pytest.fixture(autouse=True)
def kafka_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Java and no jars are needed to find a broker."""
    monkeypatch.setattr(local, "find_java", lambda: "/bin/java")
    monkeypatch.setattr(local, "jars", lambda: tmp_path)
    monkeypatch.setattr(local, "START_TIMEOUT_SECONDS", 0.2)


def test_a_running_broker_that_does_not_answer_is_named_and_left_alone(
    silent: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    with pytest.raises(BrokerError, match=f"process {silent.pid}.*omni kafka stop"):
        LocalKafka(tmp_path).start()

    assert running_pid(broker_dir(tmp_path)) == silent.pid


def test_a_start_that_is_interrupted_leaves_a_broker_that_ran_before_alone(
    silent: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "wait_until_answered", interrupted)

    with pytest.raises(KeyboardInterrupt):
        LocalKafka(tmp_path).start()

    assert running_pid(broker_dir(tmp_path)) == silent.pid

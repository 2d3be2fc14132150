"""The local broker, really started, killed and found again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.admin import NewTopic

from pipeline.broker.local import LocalKafka
from pipeline.broker.ready import cluster_id, port_open
from pipeline.broker.state import command_line, read_state, write_state
from pipeline.broker.topic_admin import connected
from pipeline.settings import load_settings
from tests.conftest import Omni
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.kafka

HOLDER = """
import sys, time
from pathlib import Path
from pipeline.broker.local import LocalKafka
with LocalKafka(Path(sys.argv[1])) as broker:
    print(broker.status().pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """The folder that the `omni` fixture uses too; whatever runs out of it is ended."""
    yield tmp_path / "data"
    LocalKafka(tmp_path / "data").kill()


def test_start_returns_when_the_broker_answers_and_a_second_start_changes_nothing(omni: Omni, data_dir: Path) -> None:
    first = omni("kafka", "start", "--json")

    assert first.code == 0, first.stderr
    running = json.loads(first.stdout)
    assert running["version"] == "4.1.1"
    assert cluster_id(running["bootstrap"]) is not None
    assert json.loads(omni("kafka", "start", "--json").stdout) == running
    assert json.loads(omni("kafka", "status", "--json").stdout) == running
    assert load_settings(environ={"PIPELINE_DATA_DIR": str(data_dir)}).bootstrap == running["bootstrap"]

    assert omni("kafka", "stop").code == 0

    assert not command_line(running["pid"])
    assert omni("kafka", "status").code == 1
    assert omni("kafka", "stop").code == 0


def test_two_starts_at_once_start_one_broker(environment: dict[str, str], data_dir: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "kafka", "start", "--json"]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]

    answers = [json.loads(process.communicate(timeout=120)[0]) for process in both]

    assert answers[0] == answers[1]


def test_after_kill_9_the_topics_are_still_there_at_the_same_address(data_dir: Path) -> None:
    with LocalKafka(data_dir) as broker:
        before = broker.bootstrap
        with connected(before) as client:
            client.create_topics([NewTopic(name="kept", num_partitions=3, replication_factor=1)])

        broker.kill()
        assert broker.status() is None
        broker.start(ephemeral=True)

        assert broker.bootstrap == before
        with connected(before) as client:
            assert client.list_topics() == ["kept"]


def test_a_port_taken_meanwhile_is_replaced_by_a_free_one(data_dir: Path) -> None:
    with LocalKafka(data_dir) as broker:
        before = broker.bootstrap
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", int(before.rpartition(":")[2])))
        stranger.listen()
        with LocalKafka(data_dir) as broker:
            assert broker.bootstrap != before
            assert cluster_id(broker.bootstrap) is not None


def test_a_start_cut_short_while_formatting_and_a_lost_memory_are_mended(data_dir: Path) -> None:
    with LocalKafka(data_dir) as broker:
        directory, known = broker.directory, cluster_id(broker.bootstrap)
    (directory / "state.json").unlink()
    with LocalKafka(data_dir) as broker:
        assert cluster_id(broker.bootstrap) == known, "the storage outlives a lost state.json"

    state = read_state(directory)
    assert state is not None
    write_state(
        directory,
        type(state)(client_port=state.client_port, controller_port=state.controller_port, cluster_id=state.cluster_id),
    )
    (directory / "data" / "meta.properties").write_text("version=", encoding="utf-8")
    with LocalKafka(data_dir) as broker:
        assert cluster_id(broker.bootstrap) == known


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_broker_is_left_when_the_process_that_holds_it_ends(
    environment: dict[str, str], data_dir: Path, how: signal.Signals
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    assert "kafka.Kafka" in command_line(pid)

    os.kill(holder.pid, how)
    holder.communicate(timeout=60)

    wait_until(lambda: not command_line(pid), "the broker ends", seconds=20)


def test_an_exception_in_the_block_ends_the_broker(data_dir: Path) -> None:
    pid, port = 0, 0
    with pytest.raises(RuntimeError, match="inside"), LocalKafka(data_dir) as broker:
        status = broker.status()
        assert status is not None
        pid, port = status.pid, int(status.bootstrap.rpartition(":")[2])
        raise RuntimeError("inside")

    assert not command_line(pid)
    assert not port_open(port)


def test_a_broker_that_was_running_before_the_block_runs_on_after_it(data_dir: Path) -> None:
    outer = LocalKafka(data_dir)
    started = outer.start()

    with LocalKafka(data_dir) as inner:
        assert inner.status() == started

    assert outer.status() == started


def test_topics_are_created_once_and_checked_against_the_declaration(
    kafka: LocalKafka, omni: Omni, prefix: str, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules: [{name: cart_reminder, kind: abandoned_cart, delay: 1h}]", encoding="utf-8")
    here = ["--bootstrap", kafka.bootstrap, "--topic-prefix", prefix, "--rules", rules, "--json"]

    assert omni("topics", "check", *here).code == 1
    created = json.loads(omni("topics", "create", *here, "--partitions", 2).stdout)
    again = json.loads(omni("topics", "create", *here, "--partitions", 2).stdout)

    assert f"{prefix}triggers.cart_reminder" in created["created"]
    assert again == {"created": [], "existing": created["created"]}
    assert omni("topics", "check", *here, "--partitions", 2).code == 0
    other = json.loads(omni("topics", "check", *here, "--partitions", 3).stdout)
    assert not other["ok"]
    assert {(each["what"], each["expected"], each["found"]) for each in other["differences"]} == {
        ("partitions", "3", "2")
    }


def test_doctor_says_what_answers_and_what_does_not(kafka: LocalKafka, omni: Omni) -> None:
    fine = omni("doctor", "--json", "--bootstrap", kafka.bootstrap)
    checks = {check["name"]: check for check in json.loads(fine.stdout)["checks"]}
    assert checks["kafka"]["ok"], fine.stdout
    assert checks["chdb"]["ok"]

    broken = omni(
        "doctor",
        "--json",
        "--bootstrap",
        "127.0.0.1:9",
        env={"PIPELINE_CLICKHOUSE_URL": "clickhouse://u:hidden@127.0.0.1:9/x"},
    )
    assert broken.code == 1
    document = json.loads(broken.stdout)
    failed = {check["name"]: check for check in document["checks"] if check["needed"] and not check["ok"]}
    assert {"kafka", "clickhouse"} <= set(failed)
    assert all(check["remedy"] for check in failed.values())
    assert document["settings"]["bootstrap"] == {"value": "127.0.0.1:9", "origin": "command line"}
    assert "hidden" not in broken.stdout + broken.stderr


def test_doctor_names_the_rules_in_force_whatever_the_file_says_by_now(
    kafka: LocalKafka, omni: Omni, prefix: str, tmp_path: Path
) -> None:
    env = {"KAFKA_BOOTSTRAP": kafka.bootstrap, "PIPELINE_TOPIC_PREFIX": prefix}

    def in_force() -> str:
        checks = json.loads(omni("doctor", "--json", env=env).stdout)["checks"]
        return str({check["name"]: check["found"] for check in checks}["in_force"])

    def applied(version: str, *words: str) -> None:
        (tmp_path / "r.yaml").write_text(f"version: {version}\nrules: []\n", encoding="utf-8")
        done = omni("rules", "apply", "r.yaml", *words, env=env)
        assert done.code == 0, done.stderr

    assert in_force() == "no rules yet: the first worker applies those of the file"
    applied("spring-3")
    assert in_force() == "rules version spring-3, number 1"
    applied("summer-1", "--from", "2199-06-01T00:00:00Z")
    assert in_force() == "rules version spring-3, number 1; number 2 from 2199-06-01T00:00:00.000Z on"


def test_an_unreachable_broker_is_status_3_with_where_and_remedy(omni: Omni, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: []", encoding="utf-8")

    done = omni("topics", "check", "--bootstrap", "127.0.0.1:9", "--rules", tmp_path / "rules.yaml")

    assert done.code == 3
    assert done.stdout == ""
    assert "127.0.0.1:9" in done.stderr
    assert "omni kafka start" in done.stderr
    assert "Traceback" not in done.stderr

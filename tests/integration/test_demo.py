"""`omni demo`, as a stranger would try it: on Kafka, without one, cut short, and with a part that fails."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.broker.local import LocalKafka
from pipeline.broker.state import command_line
from pipeline.broker.topic_admin import connected
from pipeline.domain.events import ChannelEvent
from pipeline.sources.shop import shop
from pipeline.wire import json_event
from tests.conftest import Omni
from tests.harness.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.kafka

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Start]:
    """Start `omni demo …` in a process of its own; its words come line by line on standard output."""
    started: list[subprocess.Popen[str]] = []

    def run(*words: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "demo", "--seconds", "0", "--customers", "40", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def one_identifier_each(path: Path) -> list[ChannelEvent]:
    """Write a shop whose customers always show the same one identifier, so that nothing hangs on who is met first."""
    told = shop(seed=7, customers=60, start_ms=1_795_766_400_000, hours=6)
    events = [
        replace(event, identifiers={"account": event.event_id.rpartition("-")[0]})
        for event in told
        if event.identifiers
    ]
    path.write_bytes(b"\n".join(json_event.encode(event) for event in events))
    return events


def processes_of(folder: Path) -> dict[int, str]:
    """Return the command lines that name `folder`, by process id; our own `omni demo` is none of them."""
    ids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    lines = {number: command_line(number) for number in ids}
    return {number: line for number, line in lines.items() if str(folder) in line}


def heard(process: subprocess.Popen[str], last: str) -> list[str]:
    """Return what the demo says up to the line that begins with `last`."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.strip().startswith(last):
            return lines
    assert process.stderr is not None
    raise AssertionError(f"ended before {last!r}: {lines} {process.stderr.read()}")


def check_numbers(said: dict[str, Any]) -> None:
    """Whatever was played: each count agrees with the others."""
    rows, decisions = said["history_rows"], said["decisions"]
    fired = sum(said["triggers"].values())
    assert rows["events"] == said["events"] > 0
    assert rows["decisions"] == sum(decisions.values())
    assert fired == decisions["fired"] > 0
    assert rows["triggers"] == fired + decisions.get("revoked", 0)
    assert rows["dead_letters"] == said["dead_letters"] == 0
    assert rows["identity_changes"] >= said["customers"] > 0
    assert said["merges"] == said["rejected"] == 0


def test_a_file_gives_the_same_on_kafka_and_in_memory_and_leaves_no_topic_behind(
    kafka: LocalKafka, omni: Omni, tmp_path: Path
) -> None:
    path = tmp_path / "shop.jsonl"
    events = one_identifier_each(path)
    words = ("demo", "--exit", "--json", "--data", path)

    on_kafka = omni(*words, "--bus", "kafka", "--bootstrap", kafka.bootstrap, timeout=PATIENCE_SECONDS)
    in_memory = omni(*words, "--bus", "memory", timeout=PATIENCE_SECONDS)

    assert (on_kafka.code, in_memory.code) == (0, 0), on_kafka.stderr + in_memory.stderr
    played, simulated = json.loads(on_kafka.stdout), json.loads(in_memory.stdout)
    check_numbers(played)
    check_numbers(simulated)
    assert (played["bus"], played["broker"]) == ("kafka", kafka.bootstrap)
    assert (simulated["bus"], simulated["broker"]) == ("memory", None)
    assert played["published"] == len(events)
    assert played["events"] == len({event.event_id for event in events}) < len(events), "repeats count once"
    for count in ("events", "customers", "published"):
        assert played[count] == simulated[count], count
    assert played["triggers"]["cart_reminder"] == simulated["triggers"]["cart_reminder"] > 10
    with connected(kafka.bootstrap) as admin:
        assert not [name for name in admin.list_topics() if name.startswith("demo-")]


def test_the_history_of_a_demo_can_be_asked_when_it_is_over(omni: Omni) -> None:
    done = omni("demo", "--exit", "--bus", "memory", "--seconds", "0", "--customers", "40", timeout=PATIENCE_SECONDS)
    assert done.code == 0, done.stderr
    assert "The in-memory bus" in done.stdout
    path = re.findall(r"--history-path (\S+)", done.stdout)[-1]

    answer = omni("sql", "SELECT count() FROM triggers", "--history-path", path)

    fired = re.findall(r"decisions fired +([\d,]+)", done.stdout)
    assert answer.stdout.strip() == fired[0].replace(",", "")
    merged = omni("sql", "SELECT count() FROM identity_changes WHERE change = 'merged'", "--history-path", path)
    assert re.findall(r"^  merges +(\d+)$", done.stdout, re.MULTILINE) == [merged.stdout.strip()] != ["0"]


def test_triggers_are_told_in_plain_words_and_a_killed_demo_leaves_no_process(start: Start, tmp_path: Path) -> None:
    demo = start()

    lines = heard(demo, "curl http://")

    text = "\n".join(lines)
    assert re.search(r"Fri \d\d:\d\d  cart_reminder   .+ left a cart 60 min ago: .+ – \d+\.\d\d EUR", text)
    assert re.search(r"  history events +\d+", text)
    running = " ".join(processes_of(tmp_path).values())
    assert all(part in running for part in ("kafka.Kafka", "pipeline worker", "pipeline history"))

    demo.kill()

    wait_until(lambda: not processes_of(tmp_path), "every process ends with the demo")


def test_a_demo_that_is_interrupted_while_it_stays_up_stops_everything_and_is_done(
    kafka: LocalKafka, start: Start, tmp_path: Path
) -> None:
    demo = start("--bootstrap", kafka.bootstrap)
    heard(demo, "curl http://")

    demo.send_signal(signal.SIGINT)

    assert demo.wait(timeout=PATIENCE_SECONDS) == 0
    assert not processes_of(tmp_path)


def test_a_part_that_fails_is_named_with_the_end_of_its_log(kafka: LocalKafka, start: Start, tmp_path: Path) -> None:
    demo = start("--bootstrap", kafka.bootstrap)
    heard(demo, "curl http://")
    (history,) = (
        number for number, line in processes_of(tmp_path).items() if "guard.py" not in line and "history" in line
    )

    os.kill(history, signal.SIGKILL)

    _, errors = demo.communicate(timeout=PATIENCE_SECONDS)
    assert demo.returncode == 1
    assert f"omni history (process {history}) ended by signal 9. The end of " in errors
    assert "history.log" in errors
    assert "Traceback" not in errors
    assert not processes_of(tmp_path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", "missing.csv"), "missing.csv: no such file"),
        (("--source", "rees46"), "give --data FILE too"),
        (("--data", "empty.jsonl"), "no event in it can be read"),
        (("--data", "empty.jsonl", "--source", "rees64"), "Did you mean rees46?"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_started(
    omni: Omni, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "empty.jsonl").touch()

    done = omni("demo", "--exit", *words)

    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "data" / "demo").exists()

"""Every command that is a client of Kafka, without one, or with one that dies."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from pipeline.broker.local import LocalKafka
from pipeline.clients.publisher import GIVE_UP_AFTER_SECONDS, MAX_WAITING
from pipeline.clients.shipping import FLUSH_EVERY
from pipeline.domain.events import ChannelEvent
from pipeline.settings import load_settings
from pipeline.wire.channel_event import Decoder
from tests.conftest import Omni
from tests.integration.clients.records import START_MS, channel_records, jsonl


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


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_a_replay_whose_broker_dies_gives_up_in_one_sentence_and_goes_on_where_it_stopped(
    omni: Omni, environment: dict[str, str], tmp_path: Path
) -> None:
    with LocalKafka(tmp_path / "broker") as broker:
        settings = load_settings(environ={}, bootstrap=broker.bootstrap, partitions=3, channels=("web",))
        env = {"KAFKA_BOOTSTRAP": broker.bootstrap, "PIPELINE_PARTITIONS": "3", "PIPELINE_CHANNELS": "web"}
        wanted = {f"e-{n}" for n in range(60_000)}
        events = [
            ChannelEvent(f"e-{n}", "page_viewed", "web", START_MS + n * 10, {"account": f"u-{n}"})
            for n in range(len(wanted))
        ]
        path = jsonl(tmp_path / "long.jsonl", events)
        words = [sys.executable, "-m", "pipeline", "replay", str(path), "--speed", "40"]
        replay = subprocess.Popen(words, cwd=tmp_path, env=environment | env, stderr=subprocess.PIPE, text=True)
        while len(channel_records(settings)) < FLUSH_EVERY + 1:
            assert replay.poll() is None

        broker.kill()
        died = time.monotonic()
        said = replay.communicate(timeout=3 * GIVE_UP_AFTER_SECONDS)[1]
        took = time.monotonic() - died
        broker.start(ephemeral=True)
        done = omni("replay", path, "--json", env=env)

        assert replay.returncode == 3
        assert took < GIVE_UP_AFTER_SECONDS + 15
        assert [line for line in said.splitlines() if line.startswith("omni: ")] == said.splitlines()[-1:]
        assert "did not take the events: " in said
        assert "run the same command again" in said
        assert "Unable" not in said, "the client's complaints are not for people"
        assert "Traceback" not in said
        assert "Task" not in said, "what is under way is ended, not left"
        answer = json.loads(done.stdout)
        assert answer["skipped"] >= FLUSH_EVERY
        assert answer["published"] == len(wanted) - answer["skipped"]
        decode = Decoder().decode
        found = Counter(decode(record.value).event_id for record in channel_records(settings))
        assert set(found) == wanted
        assert found.total() - len(wanted) <= FLUSH_EVERY + MAX_WAITING

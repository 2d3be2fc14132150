"""A shop whose events lie on the topics that history reads, `omni history` processes, and what they have stored."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from pipeline.broker.local import LocalKafka
from pipeline.broker.topic_admin import create_topics
from pipeline.history.engine import HistoryUnavailable, QueryRefused
from pipeline.history.reader import open_reader
from pipeline.settings import PROJECT_DIR, Settings, load_settings
from pipeline.streaming.envelope import Entry, Envelope, encode
from pipeline.streaming.envelope import position as envelope_position
from pipeline.topics import inbox_topic, topics
from tests.harness.waiting import wait_until
from tests.history_rows import arrived

PARTITIONS = 4
ORDERS = "SELECT count(), sum(items_total_minor) FROM events WHERE event_type = 'order_completed'"


class Shop:
    """Fills the topics that history reads, as the workers would."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sent = 0
        self._producer = KafkaProducer(bootstrap_servers=settings.bootstrap, acks="all", linger_ms=5)

    def events(self, count: int, per_envelope: int = 20) -> None:
        """Send `count` orders of 104.99, no two with the same id."""
        topic = inbox_topic(self.settings, "customer")
        for start in range(self.sent, self.sent + count, per_envelope):
            numbers = range(start, min(start + per_envelope, self.sent + count))
            entries = [Entry(envelope_position(number), "key", 0, arrived(f"e-{number}")) for number in numbers]
            partition = start // per_envelope % PARTITIONS
            self._producer.send(topic, encode(Envelope("channel.web/0", 0, 0, entries)), partition=partition)
        self.sent += count
        self._producer.flush()

    def record(self, topic: str, value: bytes) -> None:
        self._producer.send(topic, value)
        self._producer.flush()

    def close(self) -> None:
        self._producer.close()


@pytest.fixture
def settings(kafka: LocalKafka, prefix: str, tmp_path: Path) -> Settings:
    made = load_settings(
        environ={},
        bootstrap=kafka.bootstrap,
        topic_prefix=prefix,
        partitions=PARTITIONS,
        channels=("web",),
        data_dir=tmp_path / "data",
    )
    create_topics(kafka.bootstrap, topics(made, ["cart_reminder"]))
    return made


@pytest.fixture
def shop(settings: Settings) -> Iterator[Shop]:
    shop = Shop(settings)
    yield shop
    shop.close()


StartHistory = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start_history(settings: Settings, environment: dict[str, str], tmp_path: Path) -> Iterator[StartHistory]:
    """Start `omni history` (or `script` in its place); whatever still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []
    given = environment | {
        "KAFKA_BOOTSTRAP": str(settings.bootstrap),
        "PIPELINE_TOPIC_PREFIX": settings.topic_prefix,
        "PIPELINE_PARTITIONS": str(PARTITIONS),
    }

    def start(script: str | None = None, **variables: str) -> subprocess.Popen[bytes]:
        words = ["-c", script] if script else ["-m", "pipeline", "history"]
        with (tmp_path / "history.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *words], env=given | variables, cwd=PROJECT_DIR, stdout=log, stderr=log
            )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
    sys.stderr.write((tmp_path / "history.log").read_text())


def asked(settings: Settings, sql: str) -> list[list[Any]] | None:
    """The answer, or None while there is no history, or not that table, yet."""
    try:
        reader = open_reader(settings, wait_seconds=5)
    except HistoryUnavailable:
        return None
    try:
        return reader.query(sql).rows
    except (HistoryUnavailable, QueryRefused):
        return None
    finally:
        reader.close()


def until(settings: Settings, sql: str, wanted: list[list[Any]]) -> None:
    """Ask until the answer is the wanted one."""
    try:
        wait_until(lambda: asked(settings, sql) == wanted, sql)
    except AssertionError as error:
        raise AssertionError(f"{error}: {asked(settings, sql)}, wanted {wanted}") from None


def stored_events(settings: Settings) -> int:
    found = asked(settings, "SELECT count() FROM events")
    return int(found[0][0]) if found else 0

"""An installation under test: its workers as processes, events in, what came of them out."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from zlib import crc32

from confluent_kafka import Consumer, Producer

from pipeline.broker.local import LocalKafka
from pipeline.broker.ready import free_ports
from pipeline.broker.topic_admin import create_topics
from pipeline.domain.events import ChannelEvent
from pipeline.rules_file import load_rules
from pipeline.settings import Settings, load_settings
from pipeline.topics import changelog_topic, channel_topic, inbox_topic, topics, trigger_topic
from pipeline.wire.channel_event import encode
from tests.harness.environment import clean_environment
from tests.harness.groups import members
from tests.harness.reading import CustomerTable, Reading, Sent, TopicReader, lag, sent_triggers
from tests.harness.waiting import PATIENCE_SECONDS, wait_until

LOG_LINES = 120
ACTORS = ("identity", "customer", "product")


def report(text: str) -> None:
    """Tell a measured figure: shown by `pytest -s`, and where a test fails."""
    sys.stderr.write(f"\n{text}\n")


class Worker:
    """One `omni worker` process."""

    def __init__(self, words: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self.port = free_ports(1)[0]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipeline", "worker", "--port", str(self.port), *words],
                env=dict(environment),
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop (SIGTERM) and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def freeze(self) -> None:
        """Let it stand still (SIGSTOP)."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        os.kill(self.process.pid, signal.SIGCONT)

    def counted(self) -> dict[str, float]:
        """Return what it counted by what was counted, reasons added up (`omni_counted` of its metrics)."""
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        counts: dict[str, float] = {}
        for what, number in re.findall(r'^omni_counted_total\{.*what="(\w+)".*\} (\S+)$', text, re.MULTILINE):
            counts[what] = counts.get(what, 0) + float(number)
        return counts

    def flowing(self) -> int:
        """Return how many partitions it said it had when it last was given some or lost some."""
        said = re.findall(r"(\d+) partitions flow", self.said())
        return int(said[-1]) if said else 0

    def said(self) -> str:
        """Return its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")


class Installation:
    """Topics under one prefix, and everything a test does with them. Close it at the end."""

    def __init__(
        self, bootstrap: str, prefix: str, folder: Path, environment: Mapping[str, str], rules: str, **variables: str
    ) -> None:
        """`rules` is the text of a rules file; `variables` are settings in small letters, as text."""
        folder.mkdir(parents=True, exist_ok=True)
        rules_file = folder / "rules.yaml"
        rules_file.write_text(rules, encoding="utf-8")
        # Without the feeds of customers and products, nothing waits for records that a test does not read.
        given = {
            "partitions": "4",
            "channels": "web,app",
            "customers_every_ms": "0",
            "products_every_ms": "0",
        } | variables
        self.environment = dict(environment) | {
            "KAFKA_BOOTSTRAP": bootstrap,
            "PIPELINE_TOPIC_PREFIX": prefix,
            "PIPELINE_RULES_FILE": str(rules_file),
            "PIPELINE_DATA_DIR": str(folder / "data"),
            **{f"PIPELINE_{name.upper()}": value for name, value in given.items()},
        }
        self.settings: Settings = load_settings(environ=self.environment)
        self.bootstrap, self.partitions = bootstrap, self.settings.partitions
        self.rules_file, self.folder = rules_file, folder
        self._rules = [rule.name for rule in load_rules(rules_file).rules]
        create_topics(bootstrap, topics(self.settings, self._rules))
        self.producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": 120_000,
                "log_level": 0,  # brokers that die are what some tests are about
            }
        )
        self._group: Any = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": f"{prefix}omni", "enable.auto.commit": False, "log_level": 0}
        )
        self._readers: list[TopicReader] = []
        self._known: dict[str, tuple[TopicReader, list[Reading]]] = {}
        self._workers: list[Worker] = []
        self.customers = CustomerTable(self.reader(changelog_topic(self.settings, "customer")))

    # --- workers ---

    def start(self, *words: str, **variables: str) -> Worker:
        """Start a worker with more `words` on its command line."""
        environment = self.environment | {f"PIPELINE_{name.upper()}": value for name, value in variables.items()}
        worker = Worker(list(words), environment, self.folder / f"worker-{len(self._workers)}.log")
        self._workers.append(worker)
        return worker

    def flowing(self, *workers: Worker) -> None:
        """Wait until each worker has partitions of its own that flow: one that joins late begins with none."""
        for worker in workers:
            wait_until(lambda worker=worker: worker.flowing() > 0, "a worker's partitions flow")  # type: ignore[misc]

    def members(self) -> dict[str, set[tuple[str, int]]]:
        """Return topic and partition of all that each worker owns; empty while the group is not at rest."""
        return members(self.bootstrap, self.settings.topic_prefix + self.settings.app_id)

    # --- events in ---

    def publish(self, events: Iterable[ChannelEvent]) -> None:
        """Send events to the topics of their channels, those of one customer to one partition; wait for the broker."""
        for event in events:
            self.send(event)
        self.flush()

    def send(self, event: ChannelEvent, partition: int | None = None) -> None:
        """Send one event without waiting."""
        if partition is None:
            partition = crc32("/".join(sorted(event.identifiers.values())).encode()) % self.partitions
        self.send_bytes(event.channel, partition, encode(event))

    def send_bytes(self, channel: str, partition: int, value: bytes) -> None:
        """Send anything to a channel."""
        self.producer.produce(channel_topic(self.settings, channel), value, partition=partition)
        self.producer.poll(0)

    def control(self, event_type: str, at_ms: int) -> None:
        """Tell every partition of every channel what time it is."""
        self.flush()
        for channel in self.settings.channels:
            for number in range(self.partitions):
                event_id = f"{event_type}-{at_ms}-{channel}-{number}"
                self.send(ChannelEvent(event_id, event_type, channel, at_ms, {}), number)
        self.flush()

    def flush(self) -> None:
        """Wait until the broker has everything."""
        assert self.producer.flush(PATIENCE_SECONDS) == 0

    # --- results out ---

    def reader(self, topic: str) -> TopicReader:
        """Return a reader of a topic (its full name), from the start."""
        reader = TopicReader(self.bootstrap, topic, self.partitions)
        self._readers.append(reader)
        return reader

    def records(self, topic: str) -> list[Reading]:
        """Return all that stands on a topic (its full name); asked again, only what came since is read."""
        reader, known = self._known.get(topic) or self._known.setdefault(topic, (self.reader(topic), []))
        known.extend(reader.news())
        return known

    def triggers(self) -> list[Sent]:
        """Return what stands on the trigger topics, copies included."""
        return [
            sent for rule in self._rules for sent in sent_triggers(self.records(trigger_topic(self.settings, rule)))
        ]

    def lag(self) -> int | None:
        """Return how many records are not handled and committed, None while the broker cannot say."""
        wanted = [channel_topic(self.settings, channel) for channel in self.settings.channels]
        return self.lag_of(wanted + [inbox_topic(self.settings, actor) for actor in ACTORS])

    def lag_of(self, wanted: list[str]) -> int | None:
        """Return the same of the topics `wanted` (their full names)."""
        return lag(self._group, wanted, self.partitions)

    def settle(self, until_ms: int | None = None, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until everything is handled and no customer waits for a time (at or before `until_ms`)."""

        def quiet() -> bool:
            if self.lag() != 0 or self.customers.refresh().waiting(until_ms):
                return False
            time.sleep(0.3)  # an answer may be on its way between two inboxes
            return self.lag() == 0 and not self.customers.refresh().waiting(until_ms)

        try:
            wait_until(quiet, "everything is handled", seconds)
        except AssertionError as error:
            waiting = self.customers.waiting(until_ms)
            raise AssertionError(f"{error}: {self.lag()} records are left, {waiting} customers wait") from None

    def close(self) -> None:
        """End every worker, let go of the broker, and show the logs (pytest prints them when a test fails)."""
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.kill()
        for reader in self._readers:
            reader.close()
        self._group.close()
        # A client keeps one of the 1,024 thread keys of this process until it is gone, not until it is closed.
        del self._group, self.producer, self.customers
        self._readers.clear()
        self._known.clear()
        for worker in self._workers[-4:]:
            lines = worker.said().splitlines()[-LOG_LINES:]
            sys.stderr.write(f"--- {worker.log.name}\n" + "\n".join(lines) + "\n")


@contextmanager
def on_its_own_broker(
    folder: Path, prefix: str, rules: str, **variables: str
) -> Iterator[tuple[LocalKafka, Installation]]:
    """Start a broker that a test may kill, and an installation on it; both end with the block."""
    with (
        LocalKafka(folder / "broker") as broker,
        closing(
            Installation(broker.bootstrap, prefix, folder, clean_environment(), rules, **variables)
        ) as installation,
    ):
        yield broker, installation

"""One contender's topics on the benchmark's broker: made, filled, watched until drained, read back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from pipeline.broker.topic_admin import create_topics
from pipeline.domain.customer.actor import CustomerState
from pipeline.domain.product.state import ProductState
from pipeline.rules_file import load_rules
from pipeline.settings import FIELDS, Settings, load_settings
from pipeline.topics import (
    ACTORS,
    DEADLETTER,
    changelog_topic,
    channel_topic,
    inbox_topic,
    prefixed,
    topics,
    trigger_topic,
)
from tests.bench.dataset import CHANNELS, Sample
from tests.bench.gate import Facts, Names, facts_of

POLL_SECONDS = 0.05
USED: dict[str, Any] = {
    "session_timeout_ms": 30_000,
    "commit_interval_ms": 200,
    "customers_every_ms": 0,
    "products_every_ms": 0,
}
"""Settings of every contender that differ from the worker's defaults. It stands still while its input is produced and
must not be thrown out of its group meanwhile; the end of the work is seen by its commits; and the others publish no
customers and no products."""

_NOT_YET = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE)
"""What a broker says of a group while it only learns of groups."""

State = TypeVar("State")
StateOf = Callable[[bytes], bytes | memoryview | None]
"""Finds the encoded state in a changelog's value; None where it holds something else."""


class Installation:
    """Topics under a prefix of their own; `app_id` is the contender's name."""

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        app_id: str,
        partitions: int,
        data_dir: Path,
        rules: Path | None = None,
        web_port: int = 0,
    ) -> None:
        """Create all topics. `rules` is a rules file, the default one where none is given."""
        self.settings = load_settings(
            environ={},
            bootstrap=bootstrap,
            topic_prefix=prefix,
            app_id=app_id,
            partitions=partitions,
            channels=CHANNELS,
            data_dir=data_dir,
            web_port=web_port,
            **({} if rules is None else {"rules_file": rules}),
            **USED,
        )
        self.rules = load_rules(self.settings.rules_file)
        create_topics(bootstrap, topics(self.settings, [rule.name for rule in self.rules.rules]))
        self.channels = [channel_topic(self.settings, channel) for channel in CHANNELS]
        topics_read = [*self.channels, *(inbox_topic(self.settings, actor) for actor in ACTORS)]
        self._places = [TopicPartition(topic, number) for topic in topics_read for number in range(partitions)]
        self._observer = Consumer({"bootstrap.servers": bootstrap, "group.id": self.group, "enable.auto.commit": False})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._observer.close()

    @property
    def group(self) -> str:
        """The contender's consumer group."""
        return self.settings.topic_prefix + self.settings.app_id

    @property
    def environment(self) -> dict[str, str]:
        """The settings as the environment of a process."""
        return environment_of(self.settings)

    def produce(self, samples: Iterable[Sample]) -> int:
        """Produce samples, keyed as publishers key them; return how many once the broker has them."""
        producer = Producer(
            {
                "bootstrap.servers": self.settings.bootstrap,
                "linger.ms": 20,
                "batch.size": 500_000,
                "queue.buffering.max.messages": 500_000,
                "partitioner": "murmur2_random",
            }
        )
        topic_of = {channel: channel_topic(self.settings, channel) for channel in CHANNELS}
        number = 0
        for number, sample in enumerate(samples, 1):
            producer.produce(topic_of[sample.channel], sample.value, sample.key)
            if number % 1000 == 0:
                producer.poll(0)
        if producer.flush(60):
            raise RuntimeError(f"the broker did not take all {number} events within 60 s")
        return number

    def wait_drained(self, alive: Callable[[], None], timeout_seconds: float) -> float:
        """Wait until the group has committed all there is; return the time (monotonic). `alive` raises if not."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            now = time.monotonic()
            if self._drained():
                return now
            alive()
            if now > deadline:
                raise RuntimeError(f"{self.group}: not done after {timeout_seconds:.0f} s, {self.lag()} records behind")
            time.sleep(POLL_SECONDS)

    def lag(self) -> int:
        """Return how many records of channels and inboxes are not committed."""
        committed = self._committed()
        return sum(self._end(place) - committed[place.topic, place.partition] for place in self._places)

    def handled(self) -> int:
        """Return how many channel records are committed."""
        channels = set(self.channels)
        return sum(offset for (topic, _), offset in self._committed().items() if topic in channels)

    def _drained(self) -> bool:
        """Whether nothing was left. The commits are read first: what they equal later was all there was then."""
        try:
            committed = self._committed()
        except KafkaException as error:
            if error.args[0].retriable() or error.args[0].code() in _NOT_YET:
                return False
            raise
        return all(committed[place.topic, place.partition] == self._end(place) for place in self._places)

    def _committed(self) -> dict[tuple[str, int], int]:
        found = self._observer.committed(self._places, timeout=30)
        return {(each.topic, each.partition): max(each.offset, 0) for each in found}

    def _end(self, place: TopicPartition) -> int:
        end: int = self._observer.get_watermark_offsets(place, timeout=30)[1]
        return end

    # --- what came of it ----------------------------------------------------------------------------------------

    def facts(self, names: Names, state_of: StateOf) -> Facts:
        """Read the facts off the changelogs, which are what a restart would know."""
        return facts_of(
            self._states("customer", CustomerState, state_of),
            self._states("product", ProductState, state_of),
            self.records(prefixed(self.settings, DEADLETTER)),
            names,
        )

    def _states(self, actor: str, kind: type[State], state_of: StateOf) -> list[State]:
        decode = msgspec.msgpack.Decoder(kind).decode
        values = self.latest(changelog_topic(self.settings, actor)).values()
        return [decode(state) for state in map(state_of, values) if state is not None]

    def latest(self, topic: str) -> dict[bytes, bytes]:
        """Return the latest value by key of a compacted topic, without what an actor partition keeps for itself."""
        found: dict[bytes, bytes] = {}
        for key, value in self._read(topic):
            if value is None:
                found.pop(key, None)
            elif not key.startswith(b"\x00"):
                found[key] = value
        return found

    def changelog_records(self) -> int:
        """Return how many records the changelogs hold."""
        return sum(self.records(changelog_topic(self.settings, actor)) for actor in ACTORS)

    def triggers(self) -> dict[str, int]:
        """Return the number of trigger records by rule."""
        return {rule.name: self.records(trigger_topic(self.settings, rule.name)) for rule in self.rules.rules}

    def records(self, topic: str) -> int:
        """Return how many records a topic has taken."""
        return sum(self._end(TopicPartition(topic, number)) for number in range(self.settings.partitions))

    def _read(self, topic: str) -> Iterator[tuple[bytes, bytes | None]]:
        """Read a topic from its beginning to its present end; partitions one after the other."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.settings.bootstrap,
                "group.id": f"{self.group}-reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.message.max.bytes": 16 << 20,
            }
        )
        try:
            consumer.assign(
                [TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(self.settings.partitions)]
            )
            left = self.settings.partitions
            while left:
                for message in consumer.consume(10_000, 1.0):
                    error = message.error()
                    if error is None:
                        yield message.key() or b"", message.value()
                    elif error.code() == KafkaError._PARTITION_EOF:
                        left -= 1
                    else:
                        raise KafkaException(error)
        finally:
            consumer.close()


def environment_of(settings: Settings) -> dict[str, str]:
    """Return settings as the environment variables that give them."""
    values = {}
    for name in FIELDS:
        if name in settings.origins:
            value = getattr(settings, name)
            values[f"PIPELINE_{name.upper()}"] = ",".join(value) if isinstance(value, tuple) else str(value)
    return values

"""Follows topics: every record from where it is asked to, in the order of each partition."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from pipeline.broker import BrokerError, bootstrap_of
from pipeline.clients.connection import cluster_and_topics
from pipeline.settings import Settings

POLL_MS: Final = 200
NEW_TOPICS_EVERY_SECONDS: Final = 5.0
"""A rule's topic appears with its first trigger; a follower sees it within this time."""


class Received(NamedTuple):
    """One record. `appended_at_ms` is when the broker took it."""

    topic: str
    partition: int
    offset: int
    appended_at_ms: int
    key: bytes | None
    value: bytes | None


def follow(
    settings: Settings, wanted: Callable[[str], bool], *, from_start: bool, until_end: bool
) -> Iterator[Received]:
    """Yield the records of all topics (named without prefix) that `wanted` says yes to.

    From their beginning or from now on; with `until_end` as far as they reach when this begins. Nothing if no such
    topic exists and `until_end`; else they are waited for. Raises BrokerError.
    """
    topics = _topics(settings, wanted)
    consumer = _consumer(settings)
    try:
        yield from _Following(settings, wanted, consumer, topics).records(from_start, until_end)
    except KafkaError as error:
        raise BrokerError(f"Kafka at {settings.bootstrap} failed: {error}. Is it still running? omni doctor") from error
    finally:
        consumer.close()


def read_partition(settings: Settings, topic: str, choose: Callable[[int], int]) -> Iterator[Received]:
    """Yield the records of one partition (topic with prefix) up to its end as it is now. Raises BrokerError.

    `choose` is given the number of partitions that the topic has, and returns the one to read.
    """
    consumer = _consumer(settings)
    try:
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            return
        place = TopicPartition(topic, choose(len(partitions)))
        consumer.assign([place])
        consumer.seek(place, consumer.beginning_offsets([place])[place])
        end = consumer.end_offsets([place])[place]
        while consumer.position(place) < end:
            for record in consumer.poll(timeout_ms=POLL_MS).get(place, ()):
                yield Received(topic, place.partition, record.offset, record.timestamp, record.key, record.value)
    except KafkaError as error:
        raise BrokerError(f"Kafka at {settings.bootstrap} failed: {error}. Is it still running? omni doctor") from error
    finally:
        consumer.close()


def _topics(settings: Settings, wanted: Callable[[str], bool]) -> list[str]:
    _, names = cluster_and_topics(settings)
    return [name for name in names if wanted(name.removeprefix(settings.topic_prefix))]


def _consumer(settings: Settings) -> KafkaConsumer:
    try:
        return KafkaConsumer(
            bootstrap_servers=bootstrap_of(settings).split(","),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            max_poll_records=2_000,
        )
    except (KafkaError, OSError, ValueError) as error:
        raise BrokerError(
            f"Kafka does not answer at {settings.bootstrap} ({error}). A local one: omni kafka start"
        ) from error


class _Following:
    """The partitions followed, and where each is."""

    def __init__(
        self, settings: Settings, wanted: Callable[[str], bool], consumer: KafkaConsumer, topics: list[str]
    ) -> None:
        self._settings = settings
        self._wanted = wanted
        self._consumer = consumer
        self._partitions: list[TopicPartition] = self._of(topics)

    def records(self, from_start: bool, until_end: bool) -> Iterator[Received]:
        consumer = self._consumer
        consumer.assign(self._partitions)
        ends: dict[TopicPartition, int] = consumer.end_offsets(self._partitions) if self._partitions else {}
        if from_start:
            self._seek(consumer.beginning_offsets(self._partitions) if self._partitions else {})
        else:
            self._seek(ends)
        looked_at = time.monotonic()
        while not (until_end and all(consumer.position(partition) >= ends[partition] for partition in ends)):
            if self._partitions:
                for partition, records in consumer.poll(timeout_ms=POLL_MS).items():
                    for record in records:
                        if not until_end or record.offset < ends[partition]:
                            yield Received(
                                partition.topic,
                                partition.partition,
                                record.offset,
                                record.timestamp,
                                record.key,
                                record.value,
                            )
            else:
                time.sleep(POLL_MS / 1000)
            if not until_end and time.monotonic() - looked_at > NEW_TOPICS_EVERY_SECONDS:
                looked_at = time.monotonic()
                self._take_new_topics()

    def _of(self, topics: list[str]) -> list[TopicPartition]:
        return [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]

    def _seek(self, offsets: dict[TopicPartition, int]) -> None:
        for partition, offset in offsets.items():
            self._consumer.seek(partition, offset)

    def _take_new_topics(self) -> None:
        """Follow what has appeared since, from its beginning."""
        new = [each for each in self._of(_topics(self._settings, self._wanted)) if each not in self._partitions]
        if new:
            positions = {partition: self._consumer.position(partition) for partition in self._partitions}
            self._partitions += new
            self._consumer.assign(self._partitions)
            self._seek({**positions, **self._consumer.beginning_offsets(new)})

"""Follows topics: every record from where it is asked to, in the order of each partition."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

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
    headers: Sequence[tuple[str, bytes]] = ()


def follow(
    settings: Settings, wanted: Callable[[str], bool], *, from_start: bool, until_end: bool
) -> Iterator[Received]:
    """Yield the records of all topics (named without prefix) that `wanted` says yes to.

    From their beginning or from now on; with `until_end` as far as they reach when this begins. Nothing if no such
    topic exists and `until_end`; else they are waited for. Raises BrokerError.
    """
    topics = _topics(settings, wanted)
    with _consuming(settings) as consumer:
        yield from _Following(settings, wanted, consumer, topics).records(from_start, until_end)


@contextmanager
def listening(settings: Settings, topic: str) -> Iterator[Callable[[float], Iterator[Received]]]:
    """Give a function that yields, for at most so many seconds, what is written to a topic from now on.

    `topic` is named with prefix; nothing comes if it does not exist. Raises BrokerError.
    """
    with _consuming(settings) as consumer:
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(places)
        for place, end in consumer.end_offsets(places).items():
            consumer.seek(place, end)

        def news(seconds: float) -> Iterator[Received]:
            deadline = time.monotonic() + seconds
            while places and time.monotonic() < deadline:
                for records in consumer.poll(timeout_ms=POLL_MS).values():
                    yield from map(_received, records)

        yield news


def read_partitions(settings: Settings, topic: str, choose: Callable[[int], Collection[int]]) -> Iterator[Received]:
    """Yield the records of some partitions (topic with prefix) up to their ends as they are now. Raises BrokerError.

    `choose` is given the number of partitions that the topic has, and returns those to read.
    """
    with _consuming(settings) as consumer:
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            return
        places = [TopicPartition(topic, number) for number in choose(len(partitions))]
        consumer.assign(places)
        for place, beginning in consumer.beginning_offsets(places).items():
            consumer.seek(place, beginning)
        ends = consumer.end_offsets(places)
        while any(consumer.position(place) < end for place, end in ends.items()):
            for records in consumer.poll(timeout_ms=POLL_MS).values():
                yield from map(_received, records)


def _topics(settings: Settings, wanted: Callable[[str], bool]) -> list[str]:
    _, names = cluster_and_topics(settings)
    return [name for name in names if wanted(name.removeprefix(settings.topic_prefix))]


@contextmanager
def _consuming(settings: Settings) -> Iterator[KafkaConsumer]:
    consumer = _consumer(settings)
    try:
        yield consumer
    except KafkaError as error:
        raise BrokerError(f"Kafka at {settings.bootstrap} failed: {error}. Is it still running? omni doctor") from error
    finally:
        consumer.close()


def _received(record: Any) -> Received:
    return Received(
        record.topic, record.partition, record.offset, record.timestamp, record.key, record.value, record.headers
    )


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
                for place, records in consumer.poll(timeout_ms=POLL_MS).items():
                    for record in records:
                        if not until_end or record.offset < ends[place]:
                            yield _received(record)
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

"""Reads topics and changelogs as anybody could, and remembers how far it has come."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from pipeline.domain.customer.state import CustomerState
from pipeline.domain.records import Trigger
from pipeline.streaming.values import META, state_bytes, wake_time
from pipeline.wire.records import decode_record

READ_SECONDS = 20.0


class Reading(NamedTuple):
    """One record as it stands in the log."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


class TopicReader:
    """Reads one topic: each call of `news` goes on where the last one stopped, up to what is the end then."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self.topic = topic
        self._next = dict.fromkeys(range(partitions), 0)
        self._consumer: Any = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "tests",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 20,
                "log_level": 0,
            }
        )

    def news(self) -> Iterator[Reading]:
        """Yield what was appended since the last call."""
        left: dict[int, int] = {}
        for number, position in self._next.items():
            low, end = self._consumer.get_watermark_offsets(TopicPartition(self.topic, number), READ_SECONDS)
            self._next[number] = max(position, low)
            if end > self._next[number]:
                left[number] = end
        self._consumer.assign([TopicPartition(self.topic, number, self._next[number]) for number in left])
        deadline = time.monotonic() + READ_SECONDS
        while left:
            assert time.monotonic() < deadline, f"{self.topic}: nothing came within {READ_SECONDS} s, expected: {left}"
            for message in self._consumer.consume(1_000, 0.02):
                if message.error():
                    continue
                deadline = time.monotonic() + READ_SECONDS
                number, offset = message.partition(), message.offset()
                self._next[number] = offset + 1
                if offset + 1 >= left.get(number, 0):
                    left.pop(number, None)
                headers = dict(message.headers() or [])
                yield Reading(number, offset, message.timestamp()[1], message.key(), message.value(), headers)

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()
        del self._consumer  # it is gone now, whoever still holds this reader


class CustomerTable:
    """The customers as their changelog tells them."""

    def __init__(self, reader: TopicReader) -> None:
        self._reader = reader
        self._values: dict[bytes, bytes] = {}

    def refresh(self) -> CustomerTable:
        """Take in what was appended since."""
        for record in self._reader.news():
            assert record.key is not None
            if record.key.startswith(META):
                continue
            if record.value is None:
                self._values.pop(record.key, None)
            else:
                self._values[record.key] = record.value
        return self

    def states(self) -> list[CustomerState]:
        """Return every customer, without those that have become part of another."""
        decode = msgspec.msgpack.Decoder(CustomerState).decode
        states = [decode(body) for value in self._values.values() if (body := state_bytes(value)) is not None]
        return [state for state in states if not state.is_pointer]

    def by_account(self, tenant: str = "default") -> dict[str, CustomerState]:
        """Return the customers of a tenant by their account."""
        return {next(iter(s.identifiers["account"])): s for s in self.states() if s.tenant == tenant}

    def waiting(self, until_ms: int | None = None) -> int:
        """Return how many customers wait for a time (at or before `until_ms`)."""
        times = [wake_time(value) for value in self._values.values()]
        return sum(at_ms is not None and (until_ms is None or at_ms <= until_ms) for at_ms in times)


class Sent(NamedTuple):
    """A trigger as it stands on its topic, and when this copy left the worker (ms)."""

    trigger: Trigger
    value: bytes
    emitted_at_ms: int


def sent_triggers(readings: Iterable[Reading]) -> list[Sent]:
    """Decode a trigger topic."""
    return [
        Sent(decode_record(Trigger, reading.value or b""), reading.value or b"", int(reading.headers["emitted_at"]))
        for reading in readings
    ]


def contradictions(sent: list[Sent]) -> list[str]:
    """Return the ids (with status) that were sent with more than one content."""
    contents: dict[str, set[bytes]] = {}
    for each in sent:
        contents.setdefault(f"{each.trigger.trigger_id}/{each.trigger.status}", set()).add(each.value)
    return [name for name, values in contents.items() if len(values) > 1]


def repeated(sent: list[Sent]) -> int:
    """Return how many copies were sent beyond the first."""
    return sum(number - 1 for number in Counter((s.trigger.trigger_id, s.trigger.status) for s in sent).values())


def lag(consumer: Any, topics: list[str], partitions: int) -> int | None:
    """Return how many records of `topics` the consumer's group has not committed, None while the broker cannot say."""
    places = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
    left = 0
    try:
        for place in consumer.committed(places, READ_SECONDS):
            low, end = consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), READ_SECONDS)
            left += end - max(place.offset, low)
    except KafkaException:  # a broker that has just started answers so
        return None
    return left

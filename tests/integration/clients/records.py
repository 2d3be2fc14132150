"""What the tests of the client commands put onto Kafka, and how they read it back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from kafka import KafkaProducer

from pipeline.clients.follower import Received, follow
from pipeline.domain.events import ChannelEvent
from pipeline.domain.records import Decision
from pipeline.settings import Settings
from pipeline.wire.json_event import encode

START_MS = 1_795_510_800_000
PARTITIONS = 3
CHANNELS = ("web", "app", "email", "pos", "store_sensor", "call_center")
DECISION = Decision("d-1", "default", "cu-1", "cart_reminder", "fired", "due", "t-1", START_MS, "1", "e-1")


def jsonl(path: Path, events: list[ChannelEvent]) -> Path:
    path.write_bytes(b"".join(encode(event) + b"\n" for event in events))
    return path


def channel_records(settings: Settings) -> list[Received]:
    found = follow(settings, lambda topic: topic.startswith("channel."), from_start=True, until_end=True)
    return list(found)


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def produce(settings: Settings, topic: str, values: Mapping[bytes, bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap)
    for key, value in values.items():
        producer.send(topic, value, key=key).get(timeout=30)
    producer.close()

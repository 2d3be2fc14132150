"""`python -m tests.bench.timers`: so many carts at once wait for their reminder; how late is each?

All are filled before the first is due. Lateness is the time at which the broker took the trigger, less the time at
which it was due: none may be early, none missing, none twice.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from msgspec import Struct

from pipeline.broker.local import LocalKafka
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.records import Trigger
from pipeline.topics import channel_topic, trigger_topic
from pipeline.wire.channel_event import encode
from pipeline.wire.records import decode_record
from tests.bench import machine
from tests.bench.dataset import CHANNELS
from tests.bench.installation import Installation
from tests.bench.processes import UNPINNED
from tests.bench.race import OURS, START_SECONDS, Track, alive, start
from tests.bench.schedule import percentile

RULE = "reminder"
RATE = 4_000
"""Carts filled, and so timers due, per second: a hundred thousand are then all pending for more than half a minute."""
REST_SECONDS = 30
"""Between the last cart filled and the first timer due: no backlog is left when they begin to fire."""
LAST_SECONDS = 60.0
"""How long the last triggers are waited for."""


class Lateness(Struct, frozen=True):
    """Milliseconds between due and sent. `early`, `missing` and `twice` are to be 0."""

    timers: int
    pending_at_once: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    early: int
    missing: int
    twice: int


def measure(track: Track, timers: int) -> Lateness:
    """Fill `timers` carts, wait for their reminders."""
    delay_seconds = timers // RATE + REST_SECONDS
    rules = track.folder / "rules.yaml"
    rules.write_text(f"rules:\n  - {{name: {RULE}, kind: abandoned_cart, delay: {delay_seconds}s}}\n")
    folder = track.folder / "timers"
    folder.mkdir()
    with (
        Installation(track.bootstrap, "timers.", OURS.name, track.partitions, folder, rules) as place,
        start(OURS, place, track) as process,
    ):
        place.wait_drained(alive(process), START_SECONDS)
        began = time.monotonic()
        _fill(place, timers)
        place.wait_drained(alive(process), START_SECONDS)
        filled_seconds = time.monotonic() - began
        track.say(f"{timers:,} carts filled and handled in {filled_seconds:.1f} s")
        waits = sorted(_lateness(place, timers))
        process.stop()
    lateness = [late_ms for late_ms, _ in waits]
    distinct = {trigger_id for _, trigger_id in waits}
    pending = timers if filled_seconds < delay_seconds else int(delay_seconds * RATE)
    return Lateness(
        timers,
        pending,
        median(lateness),
        percentile(lateness, 0.99),
        lateness[-1],
        sum(late_ms < 0 for late_ms in lateness),
        timers - len(distinct),
        len(waits) - len(distinct),
    )


def _fill(place: Installation, timers: int) -> None:
    producer = Producer({"bootstrap.servers": place.settings.bootstrap, "linger.ms": 5, "acks": "all"})
    topics = [channel_topic(place.settings, channel) for channel in CHANNELS]
    began = time.monotonic()
    for number in range(timers):
        while began + number / RATE > time.monotonic():
            producer.poll(0.001)
        account = f"t-{number}"
        event = ChannelEvent(
            f"cart-{number}",
            "product_added",
            "web",
            int(time.time() * 1000),
            {"account": account},
            items=(Item("coat", 1, 9_900, "EUR"),),
            cart_id="c1",
        )
        producer.produce(topics[number % len(topics)], encode(event), f"account:{account}".encode())
    if producer.flush(60):
        raise RuntimeError("the broker did not take all carts within 60 s")


def _lateness(place: Installation, timers: int) -> Iterator[tuple[int, str]]:
    """Yield how late each trigger was, and its id, until all are there or nothing comes any more."""
    topic = trigger_topic(place.settings, RULE)
    consumer = Consumer({"bootstrap.servers": place.settings.bootstrap, "group.id": "observer"})
    numbers = range(place.settings.partitions)
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers])
    found, deadline = 0, time.monotonic() + timers // RATE + REST_SECONDS + LAST_SECONDS
    while found < timers and time.monotonic() < deadline:
        for message in consumer.consume(1_000, 0.5):
            if message.error() is None:
                trigger = decode_record(Trigger, message.value() or b"")
                found += 1
                yield message.timestamp()[1] - trigger.due_at_ms, trigger.trigger_id
    consumer.close()


def main() -> int:
    """Measure once, print a line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.timers", description=__doc__)
    parser.add_argument("--timers", type=int, default=100_000, metavar="N", help="how many (default: 100,000)")
    parser.add_argument("--partitions", type=int, default=4, metavar="N", help="of every topic (default: 4)")
    args = parser.parse_args()
    began = time.monotonic()

    def say(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {line}\n")

    with tempfile.TemporaryDirectory(prefix="omni-bench-") as name, LocalKafka(Path(name)) as broker:
        track = Track(broker.bootstrap, Path(name), UNPINNED, args.partitions, say)
        found = measure(track, args.timers)
    document = {"machine": machine.describe(), "load": machine.load()}
    document |= {field: getattr(found, field) for field in found.__struct_fields__}
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
    return 1 if found.early or found.missing or found.twice else 0


if __name__ == "__main__":
    sys.exit(main())

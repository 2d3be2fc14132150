"""`python -m tests.bench.stock`: a large catalogue, and how soon the first of many who wait hears that it is there.

First in one process, without a broker: a million levels of 200,000 products go through ingest and the product actor.
Then on Kafka: 10,000 customers wait for one product, and its stock rises a piece at a time. From the time an update is
due to be sent until an observer outside has its trigger.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition
from msgspec import Struct

from pipeline.broker.local import LocalKafka
from pipeline.catalog_reader import CatalogReader
from pipeline.domain.catalog import StockLevel
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.product.actor import ProductActor
from pipeline.settings import load_settings
from pipeline.streaming.ingest import Fuse, IngestPartition
from pipeline.streaming.partition import ActorPartition
from pipeline.streaming.table import MemoryPartition
from pipeline.streaming.units import Record
from pipeline.topics import CATALOG_STOCK, prefixed, trigger_topic
from pipeline.topology import InstallationTopology
from pipeline.wire.catalog import encode, stock_decoder
from pipeline.wire.channel_event import encode as encode_event
from tests.bench import machine
from tests.bench.contenders.interpreter import tune
from tests.bench.dataset import Sample
from tests.bench.installation import Installation
from tests.bench.processes import UNPINNED
from tests.bench.race import OURS, START_SECONDS, Track, alive, start
from tests.bench.schedule import percentile

BATCH = 1_000
STORES, SIZES = ("berlin", "hamburg", "munich"), ("36", "38", "40", "42")
RULE = "there_again"
SKU = "coat"
EVERY_SECONDS = 0.1
"""Between two updates."""
LAST_SECONDS = 20.0
"""How long the last trigger is waited for."""


class Result(Struct, frozen=True):
    """`updates_s` of CPU, `state_bytes` per product as stored; the rest are ms from an update to its first trigger."""

    products: int
    updates: int
    updates_s: float
    state_bytes: float
    waiting: int
    told: int
    missing: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def updates(products: int, number: int, first_ms: int) -> Iterator[bytes]:
    """Yield levels of random cells of random products, as they go over the wire."""
    chance = random.Random(20_261_125)
    for count in range(number):
        sku, store, size = f"sku-{chance.randrange(products)}", chance.choice(STORES), chance.choice(SIZES)
        levels = {size: chance.randrange(20)}
        yield encode(
            StockLevel(sku, store=store, levels=levels, updated_at_ms=first_ms + count, update_id=f"s-{count}")
        )


def taken_in(products: int, number: int) -> tuple[float, float]:
    """Return updates per second of one core, and the bytes that a product's state takes."""
    settings = load_settings(environ={}, partitions=1)
    topology = InstallationTopology(settings)
    reader = CatalogReader(stock_decoder().decode, event_clock=False)
    ingest = IngestPartition(CATALOG_STOCK, 0, reader, topology.dead_letter, topology, Fuse(0.1, 1000), False)
    store = MemoryPartition()
    engine: ActorPartition[Any, Any] = ActorPartition(ProductActor(), 0, store, topology)
    now_ms, spent, offset = int(time.time() * 1000), 0.0, 0
    values = updates(products, number, now_ms)
    for start_at in range(0, number, BATCH):
        records = [Record(start_at + n, now_ms, None, next(values)) for n in range(BATCH)]
        began = time.process_time()
        for unit in ingest.apply(records):
            inbox = [Record(offset + n, now_ms, None, output.value) for n, output in enumerate(unit.outputs)]
            offset += len(inbox)
            for done in engine.apply(inbox):
                engine.durable(done, 0)
        spent += time.process_time() - began
    sizes = [len(value) for key, value in store.items() if not key.startswith(b"\0")]
    return number / spent, sum(sizes) / len(sizes)


def told(track: Track, waiting: int, pieces: int) -> list[float]:
    """Return the ms from each update to its trigger, sorted: each brings one piece, and so one trigger."""
    rules = track.folder / "rules.yaml"
    rules.write_text(f"rules:\n  - {{name: {RULE}, kind: back_in_stock, kept_for: 1h}}\n")
    folder = track.folder / "stock"
    folder.mkdir()
    with (
        Installation(track.bootstrap, "stock.", OURS.name, track.partitions, folder, rules) as place,
        start(OURS, place, track) as process,
    ):
        place.wait_drained(alive(process), START_SECONDS)
        producer = Producer({"bootstrap.servers": track.bootstrap, "linger.ms": 1, "acks": "all"})
        _stock(producer, place, 0)
        producer.flush(30)
        place.produce(_alerts(waiting))
        place.wait_drained(alive(process), START_SECONDS)
        track.say(f"{waiting:,} wait")
        consumer = _observer(place)
        due: list[float] = []
        seen: list[float] = []
        began, deadline = time.monotonic(), time.monotonic() + pieces * EVERY_SECONDS + LAST_SECONDS
        while len(seen) < pieces and time.monotonic() < deadline:
            while len(due) < pieces and time.monotonic() >= began + len(due) * EVERY_SECONDS:
                due.append(began + len(due) * EVERY_SECONDS)
                _stock(producer, place, len(due))
            producer.poll(0)
            message = consumer.poll(0.002)
            if message is not None and message.error() is None:
                seen.append(time.monotonic())
        consumer.close()
        process.stop()
    return sorted((at - came) * 1000 for at, came in zip(seen, due, strict=False))


def _alerts(waiting: int) -> Iterator[Sample]:
    now_ms = int(time.time() * 1000) - waiting
    for number in range(waiting):
        ids = {"account": f"w-{number}"}
        event = ChannelEvent(f"w-{number}", "stock_alert_requested", "web", now_ms + number, ids, items=(Item(SKU),))
        yield Sample("web", f"account:w-{number}".encode(), encode_event(event), number, event)


def _stock(producer: Producer, place: Installation, pieces: int) -> None:
    """Tell of one more piece; of none at the beginning."""
    mode, levels = ("delta", {"": 1}) if pieces else ("full", {"": 0})
    level = StockLevel(SKU, mode=mode, levels=levels, updated_at_ms=int(time.time() * 1000), update_id=f"s-{pieces}")
    producer.produce(prefixed(place.settings, CATALOG_STOCK), encode(level), f"default/{SKU}".encode())


def _observer(place: Installation) -> Consumer:
    consumer = Consumer({"bootstrap.servers": place.settings.bootstrap, "group.id": "observer"})
    numbers = range(place.settings.partitions)
    topic = trigger_topic(place.settings, RULE)
    consumer.assign([TopicPartition(topic, number, OFFSET_END) for number in numbers])
    consumer.poll(1.0)
    return consumer


def main() -> int:
    """Measure once, print a document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stock", description=__doc__)
    parser.add_argument("--products", type=int, default=200_000, metavar="N")
    parser.add_argument("--updates", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--waiting", type=int, default=10_000, metavar="N")
    parser.add_argument("--pieces", type=int, default=200, metavar="N")
    parser.add_argument("--partitions", type=int, default=4, metavar="N")
    args = parser.parse_args()
    began = time.monotonic()

    def say(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {line}\n")

    tune()
    updates_s, state_bytes = taken_in(args.products, args.updates)
    say(f"{args.updates:,} levels of {args.products:,} products: {updates_s:,.0f}/s, {state_bytes:,.0f} B a product")
    with tempfile.TemporaryDirectory(prefix="omni-bench-") as name, LocalKafka(Path(name)) as broker:
        waits = told(Track(broker.bootstrap, Path(name), UNPINNED, args.partitions, say), args.waiting, args.pieces)
    found = Result(
        args.products,
        args.updates,
        round(updates_s),
        round(state_bytes),
        args.waiting,
        len(waits),
        args.pieces - len(waits),
        round(median(waits), 1),
        round(percentile(waits, 0.99), 1),
        round(waits[-1], 1),
    )
    document = {"machine": machine.describe(), "load": machine.load()}
    document |= {field: getattr(found, field) for field in found.__struct_fields__}
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
    return 1 if found.missing else 0


if __name__ == "__main__":
    sys.exit(main())

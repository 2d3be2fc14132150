"""The ladder: what each layer of the pipeline costs by itself, in µs of CPU per channel event.

Run as a process of its own on the contender's core; prints one JSON object. The engines are the worker's; where a
layer is Kafka (consume, changelog, outputs) it is the real one, the others have no broker in them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from msgspec import Struct

from pipeline.app import default_actors
from pipeline.channel_reader import ChannelReader
from pipeline.domain.rules.in_force import Rules
from pipeline.history.intake import Intake
from pipeline.history.writer import open_history
from pipeline.identity_file import load_identity
from pipeline.rules_file import load_rules
from pipeline.settings import Settings, load_settings
from pipeline.streaming.delivery import MAX_BATCH_BYTES, Delivery
from pipeline.streaming.ingest import Fuse, IngestPartition
from pipeline.streaming.partition import ActorPartition
from pipeline.streaming.table import MemoryPartition
from pipeline.streaming.units import Output, Record, Unit
from pipeline.topics import BIG_MESSAGE_BYTES, changelog_topic, channel_topic
from pipeline.topology import InstallationTopology
from pipeline.wire.channel_event import Decoder
from tests.bench.contenders.interpreter import tune
from tests.bench.dataset import Spec, stream
from tests.bench.installation import Installation
from tests.bench.race import WARM_UP

BATCH = 1_000
"""Records per batch, as the worker fetches them."""
STAGES = ("ingest", "identity", "customer", "product")


class Message(Struct, frozen=True):
    """A consumed message, as history looks at one."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Climb:
    """The engines of one partition each, wired by hand; CPU time is taken around each."""

    def __init__(self, settings: Settings, rules: Rules) -> None:
        """`rules` without any rule: state alone."""
        topology = InstallationTopology(settings)
        reader = ChannelReader(Decoder(), load_identity(settings.identity_file), False)
        fuse = Fuse(settings.fuse_invalid_ratio, settings.fuse_min_records)
        self._ingest = IngestPartition("channel.web", 0, reader, topology.dead_letter, topology, fuse, False)
        self._actors = {
            actor.name: ActorPartition(actor, 0, MemoryPartition(), topology)
            for actor in default_actors(settings, rules)
        }
        self._offsets = dict.fromkeys(STAGES, 0)
        self.spent = dict.fromkeys(STAGES, 0.0)
        self.units: list[tuple[str, Unit]] = []

    def take(self, records: Sequence[Record], stage: str = "ingest") -> None:
        """Let records pass a stage, and what comes of them the next ones."""
        engine: Any = self._ingest if stage == "ingest" else self._actors[stage]
        began = time.process_time()
        units = []
        for unit in engine.apply(records):
            engine.durable(unit, 0)
            units.append(unit)
        self.spent[stage] += time.process_time() - began
        self.units += [(stage, unit) for unit in units]
        onward: dict[str, list[Record]] = {}
        for unit in units:
            for output in unit.outputs:
                actor, _, kind = output.topic.rpartition(".")
                if kind == "inbox":
                    record = Record(self._offsets[actor], records[0].timestamp_ms, None, output.value)
                    self._offsets[actor] += 1
                    onward.setdefault(actor, []).append(record)
        for actor, found in onward.items():
            self.take(found, actor)

    def forget(self) -> None:
        """Begin to count."""
        self.spent = dict.fromkeys(STAGES, 0.0)
        self.units = []


def engines(values: Sequence[bytes], settings: Settings, rules: Rules) -> Climb:
    """Let all engines take `values`; what is counted begins after the warm-up."""
    climb = Climb(settings, rules)
    now_ms = int(time.time() * 1000)
    warm = int(len(values) * WARM_UP) // BATCH * BATCH
    for start in range(0, len(values), BATCH):
        if start == warm:
            climb.forget()
        batch = values[start : start + BATCH]
        climb.take([Record(start + n, now_ms, None, value) for n, value in enumerate(batch)])
    return climb


async def consume(place: Installation, events: int) -> float:
    """Return the CPU seconds of fetching all channel records as the worker's client does."""
    settings = place.settings
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap, max_partition_fetch_bytes=1 << 20)
    await consumer.start()
    topics = [channel_topic(settings, channel) for channel in settings.channels]
    consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(settings.partitions)])
    await consumer.seek_to_beginning()
    began, got = time.process_time(), 0
    while got < events:
        found = await consumer.getmany(timeout_ms=1000, max_records=BATCH)
        got += sum(len(records) for records in found.values())
    spent = time.process_time() - began
    await consumer.stop()
    return spent


async def deliver(place: Installation, units: Sequence[tuple[str, Unit]]) -> tuple[float, float]:
    """Return the CPU seconds of delivering the units' changelogs, and their outputs."""
    producer = AIOKafkaProducer(
        bootstrap_servers=place.settings.bootstrap,
        acks="all",
        max_batch_size=MAX_BATCH_BYTES,
        max_request_size=BIG_MESSAGE_BYTES,
    )
    await producer.start()
    delivery = Delivery(producer, 30.0)
    began = time.process_time()
    for stage, unit in units:
        if unit.changes:
            await delivery.changelog(changelog_topic(place.settings, stage), 0, unit.changes)
    changed = time.process_time()
    for _, unit in units:
        if unit.outputs:
            outputs = [_placed(output, place.settings.topic_prefix) for output in unit.outputs]
            await delivery.outputs(outputs)
    ended = time.process_time()
    await producer.stop()
    return changed - began, ended - changed


def _placed(output: Output, prefix: str) -> Output:
    return output._replace(topic=prefix + output.topic)


def history(units: Sequence[tuple[str, Unit]], settings: Settings, folder: Path) -> float:
    """Return the CPU seconds of turning everything into rows and storing them in the embedded database."""
    intake = Intake(settings)
    writer = open_history(settings.replace("ladder", history_path=folder))
    began, now_ms = time.process_time(), int(time.time() * 1000)
    rows = []
    for number, (_, unit) in enumerate(units):
        for place, output in enumerate(unit.outputs):
            if intake.wants(output.topic):
                rows += intake.rows_of(
                    Message(output.topic, 0, number * 10_000 + place, now_ms, output.key, output.value)
                )
    writer.write(rows)
    spent = time.process_time() - began
    writer.close()
    return spent


def main() -> None:
    """`bootstrap prefix partitions events customers first_ms repeats folder`: climb, print JSON."""
    tune()
    bootstrap, prefix, folder = sys.argv[1], sys.argv[2], Path(sys.argv[8])
    partitions, events, customers, first_ms, repeats = map(int, sys.argv[3:8])
    plain = load_settings(environ={}, partitions=1)
    rules = load_rules(plain.rules_file)
    samples = list(stream(Spec(events, customers, first_ms)))
    values = [sample.value for sample in samples]
    counted = events - int(events * WARM_UP) // BATCH * BATCH
    taken: dict[str, list[float]] = {}

    def note(layer: str, seconds: float, of: int) -> None:
        taken.setdefault(layer, []).append(seconds / of * 1e6)

    with Installation(bootstrap, prefix, "ladder", partitions, folder) as place:
        place.produce(samples)
        for number in range(repeats):
            note("L0 consume", asyncio.run(consume(place, events)), events)
            bare = engines(values, plain, Rules("", ()))
            full = engines(values, plain, rules)
            note("L1 decode, check, forward", full.spent["ingest"], counted)
            note("L2 customer state, no rules", bare.spent["customer"], counted)
            changed, sent = asyncio.run(deliver(place, full.units))
            note("L3 changelog", changed, counted)
            note("L3 outputs", sent, counted)
            with_rules = full.spent["customer"] - bare.spent["customer"] + full.spent["product"]
            note("L4 triggers: rules, products", with_rules, counted)
            note("L5 identity with re-key", full.spent["identity"], counted)
            note("L6 history, embedded", history(full.units, plain, folder / f"history-{number}"), counted)
    print(json.dumps(taken))


def best(layers: dict[str, list[float]], how: Callable[[list[float]], float] = median) -> dict[str, float]:
    """Return one figure per layer, in order of the ladder."""
    return {name: how(values) for name, values in sorted(layers.items())}


if __name__ == "__main__":
    main()

"""`python -m tests.bench.sink`: what a row of history costs, how many bytes it takes, and when it can be seen.

Events lie on the customers' inbox before `omni history` begins: its CPU time until all are committed, by their number,
is what a row costs from Kafka to the database. A run is void unless the view then shows each event once. The server is
the one that is installed (`clickhouse-server`); the embedded engine works in the sink's own process, so that its time
counts the engine's too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from msgspec import Struct

from pipeline.broker.local import LocalKafka
from pipeline.broker.topic_admin import create_topics
from pipeline.domain.messages.to_customer import Arrived
from pipeline.history.reader import open_reader
from pipeline.settings import Settings, load_settings
from pipeline.streaming.envelope import Entry, Envelope, encode, position
from pipeline.topics import inbox_topic, topics
from tests.bench import machine, visible
from tests.bench.dataset import CHANNELS, Spec, stream
from tests.bench.installation import USED, environment_of
from tests.bench.processes import UNPINNED, Measured, cores, pin
from tests.bench.race import Track, alive
from tests.clickhouse_server import ClickhouseServer

ENGINES = ("server", "embedded")
PARTITIONS = 4
ENTRIES = 100
"""Events in an envelope: what a worker under load sends to one partition at a time."""
CUSTOMERS = 20_000
PATIENCE_SECONDS = 300.0
HISTORY = (sys.executable, "-m", "pipeline", "history", "--port", "0")


class Cost(Struct, frozen=True):
    """Of one run. `rows_per_core_second` is rows by CPU seconds of the sink, however long it had to wait for a core."""

    engine: str
    rows: int
    cpu_us_per_row: float
    rows_per_core_second: int
    wall_rows_per_second: int
    inserts: int
    wall_seconds: float
    peak_mib: int
    void: str
    bytes_per_row: float
    bytes_by_column: dict[str, float]


def measure(track: Track, engine: str, rows: int) -> Cost:
    """Fill the inbox, let the sink empty it, look at what is stored."""
    folder = track.folder / engine
    folder.mkdir()
    with installed(track, engine, folder) as settings:
        track.say(f"{engine}: {rows:,} events")
        distinct, warm = _fill(settings, rows)
        with Measured(HISTORY, environment_of(settings), folder / "history.log", track.cores.contender) as process:
            check, group = alive(process), f"{settings.topic_prefix}{settings.app_id}-history"
            observer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": group})
            _wait(observer, settings, 1, check)  # interpreter, migrations and group are not what a row costs
            begun, spent, began = _committed(observer, settings), process.cpu_seconds(), time.monotonic()
            _wait(observer, settings, None, check)
            wall, spent = time.monotonic() - began, process.cpu_seconds() - spent
            counted = warm - begun * ENTRIES
            peak = _peak_mib(process.pid)
            reader = open_reader(settings)
            shown = reader.query("SELECT count() FROM events").rows[0][0]
            parts = "SELECT max(max_block_number), sum(rows) FROM system.parts WHERE active AND table = 'events_log'"
            inserts, stored = reader.query(f"{parts} AND database != 'system'").rows[0]
            by_column = reader.query(
                "SELECT name, data_compressed_bytes FROM system.columns WHERE table = 'events_log' "
                "AND data_compressed_bytes > 0 ORDER BY data_compressed_bytes DESC"
            ).rows
            reader.close()
            observer.close()
            process.stop()
    return Cost(
        engine,
        counted,
        round(spent / counted * 1e6, 2),
        int(counted / spent),
        int(counted / wall),
        int(inserts),
        round(wall, 2),
        peak,
        "" if shown == distinct else f"{shown:,} events are shown, {distinct:,} were sent",
        round(sum(size for _, size in by_column) / stored, 1),
        {name: round(size / stored, 2) for name, size in by_column},
    )


@contextmanager
def installed(track: Track, engine: str, folder: Path) -> Iterator[Settings]:
    """Create topics and start a server, if one is asked for."""
    server = ClickhouseServer(folder) if engine == "server" else None
    try:
        settings = load_settings(
            environ={},
            bootstrap=track.bootstrap,
            topic_prefix=f"sink-{engine}-{folder.parent.name}.",
            partitions=PARTITIONS,
            channels=CHANNELS,
            data_dir=folder / "data",
            **USED,
        )
        if server is not None:
            settings = settings.replace(clickhouse_url=server.url("omni"))
        create_topics(track.bootstrap, topics(settings))
        yield settings
    finally:
        if server is not None:
            server.kill()


def _fill(settings: Settings, rows: int) -> tuple[int, int]:
    """Put `rows` events of the benchmarks' shop onto the inbox; return how many ids they have and how many they are."""
    producer = Producer({"bootstrap.servers": settings.bootstrap, "linger.ms": 20})
    topic, now_ms = inbox_topic(settings, "customer"), int(time.time() * 1000)
    entries: list[Entry[Arrived]] = []
    ids: set[str] = set()
    number = 0
    for sample in stream(Spec(rows + rows // 100, CUSTOMERS, now_ms)):
        event = sample.event
        if event is None:
            continue
        ids.add(event.event_id)
        customer = f"{crc32(sample.key):08x}{sample.customer:024x}"
        identifiers = tuple(sorted(event.identifiers.items()))
        arrived = Arrived(event.tenant, customer, identifiers, now_ms, crc32(sample.value), event)
        entries.append(Entry(position(number), customer, event.occurred_at_ms, arrived))
        number += 1
        if len(entries) == ENTRIES:
            envelope = encode(Envelope("channel.web/0", now_ms, now_ms, entries))
            producer.produce(topic, envelope, partition=number // ENTRIES % PARTITIONS)
            producer.poll(0)
            entries = []
        if number == rows:
            break
    if producer.flush(60):
        raise RuntimeError("the broker did not take all envelopes within 60 s")
    return len(ids), number


def _places(settings: Settings) -> list[TopicPartition]:
    return [TopicPartition(inbox_topic(settings, "customer"), number) for number in range(PARTITIONS)]


def _committed(observer: Consumer, settings: Settings) -> int:
    """Return how many envelopes of the inbox are committed; none while the broker only learns of the group."""
    try:
        return sum(max(place.offset, 0) for place in observer.committed(_places(settings), timeout=30))
    except KafkaException:
        return 0


def _wait(observer: Consumer, settings: Settings, wanted: int | None, check: Callable[[], None]) -> None:
    """Wait until so many envelopes are committed; all of them, if None."""
    ends = sum(observer.get_watermark_offsets(place, timeout=30)[1] for place in _places(settings))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _committed(observer, settings) < (ends if wanted is None else wanted):
        check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"not done after {PATIENCE_SECONDS:.0f} s")
        time.sleep(0.02)


def _peak_mib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def main() -> int:
    """Measure what is asked for, print it as JSON. Exit status: 0 valid, 1 void."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sink", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, metavar="N", help="events to store (2,000,000)")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="which (both); may be given twice")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="of the latency run (60); 0: none")
    args = parser.parse_args()
    began, engines = time.monotonic(), args.engine or list(ENGINES)

    def say(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {line}\n")

    load = [machine.load()]
    seen = []
    if args.seconds:
        with tempfile.TemporaryDirectory(prefix="omni-bench-") as name, LocalKafka(Path(name)) as broker:
            for engine in engines:
                track = Track(broker.bootstrap, Path(name), UNPINNED, PARTITIONS, say)
                seen.append(visible.measure(track, engine, args.seconds))
    shared = cores()
    pin(shared.rest)
    with tempfile.TemporaryDirectory(prefix="omni-bench-") as name, LocalKafka(Path(name)) as broker:
        track = Track(broker.bootstrap, Path(name), shared, PARTITIONS, say)
        costs = [measure(track, engine, args.rows) for engine in engines if args.rows]
    load.append(machine.load())
    document = {"machine": machine.describe(), "load": load, "costs": costs, "visible": seen}
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n")
    return 1 if any(cost.void for cost in costs) or any(each.missing for each in seen) else 0


if __name__ == "__main__":
    sys.exit(main())

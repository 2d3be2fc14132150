"""Publish → visible row, open loop: from when an event was due to be published until a query shows it.

A worker and `omni history` run as they would; the observer asks for new rows twenty times a second, from outside.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import ExitStack
from statistics import median

from confluent_kafka import Producer
from msgspec import Struct

from pipeline.domain.events import ChannelEvent, Item
from pipeline.history.engine import HistoryUnavailable, QueryRefused
from pipeline.history.reader import open_reader
from pipeline.settings import Settings
from pipeline.topics import channel_topic
from pipeline.wire.channel_event import encode
from tests.bench.dataset import CHANNELS
from tests.bench.installation import Installation, environment_of
from tests.bench.processes import Measured
from tests.bench.race import OURS, START_SECONDS, Track, alive, start
from tests.bench.schedule import on_schedule, percentile
from tests.clickhouse_server import ClickhouseServer

RATE = 1_000
"""Events per second."""
SETTLE_SECONDS = 10.0
"""Of sending, not counted: broker and worker have just started."""
LOOK_SECONDS = 0.05
LOOK_BACK_MS = 5_000
"""Rows received longer ago were seen by an earlier look."""
LAST_SECONDS = 20.0
"""How long the last rows are waited for."""


class Visible(Struct, frozen=True):
    """Milliseconds from the scheduled publishing to the first answer with the row. `missing` ones never were in one."""

    engine: str
    rate: int
    events: int
    missing: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    sender_p99_ms: float


def measure(track: Track, engine: str, seconds: float) -> Visible:
    """Run worker and history, publish on schedule, observe."""
    folder = track.folder / f"visible-{engine}"
    folder.mkdir()
    with ExitStack() as stack:
        server = ClickhouseServer(folder) if engine == "server" else None
        if server is not None:
            stack.callback(server.kill)
        place = stack.enter_context(
            Installation(track.bootstrap, f"visible-{engine}.", OURS.name, track.partitions, folder)
        )
        settings = place.settings.replace(**({"clickhouse_url": server.url("omni")} if server else {}))
        worker = stack.enter_context(start(OURS, place, track))
        history = stack.enter_context(
            Measured(
                [sys.executable, "-m", "pipeline", "history", "--port", "0"],
                environment_of(settings),
                folder / "history.log",
                None,
            )
        )
        place.wait_drained(alive(worker), START_SECONDS)
        _wait_for_tables(settings)  # what came before them would be older than the observer looks back
        track.say(f"{engine}: {RATE} events a second for {seconds + SETTLE_SECONDS:.0f} s, when is each visible?")
        seen: dict[str, float] = {}
        stop = threading.Event()
        observer = threading.Thread(target=_observe, args=(settings, seen, stop))
        observer.start()
        due, late = _publish(settings, seconds + SETTLE_SECONDS)
        deadline = time.monotonic() + LAST_SECONDS
        while len(seen) < len(due) and time.monotonic() < deadline:
            alive(history)()
            time.sleep(LOOK_SECONDS)
        stop.set()
        observer.join()
        history.stop()
        worker.stop()
    counted = list(due)[int(SETTLE_SECONDS * RATE) :]
    waits = sorted((seen[each] - due[each]) * 1000 for each in counted if each in seen)
    return Visible(
        engine,
        RATE,
        len(counted),
        len(due) - len(seen),
        round(median(waits), 1),
        round(percentile(waits, 0.99), 1),
        round(waits[-1], 1),
        round(percentile(sorted(late), 0.99), 1),
    )


def _wait_for_tables(settings: Settings) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            reader = open_reader(settings)
            try:
                reader.query("SELECT count() FROM events")
                return
            finally:
                reader.close()
        except (HistoryUnavailable, QueryRefused):
            if time.monotonic() > deadline:
                raise
        time.sleep(LOOK_SECONDS)


def _publish(settings: Settings, seconds: float) -> tuple[dict[str, float], list[float]]:
    """Publish on schedule; return when each event was due (monotonic seconds), and how many ms late each left."""
    producer = Producer({"bootstrap.servers": settings.bootstrap, "linger.ms": 1, "acks": "all"})
    topics = [channel_topic(settings, channel) for channel in CHANNELS]
    due, late = {}, []
    for number, at in on_schedule(producer, RATE, seconds):
        account, event_id = f"v-{number % 5_000}", f"v-{number}"
        event = ChannelEvent(
            event_id, "product_viewed", "web", int(time.time() * 1000), {"account": account}, items=(Item("sku-1"),)
        )
        producer.produce(topics[number % len(topics)], encode(event), f"account:{account}".encode())
        due[event_id] = at
        late.append((time.monotonic() - at) * 1000)
    return due, late


def _observe(settings: Settings, seen: dict[str, float], stop: threading.Event) -> None:
    """Note when each event is first seen."""
    reader = None
    while not stop.wait(LOOK_SECONDS):
        since_ms = int(time.time() * 1000) - LOOK_BACK_MS
        try:
            reader = reader or open_reader(settings)
            found = reader.query(f"SELECT event_id FROM events_log WHERE received_at_ms >= {since_ms}").rows
        except (HistoryUnavailable, QueryRefused):  # not begun yet
            continue
        now = time.monotonic()
        for (event_id,) in found:
            seen.setdefault(event_id, now)
    if reader is not None:
        reader.close()

"""Publish → trigger, open loop: each event has a time at which it is due to be sent, and waits are counted from there.

So a stall delays what comes after it on paper too (no coordinated omission). The observer is a consumer of the
trigger topic outside the worker. One event in ten is a product put into a cart that is known to go well with another:
ingest → identity → customer → product → customer → trigger. The others are views.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from statistics import median

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition
from msgspec import Struct

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.records import Trigger
from pipeline.topics import channel_topic, trigger_topic
from pipeline.wire.channel_event import Decoder, encode
from pipeline.wire.records import decode_record
from tests.bench.dataset import CHANNELS, Sample
from tests.bench.installation import Installation
from tests.bench.race import OURS, START_SECONDS, Track, alive, start
from tests.bench.schedule import on_schedule, percentile

RATE = 1_000
"""Events per second."""
TRIGGERING = 10
"""One event in so many."""
RULE = "goes_well_with"
BOUGHT, OFFERED = "sku-coat", "sku-scarf"
PRIMERS = 160
SETTLE_SECONDS = 20.0
"""Of sending, not counted: a broker just started compiles itself for so long, and its control is void meanwhile."""
CONTROL_MS = 20.0
"""Largest p99 of the control for a result to mean anything: a fifth of the goal of 100 ms. On a machine whose cores
others use, broker and observer wait for seconds, and subtracting that from the figure would not mend it."""
LAST_SECONDS = 10.0
"""How long the last triggers are waited for."""


class Latency(Struct, frozen=True):
    """Milliseconds from the scheduled send to the observer; `missing` triggers never came.

    Two controls tell the harness from the pipeline: `sender_p99_ms` is how late the sender itself was, and
    `broker_p50_ms`, `broker_p99_ms` how long the same observer waited for the same events on their own topics.
    """

    rate: int
    seconds: float
    triggers: int
    missing: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    sender_p99_ms: float
    broker_p50_ms: float
    broker_p99_ms: float
    all_ms: list[float]

    @property
    def void(self) -> bool:
        """Whether the waits are the harness's own: its control alone takes as long as the pipeline is allowed to."""
        return self.broker_p99_ms > CONTROL_MS


def measure(track: Track, seconds: float) -> Latency:
    """Run a worker, prime the products, send for `seconds`, observe."""
    folder = track.folder / "latency"
    folder.mkdir()
    with Installation(track.bootstrap, "latency.", OURS.name, track.partitions, folder) as place:
        place.produce(_primers(int(time.time() * 1000)))
        with start(OURS, place, track) as process:
            place.wait_drained(alive(process), START_SECONDS)
            sent, late = {}, []
            stop = threading.Event()
            seen: dict[str, float] = {}
            arrived: dict[str, float] = {}
            observer = threading.Thread(target=_observe, args=(place, seen, arrived, stop), daemon=True)
            observer.start()
            time.sleep(1.0)  # the observer's own start is not the pipeline's latency
            for event_id, due, left in _send(place, seconds + SETTLE_SECONDS):
                sent[event_id] = due
                late.append((left - due) * 1000)
            deadline = time.monotonic() + LAST_SECONDS
            while len(seen) < len(sent) and time.monotonic() < deadline:
                time.sleep(0.1)
            stop.set()
            observer.join()
            process.stop()
    counted = [event_id for event_id in sent if sent[event_id] >= min(sent.values()) + SETTLE_SECONDS]
    waits = sorted((seen[event_id] - sent[event_id]) * 1000 for event_id in counted if event_id in seen)
    control = sorted((arrived[event_id] - sent[event_id]) * 1000 for event_id in counted if event_id in arrived)
    if not waits or not control:
        raise RuntimeError(f"no trigger arrived. See {process.log}")
    return Latency(
        RATE,
        seconds,
        len(waits),
        len(counted) - len(waits),
        round(median(waits), 2),
        round(percentile(waits, 0.99), 2),
        round(waits[-1], 2),
        round(percentile(sorted(late), 0.99), 2),
        round(median(control), 2),
        round(percentile(control, 0.99), 2),
        [round(wait, 2) for wait in waits],
    )


def _primers(now_ms: int) -> Iterator[Sample]:
    """Orders, each by a customer of its own: a fourth of both products, the others of neither."""
    for number in range(PRIMERS):
        items = (Item(BOUGHT), Item(OFFERED)) if number % 4 == 0 else (Item("sku-hat"),)
        event = _event(f"prime-{number}", "order_completed", f"p-{number}", now_ms, items)
        yield Sample("web", f"account:p-{number}".encode(), encode(event), number, event)


def _event(event_id: str, event_type: str, account: str, at_ms: int, items: tuple[Item, ...]) -> ChannelEvent:
    order_id = event_id if event_type == "order_completed" else None
    return ChannelEvent(event_id, event_type, "web", at_ms, {"account": account}, order_id=order_id, items=items)


def _send(place: Installation, seconds: float) -> Iterator[tuple[str, float, float]]:
    """Send on schedule; yield each triggering event's id, when it was due and when it left (monotonic seconds)."""
    producer = Producer({"bootstrap.servers": place.settings.bootstrap, "linger.ms": 1, "acks": "all"})
    topics = [channel_topic(place.settings, channel) for channel in CHANNELS]
    for number, due in on_schedule(producer, RATE, seconds):
        triggering = number % TRIGGERING == 0
        kind = "product_added" if triggering else "product_viewed"
        event = _event(f"l-{number}", kind, f"l-{number}", int(time.time() * 1000), (Item(BOUGHT),))
        producer.produce(topics[number // TRIGGERING % len(topics)], encode(event), f"account:l-{number}".encode())
        if triggering:
            yield event.event_id, due, time.monotonic()


def _observe(place: Installation, seen: dict[str, float], arrived: dict[str, float], stop: threading.Event) -> None:
    """Note when each trigger is `seen`, and when each event has `arrived` on its channel's topic."""
    topic = trigger_topic(place.settings, RULE)
    topics = [topic, *place.channels]
    decode = Decoder().decode
    consumer = Consumer({"bootstrap.servers": place.settings.bootstrap, "group.id": "observer"})
    numbers = range(place.settings.partitions)
    consumer.assign([TopicPartition(name, number, OFFSET_END) for name in topics for number in numbers])
    while not stop.is_set():
        message = consumer.poll(0.05)
        if message is None or message.error() is not None:
            continue
        if message.topic() != topic:
            arrived[decode(message.value()).event_id] = time.monotonic()
        else:
            seen.setdefault(decode_record(Trigger, message.value() or b"").caused_by, time.monotonic())
    consumer.close()

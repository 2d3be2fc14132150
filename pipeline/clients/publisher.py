"""Puts events and records of the catalogue onto their topics, those of one customer or product in order.

Control events go onto every partition of every channel.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Coroutine
from contextlib import suppress
from functools import lru_cache
from threading import Thread
from typing import Any, Final, NamedTuple, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from pipeline.broker import BrokerError, bootstrap_of
from pipeline.broker.topic_admin import create_topics
from pipeline.clients.connection import CHANNEL, cluster_and_topics, producers_topics
from pipeline.domain.catalog import CatalogRecord, Product, StockLevel
from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import ChannelEvent
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.messages.to_product import CatalogMessage
from pipeline.domain.records import DeadLetter
from pipeline.errors import USAGE, OmniError
from pipeline.settings import Settings
from pipeline.topics import CATALOG_PRODUCTS, CATALOG_STOCK, channel_topic, prefixed
from pipeline.wire.catalog import SCHEMA_OF
from pipeline.wire.catalog import encode as encode_catalog
from pipeline.wire.channel_event import encode
from pipeline.wire.input_decoder import MAX_BYTES

Answer = TypeVar("Answer")

GIVE_UP_AFTER_SECONDS: Final = 30.0
LINGER_SECONDS: Final = 0.02
"""How long an event may wait for company."""
BATCH_BYTES: Final = 512 * 1024
"""Of one record batch; brokers take 1 MiB unless told otherwise."""
MAX_WAITING: Final = 4_000
"""Events on their way; whoever brings more waits."""


class _Record(NamedTuple):
    """One record on its way to a place (topic, partition)."""

    place: tuple[str, int]
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


class UnknownTopic(OmniError):
    """All events were to go to a topic that is not there."""


class Publisher:
    """A producer that waits for every replica (acks=all) and never reorders a partition.

    Events leave in the background, in whole batches; `flush` waits for them. `topic` (without the prefix) takes all
    events, whatever their channel. Use as a context manager.
    """

    def __init__(self, settings: Settings, topic: str | None = None) -> None:
        """Connect, and create the channel topics that are missing. Raises BrokerError if none answers, UnknownTopic."""
        self._settings = settings
        self._all_to = None if topic is None else prefixed(settings, topic)
        self.cluster, names = cluster_and_topics(settings)
        wanted = producers_topics(settings)
        if not {topic.name for topic in wanted} <= set(names):
            create_topics(bootstrap_of(settings), wanted)
            self.cluster, names = cluster_and_topics(settings)
        catalog = (CATALOG_PRODUCTS, CATALOG_STOCK)
        if topic is not None and topic not in catalog and not topic.startswith(CHANNEL):
            raise UnknownTopic(
                f"{topic} is written by workers alone. What is published goes to {CHANNEL}<name>, "
                f"{' or '.join(catalog)}.",
                USAGE,
            )
        if self._all_to is not None and self._all_to not in names:
            raise UnknownTopic(
                f"There is no topic {self._all_to}. Topics are created by: omni topics create; "
                "a channel of your own is added with PIPELINE_CHANNELS."
            )
        self._channels = [name for name in names if name.startswith(settings.topic_prefix + CHANNEL)]
        self._catalog: dict[type[CatalogRecord], str] = {
            Product: prefixed(settings, CATALOG_PRODUCTS),
            StockLevel: prefixed(settings, CATALOG_STOCK),
        }
        self._waiting: deque[_Record] = deque()  # filled by one thread, emptied by another
        self._failure: Exception | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="publisher", daemon=True)
        self._thread.start()
        try:
            mine = {*self._channels, *self._catalog.values(), *([self._all_to] if self._all_to else [])}
            self._call(self._start(mine))
        except (KafkaError, OSError) as error:
            self._stop_loop()
            raise self._unreachable(error) from error

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._call(self._stop())
            self._stop_loop()

    def send(self, event: ChannelEvent, identifiers: tuple[Identifier, ...]) -> None:
        """Send one event; its strongest identifier is the key.

        Raises InvalidEvent if its channel has no topic, or if it is larger than a worker takes.
        """
        topic = self._all_to or channel_topic(self._settings, event.channel)
        if topic in self._catalog.values():
            raise InvalidEvent(InvalidReason.BAD_VALUE, f"this is an event, which {topic} does not take: leave it out")
        partitions = self._partitions.get(topic)
        if partitions is None:
            raise InvalidEvent(
                InvalidReason.BAD_VALUE,
                f"channel: {event.channel!r} has no topic {topic}. Known are {', '.join(self._settings.channels)}; add "
                "it with PIPELINE_CHANNELS and omni topics create",
            )
        key = "{}:{}".format(*identifiers[0]).encode()
        self._put(_event_record((topic, _hash(key) % partitions), key, event))

    def send_record(self, record: CatalogRecord, message: CatalogMessage) -> None:
        """Send one record of the catalogue; tenant and SKU, as `message` has them, are the key.

        Raises InvalidEvent if all was to go to a topic for something else, or if it is larger than a worker takes.
        """
        topic = self._catalog[type(record)]
        if self._all_to not in (None, topic):
            problem = f"this is a {type(record).__name__}, which {self._all_to} does not take; it goes to {topic}"
            raise InvalidEvent(InvalidReason.BAD_VALUE, problem)
        key = f"{message.tenant}/{message.sku}".encode()
        headers = [
            ("tenant", message.tenant.encode()),
            ("schema", SCHEMA_OF[type(record)].encode()),
            ("trace", message.update_id.encode()),
        ]
        self._put(_Record((topic, _hash(key) % self._partitions[topic]), key, encode_catalog(record), headers))

    def send_again(self, letter: DeadLetter) -> None:
        """Send what was refused to where it stood, bytes as they were; where that was is its trace.

        Raises InvalidEvent if it would be refused again for certain, or has no topic any more.
        """
        if letter.value is None:
            raise InvalidEvent(InvalidReason.BAD_VALUE, "it has no value")
        if letter.partition >= self._partitions.get(letter.topic, 0):
            problem = f"nothing is read from partition {letter.partition} of {letter.topic}"
            raise InvalidEvent(InvalidReason.BAD_VALUE, problem)
        headers = [("trace", letter.dead_letter_id.encode())]
        self._put(_Record((letter.topic, letter.partition), letter.key, letter.value, headers))

    def _put(self, record: _Record) -> None:
        if len(record.value) > MAX_BYTES:
            problem = f"{len(record.value):,} bytes, workers take at most {MAX_BYTES:,}. Split it, or send fewer fields"
            raise InvalidEvent(InvalidReason.VALUE_TOO_LONG, problem)
        self._waiting.append(record)
        if len(self._waiting) >= MAX_WAITING:
            self.flush()

    def control(self, event_type: str, at_ms: int) -> None:
        """Send a control event to every partition of every channel topic, behind everything sent so far."""
        self.flush()
        for topic in self._channels:
            channel = topic.removeprefix(self._settings.topic_prefix + CHANNEL)
            for partition in range(self._partitions[topic]):
                event_id = f"{event_type}-{at_ms}-{channel}-{partition}"
                self._waiting.append(
                    _event_record((topic, partition), None, ChannelEvent(event_id, event_type, channel, at_ms, {}))
                )
        self.flush()

    def flush(self) -> None:
        """Wait until the broker has everything. Raises BrokerError if it does not take it."""
        self._call(self._deliver())
        if self._failure is not None:
            raise self._unreachable(self._failure) from self._failure

    # --- on the event loop, in the background -------------------------------------------------------------------

    async def _start(self, topics: set[str]) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap_of(self._settings).split(","),
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=int(GIVE_UP_AFTER_SECONDS * 1000),
        )
        await self._producer.start()
        self._partitions = {topic: len(await self._producer.partitions_for(topic)) for topic in sorted(topics)}
        self._one_at_a_time = asyncio.Lock()
        self._ticking = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(LINGER_SECONDS)
            await self._deliver()

    async def _deliver(self) -> None:
        async with self._one_at_a_time:
            records = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not records or self._failure is not None:
                return
            places: defaultdict[tuple[str, int], list[_Record]] = defaultdict(list)
            for record in records:
                places[record.place].append(record)
            try:
                async with asyncio.timeout(GIVE_UP_AFTER_SECONDS), asyncio.TaskGroup() as sending:
                    for place, of_place in places.items():
                        sending.create_task(self._send(place, of_place))
            except* (KafkaError, TimeoutError) as errors:
                self._failure = errors.exceptions[0]

    async def _send(self, place: tuple[str, int], records: list[_Record]) -> None:
        """Deliver the records of one partition, in order, as few batches."""
        topic, partition = place
        batch = self._producer.create_batch()
        for record in records:
            if batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers) is None:
                await (await self._producer.send_batch(batch, topic, partition=partition))
                batch = self._producer.create_batch()
                batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers)
        await (await self._producer.send_batch(batch, topic, partition=partition))

    async def _stop(self) -> None:
        self._ticking.cancel()
        with suppress(asyncio.CancelledError):
            await self._ticking
        try:
            async with asyncio.timeout(GIVE_UP_AFTER_SECONDS if self._failure is None else 0):
                await self._producer.stop()  # delivers first what it holds, if that takes for ever
        except TimeoutError:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            await self._producer.client.close()

    def _call(self, doing: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result()

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _unreachable(self, error: Exception) -> BrokerError:
        problem = f"no answer for {GIVE_UP_AFTER_SECONDS:.0f} s" if isinstance(error, TimeoutError) else repr(error)
        return BrokerError(
            f"Kafka at {self._settings.bootstrap} did not take the events: {problem}. When it "
            "is back (omni doctor tells), run the same command again: what was taken already counts once."
        )


@lru_cache(maxsize=65_536)
def _hash(key: bytes) -> int:
    """As every Kafka client's default partitioner has it; in Python it costs more than all the rest of a send."""
    return int(murmur2(key)) & 0x7FFFFFFF


def _event_record(place: tuple[str, int], key: bytes | None, event: ChannelEvent) -> _Record:
    headers = [("tenant", event.tenant.encode()), ("schema", b"channel_event"), ("trace", event.event_id.encode())]
    return _Record(place, key, encode(event), headers)

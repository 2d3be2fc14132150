"""Delivery to Kafka as whole record batches: one `send` per record would cost more than the work it reports.

The client has one batch per partition under way. Lanes that send to the same partition do not queue for it one by
one; what they bring while a batch is under way goes together in the next one.

A delivery that fails or takes longer than the send timeout raises; the worker stops before anything that depends on
it is acknowledged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from pipeline.streaming.units import Output

MAX_BATCH_BYTES = 15 * 1024 * 1024
"""Largest record batch: what topics allow (16 MiB) less room for its framing."""
EMITTED_AT = "emitted_at"
"""Header of public records: when this copy left (ms). Not in the value, so that a copy sent again is the same bytes."""
SHARED_BATCH_BYTES = 1024 * 1024
"""Bound of a batch made of several lanes' records: what every broker takes unless told otherwise."""


class NotDelivered(RuntimeError):
    """The broker did not take a batch in time, or refused it."""


class Delivery:
    """Sends record batches and waits until the broker has them (acks=all)."""

    def __init__(self, producer: AIOKafkaProducer, timeout_seconds: float) -> None:
        """Use `producer` (started) for everything; give up on a batch after `timeout_seconds`."""
        self._producer = producer
        self._timeout_seconds = timeout_seconds
        self._partition = DefaultPartitioner()
        self._partitions: dict[str, list[int]] = {}
        self._queues: dict[tuple[str, int], _Queue] = {}

    async def outputs(self, outputs: Iterable[Output]) -> None:
        """Deliver `outputs`; those for one partition arrive there in order."""
        places: dict[tuple[str, int], list[Output]] = {}
        for output in outputs:
            partition = await self._place(output) if output.partition is None else output.partition
            try:
                places[output.topic, partition].append(output)
            except KeyError:
                places[output.topic, partition] = [output]
        sent = []
        for place, records in places.items():
            queue = self._queues.get(place)
            if queue is None:
                queue = self._queues[place] = _Queue(self, *place)
            sent.append(queue.put(records))
        if len(sent) == 1:
            await sent[0]
        else:
            await asyncio.gather(*sent)

    async def changelog(self, topic: str, partition: int, changes: Mapping[bytes, bytes]) -> int:
        """Append `changes` as one atomic batch; return the offset of its last record."""
        builder = self._producer.create_batch()
        append = builder.append
        for key, value in changes.items():
            if append(timestamp=None, key=key, value=value) is None:
                raise NotDelivered(f"{topic}/{partition}: a unit of {len(changes)} changes exceeds {MAX_BATCH_BYTES} B")
        metadata = await self.send(topic, partition, builder)
        return int(metadata.offset) + len(changes) - 1

    async def _place(self, output: Output) -> int:
        partitions = self._partitions.get(output.topic)
        if partitions is None:
            partitions = self._partitions[output.topic] = sorted(await self._producer.partitions_for(output.topic))
        return int(self._partition(output.key, partitions, partitions))

    def new_batch(self) -> Any:
        """Return an empty record batch."""
        return self._producer.create_batch()

    async def send(self, topic: str, partition: int, builder: Any) -> Any:
        """Send one record batch; return its metadata once all replicas have it. Raises `NotDelivered`."""
        builder.close()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await (await self._producer.send_batch(builder, topic, partition=partition))
        except TimeoutError as error:
            raise NotDelivered(
                f"{topic}/{partition}: not taken by the broker within {self._timeout_seconds} s"
            ) from error
        except KafkaError as error:
            raise NotDelivered(f"{topic}/{partition}: {error!r}") from error


class _Queue:
    """What waits for one partition. The first to find nobody sending sends, for all that came meanwhile as well."""

    def __init__(self, delivery: Delivery, topic: str, partition: int) -> None:
        self._delivery = delivery
        self._place = (topic, partition)
        self._waiting: list[tuple[Sequence[Output], asyncio.Future[None]]] = []
        self._sender: asyncio.Task[None] | None = None

    def put(self, records: Sequence[Output]) -> asyncio.Future[None]:
        """Queue `records`; the future is done when the broker has them."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, done))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_waiting())
        return done

    async def _send_waiting(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                await self._send_group(group)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must not go on
                for _, done in (*group, *self._waiting):
                    if not done.done():
                        done.set_exception(error)
                self._waiting = []

    async def _send_group(self, group: list[tuple[Sequence[Output], asyncio.Future[None]]]) -> None:
        emitted_at = str(int(time.time() * 1000)).encode()
        builder = self._delivery.new_batch()
        filled: list[asyncio.Future[None]] = []
        for records, done in group:
            for record in records:
                headers = [*record.headers, (EMITTED_AT, emitted_at)] if record.headers else []
                length = len(record.value) + len(record.key or b"")
                length += sum(len(name) + len(value) for name, value in headers)
                if builder.record_count() and builder.size() + length > SHARED_BATCH_BYTES:
                    await self._delivery.send(*self._place, builder)
                    _resolve(filled)
                    builder, filled = self._delivery.new_batch(), []
                if builder.append(timestamp=None, key=record.key, value=record.value, headers=headers) is None:
                    raise NotDelivered(f"{self._place}: a record of {length} bytes fits no batch")
            filled.append(done)
        await self._delivery.send(*self._place, builder)
        _resolve(filled)


def _resolve(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)

"""Delivery to Kafka as whole record batches: one `send` per record would cost more than the work it reports.

A delivery that fails or takes longer than the send timeout raises; the worker stops before anything that depends on
it is acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from pipeline.streaming.units import Output

MAX_BATCH_BYTES = 15 * 1024 * 1024
"""Largest record batch: what topics allow (16 MiB) less room for its framing."""


class NotDelivered(RuntimeError):
    """The broker did not take a batch in time, or refused it."""


class Delivery:
    """Sends record batches and waits until the broker has them (acks=all)."""

    def __init__(self, producer: AIOKafkaProducer, timeout_seconds: float) -> None:
        """Use `producer` (started) for everything; give up on a batch after `timeout_seconds`."""
        self._producer = producer
        self._timeout = timeout_seconds
        self._partition = DefaultPartitioner()

    async def outputs(self, outputs: Iterable[Output], headers: tuple[tuple[str, bytes], ...] = ()) -> None:
        """Deliver `outputs`, in order per partition; `headers` are added to each."""
        builders: dict[tuple[str, int], list[Any]] = {}
        for output in outputs:
            place = (output.topic, await self._place(output))
            batches = builders.setdefault(place, [self._producer.create_batch()])
            said = [*output.headers, *headers]
            if not _append(batches[-1], output.key, output.value, said):
                batches.append(self._producer.create_batch())
                if not _append(batches[-1], output.key, output.value, said):
                    raise NotDelivered(f"{place}: a record of {len(output.value)} bytes fits no batch")
        for place in builders:
            for batch in builders[place]:
                batch.close()
        await asyncio.gather(*(self._send_all(place, batches) for place, batches in builders.items()))

    async def changelog(self, topic: str, partition: int, changes: Mapping[bytes, bytes | None]) -> int:
        """Append `changes` as one atomic batch; return the offset of its last record."""
        builder = self._producer.create_batch()
        for key, value in changes.items():
            if not _append(builder, key, value, []):
                raise NotDelivered(f"{topic}/{partition}: a unit of {len(changes)} changes exceeds {MAX_BATCH_BYTES} B")
        builder.close()
        metadata = await self._send(topic, partition, builder)
        return int(metadata.offset) + len(changes) - 1

    async def _place(self, output: Output) -> int:
        if output.partition is not None:
            return output.partition
        partitions = sorted(await self._producer.partitions_for(output.topic))
        return int(self._partition(output.key, partitions, partitions))

    async def _send_all(self, place: tuple[str, int], batches: list[Any]) -> None:
        for batch in batches:
            await self._send(*place, batch)

    async def _send(self, topic: str, partition: int, builder: Any) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                future = await self._producer.send_batch(builder, topic, partition=partition)
                return await future
        except TimeoutError as error:
            raise NotDelivered(f"{topic}/{partition}: not taken by the broker within {self._timeout} s") from error


def _append(builder: Any, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> bool:
    return builder.append(timestamp=None, key=key, value=value, headers=headers) is not None

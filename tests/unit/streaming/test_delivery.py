"""Delivery: what lanes send to one partition goes together, in batches that every broker takes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder

from pipeline.streaming.delivery import MAX_BATCH_BYTES, SHARED_BATCH_BYTES, Delivery
from pipeline.streaming.units import Output


class Producer:
    """Takes batches and notes how many records and bytes they have."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, int]] = []

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(MAX_BATCH_BYTES, 0)

    async def send_batch(self, builder: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[Any]:
        self.taken.append((builder.record_count(), builder.size()))
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        done.set_result(SimpleNamespace(offset=0))
        return done


def test_a_shared_batch_is_bounded_with_keys_and_headers_counted() -> None:
    producer: Any = Producer()
    outputs = [Output("triggers.x", 0, bytes(1_000), b"v", (("trace", bytes(1_000)),)) for _ in range(2_000)]

    asyncio.run(Delivery(producer, 5.0).outputs(outputs))

    assert sum(records for records, _ in producer.taken) == 2_000
    assert max(size for _, size in producer.taken) <= SHARED_BATCH_BYTES + 1_000  # framing

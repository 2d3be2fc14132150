"""The batch transport: Faust's Kafka transport, handing over whole batches of one partition instead of events.

Stock Faust pays 70–100 µs of framework time per event; here one Faust event carries a `Batch`. What else differs from
Faust's consumer is in `consumer.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, cast

import faust
from faust.transport.drivers.aiokafka import Transport as KafkaTransport
from faust.types import TP, ConsumerMessage, Message

from pipeline.streaming.batch import Batch
from pipeline.streaming.consumer import FETCH_WAIT_SECONDS, LaneConsumer, OnceProducer
from pipeline.streaming.units import Record

HELD_BACK_WAIT_SECONDS = 0.02
"""How long a fetch waits while a partition is left out of it for want of room: about as long as a unit takes."""

FETCH_PAUSE_SECONDS = 0.002
"""Rest between two fetches: what arrives meanwhile shares a fetch, a unit and a round trip. With none, a worker at
1,000 events/s asks so often that it and the broker are slower for it."""


class BatchSchema(faust.Schema[Any, Any]):
    """Passes the value of a message on as it is: a `Batch` from our transport, or raw bytes from the stock one."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Awaitable[Any]]:  # noqa: D102
        create_event = app.create_event

        async def decode(message: Message, *, propagate: bool = False) -> Any:
            return create_event(message.key, message.value, message.headers, message)

        return decode


class BatchConsumer(LaneConsumer):
    """Consumer that delivers batches, to partitions that have room."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Start with room for everything."""
        #: Set by the lanes: whether this partition may be given another batch now.
        self.has_room: Callable[[TP], bool] = lambda _tp: True
        self.room_made = asyncio.Event()
        super().__init__(*args, **kwargs)

    # --- delivery -----------------------------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:
        while not (self.should_stop or fetcher.should_stop):
            if not self.flow_active:
                await self.wait(self.can_resume_flow.wait())
                continue
            active = self._get_active_partitions()
            wanted = {tp for tp in active if self.has_room(tp)}
            if not wanted:
                self.room_made.clear()
                await self.wait(self.room_made.wait(), timeout=FETCH_WAIT_SECONDS)
                continue
            async with self._delivering:
                epoch = self.epoch
                wait_seconds = FETCH_WAIT_SECONDS if len(wanted) == len(active) else HELD_BACK_WAIT_SECONDS
                records = await self._thread.getmany(wanted, wait_seconds)
                for tp, fetched in records.items():
                    if self.epoch != epoch or not self.flow_active:
                        break
                    if fetched:
                        await self._deliver(tp, fetched)
            await asyncio.sleep(FETCH_PAUSE_SECONDS)

    async def _deliver(self, tp: TP, fetched: list[Any]) -> None:
        last = fetched[-1]
        highwater = self.highwater(tp)
        batch = Batch(
            tp.topic,
            tp.partition,
            [Record(r.offset, r.timestamp, r.key, r.value) for r in fetched],
            int(time.time() * 1000),
            highwater is None or last.offset + 1 >= highwater,
            self.epoch,
        )
        message = ConsumerMessage(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000, last.timestamp_type, None, None,
            cast(Any, batch), None, tp=tp, generation_id=self.app.consumer_generation_id,
        )  # fmt: skip
        await self.callback(message)
        self._read_offset[tp] = last.offset

    def on_durable(self, tp: TP, next_offset: int) -> None:
        """Note that everything before `next_offset` is durable: it may be committed, and there may be room again."""
        super().on_durable(tp, next_offset)
        self.room_made.set()


class BatchTransport(KafkaTransport):
    """Faust transport with the batch consumer."""

    Consumer: ClassVar[type[Any]] = BatchConsumer
    Producer: ClassVar[type[Any]] = OnceProducer

"""Faust's own transport, an event at a time, as far as it must know of the lanes. It is there to compare with."""

from __future__ import annotations

from typing import Any, ClassVar

from faust.transport.drivers.aiokafka import Transport as KafkaTransport
from faust.types import TP

from pipeline.streaming.consumer import FETCH_WAIT_SECONDS, LaneConsumer, OnceProducer


class StockConsumer(LaneConsumer):
    """Delivers as Faust does, but for a fetch during which the flow was stopped.

    Faust would deliver that after the seek, or seek at once itself, while the partitions may be another worker's.
    """

    async def _wait_next_records(self, timeout: float) -> tuple[Any, set[TP] | None]:
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())
        async with self._delivering:
            if not self.flow_active:  # stopped again meanwhile: a seek that waits for us comes before the next fetch
                return None, None
            epoch = self.epoch
            records, active = await super()._wait_next_records(min(timeout, FETCH_WAIT_SECONDS))
        return (records if self.epoch == epoch else None), active


class StockTransport(KafkaTransport):
    """Faust's transport with the stock consumer."""

    Consumer: ClassVar[type[Any]] = StockConsumer
    Producer: ClassVar[type[Any]] = OnceProducer

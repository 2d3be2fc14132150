"""The agents, thin shells that hand what Faust brings to the lanes, and the stage behind each. No business here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import faust

from pipeline.domain.actor import Actor
from pipeline.domain.errors import InvalidReason
from pipeline.streaming.batch import Batch
from pipeline.streaming.lane import Engine
from pipeline.streaming.lanes import Lanes
from pipeline.streaming.partition import ActorPartition
from pipeline.streaming.table import ActorTable
from pipeline.streaming.transport import BatchSchema
from pipeline.streaming.units import Output, Record
from pipeline.topology import InstallationTopology


@dataclass(frozen=True, eq=False)
class IngestStage:
    """Topics of producers, and how to read them."""

    topics: frozenset[str]
    new_engine: Callable[[str, int], Engine]
    table: None = None
    gapless: bool = False  # producers may write in transactions, whose markers take offsets

    def engine(self, topic: str, partition: int) -> Engine:
        """Build the engine of one partition."""
        return self.new_engine(topic, partition)


@dataclass(frozen=True, eq=False)
class ActorStage:
    """One actor: its inbox, its table."""

    actor: Actor[Any, Any]
    topics: frozenset[str]
    table: ActorTable
    topology: InstallationTopology
    gapless: bool = True

    def engine(self, topic: str, partition: int) -> Engine:
        """Build the engine over the recovered partition of the table."""

        def refuse(record: Record, error: Exception) -> Output:
            return self.topology.dead_letter(topic, partition, record, InvalidReason.UNDECODABLE, str(error))

        store = self.table.partitions_of.partition(partition)
        return ActorPartition(self.actor, partition, store, self.topology, refuse)


def add_agent(app: faust.App, lanes: Lanes, name: str, topics: Sequence[str]) -> None:
    """Register the agent that hands what arrives on `topics` to the lanes.

    Without acknowledgements: commits go by what lanes made durable, and Faust would keep each of them for good.
    """
    source = app.topic(*topics, schema=BatchSchema(), acks=False)

    async def agent(stream: Any) -> None:
        async for event in stream.events():
            if isinstance(event.value, Batch):
                lanes.submit(event.value)
            else:
                message = event.message
                record = Record(message.offset, int(message.timestamp * 1000), message.key, message.value)
                await lanes.run_one(message.topic, message.partition, record)

    app.agent(source, name=name)(agent)

"""Faust's own transport, an event at a time, as far as it must know of the lanes. It is there to compare with."""

from __future__ import annotations

from typing import Any, ClassVar

from faust.transport.drivers.aiokafka import Transport as KafkaTransport
from faust.types import TP

from pipeline.streaming.consumer import LaneConsumer, OnceProducer, said_watermarks


class StockConsumer(LaneConsumer):
    """Faust's own consumer, but for its commits: they say how far the sources have come, and no more than is durable.

    Faust acknowledges an event whose agent was cancelled in the middle of it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Start with nothing said; the rest is Faust's."""
        self._said: dict[TP, int] = {}
        super().__init__(*args, **kwargs)

    async def perform_seek(self) -> None:
        """Seek as Faust does, and remember where to."""
        await super().perform_seek()
        self.started_at = {
            tp: self._committed_offset[tp] or 0 for tp in self.assignment() if not self._is_changelog_tp(tp)
        }
        if self.on_flowing is not None:
            await self.on_flowing(self.started_at, said_watermarks(await self._thread.commits()))

    def _new_offset(self, tp: TP) -> int | None:
        acknowledged = super()._new_offset(tp)
        return None if acknowledged is None else min(acknowledged, self.durable.get(tp, acknowledged))

    async def commit_now(self) -> None:
        """Commit what was acknowledged by now."""
        await self.commit()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finish, and forget where partitions stood that may go to somebody else."""
        if self.on_revoking is not None:
            await self.on_revoking()
        self.started_at = {}
        self._said = {}
        self.durable = {}
        await super().on_partitions_revoked(revoked)

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit as Faust does; then say the watermarks that moved while no record came."""
        self.watermarks = self.on_committing()
        done: bool = await super().force_commit(topics, start_new_transaction)
        moved = {
            tp: self._committed_offset[tp] or self.started_at[tp]
            for tp, watermark in self.watermarks.items()
            if tp in self.started_at and self._said.get(tp) != watermark
        }
        if moved and await self._thread.commit(moved):
            self._said.update({tp: self.watermarks[tp] for tp in moved})
        return done


class StockTransport(KafkaTransport):
    """Faust's transport with the stock consumer."""

    Consumer: ClassVar[type[Any]] = StockConsumer
    Producer: ClassVar[type[Any]] = OnceProducer

"""How a worker reads its changelogs back: Faust's recovery, but for what made it fail for ever or without a word."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP
from mode.utils.times import want_seconds

from pipeline import metrics
from pipeline.broker.topic_admin import topic_ids
from pipeline.streaming.table import ActorTable

log = logging.getLogger(__name__)


class ActorTables(TableManager):
    """Faust's table manager without its second of waiting for tables that others may still declare: ours are there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Recover our way; the rest is Faust's."""
        super().__init__(*args, **kwargs)
        self._recovery = ChangelogRecovery(self.app, self, beacon=self.beacon, loop=self.loop)

    async def on_start(self) -> None:
        """Start tables and recovery at once."""
        if not self.should_stop:
            await self._learn_topic_ids()
            await self._update_channels()
            await self.recovery.start()

    async def _learn_topic_ids(self) -> None:
        """Tell tables which topics their changelogs are, before any of their partitions is opened."""
        tables = {table.changelog_topic.get_topic_name(): table for table in self.values()}
        for table in tables.values():
            await table.changelog_topic.maybe_declare()
        if tables:
            bootstrap = ",".join(f"{url.host}:{url.port}" for url in self.app.conf.broker_consumer)
            for name, topic_id in (await asyncio.to_thread(topic_ids, bootstrap, list(tables))).items():
                tables[name].partitions_of.topic_id = topic_id


class ChangelogRecovery(Recovery):
    """Faust's recovery, which takes its time, and begins a store anew that is ahead of its changelog."""

    async def _wait(self, coro: Any, timeout: Any = None) -> None:
        """Wait for as long as it takes, and say so every `timeout`.

        Faust takes a step that runs into its timeout for the end of the worker: the recovery would end without a word,
        and the worker stay in the group and handle nothing. What asks the broker has timeouts of its own.
        """

        async def complain(seconds: float) -> None:
            while True:
                await asyncio.sleep(seconds)
                log.warning("a step of the recovery takes more than %.3g s; still waiting for it", seconds)

        complaining = asyncio.create_task(complain(want_seconds(timeout))) if timeout is not None else None
        try:
            await super()._wait(coro)
        finally:
            if complaining is not None:
                complaining.cancel()

    async def _build_highwaters(self, consumer: Any, tps: set[TP], destination: Counter[TP], title: str) -> None:
        """Ask where the changelogs end; a store that has come further followed records that are there no longer."""
        await super()._build_highwaters(consumer, tps, destination, title)
        for tp, last in destination.items():
            table = self.tp_to_table[tp]
            assert isinstance(table, ActorTable)
            reached = table.partitions_of.persisted_offset(tp)
            if reached is not None and reached > last:
                self._begin_anew(table, tp, reached, last)

    def _begin_anew(self, table: ActorTable, tp: TP, reached: int, last: int) -> None:
        """Read a changelog whole that has lost its end: what is kept here, nobody else could ever come to know."""
        table.partitions_of.begin_anew(tp.partition)
        self.active_offsets[tp] = None  # type: ignore[assignment] # Faust's word for: from the earliest record
        metrics.LOGS_CUT.labels(tp.topic).inc()
        log.error(
            "%s/%d has lost its end: it was known here up to offset %d and now ends at %d, so the broker has lost "
            "records. What is kept of it here is removed and read anew; the states of this partition fall back to that "
            "offset. To have them catch up, stop all workers, set their group's offset of partition %d of the inbox of "
            "%s back to before the loss (kafka-consumer-groups.sh --reset-offsets --to-datetime …), and start them; "
            "what is not lost is not applied twice",
            tp.topic, tp.partition, reached, last, tp.partition, table.name,
        )  # fmt: skip

"""How a worker reads its changelogs back: Faust's recovery, but for what made it end without a word."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from mode.utils.times import want_seconds

from pipeline.broker.topic_admin import topic_ids

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
        """Tell tables on disk which topics their changelogs are, before any of their partitions is opened."""
        on_disk = {table.changelog_topic.get_topic_name(): table for table in self.values() if table.folder}
        for table in on_disk.values():
            await table.changelog_topic.maybe_declare()
        if on_disk:
            bootstrap = ",".join(f"{url.host}:{url.port}" for url in self.app.conf.broker_consumer)
            for name, topic_id in (await asyncio.to_thread(topic_ids, bootstrap, list(on_disk))).items():
                on_disk[name].partitions_of.topic_id = topic_id


class ChangelogRecovery(Recovery):
    """Faust's recovery, which takes its time."""

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

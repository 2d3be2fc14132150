"""The clock of a worker: how far the whole installation has come in time.

A timer may only fire once every event that could cancel it has been handled, and such an event may still wait in a
channel topic that another worker reads. So the clock follows the broker's own record of progress:

1. Every commit of a channel partition carries its watermark as metadata: the time up to which its source is
   handled. On a wall clock that is now, when the partition is caught up, else the append time of its last record; on
   an event clock it lies just before the greatest event time handled (another event of that instant may follow), or
   is what a control event said.
2. The least watermark of all channel partitions is a candidate. What those events caused lies before the end of
   the next inbox as seen after reading the watermarks; once the inbox is committed to there, the same holds one inbox
   further on.
3. When the last inbox has been passed, the candidate is the clock.

The catalogue has no watermark: a shop whose products do not change would stop the clock for ever. But on an event
clock, what stands in its topics when a candidate is read is passed on the way, as an inbox is, so that products know of
it by then. On a wall clock products take things as they come, and no import of a catalogue delays a timer.

On a wall clock, a worker whose installation is less than `LIVE_MS` behind uses the time of day instead, so timers are
late by no more than a tick.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

log = logging.getLogger(__name__)

LIVE_MS = 10_000
"""Longer than a worker's partitions stand still when another one dies, so that only a real outage stops the clock."""
POLL_SECONDS = {"wall": 1.0, "event": 0.1}


class InstallationClock:
    """Follows the group's commits; `now()` is the clock."""

    def __init__(
        self,
        bootstrap: str,
        group: str,
        channel_topics: Sequence[str],
        stages: Sequence[Sequence[str]],
        partitions: int,
        clock: Literal["wall", "event"],
    ) -> None:
        """`stages` are the topics that messages pass behind the channels, in this order."""
        self._bootstrap = bootstrap
        self._group = group
        self._channels = [TopicPartition(topic, n) for topic in channel_topics for n in range(partitions)]
        self._stages = [[TopicPartition(topic, n) for topic in stage for n in range(partitions)] for stage in stages]
        self._mode = clock
        self._reached: int | None = None
        self._client: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None

    @property
    def reached_ms(self) -> int | None:
        """The time that the whole installation has passed, None while unknown."""
        return self._reached

    @property
    def is_event_time(self) -> bool:
        """Whether time is the events' own, not that of day."""
        return self._mode == "event"

    def now(self) -> int | None:
        """Return the clock in ms, None while nothing may fire."""
        if self._reached is None or self._mode == "event":
            return self._reached
        wall = int(time.time() * 1000)
        return wall if wall - self._reached <= LIVE_MS else self._reached

    async def run(self) -> None:
        """Follow until cancelled. A broker that is away only delays the clock."""
        try:
            while True:
                try:
                    await self._connect()
                    while True:
                        await self._pass()
                        await asyncio.sleep(POLL_SECONDS[self._mode])
                except (KafkaError, OSError) as error:
                    log.warning("The clock waits for the broker: %r", error)
                    await self._close()
                    await asyncio.sleep(1.0)
        finally:
            await self._close()

    async def _pass(self) -> None:
        candidate = self._least(await self._commits())
        if candidate is None or candidate <= (self._reached or 0):
            return
        for stage in self._stages:
            ends = await self._ends(stage)
            while not self._passed(await self._commits(), ends):  # noqa: ASYNC110 - the broker knows; it does not call
                await asyncio.sleep(POLL_SECONDS["event"])
        self._reached = candidate

    def _least(self, commits: dict[TopicPartition, tuple[int, str]]) -> int | None:
        least: int | None = None
        for tp in self._channels:
            said = commits.get(tp, (0, ""))[1]
            if not said:
                return None
            least = int(said) if least is None else min(least, int(said))
        return least

    @staticmethod
    def _passed(commits: dict[TopicPartition, tuple[int, str]], ends: dict[TopicPartition, int]) -> bool:
        return all(commits.get(tp, (0, ""))[0] >= end for tp, end in ends.items())

    async def _commits(self) -> dict[TopicPartition, tuple[int, str]]:
        assert self._admin is not None
        found = await self._admin.list_consumer_group_offsets(self._group)
        return {tp: (said.offset, said.metadata) for tp, said in found.items()}

    async def _ends(self, stage: list[TopicPartition]) -> dict[TopicPartition, int]:
        assert self._client is not None
        ends: dict[TopicPartition, int] = await self._client.end_offsets(stage)
        return ends

    async def _connect(self) -> None:
        if self._client is None:
            self._client = AIOKafkaConsumer(bootstrap_servers=self._bootstrap)
            await self._client.start()
        if self._admin is None:
            self._admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
            await self._admin.start()

    async def _close(self) -> None:
        client, self._client = self._client, None
        admin, self._admin = self._admin, None
        if client is not None:
            await client.stop()
        if admin is not None:
            await admin.close()

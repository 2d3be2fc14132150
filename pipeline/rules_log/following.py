"""Keeps a worker's rule book up to date with the topic, and the topic with the worker's file."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.broker import BrokerError
from pipeline.domain.rules.book import RuleBook, UnreadableRules
from pipeline.domain.rules.in_force import Rules
from pipeline.domain.time import rfc3339
from pipeline.rules_file import RulesFileError
from pipeline.rules_log.applying import FileStamp, apply_rules, file_stamp
from pipeline.rules_log.log import RulesLog
from pipeline.settings import Settings
from pipeline.streaming.insist import REQUEST_MS, insist
from pipeline.topics import RULES, prefixed

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
FRESH_SECONDS: Final = 2.5
"""How old the last look may be for messages to be handled: half of `LEAD_MS`, so that no message can fall under rules
not read yet; the other half is for brokers whose clocks differ, and for the time a record takes to its replicas."""
UNREADABLE: Final = "The rules cannot be read; customers wait for them"
WATCH_SECONDS: Final = 1.0
"""How often the file is looked at. It is taken once two looks found it the same: an editor has finished by then."""


class RulesFollower:
    """Reads what is applied, for as long as the worker runs; `book` is what its actors go by."""

    def __init__(self, settings: Settings, file_seen: FileStamp) -> None:
        """Know no rules yet. `file_seen` is the rules file as it was when this worker applied it, at its start."""
        self._settings = settings
        self._file_seen = file_seen
        self._log = RulesLog(settings.clock == "event")
        self._place = TopicPartition(prefixed(settings, RULES), 0)
        self._looked_at = float("-inf")
        self._next = 0

    @property
    def book(self) -> RuleBook:
        """Every version so far."""
        return self._log.book

    @property
    def is_fresh(self) -> bool:
        """Whether every version is known that a message received by now may fall under.

        Such a message was taken by the broker before now. Rules that this worker has not read were taken after its
        last look began, and hold `LEAD_MS` later than that.
        """
        return len(self.book) > 0 and time.monotonic() - self._looked_at < FRESH_SECONDS

    def in_force(self, at_ms: int) -> Rules | None:
        """Return the rules that hold at a time, as far as is known; None if they cannot be told."""
        try:
            return self.book.at(at_ms) if len(self.book) else None
        except UnreadableRules:
            return None

    async def run(self) -> None:
        """Follow until cancelled. While the broker is away, nothing is handled before it has been asked again.

        The client is kept over an outage: it finds its broker again, and one that is stopped meanwhile may never end.
        """
        consumer = AIOKafkaConsumer(bootstrap_servers=self._settings.bootstrap, request_timeout_ms=REQUEST_MS)
        await insist(consumer.start, UNREADABLE)
        try:
            consumer.assign([self._place])
            consumer.seek(self._place, 0)
            while True:
                await insist(partial(self._look, consumer), UNREADABLE)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await consumer.stop()

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        began = time.monotonic()
        end = (await consumer.end_offsets([self._place]))[self._place]
        while self._next < end:
            fetched = await consumer.getmany(self._place, timeout_ms=200)
            for record in fetched.get(self._place, ()):
                before = self._log.latest
                applied = self._log.take(record.offset, record.timestamp, record.value, record.headers)
                self._next = record.offset + 1
                if applied is not before:
                    since = rfc3339(applied.from_ms) if applied.from_ms else "the beginning"
                    log.info("Rules number %d hold from %s on", applied.number, since)
        self._looked_at = began

    async def watch_file(self) -> None:
        """Apply the rules file whenever it has changed, until cancelled. A wrong one is complained of, once."""
        path = self._settings.rules_file
        before = done = self._file_seen
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = file_stamp(path)
            before, settled = now, now == before
            if not settled or now == done:
                continue
            try:
                await asyncio.to_thread(apply_rules, self._settings, path, "file")
            except RulesFileError as error:
                log.warning("The rules file is wrong, the running rules stay:\n%s", error)
            except BrokerError as error:
                log.warning("The rules file will be applied once the broker answers: %s", error)
                continue
            done = now

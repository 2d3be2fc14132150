"""A worker's own copy of `catalog.view`, for what people and sites look at: decisions never read it.

What a product tells customers goes through its messages, which a replay repeats; this copy is as far as it is. So
nothing waits for it: what it does not have is said at once.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline import metrics
from pipeline.domain.messages.keys import product_key
from pipeline.domain.records import CatalogView
from pipeline.settings import Settings
from pipeline.streaming.insist import REQUEST_MS, insist
from pipeline.topics import CATALOG_VIEW, prefixed
from pipeline.wire.records import UnreadableRecord, decode_record

log = logging.getLogger(__name__)

BYTES_KEPT: Final = 64 * 1024 * 1024
"""Of encoded records: 100,000 products of usual size. Beyond, that longest not asked for and unchanged goes."""
AT_ONCE: Final = 500
"""Records taken between two turns of the worker: some milliseconds."""
UNREADABLE: Final = "catalog.view cannot be read; its copy stands still"


class CatalogCopy:
    """Follows the topic for as long as the worker runs. `get` answers from what is here."""

    def __init__(self, settings: Settings, bytes_kept: int = BYTES_KEPT) -> None:
        """Know no products yet."""
        self._settings = settings
        self._bytes_kept = bytes_kept
        self._values: OrderedDict[str, bytes] = OrderedDict()  # the one longest not asked for and unchanged first
        #: What they take together.
        self.bytes = 0
        #: Whether it has reached what was the end of the topic when it began.
        self.is_loaded = False

    def __len__(self) -> int:
        """Return how many products are here."""
        return len(self._values)

    def get(self, tenant: str, sku: str) -> CatalogView | None:
        """Return a product, None if it is not here: never heard of, not read yet, or dropped for lack of room."""
        key = product_key(tenant, sku)
        value = self._values.pop(key, None)
        if value is not None:
            self._values[key] = value
            try:
                return decode_record(CatalogView, value)
            except UnreadableRecord as error:  # a newer worker has written it
                log.warning("%s of tenant %s: %s", sku, tenant, error)
        metrics.CATALOG_MISSED.inc()
        return None

    def take(self, key: bytes, value: bytes | None) -> None:
        """Take over one record of the topic."""
        name = key.decode()
        before = self._values.pop(name, None)
        self.bytes -= 0 if before is None else len(before)
        if value is not None:
            self._values[name] = value
            self.bytes += len(value)
        while self.bytes > self._bytes_kept:
            _, dropped = self._values.popitem(last=False)
            self.bytes -= len(dropped)
            metrics.CATALOG_DROPPED.inc()

    async def run(self) -> None:
        """Follow until cancelled."""
        settings = self._settings
        consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap, request_timeout_ms=REQUEST_MS, auto_offset_reset="earliest"
        )
        topic = prefixed(settings, CATALOG_VIEW)
        places = [TopicPartition(topic, number) for number in range(settings.partitions)]
        await insist(consumer.start, UNREADABLE)
        try:
            consumer.assign(places)
            ends = await insist(partial(consumer.end_offsets, places), UNREADABLE)
            await insist(partial(consumer.seek_to_beginning, *places), UNREADABLE)
            while True:
                await insist(partial(self._look, consumer, ends), UNREADABLE)
        finally:
            await consumer.stop()

    async def _look(self, consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> None:
        fetched = await consumer.getmany(timeout_ms=1_000, max_records=AT_ONCE)
        for record in (record for records in fetched.values() for record in records):
            if record.key is not None:
                self.take(record.key, record.value)
        if not self.is_loaded:
            self.is_loaded = all([await consumer.position(place) >= end for place, end in ends.items()])

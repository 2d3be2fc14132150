"""What a catalogue tells becomes a message for the shard of its product."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.domain.catalog import CatalogRecord
from pipeline.domain.messages.keys import product_key
from pipeline.streaming.ingest import Ingested
from pipeline.streaming.units import Record
from pipeline.wire.catalog import told


class CatalogReader:
    """Decodes, checks and tidies one record. Raises `InvalidEvent`."""

    def __init__(self, decode: Callable[[bytes | None], CatalogRecord], event_clock: bool) -> None:
        """On an event clock the logical time of an update is its own, else when the broker took it."""
        self._decode = decode
        self._event_clock = event_clock

    def __call__(self, record: Record) -> Ingested:
        """Read one record."""
        message = told(self._decode(record.value))
        at_ms = message.updated_at_ms if self._event_clock else record.timestamp_ms
        key = product_key(message.tenant, message.sku)
        return Ingested(key, at_ms, message, message.updated_at_ms, actor="product")

"""Ingest: what a channel sent becomes a message for the shard of its strongest identifier."""

from __future__ import annotations

from msgspec import Raw

from pipeline.domain.event_types import CONTROL_TYPES, EVENT_TYPES
from pipeline.domain.identity_config import IdentityConfig
from pipeline.domain.messages import Observed, identity_key
from pipeline.streaming.ingest import Ingested
from pipeline.streaming.units import Record
from pipeline.wire.channel_event import Decoder
from pipeline.wire.normalise import encoded, normalise


class ChannelReader:
    """Decodes, checks and normalises one record. Raises `InvalidEvent`."""

    def __init__(self, decoder: Decoder, config: IdentityConfig, event_clock: bool) -> None:
        """On an event clock the logical time of an event is when it occurred, else when the broker took it."""
        self._decode = decoder.decode
        self._config = config
        self._event_clock = event_clock

    def __call__(self, record: Record) -> Ingested:
        """Read one record."""
        normalised = normalise(self._decode(record.value), self._config)
        event, identifiers = normalised.event, normalised.identifiers
        if event.event_type in CONTROL_TYPES:
            return Ingested("", event.occurred_at_ms, None, event.occurred_at_ms)
        received_at_ms = event.occurred_at_ms if self._event_clock else record.timestamp_ms
        packed, digest = encoded(event)
        message = Observed(
            event.tenant,
            identifiers,
            event.event_id,
            event.occurred_at_ms,
            received_at_ms,
            digest,
            Raw(packed),
        )
        counts = tuple(("identifiers_blocked", why) for _, why in normalised.blocked) if normalised.blocked else ()
        if event.event_type not in EVENT_TYPES:
            counts = (*counts, ("unknown_event_types", event.channel))
        key = identity_key(event.tenant, identifiers[0])
        return Ingested(key, received_at_ms, message, event.occurred_at_ms, counts)

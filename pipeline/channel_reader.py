"""What a channel sent becomes a message for the shard of its strongest identifier."""

from __future__ import annotations

from msgspec import Raw, structs

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.event_types import (
    CONTROL_TYPES,
    EVENT_TYPES,
    IDENTIFIER_BLOCKED,
    MERGE_CONFIRMED,
    MERGE_UNDONE,
    OPERATOR_EVENTS,
)
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.actor import ALONE
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.messages.keys import Identifier, identity_key
from pipeline.domain.messages.to_identity import Block, Observed
from pipeline.domain.time import MINUTE_MS
from pipeline.streaming.ingest import Ingested
from pipeline.streaming.units import Record
from pipeline.wire.channel_event import Decoder
from pipeline.wire.normalise import encoded, normalise

TOLERATED_SKEW_MS = MINUTE_MS
"""A difference between sending and arrival that is taken for the way, not for a wrong clock."""

OPERATORS_WANT = {IDENTIFIER_BLOCKED: "block", MERGE_CONFIRMED: "merge", MERGE_UNDONE: "take back"}
"""Events of operators, and what these want with the identifiers."""


class ChannelReader:
    """Decodes, checks and normalises one record. Raises `InvalidEvent`."""

    def __init__(self, decoder: Decoder, config: IdentityConfig, event_clock: bool) -> None:
        """On an event clock the logical time of an event is when it occurred, else when the broker took it."""
        self._decode = decoder.decode
        self._config = config
        self._event_clock = event_clock

    def __call__(self, record: Record) -> Ingested:
        """Read one record."""
        told = self._decode(record.value)
        skew_ms = 0 if self._event_clock else _skew_ms(told, record.timestamp_ms)
        if skew_ms:
            told = structs.replace(told, occurred_at_ms=told.occurred_at_ms + skew_ms, sent_at_ms=record.timestamp_ms)
        normalised = normalise(told, self._config)
        event, identifiers = normalised.event, normalised.identifiers
        if event.event_type in CONTROL_TYPES:
            return Ingested("", event.occurred_at_ms, None, event.occurred_at_ms)
        received_at_ms = event.occurred_at_ms if self._event_clock else record.timestamp_ms
        if event.event_type in OPERATORS_WANT:
            _check_operator(event.event_type, identifiers)
        if event.event_type == IDENTIFIER_BLOCKED:
            return _block(event, identifiers[0], received_at_ms)
        packed, digest = encoded(event, skew_ms)
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
        if skew_ms:
            counts = (*counts, ("clocks_corrected", event.channel))
        if event.event_type not in EVENT_TYPES:
            counts = (*counts, ("unknown_event_types", event.channel))
        elif event.event_type in (MERGE_CONFIRMED, MERGE_UNDONE):
            counts = (*counts, (OPERATOR_EVENTS, event.event_type))
        key = identity_key(event.tenant, identifiers[0])
        return Ingested(key, received_at_ms, message, event.occurred_at_ms, counts)


def _skew_ms(event: ChannelEvent, received_at_ms: int) -> int:
    """Return by how much (ms) the clock that told the event is behind: what it sent arrived as it was sent.

    Segment corrects the same way: https://segment.com/docs/connections/spec/common/#timestamp-overview
    """
    if event.sent_at_ms is None:
        return 0
    skew_ms = received_at_ms - event.sent_at_ms
    return skew_ms if abs(skew_ms) > TOLERATED_SKEW_MS else 0


def _check_operator(event_type: str, identifiers: tuple[Identifier, ...]) -> None:
    """Refuse an operator's event that is about nobody. Raises InvalidEvent."""
    kind = identifiers[0][0]
    if kind == ALONE:
        problem = f"identifiers: none that could link, so there is nothing to {OPERATORS_WANT[event_type]}"
        raise InvalidEvent(InvalidReason.BAD_VALUE, problem)
    if event_type == MERGE_CONFIRMED and len(identifiers) < 2:
        problem = f"identifiers: merge_confirmed takes two that link, this has one, {kind}"
        raise InvalidEvent(InvalidReason.BAD_VALUE, problem)


def _block(event: ChannelEvent, identifier: Identifier, received_at_ms: int) -> Ingested:
    block = Block(event.tenant, identifier, event.event_id, event.occurred_at_ms)
    counts = ((OPERATOR_EVENTS, IDENTIFIER_BLOCKED),)
    return Ingested(identity_key(event.tenant, identifier), received_at_ms, block, event.occurred_at_ms, counts)

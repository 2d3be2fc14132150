"""One customer, read from the changelogs: what the workers have made durable, whether or not one is running.

A key lives in one partition, so one partition of a compacted topic is read per look-up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import msgspec
from aiokafka.partitioner import DefaultPartitioner

from pipeline.clients.follower import Received, read_partition
from pipeline.domain.customer_state import CustomerState
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity import IdentityState
from pipeline.domain.messages import Arrived, CustomerMessage, customer_key, identity_key
from pipeline.domain.records import Decision
from pipeline.settings import Settings
from pipeline.streaming.envelope import EnvelopeDecoder, NoEnvelope
from pipeline.streaming.partition import shard
from pipeline.streaming.values import state_bytes
from pipeline.topics import DECISIONS, changelog_topic, inbox_topic, prefixed
from pipeline.wire.records import UnreadableRecord, decode_record

log = logging.getLogger(__name__)

_customer = msgspec.msgpack.Decoder(CustomerState).decode
_identifier = msgspec.msgpack.Decoder(IdentityState).decode


def customer_id_of(settings: Settings, tenant: str, kind: str, value: str) -> str | None:
    """Return the customer that owns an identifier, None if nobody does. Raises BrokerError."""
    found = _state(settings, "identity", identity_key(tenant, (kind, value)))
    return None if found is None else _identifier(found).customer_id


def customer(settings: Settings, tenant: str, customer_id: str) -> CustomerState | None:
    """Return a customer's state, None if there is none. Raises BrokerError."""
    found = _state(settings, "customer", customer_key(tenant, customer_id))
    return None if found is None else _customer(found)


def decode_customer(value: bytes) -> CustomerState | None:
    """Decode a record of the customer changelog; None for what is no customer."""
    body = state_bytes(value)
    return None if body is None else _customer(body)


def events_of(settings: Settings, tenant: str, customer_id: str) -> Iterator[tuple[int, ChannelEvent]]:
    """Yield (time received in ms, event) of a customer, each event id once, as far back as its inbox is kept."""
    key = customer_key(tenant, customer_id)
    decode = EnvelopeDecoder[CustomerMessage](CustomerMessage).decode
    told: set[str] = set()
    for record in _records_of(settings, inbox_topic(settings, "customer"), key):
        if record.value is None:
            continue
        try:
            entries = decode(record.value).entries
        except (NoEnvelope, msgspec.DecodeError) as error:
            _pass_over(record, error)
            continue
        for entry in entries:
            message = entry.message
            if entry.key == key and isinstance(message, Arrived) and message.event.event_id not in told:
                told.add(message.event.event_id)
                yield message.received_at_ms, message.event


def decisions_of(settings: Settings, tenant: str, customer_id: str) -> Iterator[Decision]:
    """Yield the decisions about a customer, each once, as far back as they are kept."""
    told: set[str] = set()
    key = customer_id.encode()

    def partition(count: int) -> int:
        return int(DefaultPartitioner()(key, range(count), range(count)))

    for record in read_partition(settings, prefixed(settings, DECISIONS), partition):
        if record.key != key or record.value is None:
            continue
        try:
            decision = decode_record(Decision, record.value)
        except UnreadableRecord as error:
            _pass_over(record, error)
            continue
        if decision.tenant == tenant and decision.decision_id not in told:
            told.add(decision.decision_id)
            yield decision


def _state(settings: Settings, actor: str, key: str) -> memoryview | None:
    found: bytes | None = None
    for record in _records_of(settings, changelog_topic(settings, actor), key):
        if record.key == key.encode():
            found = record.value
    return None if found is None else state_bytes(found)


def _records_of(settings: Settings, topic: str, key: str) -> Iterator[Received]:
    return read_partition(settings, topic, lambda count: shard(key, count))


def _pass_over(record: Received, error: Exception) -> None:
    log.warning("%s/%d/%d cannot be read: %s", record.topic, record.partition, record.offset, error)

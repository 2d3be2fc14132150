"""One customer or product, read from the changelogs: what the workers have made durable, be one running or not.

A key lives in one partition, so one partition of a compacted topic is read per look-up. Two are looked for in all of
them: refusals, which name two customers, and the waiting lists of a product, which are many keys.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence

import msgspec
from aiokafka.partitioner import DefaultPartitioner

from pipeline.clients.follower import Received, follow, read_partitions
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.actor import IdentityState
from pipeline.domain.identity.hashed import node_of
from pipeline.domain.messages.keys import Identifier, customer_key, identity_key, product_key
from pipeline.domain.messages.to_customer import Arrived, CustomerMessage
from pipeline.domain.messages.waves import SHARDS, waiters_key
from pipeline.domain.product.state import ProductState, waiting_in
from pipeline.domain.records import Decision, IdentityChange
from pipeline.settings import Settings
from pipeline.streaming.envelope import EnvelopeDecoder, NoEnvelope
from pipeline.streaming.partition import shard
from pipeline.streaming.values import state_bytes
from pipeline.topics import DECISIONS, IDENTITY_CHANGES, changelog_topic, inbox_topic, prefixed
from pipeline.wire.records import UnreadableRecord, decode_record

log = logging.getLogger(__name__)

_customer = msgspec.msgpack.Decoder(CustomerState).decode
_product = msgspec.msgpack.Decoder(ProductState).decode
_identifier = msgspec.msgpack.Decoder(IdentityState).decode


def customer_id_of(settings: Settings, tenant: str, kind: str, value: str) -> str | None:
    """Return the customer that owns an identifier, None if nobody does. Raises BrokerError."""
    found = identifier_state(settings, tenant, (kind, value))
    return None if found is None else found.customer_id


def identifier_state(settings: Settings, tenant: str, identifier: Identifier) -> IdentityState | None:
    """Return what an identifier knows, None if it was never seen. Raises BrokerError."""
    found = _state(settings, "identity", identity_key(tenant, identifier))
    return None if found is None else _identifier(found)


def customer(settings: Settings, tenant: str, customer_id: str) -> CustomerState | None:
    """Return a customer's state, or that of the one it has become part of; None if there is none. Raises BrokerError.

    Every merge leads to a senior customer, so the way from one to the next ends.
    """
    found = _state(settings, "customer", customer_key(tenant, customer_id))
    if found is None:
        return None
    state = _customer(found)
    if state.graph is not None and state.graph.merged_into:
        return customer(settings, tenant, state.graph.merged_into)
    return state


def product(settings: Settings, tenant: str, sku: str) -> ProductState | None:
    """Return a product's state, None if nothing is known of it. Raises BrokerError."""
    found = _state(settings, "product", product_key(tenant, sku))
    return None if found is None else _product(found)


def waiting_for(settings: Settings, tenant: str, sku: str) -> int:
    """Return how many customers wait for word of a product's stock or price. Raises BrokerError."""
    keys = [waiters_key(tenant, sku, number) for number in range(SHARDS)]
    found = _states(settings, "product", keys)
    return waiting_in(_product(value).waiters for value in found)


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


def refusals_of(
    settings: Settings, tenant: str, identifier: Identifier, customer_ids: Collection[str]
) -> Iterator[IdentityChange]:
    """Yield what was refused an identifier or one of these customers, each once, as far back as it is kept."""
    told: set[str] = set()
    for record in follow(settings, lambda topic: topic == IDENTITY_CHANGES, from_start=True, until_end=True):
        change = identity_change_in(record)
        if change is None or change.change != "refused" or change.tenant != tenant or change.change_id in told:
            continue
        named = change.customer_id in customer_ids or change.other_customer_id in customer_ids
        if named or node_of((change.kind, change.value)) == node_of(identifier):
            told.add(change.change_id)
            yield change


def identity_change_in(record: Received) -> IdentityChange | None:
    """Decode a record of identity.changes; None for what cannot be read, which is logged."""
    try:
        return None if record.value is None else decode_record(IdentityChange, record.value)
    except UnreadableRecord as error:
        _pass_over(record, error)
        return None


def decisions_of(settings: Settings, tenant: str, customer_id: str) -> Iterator[Decision]:
    """Yield the decisions about a customer, each once, as far back as they are kept."""
    told: set[str] = set()
    key = customer_id.encode()

    def partition(count: int) -> tuple[int]:
        return (int(DefaultPartitioner()(key, range(count), range(count))),)

    for record in read_partitions(settings, prefixed(settings, DECISIONS), partition):
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
    return next(iter(_states(settings, actor, [key])), None)


def _states(settings: Settings, actor: str, keys: Sequence[str]) -> list[memoryview]:
    found: dict[bytes, bytes | None] = {key.encode(): None for key in keys}
    for record in _records_of(settings, changelog_topic(settings, actor), *keys):
        if record.key in found:
            found[record.key] = record.value
    bodies = [state_bytes(value) for value in found.values() if value is not None]
    return [body for body in bodies if body is not None]


def _records_of(settings: Settings, topic: str, *keys: str) -> Iterator[Received]:
    return read_partitions(settings, topic, lambda count: {shard(key, count) for key in keys})


def _pass_over(record: Received, error: Exception) -> None:
    log.warning("%s/%d/%d cannot be read: %s", record.topic, record.partition, record.offset, error)

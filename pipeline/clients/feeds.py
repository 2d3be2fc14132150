"""What can be followed: for each word of `omni tail`, its topics and how a record of them reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from pipeline.clients.lookup import decode_customer
from pipeline.domain.customer_json import customer_json
from pipeline.domain.errors import InvalidEvent
from pipeline.domain.event_types import CONTROL_TYPES
from pipeline.domain.records import DeadLetter, Decision, IdentityChange, Trigger
from pipeline.settings import Settings
from pipeline.topics import DEADLETTER, DECISIONS, IDENTITY_CHANGES, changelog_topic, prefixed
from pipeline.wire.channel_event import Decoder
from pipeline.wire.json_event import to_object
from pipeline.wire.records import Kind, UnreadableRecord, decode_record, to_json

Json: TypeAlias = dict[str, object]
Decode: TypeAlias = Callable[[bytes], Json | None]
"""Bytes of a record -> JSON object, or None for what is not for people. Raises UnreadableRecord."""


class Feed(Struct, frozen=True):
    """One word of `omni tail`: which topics (named without prefix) of an installation, and a decoder for it."""

    topics: Callable[[Settings, str], bool]
    decoder: Callable[[Settings], Decode]


def _records(kind: type[Kind]) -> Callable[[Settings], Decode]:
    return lambda _: lambda value: to_json(decode_record(kind, value))


def _events(settings: Settings) -> Decode:
    decoder = Decoder(settings.registry_url)

    def decode(value: bytes) -> Json | None:
        try:
            event = decoder.decode(value)
        except InvalidEvent as error:
            raise UnreadableRecord(str(error)) from error
        return None if event.event_type in CONTROL_TYPES else to_object(event)

    return decode


def _customers(_: Settings) -> Decode:
    def decode(value: bytes) -> Json | None:
        state = decode_customer(value)
        return None if state is None or state.is_pointer else dict(customer_json(state))

    return decode


def _is_customers(settings: Settings, topic: str) -> bool:
    return prefixed(settings, topic) == changelog_topic(settings, "customer")  # other installations have their own


FEEDS: Final[dict[str, Feed]] = {
    "triggers": Feed(lambda _, topic: topic.startswith("triggers."), _records(Trigger)),
    "decisions": Feed(lambda _, topic: topic == DECISIONS, _records(Decision)),
    "events": Feed(lambda _, topic: topic.startswith("channel."), _events),
    "identity": Feed(lambda _, topic: topic == IDENTITY_CHANGES, _records(IdentityChange)),
    "customers": Feed(_is_customers, _customers),
    "deadletter": Feed(lambda _, topic: topic == DEADLETTER, _records(DeadLetter)),
}

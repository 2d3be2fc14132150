"""What can be followed: for each word of `omni tail`, its topics and how a record of them reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from pipeline.domain.errors import InvalidEvent
from pipeline.domain.event_types import CONTROL_TYPES
from pipeline.domain.records import AudienceMember, Customer, DeadLetter, Decision, IdentityChange, Trigger
from pipeline.settings import Settings
from pipeline.topics import AUDIENCES, CUSTOMERS, DEADLETTER, DECISIONS, IDENTITY_CHANGES
from pipeline.wire.channel_event import Decoder
from pipeline.wire.json_event import to_object
from pipeline.wire.records import Kind, UnreadableRecord, decode_record, to_json

Json: TypeAlias = dict[str, object]
Decode: TypeAlias = Callable[[bytes], Json | None]
"""Bytes of a record -> JSON object, or None for what is not for people. Raises UnreadableRecord."""


class Feed(Struct, frozen=True):
    """One word of `omni tail`: which topics (named without prefix), and a decoder for it."""

    topics: Callable[[str], bool]
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


FEEDS: Final[dict[str, Feed]] = {
    "triggers": Feed(lambda topic: topic.startswith("triggers."), _records(Trigger)),
    "decisions": Feed(lambda topic: topic == DECISIONS, _records(Decision)),
    "events": Feed(lambda topic: topic.startswith("channel."), _events),
    "identity": Feed(lambda topic: topic == IDENTITY_CHANGES, _records(IdentityChange)),
    "customers": Feed(lambda topic: topic == CUSTOMERS, _records(Customer)),
    "audiences": Feed(lambda topic: topic == AUDIENCES, _records(AudienceMember)),
    "deadletter": Feed(lambda topic: topic == DEADLETTER, _records(DeadLetter)),
}

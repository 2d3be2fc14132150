"""A Kafka message to the rows in it. Pure but for the decoders it keeps."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from pipeline.domain.errors import InvalidReason
from pipeline.domain.messages.to_customer import Arrived, CustomerMessage
from pipeline.domain.records import DeadLetter, Decision, IdentityChange, Trigger
from pipeline.domain.referral_codes import is_word_to_sender
from pipeline.history.rows import Kind, Origin, Row, refusal
from pipeline.settings import Settings
from pipeline.streaming.envelope import EnvelopeDecoder, NoEnvelope, UnknownVersion
from pipeline.topics import DEADLETTER, DECISIONS, IDENTITY_CHANGES, inbox_topic, prefixed, trigger_topic
from pipeline.wire.records import NewerRecord, UnreadableRecord, decode_record

ARRIVED_TAG: Final = Arrived.__struct_config__.tag
DAMAGED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What damaged bytes make the decoder raise: also texts that are none, and arrays in arrays without end."""


class Message(Protocol):
    """What `rows_of` needs of a consumed message; kafka-python's records have it."""

    @property
    def topic(self) -> str:
        """Its topic, with the prefix."""

    @property
    def partition(self) -> int:
        """Its partition."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def timestamp(self) -> int:
        """When the broker took it (ms)."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """Its bytes; None for a tombstone."""


class Intake:
    """Knows which topics matter and what each holds."""

    def __init__(self, settings: Settings) -> None:
        """The topics are those of `settings.topic_prefix`."""
        self.inbox = inbox_topic(settings, "customer")
        self.decisions = prefixed(settings, DECISIONS)
        self.identity_changes = prefixed(settings, IDENTITY_CHANGES)
        self.dead_letters = prefixed(settings, DEADLETTER)
        self.triggers = trigger_topic(settings, "")
        self._envelopes: EnvelopeDecoder[CustomerMessage] = EnvelopeDecoder(CustomerMessage)
        self._loose: EnvelopeDecoder[msgspec.Raw] = EnvelopeDecoder(msgspec.Raw)
        self._arrived = msgspec.msgpack.Decoder(Arrived)

    def wants(self, topic: str) -> bool:
        """Whether history keeps what is on `topic`. Every rule's triggers are, also of rules yet to come."""
        return topic in {self.inbox, self.decisions, self.identity_changes, self.dead_letters} or (
            topic.startswith(self.triggers) and topic != self.triggers
        )

    def rows_of(self, message: Message) -> list[Row]:
        """Return the rows of a message; one that cannot be read is a dead letter, bytes and all.

        Raises UnknownVersion for what a newer version wrote: it is not the message that is wrong.
        """
        value = message.value
        if value is None:  # a tombstone: nothing happened
            return []
        origin = Origin(message.topic, message.partition, message.offset, message.timestamp)
        try:
            if message.topic == self.inbox:
                return self._events(origin, value)
            return [self._record(origin, value)]
        except NewerRecord as error:
            raise UnknownVersion(f"{origin.place}, offset {message.offset}: {error}") from error
        except (UnreadableRecord, NoEnvelope, *DAMAGED) as error:
            return [refusal(origin, InvalidReason.UNDECODABLE, str(error), value, message.key)]

    def _events(self, origin: Origin, value: bytes) -> list[Row]:
        try:
            envelope = self._envelopes.decode(value)
        except DAMAGED:
            return self._readable_events(origin, value)
        event, source = Kind.EVENT, envelope.source
        return [
            Row(event, entry.message, source, entry.position, origin)
            for entry in envelope.entries
            if type(entry.message) is Arrived and not is_word_to_sender(entry.message.event)
        ]

    def _readable_events(self, origin: Origin, value: bytes) -> list[Row]:
        """Entry by entry: kinds of messages that this version does not know are none of its business."""
        envelope = self._loose.decode(value)
        rows = []
        for entry in envelope.entries:
            try:
                if _tag(entry.message) != ARRIVED_TAG:
                    continue
                arrived = self._arrived.decode(entry.message)
            except DAMAGED as error:
                detail = f"entry {entry.position} of {envelope.source}: {error}"
                rows.append(refusal(origin, InvalidReason.UNDECODABLE, detail, bytes(entry.message)))
                continue
            if not is_word_to_sender(arrived.event):
                rows.append(Row(Kind.EVENT, arrived, envelope.source, entry.position, origin))
        return rows

    def _record(self, origin: Origin, value: bytes) -> Row:
        topic, source, offset = origin.topic, origin.place, origin.offset
        if topic == self.decisions:
            return Row(Kind.DECISION, decode_record(Decision, value), source, offset, origin)
        if topic == self.identity_changes:
            return Row(Kind.IDENTITY_CHANGE, decode_record(IdentityChange, value), source, offset, origin)
        if topic == self.dead_letters:
            return Row(Kind.DEAD_LETTER, decode_record(DeadLetter, value), source, offset, origin)
        return Row(Kind.TRIGGER, decode_record(Trigger, value), source, offset, origin)


_fields = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


def _tag(message: msgspec.Raw) -> object:
    try:
        fields = _fields(message)
    except msgspec.ValidationError:  # no array: of a kind yet unknown
        return None
    return msgspec.msgpack.decode(fields[0]) if fields else None

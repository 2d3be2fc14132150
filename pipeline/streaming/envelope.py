"""Envelopes: one Kafka message of an internal topic carries many small messages of one source.

Layout: one version byte (1), then msgpack `[source, first_ms, last_ms, entries]`. `source` names the partition
that caused the entries (`channel.web/3`, `identity/0`, `customer/2/clock`); within a source, positions only grow,
which is how a receiver knows what it has already seen. `first_ms` and `last_ms` are the append times of the
earliest and latest record of the batch that caused the envelope.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from pipeline.errors import OmniError

VERSION = b"\x01"
LAST_VERSION = 31
"""Leading bytes up to this one are versions, ours or to come; beyond, it is no message of ours."""

INDEX_BITS = 12
"""At most 4,096 entries in an envelope: leaves 41 bits for Kafka offsets in a signed 64-bit position."""
EFFECT_BITS = 10
"""At most 1,024 messages caused by one message."""
MAX_ENTRIES = 1 << INDEX_BITS
MAX_EFFECTS = 1 << EFFECT_BITS
MAX_BYTES = 1024 * 1024
"""Larger ones are split: many large events that compress well come in one fetch, and a topic takes up to 16 MiB."""

M = TypeVar("M")


class Entry(Struct, Generic[M], frozen=True, array_like=True, gc=False):
    """One message: its position in its source, the key of its actor, its logical time (ms) and itself."""

    position: int
    key: str
    at_ms: int
    message: M


class Envelope(Struct, Generic[M], frozen=True, array_like=True, gc=False):
    """Entries of one source for one partition, positions ascending."""

    source: str
    first_ms: int
    last_ms: int
    entries: list[Entry[M]]


class UnknownVersion(OmniError):
    """A message or state was written by a newer version: this process must be upgraded, not the data lost."""


class NoEnvelope(ValueError):
    """These bytes are no internal message of any version."""


UNREADABLE: Final = (NoEnvelope, msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What is raised for bytes that are no message: text that is no UTF-8 and endless nesting are errors of their own."""


def position(offset: int, index: int = 0, effect: int = 0) -> int:
    """Place of an effect: Kafka offset of the cause's message, index of the cause in it, number of the effect."""
    return ((offset << INDEX_BITS) | index) << EFFECT_BITS | effect


_encoder = msgspec.msgpack.Encoder()


def encode(envelope: Envelope[Any]) -> bytes:
    """Encode with the leading version byte. `MAX_ENTRIES` is the caller's to keep."""
    return VERSION + _encoder.encode(envelope)


def pack(source: str, first_ms: int, last_ms: int, entries: list[Entry[Any]]) -> Iterator[bytes]:
    """Encode entries as envelopes of at most `MAX_ENTRIES`, and of at most `MAX_BYTES` unless one entry has more."""
    if len(entries) <= MAX_ENTRIES:
        value = encode(Envelope(source, first_ms, last_ms, entries))
        if len(value) <= MAX_BYTES or len(entries) == 1:
            yield value
            return
    half = len(entries) // 2
    yield from pack(source, first_ms, last_ms, entries[:half])
    yield from pack(source, first_ms, last_ms, entries[half:])


class EnvelopeDecoder(Generic[M]):
    """Decodes envelopes whose messages are of `message_type` (a struct or a tagged union)."""

    def __init__(self, message_type: object) -> None:
        """Build the typed decoder once; decoding is one C call per envelope."""
        self._decoder: msgspec.msgpack.Decoder[Envelope[M]] = msgspec.msgpack.Decoder(
            Envelope[message_type]  # type: ignore[valid-type]
        )

    def decode(self, value: bytes) -> Envelope[M]:
        """Decode one message value.

        Raises:
            UnknownVersion: a newer version wrote this.
            UNREADABLE: the bytes are no envelope of this inbox.
        """
        if value[:1] != VERSION:
            if value and 0 < value[0] <= LAST_VERSION:
                raise UnknownVersion(f"message of version {value[0]}, known is {VERSION[0]}: upgrade this worker")
            raise NoEnvelope(f"begins with {value[:4].hex()}: no message of an inbox")
        return self._decoder.decode(memoryview(value)[1:])

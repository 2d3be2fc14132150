"""Channel events on the wire: three framings in, one out.

`C3 01` + fingerprint is Avro single-object encoding, `00` + 4-byte id the Confluent framing, `{` the JSON form.
"""

from __future__ import annotations

from collections.abc import Callable

from fastavro.schema import SchemaParseException

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import Campaign, ChannelEvent, Context, Item
from pipeline.wire import json_event
from pipeline.wire.avro_reader import DAMAGED, Read, SchemaMismatch, compile_reader
from pipeline.wire.avro_writer import compile_writer
from pipeline.wire.registry import Registry, UnknownSchema
from pipeline.wire.schemas import SINGLE_OBJECT, Definition, current, history

NAME = "channel_event"
STRUCTS: dict[str, Callable[..., object]] = {
    "ChannelEvent": ChannelEvent,
    "Item": Item,
    "Context": Context,
    "Campaign": Campaign,
}
MAX_BYTES = 262_144
"""The largest record taken. An order of 500 lines with attributes has about 50 KB."""
MAX_UNKNOWN_SCHEMAS = 1_000
"""Unknown ids remembered, so that each is asked for once; past it all are forgotten and asked for again."""

_CONFLUENT = 0
_JSON = ord("{")


def check_size(value: bytes) -> None:
    """Refuse a record of more than `MAX_BYTES`. Raises InvalidEvent."""
    if len(value) > MAX_BYTES:
        raise InvalidEvent(InvalidReason.VALUE_TOO_LONG, f"{len(value)} bytes, at most {MAX_BYTES} are taken")


class Decoder:
    """Decodes channel events. Holds one compiled reader for each writer schema met."""

    def __init__(self, registry_url: str | None = None) -> None:
        """Know all versions in `schemas/`; ask the registry at `registry_url`, if any, for Confluent ids."""
        self._registry = Registry(registry_url) if registry_url else None
        versions = {schema.header: schema.definition for schema in (*history(NAME), current(NAME))}
        self._readers: dict[bytes, Read] = {header: _compile(version) for header, version in versions.items()}
        self._unknown: dict[bytes, tuple[InvalidReason, str]] = {}

    def decode(self, value: bytes | None) -> ChannelEvent:
        """Decode one record. Raises InvalidEvent; RegistryNotReachable, which is not the record's fault."""
        if not value:
            raise InvalidEvent(InvalidReason.UNDECODABLE, "the record has no value")
        check_size(value)
        first = value[0]
        if first == _JSON:
            return json_event.decode(value)
        position = 5 if first == _CONFLUENT else 10
        read = self._readers.get(value[:position]) or self._reader(value, position)
        try:
            event, end = read(value, position)
        except SchemaMismatch as error:
            raise InvalidEvent(InvalidReason.WRONG_TYPE, str(error)) from error
        except DAMAGED as error:
            raise InvalidEvent(InvalidReason.UNDECODABLE, f"not a record of its schema: {error}") from error
        if end != len(value):
            problem = f"the record ends at byte {end}, the value at byte {len(value)}"
            raise InvalidEvent(InvalidReason.UNDECODABLE, problem)
        return event  # type: ignore[return-value]

    def _reader(self, value: bytes, position: int) -> Read:
        """Find the reader for a header not met before. Raises InvalidEvent where there is none."""
        header = value[:position]
        if header in self._unknown:
            raise InvalidEvent(*self._unknown[header])  # a new one: raised again, an exception grows its traceback
        try:
            read = self._readers[header] = _compile(self._definition(header))
        except InvalidEvent as error:
            if len(self._unknown) >= MAX_UNKNOWN_SCHEMAS:
                self._unknown.clear()
            self._unknown[header] = (error.reason, error.detail)
            raise
        return read

    def _definition(self, header: bytes) -> Definition:
        if header.startswith(SINGLE_OBJECT) and len(header) == 10:  # shorter: not even the fingerprint is whole
            problem = f"no schema with fingerprint {header[2:].hex()} in schemas/"
            raise InvalidEvent(InvalidReason.UNKNOWN_SCHEMA, problem)
        if header[0] != _CONFLUENT or len(header) != 5:
            problem = f"starts with {header[:2].hex(' ')}: neither Avro (c3 01, 00) nor JSON ({{)"
            raise InvalidEvent(InvalidReason.UNDECODABLE, problem)
        schema_id = int.from_bytes(header[1:], "big")
        if self._registry is None:
            problem = f"schema id {schema_id} needs a registry, and registry_url is not set"
            raise InvalidEvent(InvalidReason.UNKNOWN_SCHEMA, problem)
        try:
            return self._registry.schema(schema_id)
        except UnknownSchema as error:
            raise InvalidEvent(InvalidReason.UNKNOWN_SCHEMA, str(error)) from error


def _compile(definition: Definition) -> Read:
    """Compile a reader of `definition`. Raises InvalidEvent where the schema cannot be read as a channel event."""
    try:
        return compile_reader(definition, current(NAME).definition, STRUCTS)
    except SchemaMismatch as error:
        raise InvalidEvent(InvalidReason.WRONG_TYPE, str(error)) from error
    except (
        SchemaParseException,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        SyntaxError,
        RecursionError,
    ) as error:
        raise InvalidEvent(InvalidReason.UNKNOWN_SCHEMA, f"the schema cannot be used: {error}") from error


_HEADER = current(NAME).header
_write = compile_writer(current(NAME).definition)


def encode(event: ChannelEvent) -> bytes:
    """Encode one event in Avro single-object encoding. The same event is the same bytes."""
    return _HEADER + _write(event)

"""Records of producers on the wire, in three framings.

`C3 01` + fingerprint is Avro single-object encoding, `00` + 4-byte id the Confluent framing, `{` the JSON form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from fastavro.schema import SchemaParseException

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.wire.avro_reader import DAMAGED, Read, SchemaMismatch, compile_reader
from pipeline.wire.registry import Registry, UnknownSchema
from pipeline.wire.schemas import SINGLE_OBJECT, Definition, current, history

T = TypeVar("T")

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


class InputDecoder(Generic[T]):
    """Decodes records of one schema. Holds one compiled reader for each writer schema met."""

    def __init__(
        self,
        name: str,
        structs: Mapping[str, Callable[..., object]],
        from_json: Callable[[bytes], T],
        registry_url: str | None = None,
    ) -> None:
        """Know all versions of schema `name`, whose records become `structs`; read JSON with `from_json`.

        Ask the registry at `registry_url`, if any, for Confluent ids.
        """
        self._name = name
        self._structs = structs
        self._from_json = from_json
        self._registry = Registry(registry_url) if registry_url else None
        versions = {schema.header: schema.definition for schema in (*history(name), current(name))}
        self._readers: dict[bytes, Read] = {header: self._compile(version) for header, version in versions.items()}
        self._unknown: dict[bytes, tuple[InvalidReason, str]] = {}

    def decode(self, value: bytes | None) -> T:
        """Decode one record. Raises InvalidEvent; RegistryNotReachable, which is not the record's fault."""
        if not value:
            raise InvalidEvent(InvalidReason.UNDECODABLE, "the record has no value")
        check_size(value)
        first = value[0]
        if first == _JSON:
            return self._from_json(value)
        position = 5 if first == _CONFLUENT else 10
        read = self._readers.get(value[:position]) or self._reader(value, position)
        try:
            record, end = read(value, position)
        except SchemaMismatch as error:
            raise InvalidEvent(InvalidReason.WRONG_TYPE, str(error)) from error
        except DAMAGED as error:
            raise InvalidEvent(InvalidReason.UNDECODABLE, f"not a record of its schema: {error}") from error
        if end != len(value):
            problem = f"the record ends at byte {end}, the value at byte {len(value)}"
            raise InvalidEvent(InvalidReason.UNDECODABLE, problem)
        return record  # type: ignore[return-value]

    def _reader(self, value: bytes, position: int) -> Read:
        """Find the reader for a header not met before. Raises InvalidEvent where there is none."""
        header = value[:position]
        if header in self._unknown:
            raise InvalidEvent(*self._unknown[header])  # a new one: raised again, an exception grows its traceback
        try:
            read = self._readers[header] = self._compile(self._definition(header))
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

    def _compile(self, definition: Definition) -> Read:
        """Compile a reader of `definition`. Raises InvalidEvent where the schema cannot be read as ours."""
        try:
            return compile_reader(definition, current(self._name).definition, self._structs)
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

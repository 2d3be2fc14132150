"""The records that consumers read, as Avro single-object bytes and as JSON for people.

The same record is the same bytes: map keys are sorted, and nothing comes from a clock.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import cache
from typing import TypeAlias, TypeVar

from msgspec import json

from pipeline.domain.events import Item
from pipeline.domain.records import (
    AudienceMember,
    CatalogView,
    Customer,
    DeadLetter,
    Decision,
    DemandCounts,
    GoesWith,
    IdentityChange,
    Offer,
    OpenCart,
    Shown,
    Trigger,
)
from pipeline.domain.time import rfc3339
from pipeline.wire.avro_reader import DAMAGED, Read, compile_reader
from pipeline.wire.avro_writer import Write, compile_writer
from pipeline.wire.fields import named
from pipeline.wire.schemas import SINGLE_OBJECT, current, history, names

PublicRecord: TypeAlias = Trigger | Decision | IdentityChange | Customer | AudienceMember | CatalogView | DeadLetter
Kind = TypeVar("Kind", Trigger, Decision, IdentityChange, Customer, AudienceMember, CatalogView, DeadLetter)

SCHEMA_OF: dict[type, str] = {
    Trigger: "trigger",
    Decision: "decision",
    IdentityChange: "identity_change",
    Customer: "customer",
    AudienceMember: "audience_member",
    CatalogView: "catalog_view",
    DeadLetter: "dead_letter",
}
"""Struct to the name of its schema."""

_STRUCTS: dict[str, Callable[..., object]] = {
    "Trigger": Trigger,
    "Item": Item,
    "Offer": Offer,
    "Decision": Decision,
    "IdentityChange": IdentityChange,
    "Customer": Customer,
    "OpenCart": OpenCart,
    "AudienceMember": AudienceMember,
    "CatalogView": CatalogView,
    "DemandCounts": DemandCounts,
    "GoesWith": GoesWith,
    "Shown": Shown,
    "DeadLetter": DeadLetter,
}


class UnreadableRecord(ValueError):
    """These bytes are not a record of the wanted kind."""


class NewerRecord(UnreadableRecord):
    """These bytes name a schema that this version does not have: a newer version wrote them."""


def encode_record(record: PublicRecord) -> bytes:
    """Encode one record in Avro single-object encoding."""
    header, write = _writer(SCHEMA_OF[type(record)])
    return header + write(record)


def decode_record(kind: type[Kind], value: bytes) -> Kind:
    """Decode one record of `kind`, written by this version or an earlier one. Raises UnreadableRecord, NewerRecord."""
    name = SCHEMA_OF[kind]
    read = _readers(name).get(value[:10])
    if read is None:
        if value.startswith(SINGLE_OBJECT) and len(value) >= 10 and value[:10] not in _known_headers():
            raise NewerRecord(f"not a {name} of a known version: its schema is {value[2:10].hex()}")
        raise UnreadableRecord(f"not a {name}: it starts with {value[:10].hex()}")
    try:
        record, end = read(value, 10)
    except DAMAGED as error:
        raise UnreadableRecord(f"not a {name}: {error}") from error
    if end != len(value) or not isinstance(record, kind):
        raise UnreadableRecord(f"not a {name}: {len(value)} bytes, {end} wanted")
    return record


def to_json(record: PublicRecord) -> dict[str, object]:
    """Return the record as a JSON object: times as RFC 3339 text, every field there.

    The original of a dead letter is there as `value_base64`, and as `value_text` where it is a text; the `details` of
    a customer as the object that their text is.
    """
    fields = named(record, rfc3339)
    if isinstance(record, Customer) and record.details is not None:
        fields["details"] = json.decode(record.details)
    if isinstance(record, DeadLetter):
        fields = {"dead_letter_id": record.dead_letter_id, **fields}
        for name in ("key", "value"):
            original = fields.pop(name)
            if isinstance(original, bytes):
                fields[f"{name}_base64"] = b64encode(original).decode("ascii")
                fields[f"{name}_text"] = _text(original)
    return fields


def json_line(record: PublicRecord) -> bytes:
    """Return the record as one line of JSON, without the line's end."""
    return json.encode(to_json(record))


def _text(original: bytes) -> str | None:
    """The bytes as a text that a terminal can show, else None."""
    try:
        text = original.decode()
    except UnicodeDecodeError:
        return None
    return text if text.replace("\n", " ").replace("\t", " ").replace("\r", " ").isprintable() else None


@cache
def _writer(name: str) -> tuple[bytes, Write]:
    schema = current(name)
    return schema.header, compile_writer(schema.definition)


@cache
def _known_headers() -> frozenset[bytes]:
    return frozenset(version.header for name in names() for version in (*history(name), current(name)))


@cache
def _readers(name: str) -> dict[bytes, Read]:
    """One reader for each version of a record, by its ten bytes in front."""
    reader = current(name).definition
    versions = {version.header: version.definition for version in (*history(name), current(name))}
    return {header: compile_reader(version, reader, _STRUCTS) for header, version in versions.items()}

"""The public contract in `schemas/`: every schema we write, and every earlier version we still read.

A schema is named by its CRC-64-AVRO fingerprint, which is what single-object encoding puts in front of a record.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TypeAlias, cast

from fastavro.schema import fingerprint as avro_fingerprint
from fastavro.schema import parse_schema, to_parsing_canonical_form
from msgspec import Struct

Definition: TypeAlias = dict[str, object]
"""An Avro record schema as JSON objects."""

SINGLE_OBJECT = b"\xc3\x01"
"""First two bytes of a record in Avro single-object encoding; its schema's fingerprint follows."""


class Schema(Struct, frozen=True):
    """One version of one record: its name (`channel_event`), JSON definition, and 8-byte fingerprint."""

    name: str
    definition: Definition
    fingerprint: bytes
    path: Path

    @property
    def header(self) -> bytes:
        """The ten bytes in front of a record of this schema."""
        return SINGLE_OBJECT + self.fingerprint


def schema_folder() -> Path:
    """Where the schemas are: inside an installed package, else at the top of the repository."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "schemas"
    return inside if inside.is_dir() else package.parent / "schemas"


def fingerprint(definition: Definition) -> bytes:
    """CRC-64-AVRO of the parsing canonical form, little-endian as on the wire."""
    canonical = to_parsing_canonical_form(parse_schema(definition))
    return bytes.fromhex(avro_fingerprint(canonical, "CRC-64-AVRO"))


def read_schema(path: Path, name: str) -> Schema:
    """Read one `.avsc` file."""
    definition = cast(Definition, json.loads(path.read_text(encoding="utf-8")))
    return Schema(name=name, definition=definition, fingerprint=fingerprint(definition), path=path)


@cache
def current(name: str) -> Schema:
    """The version of `name` that we write."""
    return read_schema(schema_folder() / f"{name}.avsc", name)


@cache
def names() -> tuple[str, ...]:
    """Names of all public schemas, sorted."""
    return tuple(sorted(path.stem for path in schema_folder().glob("*.avsc")))


def released(name: str, folder: Path) -> list[Path]:
    """Files of the released versions of `name`, oldest first: `history/<name>/<number>.avsc`."""
    return sorted((folder / "history" / name).glob("*.avsc"), key=lambda path: int(path.stem))


@cache
def history(name: str) -> tuple[Schema, ...]:
    """Every released version of `name`, oldest first; the last is the current one, unless that is being changed."""
    return tuple(read_schema(path, name) for path in released(name, schema_folder()))

from __future__ import annotations

import io
from collections.abc import Callable

import fastavro
import pytest
from msgspec import Struct

from pipeline.wire.avro_reader import SchemaMismatch, compile_reader, sized_block
from pipeline.wire.schemas import Definition


class Thing(Struct, frozen=True):
    at_ms: int
    name: str | None
    prices: tuple[float, ...] = ()
    tags: dict[str, str] = {}


STRUCTS: dict[str, Callable[..., object]] = {"Thing": Thing}
READER: Definition = {
    "type": "record",
    "name": "Thing",
    "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "name", "type": ["null", "string"], "default": None},
        {"name": "prices", "type": {"type": "array", "items": "double"}, "default": []},
        {"name": "tags", "type": {"type": "map", "values": "string"}, "default": {}},
    ],
}


def read(fields: list[object], record: dict[str, object]) -> object:
    writer = {"type": "record", "name": "elsewhere.Thing", "fields": fields}
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, writer, record)
    thing, end = compile_reader(writer, READER, STRUCTS)(buffer.getvalue(), 0)  # type: ignore[arg-type]
    assert end == len(buffer.getvalue())
    return thing


def test_fields_are_found_by_name_whatever_their_order_and_the_rest_is_passed_over() -> None:
    fields: list[object] = [
        {"name": "colour", "type": {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}},
        {"name": "tags", "type": {"type": "map", "values": "string"}},
        {"name": "checksum", "type": {"type": "fixed", "name": "Sum", "size": 3}},
        {"name": "raw", "type": ["null", "bytes", "float"]},
        {
            "name": "parts",
            "type": {
                "type": "array",
                "items": {"type": "record", "name": "P", "fields": [{"name": "n", "type": "int"}]},
            },
        },
        {"name": "name", "type": "string"},
        {"name": "at", "type": "long"},
    ]

    record: dict[str, object] = {
        "colour": "BLUE", "tags": {"a": "b"}, "checksum": b"abc", "raw": 1.5, "parts": [{"n": -70}, {"n": 3}],
        "name": "x", "at": 5,
    }  # fmt: skip
    assert read(fields, record) == Thing(5, "x", (), {"a": "b"})


def test_numbers_are_promoted_and_microseconds_become_milliseconds() -> None:
    fields: list[object] = [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "prices", "type": {"type": "array", "items": "long"}},
    ]

    assert read(fields, {"at": 1_795_514_400_123_456, "prices": [1, -2]}) == Thing(
        1_795_514_400_123, None, (1.0, -2.0), {}
    )


@pytest.mark.parametrize("size", ["3]; import os; b[p:p + 1", -1, 1.5, None, True])
def test_a_schema_cannot_bring_code_with_it(size: object) -> None:
    checksum = {"name": "checksum", "type": {"type": "fixed", "name": "Sum", "size": size}}
    writer: Definition = {"type": "record", "name": "Thing", "fields": [checksum, {"name": "at", "type": "long"}]}

    with pytest.raises(ValueError, match="checksum: a fixed of size"):
        compile_reader(writer, READER, STRUCTS)


def test_an_integer_of_64_bits_is_read_and_one_of_more_is_refused() -> None:
    read_at = compile_reader(
        {"type": "record", "name": "Thing", "fields": [{"name": "at", "type": "long"}]}, READER, STRUCTS
    )

    assert read_at(b"\xfe" + b"\xff" * 8 + b"\x01", 0) == (Thing(2**63 - 1, None), 10)
    assert read_at(b"\xff" * 9 + b"\x01", 0) == (Thing(-(2**63), None), 10)
    for last in (b"\x02", b"\x7f"):
        with pytest.raises(ValueError, match="more than 64 bits"):
            read_at(b"\xff" * 9 + last, 0)


def test_an_enumeration_and_bytes_are_read_as_text() -> None:
    at = {"name": "at", "type": "int"}

    symbols = {"type": "enum", "name": "N", "symbols": ["RED", "BLUE"]}
    assert read([at, {"name": "name", "type": symbols}], {"at": 1, "name": "BLUE"}) == Thing(1, "BLUE")
    assert read([at, {"name": "name", "type": "bytes"}], {"at": 1, "name": b"abc"}) == Thing(1, "abc")


def test_a_null_where_none_is_wanted_is_refused_only_when_it_comes() -> None:
    fields: list[object] = [{"name": "at", "type": ["null", "long"]}]

    assert read(fields, {"at": 7}) == Thing(7, None)
    with pytest.raises(SchemaMismatch, match="at: expected long, got null"):
        read(fields, {"at": None})


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ([{"name": "name", "type": "string"}], "at: the schema has no such field"),
        ([{"name": "at", "type": "string"}], "at: the schema says string, long is wanted"),
        (
            [{"name": "at", "type": "long"}, {"name": "name", "type": "long"}],
            "name: the schema says long, null or string",
        ),
        ([{"name": "at", "type": "long"}, {"name": "tags", "type": "string"}], "tags: the schema says string, map"),
        (
            [{"name": "at", "type": "long"}, {"name": "prices", "type": {"type": "array", "items": "string"}}],
            r"prices\[\]: the schema says string, double",
        ),
    ],
)
def test_schemas_that_cannot_be_resolved_are_refused_naming_the_field(fields: list[object], problem: str) -> None:
    writer = {"type": "record", "name": "Thing", "fields": fields}

    with pytest.raises(SchemaMismatch, match=problem):
        compile_reader(writer, READER, STRUCTS)  # type: ignore[arg-type]


def test_a_recursive_schema_is_refused() -> None:
    node = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
    fields = [{"name": "at", "type": "long"}, {"name": "list", "type": node}]
    writer = {"type": "record", "name": "Thing", "fields": fields}

    with pytest.raises(SchemaMismatch, match=r"list\.next: the type Node is recursive or unknown"):
        compile_reader(writer, READER, STRUCTS)  # type: ignore[arg-type]


def test_a_block_may_tell_its_size_in_bytes() -> None:
    assert sized_block(b"\x05\x20rest", 0) == (3, 2)  # -3 items, 16 bytes
    assert sized_block(bytes([0x80, 0x01]) + bytes(70), 0) == (64, 2)


def test_a_block_of_more_items_than_bytes_is_refused_before_it_is_read() -> None:
    with pytest.raises(ValueError, match="more items than the record has bytes"):
        sized_block(b"\xfe\xff\xff\xff\x0f", 0)

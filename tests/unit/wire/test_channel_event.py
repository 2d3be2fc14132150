from __future__ import annotations

import io
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import fastavro
import pytest
from hypothesis import given, settings
from msgspec import json, structs

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import ChannelEvent, Item
from pipeline.wire import json_event
from pipeline.wire.channel_event import Decoder, encode
from pipeline.wire.fields import named
from pipeline.wire.input_decoder import MAX_BYTES
from pipeline.wire.registry import RegistryNotReachable
from pipeline.wire.schemas import current
from tests.unit.wire.events import EVENTS, FULL, SMALLEST

DEFINITION = current("channel_event").definition


def refusal(value: bytes | None, decoder: Decoder | None = None) -> tuple[InvalidReason, str]:
    with pytest.raises(InvalidEvent) as caught:
        (decoder or Decoder()).decode(value)
    return caught.value.reason, caught.value.detail


def by_fastavro(fields: object) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, DEFINITION, fields)
    return buffer.getvalue()


class Registry(ThreadingHTTPServer):
    """Answers as a Confluent registry does, and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.schemas: dict[str, object] = {}
        self.asked: list[str] = []
        self.accounts: set[str | None] = set()
        self.answer: bytes | None = None
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        registry = self.server
        assert isinstance(registry, Registry)
        schema_id = self.path.rpartition("/")[2]
        registry.asked.append(self.path)
        registry.accounts.add(self.headers["Authorization"])
        if registry.answer is not None:
            self.wfile.write(registry.answer)
            return
        found = registry.schemas.get(schema_id)
        status = registry.status if found else 404
        self.send_response(status)
        self.end_headers()
        body = {"schema": json.encode(found).decode()} if status == 200 else {"error_code": 40403}
        self.wfile.write(json.encode(body))

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[Registry]:
    server = Registry()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("event", [FULL, SMALLEST])
def test_an_event_survives_avro_and_json(event: ChannelEvent) -> None:
    assert Decoder().decode(encode(event)) == event
    assert Decoder().decode(json_event.encode(event)) == event


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_any_event_survives_avro_and_fastavro_agrees_in_both_directions(event: ChannelEvent) -> None:
    decode, header = Decoder().decode, current("channel_event").header

    assert decode(encode(event)) == event
    assert decode(header + by_fastavro(named(event, int))) == event
    read = fastavro.schemaless_reader(io.BytesIO(encode(event)[10:]), DEFINITION, None, return_record_name=False)
    assert decode(header + by_fastavro(read)) == event


@settings(max_examples=30, deadline=None)
@given(EVENTS)
def test_the_order_in_which_a_producer_names_identifiers_does_not_change_the_bytes(event: ChannelEvent) -> None:
    turned = structs.replace(event, identifiers=dict(reversed(event.identifiers.items())))

    assert encode(turned) == encode(event)


def test_an_order_of_seventy_lines_survives() -> None:
    event = structs.replace(FULL, items=tuple(Item(f"SKU-{number}", number) for number in range(70)))

    assert Decoder().decode(encode(event)) == event


def test_a_damaged_record_is_undecodable_wherever_it_is_cut() -> None:
    value = encode(FULL)

    for length in range(2, len(value)):
        assert refusal(value[:length])[0] in (InvalidReason.UNDECODABLE, InvalidReason.UNKNOWN_SCHEMA)
    assert refusal(value + b"\x00")[0] is InvalidReason.UNDECODABLE


def test_a_flipped_byte_gives_another_event_or_a_refusal_but_nothing_worse() -> None:
    value, decode = encode(FULL), Decoder().decode

    for position in range(10, len(value)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = value[:position] + bytes([value[position] ^ flip]) + value[position + 1 :]
            try:
                assert isinstance(decode(damaged), ChannelEvent)
            except InvalidEvent as error:
                assert error.reason in (InvalidReason.UNDECODABLE, InvalidReason.WRONG_TYPE)


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (None, InvalidReason.UNDECODABLE, "the record has no value"),
        (b"", InvalidReason.UNDECODABLE, "the record has no value"),
        (b"hello", InvalidReason.UNDECODABLE, "starts with 68 65: neither Avro (c3 01, 00) nor JSON ({)"),
        (b"{not json", InvalidReason.UNDECODABLE, "not JSON: JSON is malformed: object keys must be strings (byte 1)"),
        (b"\xc3\x01" + b"\xff" * 9, InvalidReason.UNKNOWN_SCHEMA, f"no schema with fingerprint {'ff' * 8} in schemas/"),
        (b"\0\0\0\0\x07x", InvalidReason.UNKNOWN_SCHEMA, "schema id 7 needs a registry, and registry_url is not set"),
        (b"{" * (MAX_BYTES + 1), InvalidReason.VALUE_TOO_LONG, f"{MAX_BYTES + 1} bytes, at most {MAX_BYTES} are taken"),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_with_reason_and_detail(
    value: bytes | None, reason: InvalidReason, detail: str
) -> None:
    assert refusal(value) == (reason, detail)


def test_confluent_framing_is_resolved_by_the_registry_and_each_id_is_fetched_once(registry: Registry) -> None:
    registry.schemas["7"] = DEFINITION
    decoder = Decoder(registry.url)
    value = b"\x00\x00\x00\x00\x07" + encode(FULL)[10:]

    assert [decoder.decode(value) for _ in range(3)] == [FULL] * 3

    assert registry.asked == ["/schemas/ids/7"]


def test_an_id_the_registry_does_not_know_is_an_unknown_schema_and_asked_for_once(registry: Registry) -> None:
    decoder = Decoder(registry.url)

    for _ in range(2):
        reason, detail = refusal(b"\x00\x00\x00\x00\x08x", decoder)
        assert reason is InvalidReason.UNKNOWN_SCHEMA
        assert detail.startswith("schema id 8 is not in the registry at http://127.0.0.1:")

    assert registry.asked == ["/schemas/ids/8"]


def test_b22_a_registered_schema_with_a_wrong_type_in_a_required_field_is_refused_naming_the_field(
    registry: Registry,
) -> None:
    fields = [{"name": name, "type": "string"} for name in ("event_id", "event_type", "channel", "occurred_at")] + [
        {"name": "identifiers", "type": {"type": "map", "values": "string"}}
    ]
    registry.schemas["9"] = {"type": "record", "name": "Mine", "fields": fields}

    reason, detail = refusal(b"\x00\x00\x00\x00\x09x", Decoder(registry.url))

    assert (reason, detail) == (InvalidReason.WRONG_TYPE, "occurred_at: the schema says string, long is wanted")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "record", "name": "A", "fields": [{"name": "event_id", "type": "nonsense"}]},
        {"type": "enum", "name": "A", "symbols": ["X"]},
        {"type": "record", "name": "A", "fields": 3},
    ],
)
def test_a_registered_schema_that_is_no_record_is_an_unknown_schema(registry: Registry, schema: object) -> None:
    registry.schemas["5"] = schema

    assert refusal(b"\x00\x00\x00\x00\x05x", Decoder(registry.url))[0] is InvalidReason.UNKNOWN_SCHEMA


def test_a_registry_that_is_away_is_no_fault_of_the_record(registry: Registry) -> None:
    registry.schemas["7"] = DEFINITION
    registry.status = 503
    decoder = Decoder(registry.url)
    value = b"\x00\x00\x00\x00\x07" + encode(FULL)[10:]

    with pytest.raises(RegistryNotReachable, match="answered 503"):
        decoder.decode(value)

    registry.status = 200
    assert decoder.decode(value) == FULL


def test_a_refusal_told_again_and_again_does_not_grow(registry: Registry) -> None:
    decoder = Decoder(registry.url)

    def frames() -> int:
        with pytest.raises(InvalidEvent) as caught:
            decoder.decode(b"\x00\x00\x00\x00\x08x")
        return len(caught.traceback)

    frames()
    assert frames() == frames() == frames()


def test_a_registry_is_given_user_and_password_and_nobody_else_sees_them(registry: Registry) -> None:
    registry.schemas["7"] = DEFINITION
    url = registry.url.replace("http://", "http://shop:p%40ss@")
    decoder = Decoder(url)

    assert decoder.decode(b"\x00\x00\x00\x00\x07" + encode(FULL)[10:]) == FULL
    assert registry.accounts == {"Basic c2hvcDpwQHNz"}
    assert refusal(b"\x00\x00\x00\x00\x08x", decoder) == (
        InvalidReason.UNKNOWN_SCHEMA, f"schema id 8 is not in the registry at {registry.url.rstrip('/')}",
    )  # fmt: skip
    registry.answer = b"nonsense"
    with pytest.raises(RegistryNotReachable) as caught:
        decoder.decode(b"\x00\x00\x00\x00\x09x")
    assert "p%40ss" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"",
        b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n{",
        b"HTTP/1.0 200 OK\r\n\r\n[1]",
        b"HTTP/1.0 200 OK\r\n\r\n" + b"[" * 9_999,
    ],
)
def test_what_does_not_answer_as_a_registry_does_is_not_the_records_fault(registry: Registry, answer: bytes) -> None:
    registry.answer = answer

    with pytest.raises(RegistryNotReachable, match=r"at http://127\.0\.0\.1:"):
        Decoder(registry.url).decode(b"\x00\x00\x00\x00\x07x")

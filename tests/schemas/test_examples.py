"""Every example of `schemas/examples` is a test: adding a file adds one."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import fastavro
import msgspec
import pytest

from pipeline.domain.customer.audiences import AudienceReason
from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.reasons import DropReason, FiredReason, IdentityReason, RevokedReason
from pipeline.domain.records import AudienceMember, CatalogView, Customer, DeadLetter, Decision, IdentityChange, Trigger
from pipeline.wire import catalog as wire_catalog
from pipeline.wire import json_catalog, json_event
from pipeline.wire.channel_event import Decoder, encode
from pipeline.wire.input_decoder import InputDecoder
from pipeline.wire.normalise import normalise
from pipeline.wire.records import decode_record, encode_record, to_json
from pipeline.wire.schemas import current, schema_folder

EXAMPLES = schema_folder() / "examples"
RECORDS: dict[str, type] = {
    "trigger": Trigger,
    "decision": Decision,
    "identity_change": IdentityChange,
    "customer": Customer,
    "audience_member": AudienceMember,
    "catalog_view": CatalogView,
    "dead_letter": DeadLetter,
}

REASONS: dict[str, type[StrEnum]] = {
    "fired": FiredReason,
    "revoked": RevokedReason,
    "dropped": DropReason,
    "created": IdentityReason,
    "attached": IdentityReason,
    "merged": IdentityReason,
    "unmerged": IdentityReason,
    "refused": IdentityReason,
}
"""Outcome of a decision, or change of the identity graph, to the closed list of its reasons."""


def examples(name: str, kind: str) -> list[Any]:
    found = sorted((EXAMPLES / name / kind).glob("*.json"))
    assert found
    return [pytest.param(path, id=f"{name}-{path.stem}") for path in found]


def record_examples(kind: str) -> list[Any]:
    return [pytest.param(name, *case.values, id=case.id) for name in RECORDS for case in examples(name, kind)]


def load(path: Path) -> Any:
    return msgspec.json.decode(path.read_bytes())


@pytest.mark.parametrize("path", examples("channel_event", "valid"))
def test_a_valid_event_goes_through_decoding_and_normalisation_in_both_forms(path: Path) -> None:
    event = json_event.decode(path.read_bytes())

    normalised = normalise(event, IdentityConfig())

    assert normalised.identifiers
    assert Decoder().decode(encode(event)) == event
    assert json_event.decode(json_event.encode(event)) == event


@pytest.mark.parametrize("path", examples("channel_event", "invalid"))
def test_an_invalid_event_is_refused_with_its_reason(path: Path) -> None:
    example = load(path)

    with pytest.raises(InvalidEvent) as caught:
        normalise(Decoder().decode(msgspec.json.encode(example["event"])), IdentityConfig())

    assert (caught.value.reason, caught.value.detail) == (example["reason"], example["detail"])


CATALOG: dict[str, Callable[[], InputDecoder[Any]]] = {
    "product": wire_catalog.product_decoder,
    "stock_level": wire_catalog.stock_decoder,
}


@pytest.mark.parametrize("path", [case for name in CATALOG for case in examples(name, "valid")])
def test_a_valid_record_of_the_catalogue_is_taken_in_both_forms_and_is_the_same_message(path: Path) -> None:
    decoder = CATALOG[path.parent.parent.name]()

    record = decoder.decode(path.read_bytes())

    assert decoder.decode(wire_catalog.encode(record)) == record
    assert decoder.decode(msgspec.json.encode(json_catalog.to_object(record))) == record
    assert json_catalog.decode_any(path.read_bytes()) == record
    message = wire_catalog.told(record)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=type(message)) == message
    assert message.update_id


@pytest.mark.parametrize("path", [case for name in CATALOG for case in examples(name, "invalid")])
def test_an_invalid_record_of_the_catalogue_is_refused_with_field_and_remedy(path: Path) -> None:
    example = load(path)

    with pytest.raises(InvalidEvent) as caught:
        wire_catalog.told(CATALOG[path.parent.parent.name]().decode(msgspec.json.encode(example["record"])))

    assert (caught.value.reason, caught.value.detail) == (example["reason"], example["detail"])


@pytest.mark.parametrize(("name", "path"), record_examples("valid"))
def test_a_valid_record_is_the_same_after_avro_and_back(name: str, path: Path) -> None:
    example = load(path)
    schema = current(name)
    written = schema.header + avro(example, schema.definition)

    record = decode_record(RECORDS[name], written)

    assert to_json(record) == example
    assert encode_record(record) == written


@pytest.mark.parametrize("path", [*examples("decision", "valid"), *examples("identity_change", "valid")])
def test_a_record_names_a_reason_that_there_is(path: Path) -> None:
    example = load(path)

    assert REASONS[example.get("outcome") or example["change"]](example["reason"])


@pytest.mark.parametrize("path", examples("audience_member", "valid"))
def test_an_audience_names_a_reason_that_there_is(path: Path) -> None:
    assert AudienceReason(load(path)["reason"])


@pytest.mark.parametrize("path", examples("dead_letter", "valid"))
def test_the_bytes_in_a_dead_letter_are_refused_for_what_it_says(path: Path) -> None:
    example = load(path)
    value = base64.b64decode(example["value_base64"]) if "value_base64" in example else None

    with pytest.raises(InvalidEvent) as caught:
        normalise(Decoder().decode(value), IdentityConfig())

    assert (caught.value.reason, caught.value.detail) == (InvalidReason(example["reason"]), example["detail"])
    assert example["tenant"] is None


@pytest.mark.parametrize("path", examples("trigger", "valid"))
def test_a_revoke_says_what_is_taken_back_and_nothing_of_its_contents(path: Path) -> None:
    example = load(path)
    contents = (example["items"], example["offer"], example["context"])

    assert (contents == ([], None, {})) == (example["status"] == "revoked")


@pytest.mark.parametrize(("name", "path"), record_examples("invalid"))
def test_an_invalid_record_does_not_fit_its_schema(name: str, path: Path) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        avro(load(path), current(name).definition)


def avro(example: dict[str, Any], definition: dict[str, Any]) -> bytes:
    """The example as fastavro writes it: an independent way from JSON to bytes."""
    fields: dict[str, Any] = dict(example)
    for name in ("key", "value"):
        if f"{name}_base64" in fields:
            fields[name] = base64.b64decode(fields[f"{name}_base64"])
    if isinstance(fields.get("details"), dict):
        fields["details"] = msgspec.json.encode(fields["details"], order="sorted").decode()
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, definition, times(fields, definition), strict_allow_default=False)
    return buffer.getvalue()


def times(fields: dict[str, Any], definition: dict[str, Any]) -> dict[str, Any]:
    """Turn the times of a record and of those in it into datetimes; sort maps as our writer does."""
    done: dict[str, Any] = {}
    for field in definition["fields"]:
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        if field["name"] not in fields:
            if "default" not in field:
                raise KeyError(field["name"])
            continue
        value = fields[field["name"]]
        for kind in (kind for kind in kinds if isinstance(kind, dict) and value is not None):
            if kind.get("logicalType") == "timestamp-millis":
                value = datetime.fromisoformat(value)
            elif kind["type"] == "record":
                value = times(value, kind)
            elif kind["type"] == "map":
                value = dict(sorted(value.items()))
            elif kind["type"] == "array":
                items = kind["items"]
                value = [times(part, items) if isinstance(items, dict) else part for part in value]
        done[field["name"]] = value
    return done

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import avro.schema
import fastavro
import pytest
from msgspec import Struct

from pipeline.domain.catalog import Product, StockLevel
from pipeline.domain.errors import InvalidReason
from pipeline.domain.events import Campaign, ChannelEvent, Context, Item
from pipeline.domain.records import DeadLetter, Decision, IdentityChange, Offer, Trigger
from pipeline.wire.avro_reader import compile_reader
from pipeline.wire.catalog import product_decoder, stock_decoder
from pipeline.wire.channel_event import STRUCTS, Decoder
from pipeline.wire.compatibility import check
from pipeline.wire.schemas import current, history, names, schema_folder
from tests.conftest import Omni

OLD_EVENT: dict[str, Any] = {
    "event_id": "e-1",
    "event_type": "order_completed",
    "channel": "pos",
    "occurred_at": 1_795_514_400_000,
    "identifiers": {"loyalty": "L-1"},
    "store_id": "HH-01",
    "order_id": "o-1",
    "items": [{"sku": "A", "quantity": 2, "unit_price_minor": 1_999, "currency": "EUR"}],
    "amount_minor": 3_998,
    "currency": "EUR",
    "properties": {"till": "7"},
}


def written(definition: object, record: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, definition, record)  # type: ignore[arg-type]
    return buffer.getvalue()


def test_b22_an_event_of_the_first_version_is_read_as_one_of_today() -> None:
    first = history("channel_event")[0]

    event = Decoder().decode(first.header + written(first.definition, OLD_EVENT))

    assert event == ChannelEvent(
        "e-1", "order_completed", "pos", 1_795_514_400_000, {"loyalty": "L-1"}, store_id="HH-01", order_id="o-1",
        items=(Item("A", 2, 1_999, "EUR"),), amount_minor=3_998, currency="EUR", properties={"till": "7"},
    )  # fmt: skip


def test_b22_an_event_of_a_newer_schema_is_read_without_what_we_do_not_know() -> None:
    newer = json.loads(current("channel_event").path.read_text())
    wrapping = {"type": "record", "name": "Wrapping", "fields": [{"name": "paper", "type": "string"}]}
    newer["fields"].insert(2, {"name": "wrapping", "type": ["null", wrapping], "default": None})
    newer["fields"].insert(0, {"name": "mood", "type": {"type": "array", "items": "float"}, "default": []})
    record = {**OLD_EVENT, "wrapping": {"paper": "red"}, "mood": [0.5, 1.0]}

    event, _ = compile_reader(newer, current("channel_event").definition, STRUCTS)(written(newer, record), 0)

    assert isinstance(event, ChannelEvent)
    assert (event.event_id, event.channel, event.order_id, event.tenant) == ("e-1", "pos", "o-1", "default")


OLD_PRODUCT: dict[str, Any] = {"sku": "A", "price_minor": 1_999, "currency": "EUR", "updated_at": 1_795_514_400_000}
OLD_STOCK: dict[str, Any] = {"sku": "A", "store": "HH-01", "levels": {"38": 4}, "updated_at": 1_795_514_400_000}


def test_a_catalogue_of_the_first_version_is_read_as_one_of_today() -> None:
    product, stock = history("product")[0], history("stock_level")[0]

    assert product_decoder().decode(product.header + written(product.definition, OLD_PRODUCT)) == Product(
        "A", price_minor=1_999, currency="EUR", updated_at_ms=1_795_514_400_000
    )
    assert stock_decoder().decode(stock.header + written(stock.definition, OLD_STOCK)) == StockLevel(
        "A", store="HH-01", levels={"38": 4}, updated_at_ms=1_795_514_400_000
    )


def test_a_stock_level_of_a_newer_schema_is_read_without_what_we_do_not_know() -> None:
    newer = json.loads(current("stock_level").path.read_text())
    newer["fields"].insert(0, {"name": "shelf", "type": ["null", "string"], "default": None})

    read = compile_reader(newer, current("stock_level").definition, {"StockLevel": StockLevel})

    assert read(written(newer, {**OLD_STOCK, "shelf": "7b"}), 0)[0] == StockLevel(
        "A", store="HH-01", levels={"38": 4}, updated_at_ms=1_795_514_400_000
    )


@pytest.mark.parametrize("name", names())
def test_the_current_version_is_kept_among_the_released_ones(name: str) -> None:
    assert current(name).fingerprint == history(name)[-1].fingerprint, (
        f"{name}.avsc has changed: when it is released, copy it to schemas/history/{name}/{len(history(name)) + 1}.avsc"
    )


@pytest.mark.parametrize("name", names())
def test_fingerprints_are_those_of_apache_avro(name: str) -> None:
    # Its canonical form keeps {"type": "long"} where a logical type stood; the specification says "long".
    plain = json.dumps(without_logical_types(current(name).definition))

    assert avro.schema.parse(plain).fingerprint("CRC-64-AVRO") == current(name).fingerprint


def without_logical_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [without_logical_types(part) for part in schema]
    if isinstance(schema, dict):
        if "logicalType" in schema:
            return schema["type"]
        return {key: without_logical_types(value) if key != "default" else value for key, value in schema.items()}
    return schema


@pytest.mark.parametrize(
    ("name", "record", "struct"),
    [
        ("channel_event", "ChannelEvent", ChannelEvent),
        ("channel_event", "Item", Item),
        ("channel_event", "Context", Context),
        ("channel_event", "Campaign", Campaign),
        ("product", "Product", Product),
        ("stock_level", "StockLevel", StockLevel),
        ("trigger", "Trigger", Trigger),
        ("trigger", "Item", Item),
        ("trigger", "Offer", Offer),
        ("decision", "Decision", Decision),
        ("identity_change", "IdentityChange", IdentityChange),
        ("dead_letter", "DeadLetter", DeadLetter),
    ],
)
def test_each_struct_has_the_fields_of_its_schema_in_their_order(name: str, record: str, struct: type[Struct]) -> None:
    fields = next(found for found in records(current(name).definition) if found["name"] == record)["fields"]

    assert [field["name"] for field in fields] == [each.removesuffix("_ms") for each in struct.__struct_fields__]


def records(schema: Any) -> list[Any]:
    if isinstance(schema, list):
        return [found for part in schema for found in records(part)]
    if not isinstance(schema, dict):
        return []
    inner = [found for field in schema.get("fields", []) for found in records(field["type"])]
    inner += records(schema.get("items")) + (records(schema["type"]) if not isinstance(schema["type"], str) else [])
    return [schema, *inner] if schema["type"] == "record" else inner


# --- omni schemas check ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the schemas to change."""
    return Path(shutil.copytree(schema_folder(), tmp_path / "schemas"))


def change(folder: Path, how: Callable[[list[dict[str, Any]]], None]) -> list[str]:
    """Change the fields of channel_event; return the problems that the check finds."""
    path = folder / "channel_event.avsc"
    schema = json.loads(path.read_text())
    how(schema["fields"])
    path.write_text(json.dumps(schema))
    (verdict,) = (verdict for verdict in check(folder) if verdict.name == "channel_event")
    return list(verdict.problems)


def test_our_schemas_are_compatible() -> None:
    assert [(verdict.name, verdict.problems) for verdict in check()] == [(name, ()) for name in names()]


def test_a_new_field_with_a_default_is_compatible(folder: Path) -> None:
    new = {"name": "mood", "type": ["null", "string"], "default": None}

    assert change(folder, lambda fields: fields.append(new)) == []


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        (
            lambda fields: fields.append({"name": "mood", "type": "string"}),
            "channel_event.avsc cannot read what channel_event/1.avsc wrote: mood: is not there, and has no default",
        ),
        (
            lambda fields: fields.pop(0),
            "channel_event/1.avsc cannot read what channel_event.avsc writes: event_id: is not there, and has no "
            "default",
        ),
        (
            lambda fields: fields[0].update(type="long"),
            "channel_event.avsc cannot read what channel_event/1.avsc wrote: event_id: reader type: long not "
            "compatible with writer type: string",
        ),
        (  # Only the second version has carts: the check goes back further than one, and no less far.
            lambda fields: next(field for field in fields if field["name"] == "cart_id").update(type=["null", "long"]),
            "channel_event.avsc cannot read what channel_event/2.avsc wrote: cart_id: reader union lacking "
            "writer type: STRING",
        ),
    ],
)
def test_an_incompatible_change_is_refused_against_every_version(
    folder: Path, how: Callable[[list[dict[str, Any]]], None], problem: str
) -> None:
    assert problem in change(folder, how)


def test_the_command_says_what_is_wrong_and_exits_with_one(folder: Path, omni: Omni) -> None:
    change(folder, lambda fields: fields[0].update(type="long"))
    (folder / "decision.avsc").unlink()
    (folder / "trigger.avsc").write_text("{")

    done = omni("schemas", "check", "--folder", folder, "--json")

    answer = json.loads(done.stdout)
    assert (done.code, answer["ok"]) == (1, False)
    problems = {schema["name"]: schema["problems"] for schema in answer["schemas"]}
    assert problems["decision"] == ["decision.avsc is gone, but versions of it were released"]
    assert problems["trigger"][0].startswith("trigger.avsc: not an Avro schema")
    assert problems["identity_change"] == []
    assert len(problems["channel_event"]) == 4


def test_our_own_schemas_pass_and_the_types_are_printed(omni: Omni) -> None:
    assert omni("schemas", "check").code == 0
    types = json.loads(omni("schemas", "types", "--json").stdout)
    assert {"name", "family", "says", "changes"} == set(types["event_types"][0])
    assert [mode["name"] for mode in types["stock_modes"]] == ["full", "store", "level", "delta"]
    assert omni("schemas", "check", "--folder", "/nonexistent").code == 2


def test_a_reason_is_a_word_that_a_label_can_be() -> None:
    assert all(reason.value.replace("_", "").isalpha() for reason in InvalidReason)

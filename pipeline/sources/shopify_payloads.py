"""The objects of Shopify in files: webhooks as they came, and what its Admin API exports, as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import json

from pipeline.domain.errors import InvalidEvent
from pipeline.sources import Rejected
from pipeline.sources.files import lines_of
from pipeline.wire.input_decoder import check_size
from pipeline.wire.json_fields import JsonObject, object_of, parse

KINDS: Final = ("shop", "product", "variant", "inventory_level", "inventory_item", "order", "checkout")
"""What is known of, by its name in the API; `product_deleted` and `inventory_level_deleted` are webhooks alone."""

_NUMBER = re.compile(r"[0-9]+$")


class Payload(NamedTuple):
    """One object of Shopify: what it is, where it was read."""

    kind: str
    fields: JsonObject
    path: str
    line: int
    original: bytes
    told_at: object = None

    def rejected(self, error: InvalidEvent) -> Rejected:
        """Return it as one that is no record."""
        return Rejected(self.path, self.line, error.reason, error.detail, self.original)


def payloads_in(file: Path) -> Iterator[Payload | Rejected]:
    """Yield what a file holds: one document, or one a line; a document holds one object or many."""
    lines = [(number, line) for number, line in lines_of(file) if line and not line.isspace()]
    if len(lines) > 1 and not _is_whole(lines[0][1]):
        lines = [(lines[0][0], b"\n".join(line for _, line in lines))]  # one document, written over many lines
    for number, document in lines:
        try:
            if len(lines) > 1:
                check_size(document)
            objects = list(_objects(parse(document), None, None))
            for kind, fields, told_at in objects:
                original = document if len(objects) == 1 else json.encode(fields)
                yield Payload(kind, fields, str(file), number, original, told_at)
        except InvalidEvent as error:
            yield Rejected(str(file), number, error.reason, error.detail, document)


def _is_whole(line: bytes) -> bool:
    try:
        parse(line)
    except InvalidEvent:
        return False
    return True


def _objects(value: object, topic: str | None, told_at: object) -> Iterator[tuple[str, JsonObject, object]]:
    """Yield kind, fields and time told of every object of Shopify in a document."""
    if isinstance(value, list):
        for part in value:
            yield from _objects(part, topic, told_at)
        return
    fields = object_of(value, "the document")
    if isinstance(fields.get("topic"), str):
        inner = next((fields[name] for name in ("payload", "body", "example") if name in fields), None)
        yield from _objects(inner, str(fields["topic"]), fields.get("triggered_at"))
        return
    for kind in KINDS:
        for name in (kind, f"{kind}s"):
            if len(fields) == 1 and isinstance(fields.get(name), (dict, list)):
                yield from _objects(fields[name], f"{name.removesuffix('s')}s/export", told_at)
                return
    known = _kind(fields) if topic is None else _kind_of(topic)
    if known is not None:
        yield known, fields, told_at


def _kind_of(topic: str) -> str | None:
    resource, _, what = topic.partition("/")
    kind = resource.removesuffix("s")
    if what in ("delete", "disconnect"):
        return f"{kind}_deleted" if kind in ("product", "inventory_level") else None
    return kind if kind in KINDS else None


def _kind(fields: JsonObject) -> str | None:
    """Tell what a payload is that came without its topic."""
    if "variants" in fields:
        return "product"
    if "inventory_item_id" in fields and "location_id" in fields:
        return "inventory_level"
    if "product_id" in fields and "inventory_quantity" in fields:
        return "variant"
    return "inventory_item" if "sku" in fields and "tracked" in fields else None


def id_in(fields: Mapping[str, object], name: str = "id") -> str:
    """Return the id `name`: from the end of the global id, as numbers beyond 2^53 do not survive every program."""
    found = _NUMBER.search(str(fields.get("admin_graphql_api_id") or ""))
    return found[0] if found else text_of(fields.get(name))


def text_of(value: object) -> str:
    """Return a number or a text as a text."""
    return "" if value is None else str(value)

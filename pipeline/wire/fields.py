"""Structs as dicts by the names of their schema: `occurred_at_ms` is `occurred_at` to everybody outside."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


def named(struct: Struct, time: Callable[[int], object]) -> dict[str, object]:
    """Return the fields of `struct`, nested ones as dicts and lists too; times (ms) as `time` writes them."""
    fields: dict[str, object] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if name.endswith("_ms"):
            fields[name[:-3]] = None if value is None else time(value)
        else:
            fields[name] = _plain(value, time)
    return fields


def _plain(value: object, time: Callable[[int], object]) -> object:
    if isinstance(value, Struct):
        return named(value, time)
    if isinstance(value, tuple):
        return [_plain(part, time) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part, time) for key, part in value.items()}
    return value

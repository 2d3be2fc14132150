"""Structs as people write them in YAML: what the type of each field means there.

A field `x_ms` is the duration `x` (`4h`); `x_minor` beside a field marked as currency is the amount `x` in major units
(`19.99`); `x_` is `x` where that is a word of Python. A union of structs is told apart by the first field of each.
`Meta` may bound a value; in its `extra`, `one_of` lists the words allowed, `remedy` says what to write instead, and
`currency` marks the currency of the struct's amounts.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import fields

from pipeline.domain.money import minor_digits
from pipeline.domain.time import duration_written

Unit: TypeAlias = Literal["duration", "money"] | None


class Parameter(Struct, frozen=True):
    """One field as it is written: its key, type, unit of its whole numbers, and what it means."""

    key: str
    field: str
    type: Any
    unit: Unit
    required: bool
    meta: Meta
    is_currency: bool


class Form(Struct, frozen=True):
    """A type that is written as text: how it is read (ValueError says what is wrong), written, and its pattern."""

    read: Callable[[str], object]
    written: Callable[[Any], str]
    pattern: str


@cache
def parameters(struct: type[Struct]) -> dict[str, Parameter]:
    """Return the fields of a struct by the key they are written under, in their order."""
    found = fields(struct)
    currency = any(_extra(field.type).get("currency") for field in found)
    made: dict[str, Parameter] = {}
    for field in found:
        unit: Unit = None
        key = field.name
        if key.endswith("_ms"):
            key, unit = key.removesuffix("_ms"), "duration"
        elif key.endswith("_minor") and currency:
            key, unit = key.removesuffix("_minor"), "money"
        required = field.default is NODEFAULT and field.default_factory is NODEFAULT
        _, meta = bare(field.type)
        is_currency = bool(_extra(field.type).get("currency"))
        key = key.removesuffix("_")
        made[key] = Parameter(key, field.name, field.type, unit, required, meta, is_currency)
    return made


def bare(annotation: Any) -> tuple[Any, Meta]:
    """Return a type without its `Annotated`, and what was noted of it."""
    if get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        return inner, next((note for note in notes if isinstance(note, Meta)), Meta())
    return annotation, Meta()


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, the type itself if it is none."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def without_none(annotation: Any) -> tuple[tuple[Any, ...], bool]:
    """Return the members of a union but None, and whether None was among them."""
    members = alternatives(annotation)
    return tuple(member for member in members if member is not NoneType), NoneType in members


def list_item(annotation: Any) -> Any | None:
    """Return the type of a tuple's items; None for what is no tuple."""
    return get_args(annotation)[0] if get_origin(annotation) is tuple else None


def is_struct(annotation: Any) -> bool:
    """Whether the type is a struct."""
    return isinstance(annotation, type) and issubclass(annotation, Struct)


def head(struct: type[Struct]) -> str:
    """Return the key that tells this struct from others of a union: its first."""
    return next(iter(parameters(struct)))


def one_of(meta: Meta) -> tuple[str, ...]:
    """Return the words that a text may be, () if any."""
    return tuple((meta.extra or {}).get("one_of", ()))


def written(value: Any, forms: dict[type, Form], unit: Unit = None, currency: str = "") -> Any:
    """Return a value as it is written: a struct as a mapping without what is left at None or empty."""
    if isinstance(value, tuple):
        return [written(item, forms, unit, currency) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and unit is not None:
        return duration_written(value) if unit == "duration" else _amount_written(value, currency)
    if type(value) in forms:
        return forms[type(value)].written(value)
    if isinstance(value, dict):
        return {key: written(item, forms, unit, currency) for key, item in value.items()}
    if not isinstance(value, Struct):
        return value
    known = parameters(type(value))
    currency = next((getattr(value, each.field) for each in known.values() if each.is_currency), "")
    said = {key: written(getattr(value, each.field), forms, each.unit, currency) for key, each in known.items()}
    return {key: item for key, item in said.items() if item is not None and item not in ([], {})}


def _amount_written(amount_minor: int, currency: str) -> int | float:
    amount = Decimal(amount_minor).scaleb(-minor_digits(currency))
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _extra(annotation: Any) -> dict[str, Any]:
    return bare(annotation)[1].extra or {}

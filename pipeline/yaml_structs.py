"""Reads YAML into structs by the types of their fields (`struct_types.py`), and notes everything that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from msgspec import Meta, Struct
from yaml.nodes import Node, ScalarNode, SequenceNode

from pipeline.domain.money import parse_money
from pipeline.domain.time import duration_text, parse_duration
from pipeline.struct_types import (
    Form,
    Unit,
    bare,
    head,
    is_struct,
    list_item,
    one_of,
    parameters,
    without_none,
)
from pipeline.yaml_nodes import YamlFile, nearest

NONE = "none"
"""How "no such limit" is written."""

DEEPEST = 32
"""Values in values: people write some five. An anchor that holds itself has no end."""

S = TypeVar("S", bound=Struct)
Found = dict[str, tuple[Node, Node]]


class Noted(Exception):
    """What is wrong has been noted already."""


class StructFile(YamlFile):
    """One file, read by types. `forms` are types written as text, `unions` types that stand for one of several structs.

    `readers` are types that a subclass reads itself.
    """

    forms: Mapping[type, Form] = {}
    unions: Mapping[type, tuple[type[Struct], ...]] = {}

    def __init__(self, path: Path, text: str | None = None) -> None:
        super().__init__(path, text)
        self.problems: list[str] = []
        self.readers: dict[type, Callable[[Node, str], object]] = {}
        self._depth = 0

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note a complaint and go on."""
        try:
            yield
        except self.error as error:
            self.problems.append(str(error))
        except Noted:
            pass

    def struct(self, node: Node, place: str, struct: type[S]) -> S:
        """Read one struct. Raises `Noted` if something in it is wrong."""
        pairs = self.pairs(node, place)
        (values,) = self.fields(node, pairs, place, struct)
        return self.built(node, place, struct, values)

    def built(self, node: Node, place: str, struct: type[S], values: dict[str, object]) -> S:
        """Make a struct of values that are right one by one; it may still find them wrong together."""
        try:
            return struct(**values)
        except ValueError as error:
            raise self.wrong(node, f"{place}: {error}.") from None

    def fields(self, node: Node, pairs: Found, place: str, *structs: type[Struct]) -> list[dict[str, object]]:
        """Read what is given of the fields of structs that are written as one; by name of the field."""
        known = {key: each for struct in structs for key, each in parameters(struct).items()}
        before = len(self.problems)
        read: dict[str, object] = {}
        for key, (key_node, _) in pairs.items():
            if key not in known:
                self.problems.append(str(self.unknown_key(key_node, key, place, tuple(known))))
        order = {key: place for place, key in enumerate(pairs)}
        # A currency first, for amounts need it; then as people read, from the top.
        for each in sorted(known.values(), key=lambda each: (not each.is_currency, order.get(each.key, -1))):
            if each.key in pairs:
                with self.noting():
                    currency = next((str(read[k]) for k, other in known.items() if other.is_currency and k in read), "")
                    read[each.key] = self.value(pairs[each.key][1], each.key, each.type, each.unit, currency)
            elif each.required:
                says = f": {each.meta.description}" if each.meta.description else ""
                self.problems.append(str(self.wrong(node, f"{place} needs {each.key}{says}.")))
        if len(self.problems) > before:
            raise Noted
        return [
            {each.field: read[key] for key, each in parameters(struct).items() if key in read} for struct in structs
        ]

    def value(self, node: Node, place: str, annotation: Any, unit: Unit = None, currency: str = "") -> Any:
        """Read one value of a type."""
        kind, meta = bare(annotation)
        members, optional = without_none(kind)
        if optional and str not in members and isinstance(node, ScalarNode) and node.value == NONE:
            return None
        lists = [member for member in members if list_item(bare(member)[0]) is not None]
        if len(members) > 1 and lists:
            others = tuple(member for member in members if member not in lists)
            members = tuple(lists) if isinstance(node, SequenceNode) else others
        if str in members:
            members = (str,)
        if len(members) > 1:
            return self._one_struct_of(node, place, members)
        kind, of_member = bare(members[0])
        meta = meta if of_member == Meta() else of_member
        self._depth += 1
        try:
            if self._depth > DEEPEST:
                raise self.wrong(node, f"{place} is nested more than {DEEPEST} deep. Write it flatter.")
            return self._plain(node, place, kind, meta, unit, currency)
        finally:
            self._depth -= 1

    def _plain(self, node: Node, place: str, kind: Any, meta: Meta, unit: Unit, currency: str) -> Any:
        item = list_item(kind)
        if kind in self.readers:
            return self.readers[kind](node, place)
        if item is not None:
            return self._list(node, place, item, meta, unit, currency)
        if kind in self.unions:
            return self._one_struct_of(node, place, self.unions[kind])
        if kind in self.forms:
            return self._form(node, place, self.forms[kind])
        if is_struct(kind):
            return self.struct(node, place, kind)
        if get_origin(kind) is dict:
            return self._dict(node, place, get_args(kind)[1], unit, currency)
        if get_origin(kind) is Literal:
            return self.choice(node, place, get_args(kind))
        if kind is str:
            return self._text(node, place, meta)
        if kind is bool:
            return self.choice(node, place, ("true", "false")) == "true"
        if unit == "duration":
            return self._duration(node, place, meta)
        if unit == "money":
            return self._money(node, place, currency)
        return self._number(node, place, kind is int, meta)

    def _one_struct_of(self, node: Node, place: str, structs: tuple[Any, ...]) -> Any:
        """Read the struct whose first key is there."""
        by_head = {head(struct): struct for struct in structs}
        pairs = self.pairs(node, place)
        named = [key for key in pairs if key in by_head]
        if len(named) > 1:
            raise self.wrong(node, f"{place}: {' and '.join(named)} are two things. Write each as an entry of its own.")
        if named:
            return self._plain(node, place, by_head[named[0]], Meta(), None, "")
        if not pairs:
            raise self.wrong(node, f"{place} says nothing. Known are: {', '.join(by_head)}.")
        key, (key_node, _) = next(iter(pairs.items()))
        raise self.wrong(key_node, f"unknown key {key} in {place}. {nearest(key, tuple(by_head))}")

    def _list(self, node: Node, place: str, item: Any, meta: Meta, unit: Unit, currency: str) -> tuple[Any, ...]:
        before = len(self.problems)
        read = []
        for entry in self.entries(node, place):
            with self.noting():
                read.append(self.value(entry, place.removesuffix("s"), item, unit, currency))
        if len(self.problems) > before:
            raise Noted
        if len(read) < (meta.min_length or 0):
            raise self.wrong(node, f"{place} is empty. Give at least {meta.min_length}, or leave it out.")
        return tuple(read)

    def _dict(self, node: Node, place: str, item: Any, unit: Unit, currency: str) -> dict[str, Any]:
        before = len(self.problems)
        read = {}
        for key, (_, entry) in self.pairs(node, place).items():
            with self.noting():
                read[key] = self.value(entry, f"{place}.{key}", item, unit, currency)
        if len(self.problems) > before:
            raise Noted
        return read

    def _form(self, node: Node, place: str, form: Form) -> object:
        try:
            return form.read(self.one_value(node, place))
        except ValueError as error:
            raise self.wrong(node, f"{place}: {error}.") from None

    def _text(self, node: Node, place: str, meta: Meta) -> str:
        words = one_of(meta)
        if words:
            return str(self.choice(node, place, words))
        text = self.one_value(node, place)
        fits = meta.pattern is None or re.fullmatch(meta.pattern, text)
        if not fits or len(text) > (meta.max_length or len(text)):
            remedy = (meta.extra or {}).get("remedy", f"It must look like {meta.pattern}.")
            raise self.wrong(node, f"{place}: {text!r} cannot be used. {remedy}")
        return text

    def _duration(self, node: Node, place: str, meta: Meta) -> int:
        try:
            duration_ms = parse_duration(self.one_value(node, place))
        except ValueError as error:
            raise self.wrong(node, f"{place}: {error}.") from None
        if duration_ms == 0 and meta.ge != 0:
            raise self.wrong(node, f"{place}: a duration of nothing. Give one from 1s on, or leave {place} out.")
        if meta.le is not None and duration_ms > meta.le:
            raise self.wrong(
                node, f"{place}: {duration_text(duration_ms)} is too long. The most is {duration_text(int(meta.le))}."
            )
        return duration_ms

    def _money(self, node: Node, place: str, currency: str) -> int:
        try:
            return parse_money(self.one_value(node, place), currency)
        except ValueError as error:
            raise self.wrong(node, f"{place}: {error}.") from None

    def _number(self, node: Node, place: str, whole: bool, meta: Meta) -> int | float:
        text = self.one_value(node, place)
        if not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", text):
            raise self.wrong(node, f"{place}: {text!r} is not a number.")
        number = float(text) if "." in text else int(text)
        low, high = meta.ge, meta.le
        if (
            (whole and isinstance(number, float))
            or (low is not None and number < low)
            or (high is not None and number > high)
            or (meta.gt is not None and number <= meta.gt)
            or (meta.lt is not None and number >= meta.lt)
        ):
            raise self.wrong(node, f"{place}: {text!r} is not a {'whole ' if whole else ''}number{_range(meta)}.")
        return number if whole else float(number)

    def choice(self, node: Node, place: str, words: tuple[Any, ...]) -> Any:
        """Read one of some words."""
        text = self.one_value(node, place)
        by_text = {str(word): word for word in words}
        if text not in by_text:
            raise self.wrong(node, f"unknown {place} {text}. {nearest(text, tuple(by_text))}")
        return by_text[text]


def _range(meta: Meta) -> str:
    low = "" if meta.ge is None else f"from {meta.ge:g}"
    low = low if meta.gt is None else f"above {meta.gt:g}"
    high = f"below {meta.lt:g}" if meta.lt is not None else "" if meta.le is None else f"to {meta.le:g}"
    words = " ".join(filter(None, (low, high or ("on" if meta.ge is not None else ""))))
    return f" {words}" if words else ""

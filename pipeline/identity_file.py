"""Reads `identity.yaml` (`surfaces.md` §3) into an `IdentityConfig`. A wrong file is refused whole, with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.domain.identity_config import DEFAULT_ORDER, IdentityConfig
from pipeline.errors import USAGE, OmniError

NO_LIMIT = "none"
INTEGER = re.compile(r"[0-9]{1,9}")
KIND = re.compile(r"[a-z0-9][a-z0-9._-]*")
KEYS = ("version", "order", "limits", "customers_per_value", "merge_cap", "mapping_cap", "blocked", "normalise")


class IdentityFileError(OmniError):
    """The identity rules are wrong: the message says file, line, what is wrong and what would be right."""

    exit_code = USAGE


def load_identity(path: Path) -> IdentityConfig:
    """Read the identity rules. Raises `IdentityFileError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise IdentityFileError(f"{path}: cannot be read: {error}. Name an existing UTF-8 file.") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise IdentityFileError(f"{path}{line}: not YAML: {problem}.") from None
    return _Reader(path).config(root)


class _Reader:
    """Turns the nodes of one file into values; every complaint knows its line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def config(self, root: Node | None) -> IdentityConfig:
        found = self._mapping(root, "the file", KEYS) if root is not None else {}
        limits = {k: self._limit(v, k) for k, v in self._kinds(found.get("limits"), "limits").items()}
        blocked = self._mapping(found.get("blocked"), "blocked", ("values", "patterns"))
        normalise = self._mapping(found.get("normalise"), "normalise", ("default_country",))
        usual = IdentityConfig()
        default_limit = limits.pop("default", usual.default_limit)
        return IdentityConfig(
            version=self._text(found["version"], "version") if "version" in found else usual.version,
            order=self._order(found["order"]) if "order" in found else usual.order,
            limits=limits if "limits" in found else usual.limits,
            default_limit=default_limit,
            customers_per_value=self._limit_of(found, "customers_per_value", usual.customers_per_value),
            merge_cap=self._limit_of(found, "merge_cap", usual.merge_cap),
            mapping_cap=self._mapping_cap(found["mapping_cap"]) if "mapping_cap" in found else usual.mapping_cap,
            blocked_values=frozenset(
                self._text(node, "a blocked value").strip().lower()
                for node in self._list(blocked.get("values"), "blocked.values")
            ),
            blocked_patterns=tuple(
                self._pattern(node) for node in self._list(blocked.get("patterns"), "blocked.patterns")
            ),
            default_country=self._country(normalise.get("default_country")),
        )

    def _order(self, node: Node) -> tuple[str, ...]:
        kinds: list[str] = []
        for entry in self._list(node, "order"):
            kind = self._text(entry, "a kind")
            self._check_kind(entry, kind)
            if kind in kinds:
                raise self._wrong(entry, f"{kind} stands twice in order. Leave one away.")
            kinds.append(kind)
        if not kinds:
            raise self._wrong(node, "order is empty. Name the kinds, strongest first, or leave order out.")
        return tuple(kinds)

    def _kinds(self, node: Node | None, place: str) -> dict[str, Node]:
        found = self._mapping(node, place, None)
        for kind, value in found.items():
            if kind != "default":
                self._check_kind(value, kind, "default")
        return found

    def _check_kind(self, node: Node, kind: str, *others: str) -> None:
        """Kinds of a shop's own are welcome; what looks like a known one misspelt is not."""
        near = get_close_matches(kind, (*DEFAULT_ORDER, *others), 1, cutoff=0.8)
        if near and near[0] != kind:
            raise self._wrong(node, f"unknown kind {kind}. Did you mean {near[0]}?")
        if not KIND.fullmatch(kind):
            raise self._wrong(
                node, f"{kind!r} is not a kind. Use lower-case letters, digits, dot, dash and underscore."
            )

    def _limit_of(self, found: dict[str, Node], key: str, usual: int | None) -> int | None:
        return self._limit(found[key], key) if key in found else usual

    def _limit(self, node: Node, place: str) -> int | None:
        text = self._text(node, place)
        if text == NO_LIMIT:
            return None
        return self._integer(node, text, place, f"or {NO_LIMIT} for no limit")

    def _mapping_cap(self, node: Node) -> int:
        return self._integer(node, self._text(node, "mapping_cap"), "mapping_cap", "it bounds memory")

    def _integer(self, node: Node, text: str, place: str, note: str) -> int:
        if not INTEGER.fullmatch(text) or int(text) < 1:
            raise self._wrong(node, f"{place}: {text!r} is not a limit. Give a whole number from 1 on ({note}).")
        return int(text)

    def _pattern(self, node: Node) -> str:
        text = self._text(node, "a blocked pattern")
        try:
            re.compile(text)
        except re.error as error:
            raise self._wrong(node, f"{text!r} is not a regular expression: {error}.") from None
        return text

    def _country(self, node: Node | None) -> str | None:
        if node is None:
            return None
        country = self._text(node, "default_country")
        if not re.fullmatch(r"[A-Z]{2}", country):
            raise self._wrong(node, f"default_country: {country!r} is not an ISO 3166 country. Write it like DE.")
        return country

    def _mapping(self, node: Node | None, place: str, keys: Iterable[str] | None) -> dict[str, Node]:
        if node is None:
            return {}
        if not isinstance(node, MappingNode):
            raise self._wrong(node, f"{place} must be a mapping (key: value).")
        found: dict[str, Node] = {}
        for key_node, value in node.value:
            key = self._text(key_node, "a key")
            if keys is not None and key not in keys:
                near = get_close_matches(key, tuple(keys), 1)
                remedy = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(keys)}."
                raise self._wrong(key_node, f"unknown key {key} in {place}. {remedy}")
            if key in found:
                raise self._wrong(key_node, f"{key} stands twice in {place}. Leave one away.")
            found[key] = value
        return found

    def _list(self, node: Node | None, place: str) -> list[Node]:
        if node is None:
            return []
        if not isinstance(node, SequenceNode):
            raise self._wrong(node, f"{place} must be a list, like [one, two].")
        return list(node.value)

    def _text(self, node: Node, place: str) -> str:
        if not isinstance(node, ScalarNode) or not node.value:
            raise self._wrong(node, f"{place} must be one value.")
        return str(node.value)

    def _wrong(self, node: Node, problem: str) -> IdentityFileError:
        return IdentityFileError(f"{self._path}:{node.start_mark.line + 1}: {problem}")

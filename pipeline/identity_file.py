"""Reads `identity.yaml` into an `IdentityConfig`. A wrong file is refused whole, with its line."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

from msgspec.structs import replace
from yaml.nodes import Node

from pipeline.domain.identity.config import DEFAULT_ORDER, MAX_MAPPING_CAP, IdentityConfig
from pipeline.errors import USAGE, OmniError
from pipeline.identifiers import COUNTRIES, HASHES, KIND, ascii_domain, blocked_forms
from pipeline.yaml_nodes import YamlFile, nearest

NO_LIMIT = "none"
KEEP, DROP = "keep", "drop"
INTEGER = re.compile(r"[0-9]{1,9}")
DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
KEYS = ("version", "order", "limits", "customers_per_value", "merge_cap", "mapping_cap", "blocked", "normalise")
NORMALISE_KEYS = ("default_country", "email_plus_tags", "email_dots_ignored_at")


class IdentityFileError(OmniError):
    """The identity rules are wrong: the message says file, line, what is wrong and what would be right."""

    exit_code = USAGE


def load_identity(path: Path) -> IdentityConfig:
    """Read the identity rules. Raises `IdentityFileError`."""
    return _IdentityYaml(path).config()


class _IdentityYaml(YamlFile):
    error = IdentityFileError

    def config(self) -> IdentityConfig:
        found = self.mapping(self.root, "the file", KEYS)
        limits = {k: self._limit(v, k) for k, v in self._kinds(found.get("limits"), "limits").items()}
        blocked = self.mapping(found.get("blocked"), "blocked", ("values", "patterns"))
        normalise = self.mapping(found.get("normalise"), "normalise", NORMALISE_KEYS)
        usual = IdentityConfig()
        default_limit = limits.pop("default", usual.default_limit)
        config = IdentityConfig(
            version=self.one_value(found["version"], "version") if "version" in found else usual.version,
            order=self._order(found["order"]) if "order" in found else usual.order,
            limits=limits if "limits" in found else usual.limits,
            default_limit=default_limit,
            customers_per_value=self._limit_of(found, "customers_per_value", usual.customers_per_value),
            merge_cap=self._limit_of(found, "merge_cap", usual.merge_cap),
            mapping_cap=self._mapping_cap(found["mapping_cap"]) if "mapping_cap" in found else usual.mapping_cap,
            blocked_patterns=tuple(
                self._pattern(node) for node in self.entries(blocked.get("patterns"), "blocked.patterns")
            ),
            default_country=self._country(normalise.get("default_country")),
            email_plus_tags_dropped=self._drops(normalise.get("email_plus_tags"), "email_plus_tags"),
            email_dots_ignored_at=frozenset(
                self._domain(node)
                for node in self.entries(normalise.get("email_dots_ignored_at"), "email_dots_ignored_at")
            ),
        )
        values = (
            self.one_value(node, "a blocked value").strip()
            for node in self.entries(blocked.get("values"), "blocked.values")
        )
        return replace(config, blocked_values=frozenset().union(*(blocked_forms(value, config) for value in values)))

    def _order(self, node: Node) -> tuple[str, ...]:
        kinds: list[str] = []
        for entry in self.entries(node, "order"):
            kind = self.one_value(entry, "a kind")
            self._check_kind(entry, kind)
            if kind in kinds:
                raise self.wrong(entry, f"{kind} stands twice in order. Leave one away.")
            kinds.append(kind)
        if not kinds:
            raise self.wrong(node, "order is empty. Name the kinds, strongest first, or leave order out.")
        return tuple(kinds)

    def _kinds(self, node: Node | None, place: str) -> dict[str, Node]:
        found = self.mapping(node, place, None)
        for kind, value in found.items():
            if kind != "default":
                self._check_kind(value, kind, "default")
        return found

    def _check_kind(self, node: Node, kind: str, *others: str) -> None:
        """Kinds of a shop's own are welcome; what looks like a known one misspelt is not."""
        near = get_close_matches(kind, (*DEFAULT_ORDER, *others), 1, cutoff=0.8)
        if near and near[0] != kind:
            raise self.wrong(node, f"unknown kind {kind}. Did you mean {near[0]}?")
        if kind in HASHES:
            raise self.wrong(node, f"{kind} links as {HASHES[kind]}. Name that.")
        if not KIND.fullmatch(kind):
            raise self.wrong(node, f"{kind!r} is not a kind. Use lower-case letters, digits, dot, dash and underscore.")

    def _limit_of(self, found: dict[str, Node], key: str, usual: int | None) -> int | None:
        return self._limit(found[key], key) if key in found else usual

    def _limit(self, node: Node, place: str) -> int | None:
        text = self.one_value(node, place)
        if text == NO_LIMIT:
            return None
        return self._integer(node, text, place, f"or {NO_LIMIT} for no limit")

    def _mapping_cap(self, node: Node) -> int:
        cap = self._integer(node, self.one_value(node, "mapping_cap"), "mapping_cap", "it bounds memory")
        if cap > MAX_MAPPING_CAP:
            raise self.wrong(
                node,
                f"mapping_cap: {cap} is more than {MAX_MAPPING_CAP}. A customer is written whole after its events, "
                "and 500 kB by then: give less.",
            )
        return cap

    def _integer(self, node: Node, text: str, place: str, note: str) -> int:
        if not INTEGER.fullmatch(text) or int(text) < 1:
            raise self.wrong(node, f"{place}: {text!r} is not a limit. Give a whole number from 1 on ({note}).")
        return int(text)

    def _pattern(self, node: Node) -> str:
        text = self.one_value(node, "a blocked pattern")
        try:
            re.compile(text)
        except re.error as error:
            raise self.wrong(node, f"{text!r} is not a regular expression: {error}.") from None
        return text

    def _country(self, node: Node | None) -> str | None:
        if node is None:
            return None
        country = self.one_value(node, "default_country")
        if country not in COUNTRIES:
            near = get_close_matches(country.upper(), sorted(COUNTRIES), 1)
            remedy = f"Did you mean {near[0]}?" if near else "Write it like DE."
            raise self.wrong(node, f"default_country: {country!r} is not an ISO 3166 country with phones. {remedy}")
        return country

    def _drops(self, node: Node | None, place: str) -> bool:
        word = KEEP if node is None else self.one_value(node, place)
        if node is not None and word not in (KEEP, DROP):
            raise self.wrong(node, f"{place}: unknown word {word}. {nearest(word, (KEEP, DROP))}")
        return word == DROP

    def _domain(self, node: Node) -> str:
        domain = ascii_domain(self.one_value(node, "a domain"))
        if not DOMAIN.fullmatch(domain):
            raise self.wrong(node, f"email_dots_ignored_at: {domain!r} is not a domain. Write it like gmail.com.")
        return domain

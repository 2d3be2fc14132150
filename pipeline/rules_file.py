"""Reads `rules.yaml` (`deploy/rules.yaml` explains it) into `Rules`. A wrong file is refused whole, with its line.

What a later version will do (caps, quiet hours, holdout, consent by default denied) is refused as well: a limit that
is written down but not kept would be worse than none.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
from yaml.nodes import Node

from pipeline.domain.arbiter import ADDRESS_KIND
from pipeline.domain.rules import OfferPolicy, Rule, RuleClass, Rules
from pipeline.domain.time import parse_duration
from pipeline.domain.triggers import RULES
from pipeline.errors import USAGE, OmniError
from pipeline.yaml_nodes import YamlFile, nearest

NONE = "none"
NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")  # a part of the topic name triggers.<rule>
CODE_PREFIX = re.compile(r"[A-Za-z0-9-]{0,16}")
CLASSES: tuple[RuleClass, ...] = ("marketing", "transactional")
HIGHEST_PRIORITY = 1_000

FILE_KEYS = ("version", "defaults", "caps", "consent", "holdout", "rules")
SHARED_KEYS = ("class", "priority", "channels", "cooldown", "expires_after")
RULE_KEYS = ("name", "kind", *SHARED_KEYS, "offer")
OFFER_KEYS = ("code_prefix", "percent", "valid_for")
NOT_YET = ("caps", "cap", "quiet_hours", "holdout", "consent")


class RulesFileError(OmniError):
    """The rules are wrong: the message says file, line, what is wrong and what would be right."""

    exit_code = USAGE


def load_rules(path: Path) -> Rules:
    """Read the rules. Raises `RulesFileError`."""
    return _RulesYaml(path).rules()


class _RulesYaml(YamlFile):
    error = RulesFileError

    def rules(self) -> Rules:
        root = self.root
        if root is None:
            raise self.error(f"{self.path}: is empty. Start from deploy/rules.yaml.")
        found = self.mapping(root, "the file", FILE_KEYS)
        self._refuse_limits(found)
        defaults = self.mapping(found.get("defaults"), "defaults", SHARED_KEYS)
        if "rules" not in found:
            raise self.wrong(root, "there are no rules. Add rules: with a list of them ([] for none).")
        rules: list[Rule] = []
        for node in self.entries(found["rules"], "rules"):
            rule = self._rule(node, defaults)
            if any(rule.name == other.name for other in rules):
                raise self.wrong(node, f"the name {rule.name} stands twice. Give each rule its own.")
            rules.append(rule)
        unnamed = f"{crc32(self.text.encode()):08x}"
        version = self.one_value(found["version"], "version") if "version" in found else unnamed
        return Rules(version, rules)

    def _refuse_limits(self, found: dict[str, Node]) -> None:
        """Accept only settings that ask for nothing this version cannot keep."""
        caps = found.get("caps")
        if caps is not None and self.entries(caps, "caps"):
            raise self._not_yet(caps, "caps")
        consent = self.mapping(found.get("consent"), "consent", ("default",)).get("default")
        if consent is not None and self._choice(consent, "consent.default", ("allow", "deny")) != "allow":
            raise self._not_yet(consent, "consent: {default: deny}")
        percent = self.mapping(found.get("holdout"), "holdout", ("percent",)).get("percent")
        if percent is not None and self._number(percent, "holdout.percent") != 0:
            raise self._not_yet(percent, "holdout")

    def _rule(self, node: Node, defaults: dict[str, Node]) -> Rule:
        """Read one rule. The kind comes first: it says which parameters there are."""
        kind_node = self.mapping(node, "a rule", None).get("kind")
        if kind_node is None:
            raise self.wrong(node, f"a rule needs a kind. Known are: {', '.join(sorted(RULES))}.")
        kind = self._choice(kind_node, "kind", tuple(sorted(RULES)))
        config_type = RULES[kind].config_type
        parameters = {field.removesuffix("_ms"): field for field in config_type.__struct_fields__}
        found = self.mapping(node, f"a rule of kind {kind}", (*RULE_KEYS, *parameters))
        if "name" not in found:
            raise self.wrong(node, "a rule needs a name: its triggers go to the topic triggers.<name>.")
        name = self.one_value(found["name"], "name")
        if not NAME.fullmatch(name):
            remedy = "Use up to 100 letters, digits, _ and -: it becomes part of a topic's name."
            raise self.wrong(found["name"], f"{name!r} cannot be a rule's name. {remedy}")
        values: dict[str, object] = {
            field: self._duration(found[key], key) if field.endswith("_ms") else self._number(found[key], key)
            for key, field in parameters.items()
            if key in found
        }
        try:
            config = msgspec.convert(values, config_type)
        except msgspec.ValidationError as error:
            field = str(error).rpartition("`$.")[2].rstrip("`")
            key = field.removesuffix("_ms")
            problem = str(error).partition(" - at ")[0]
            raise self.wrong(found.get(key, node), f"{key}: {problem}.") from None
        shared = self._shared(defaults) | self._shared(found)
        offer = self._offer(found["offer"]) if "offer" in found else None
        return Rule(name, kind, config, offer=offer, **shared)

    def _shared(self, found: dict[str, Node]) -> dict[str, Any]:
        """Read the settings that every rule and the defaults may have."""
        values: dict[str, Any] = {}
        for key, node in found.items():
            if key == "class":
                values["rule_class"] = self._choice(node, key, CLASSES)
            elif key == "priority":
                values["priority"] = self._integer(node, key, 0, HIGHEST_PRIORITY)
            elif key == "channels":
                entries = self.entries(node, key)
                values["channels"] = tuple(self._choice(entry, "channel", tuple(ADDRESS_KIND)) for entry in entries)
            elif key in ("cooldown", "expires_after"):
                values[f"{key}_ms"] = self._duration_or_none(node, key)
        return values

    def _offer(self, node: Node) -> OfferPolicy:
        found = self.mapping(node, "offer", OFFER_KEYS)
        if "code_prefix" not in found:
            raise self.wrong(node, "an offer needs a code_prefix, like BACK; the rest of the code is made for each.")
        prefix = self.one_value(found["code_prefix"], "code_prefix")
        if not CODE_PREFIX.fullmatch(prefix):
            raise self.wrong(found["code_prefix"], f"{prefix!r}: use up to 16 letters, digits and - for a code_prefix.")
        percent = self._integer(found["percent"], "percent", 1, 100) if "percent" in found else None
        valid = self._duration_or_none(found["valid_for"], "valid_for") if "valid_for" in found else None
        return OfferPolicy(prefix, percent, valid)

    # --- values -------------------------------------------------------------------------------------------------

    def _duration_or_none(self, node: Node, place: str) -> int | None:
        return None if self.one_value(node, place) == NONE else self._duration(node, place)

    def _duration(self, node: Node, place: str) -> int:
        try:
            duration_ms = parse_duration(self.one_value(node, place))
        except ValueError as error:
            raise self.wrong(node, f"{place}: {error}.") from None
        if duration_ms == 0:
            raise self.wrong(node, f"{place}: a duration of nothing. Give one from 1s on, or leave {place} out.")
        return duration_ms

    def _integer(self, node: Node, place: str, least: int, most: int) -> int:
        number = self._number(node, place)
        if not isinstance(number, int) or not least <= number <= most:
            raise self.wrong(
                node, f"{place}: {self.one_value(node, place)!r} is not a whole number from {least} to {most}."
            )
        return number

    def _number(self, node: Node, place: str) -> int | float:
        text = self.one_value(node, place)
        if re.fullmatch(r"-?[0-9]{1,15}", text):
            return int(text)
        if re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{1,15}", text):
            return float(text)
        raise self.wrong(node, f"{place}: {text!r} is not a number.")

    def _choice(self, node: Node, place: str, words: tuple[str, ...]) -> Any:
        text = self.one_value(node, place)
        if text not in words:
            raise self.wrong(node, f"unknown {place} {text}. {nearest(text, words)}")
        return text

    def unknown_key(self, node: Node, key: str, place: str, known: tuple[str, ...]) -> Exception:
        """Tell what is not there yet from what is misspelt."""
        return self._not_yet(node, key) if key in NOT_YET else super().unknown_key(node, key, place, known)

    def _not_yet(self, node: Node, what: str) -> Exception:
        return self.wrong(node, f"{what} is not available in this version yet, and would not be kept. Leave it out.")

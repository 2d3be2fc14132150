"""Reads a rules file into the structs of `model.py`, each rule with the defaults it does not gainsay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zlib import crc32
from zoneinfo import ZoneInfo, available_timezones

from msgspec.structs import replace
from yaml.nodes import Node, ScalarNode

from pipeline.domain.customer.audiences import AUDIENCES_KEPT
from pipeline.domain.triggers import RULES
from pipeline.errors import USAGE, OmniError
from pipeline.kinds import KindError, load_kinds
from pipeline.rules_file.model import (
    FORMS,
    UNIONS,
    AudienceEntry,
    Entry,
    RuleEntry,
    Settings,
    Sheet,
    VariantEntry,
)
from pipeline.yaml_nodes import nearest
from pipeline.yaml_structs import Found, StructFile


class RulesFileError(OmniError):
    """The rules are wrong: the message says file, line, what is wrong and what would be right, one line for each."""

    exit_code = USAGE

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_sheet(path: Path, text: str | None = None) -> Sheet:
    """Read a rules file, or the `text` of one. Raises `RulesFileError` with everything that is wrong."""
    try:
        load_kinds()
    except KindError as error:
        raise RulesFileError(str(error)) from error
    return _RulesYaml(path, text).sheet()


def read_text(path: Path) -> str:
    """Return what stands in a rules file, right or wrong. Raises `RulesFileError` if it cannot be read."""
    return _RulesYaml.text_of(path)


class _RulesYaml(StructFile):
    error = RulesFileError
    forms = FORMS
    unions = UNIONS

    def __init__(self, path: Path, text: str | None = None) -> None:
        super().__init__(path, text)
        self.readers = {Settings: self._defaults, Entry: self._entry}
        self._given_defaults: dict[str, object] = {}
        self._names: set[str] = set()

    def sheet(self) -> Sheet:
        if self.root is None:
            raise self.error(f"{self.path}: is empty. Start from deploy/rules.yaml.")
        sheet: Sheet | None = None
        with self.noting():
            pairs = self.pairs(self.root, "the file")
            with self.noting():
                if "defaults" in pairs:  # whatever stands first, rules begin with them
                    self._defaults(pairs["defaults"][1], "defaults")
            self.problems.clear()  # they are read again in their turn
            with self.noting():
                (values,) = self.fields(self.root, pairs, "the file", Sheet)
                sheet = self.built(self.root, "the file", Sheet, values)
                if "audiences" in pairs:
                    self._check_audiences(pairs["audiences"][1], sheet.audiences)
            if "time_zone" in pairs:
                self._check_zone(pairs["time_zone"][1])
        if sheet is None or self.problems:
            raise self.error(*self.problems)
        return sheet if sheet.version else replace(sheet, version=f"{crc32(self.text.encode()):08x}")

    def _defaults(self, node: Node, place: str) -> Settings:
        (self._given_defaults,) = self.fields(node, self.pairs(node, place), place, Settings)
        return self.built(node, place, Settings, self._given_defaults)

    def _entry(self, node: Node, _: str) -> Entry:
        """Read one rule. The kind comes first: it says which parameters there are."""
        pairs = self.pairs(node, "a rule")
        kinds = tuple(sorted(RULES))
        if "kind" not in pairs:
            raise self.wrong(node, f"a rule needs kind. Known are: {', '.join(kinds)}.")
        kind = self.choice(pairs["kind"][1], "kind", kinds)
        place = f"a rule of kind {kind}"
        config_type = RULES[kind].config_type
        given, of_kind = self.fields(node, pairs, place, RuleEntry, config_type)
        config = self.built(node, place, config_type, of_kind)
        rule = self.built(node, place, RuleEntry, self._given_defaults | given)
        if rule.class_ != "marketing" and "quiet_hours" not in given:
            rule = replace(rule, quiet_hours=None)  # a receipt does not wait for the morning
        if rule.name in self._names:
            raise self.wrong(node, f"the name {rule.name} stands twice. Give each rule its own.")
        self._names.add(rule.name)
        self._check_shares(pairs, rule)
        self._check_variants(pairs, rule.variants)
        return Entry(rule, config)

    def _check_shares(self, pairs: Found, rule: RuleEntry) -> None:
        total = sum(rule.split.values())
        if "split" in pairs and total != 100:
            raise self.wrong(pairs["split"][0], f"split: the shares make {total} together. Let them make 100.")

    def _check_variants(self, pairs: Found, variants: Sequence[VariantEntry]) -> None:
        if not variants:
            return
        names = [variant.name for variant in variants]
        for name, node in zip(names, self.entries(pairs["variants"][1], "variants"), strict=True):
            if names.count(name) > 1:
                raise self.wrong(node, f"variants: the name {name} stands twice. Give each variant its own.")
        defaults = [variant.name for variant in variants if variant.is_default]
        if defaults != names[-1:]:
            remedy = "End the list with one that has a name alone: it is for everybody whom no other fits."
            raise self.wrong(
                pairs["variants"][0], f"variants: the default must come last, and be the only one. {remedy}"
            )

    def _check_audiences(self, node: Node, audiences: Sequence[AudienceEntry]) -> None:
        if len(audiences) > AUDIENCES_KEPT:
            raise self.wrong(node, f"audiences: {len(audiences)} are too many. The most is {AUDIENCES_KEPT}.")
        names = [audience.name for audience in audiences]
        for name, entry in zip(names, self.entries(node, "audiences"), strict=True):
            if names.count(name) > 1:
                raise self.wrong(entry, f"audiences: the name {name} stands twice. Give each audience its own.")

    def _check_zone(self, node: Node) -> None:
        if not isinstance(node, ScalarNode):
            return  # said already
        zone = node.value
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, KeyError):
            known = tuple(sorted(available_timezones()))
            near = nearest(zone, known)
            raise self.wrong(
                node, f"unknown time_zone {zone}. {near if near.startswith('Did') else 'Write it like Europe/Berlin.'}"
            ) from None

"""The JSON Schema for editors: generated, valid, and of one mind with the reader."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from pipeline.domain.conditions import CONDITIONS
from pipeline.rules_file import RulesFileError, load_rules
from pipeline.rules_file.schema import rules_schema
from pipeline.settings import PROJECT_DIR
from tests.unit.test_rules_file import with_examples

SCHEMA = PROJECT_DIR / "schemas" / "rules.schema.json"
VALIDATOR = Draft7Validator(rules_schema())


class Yaml12(yaml.SafeLoader):
    """YAML as the language servers of editors read it: `on` and dates are text, numbers and true and false are not."""


Yaml12.yaml_implicit_resolvers = {
    first: [(tag, re.compile("true|false") if tag.endswith("bool") else pattern) for tag, pattern in resolvers]
    for first, all_ in yaml.SafeLoader.yaml_implicit_resolvers.items()
    if (resolvers := [each for each in all_ if each[0].rpartition(":")[2] in ("bool", "int", "float", "null")])
}


def complaints(text: str) -> list[str]:
    document: Any = yaml.load(text, Yaml12)
    return [error.message for error in VALIDATOR.iter_errors(document)]


def is_right_for_the_reader(folder: Path, text: str) -> bool:
    path = folder / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load_rules(path)
    except RulesFileError:
        return False
    return True


def test_the_schema_in_the_repository_is_the_generated_one() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == rules_schema(), "omni rules schema > " + SCHEMA.name


def test_it_is_a_valid_schema() -> None:
    Draft7Validator.check_schema(rules_schema())


def test_the_shipped_file_names_it_and_is_right_by_it() -> None:
    shipped = PROJECT_DIR / "deploy" / "rules.yaml"
    text = shipped.read_text(encoding="utf-8")
    named = re.findall(r"^# yaml-language-server: \$schema=(.*)$", text, re.MULTILINE)

    assert [(shipped.parent / name).resolve() for name in named] == [SCHEMA]
    assert complaints(text) == []
    assert complaints(with_examples()) == []


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda each: each.__name__)
def test_every_condition_as_documented_is_right_by_it_and_by_the_reader(condition: Any, tmp_path: Path) -> None:
    text = f"rules: [{{name: a, kind: abandoned_cart, when: {condition.EXAMPLE}}}]"

    assert complaints(text) == []
    assert is_right_for_the_reader(tmp_path, text)


@pytest.mark.parametrize(
    "said",
    [
        "dely: 1h",
        "delay: 60",
        "delay: soon",
        "channels: [emial]",
        "priority: 5000",
        "class: marketting",
        "quiet_hours: 22-8",
        "cooldown: never",
        "offer: {percent: 10}",
        "offer: {code_prefix: B, percent: 110}",
        "at_most: {count: 61, per: day}",
        "at_most: [{count: 1, per: fortnight}]",
        "split: {a: half}",
        "during_case: perhaps",
        "holdout: {percent: 101}",
        "variants: [{device: phone}]",
        "when: {dit: order_completed}",
        "when: {did: order_complete}",
        "when: {did: order_completed, within: 90}",
        "when: {all: [{tire: [gold]}]}",
        "when: {all: []}",
        "when: {not: {stage: usage}}",
        "when: {spent: euros, at_least: 1}",
        "when: {did: order_completed, tier: [gold]}",
    ],
)
def test_a_mistake_that_the_reader_refuses_is_one_for_the_editor_too(said: str, tmp_path: Path) -> None:
    text = f"rules: [{{name: a, kind: abandoned_cart, {said}}}]"

    assert complaints(text)
    assert not is_right_for_the_reader(tmp_path, text)


@pytest.mark.parametrize(
    "said",
    [
        "cooldown: none, quiet_hours: none, expires_after: none",
        "at_most: {count: 2, per: day}, split: {a: 50, b: 50}, during_case: true",
        "when: {any: [{owns: 12345}, {size: 38, in_category: shoes}, {spent: EUR, at_least: 19.99}]}",
        "when: {last_seen: {more_than: 30d}}, offer: {code_prefix: BACK, valid_for: none}",
    ],
)
def test_what_the_reader_takes_is_right_for_the_editor_too(said: str, tmp_path: Path) -> None:
    text = f"rules: [{{name: a, kind: abandoned_cart, {said}}}]"

    assert complaints(text) == []
    assert is_right_for_the_reader(tmp_path, text)

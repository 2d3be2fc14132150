"""Audiences as a rules file tells them: read, refused and explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.domain.conditions.interest import Spent
from pipeline.domain.conditions.products import Shows
from pipeline.domain.time import DAY_MS
from pipeline.errors import DONE
from pipeline.rules_file import RulesFileError, load_rules

GOOD = "{name: big, condition: {spent: EUR, at_least: 500}, for_at_least: 2h}"


def written(folder: Path, *audiences: str) -> Path:
    path = folder / "rules.yaml"
    lines = "".join(f"  - {audience}\n" for audience in audiences)
    path.write_text(f"version: 1\naudiences:\n{lines}rules: []\n", encoding="utf-8")
    return path


def test_an_audience_is_a_condition_with_a_name_and_perhaps_a_time(tmp_path: Path) -> None:
    (audience,) = load_rules(written(tmp_path, GOOD)).audiences

    assert (audience.name, audience.for_at_least_ms) == ("big", 7_200_000)
    assert audience.condition == Spent("EUR", at_least_minor=50_000)


@pytest.mark.parametrize(
    ("audiences", "complaint"),
    [
        ([GOOD, GOOD], ":3: audiences: the name big stands twice. Give each audience its own."),
        (["{name: big}"], ":3: audience needs condition: who belongs to it."),
        (["{name: a/b, condition: {tier: [gold]}}"], ":3: name: 'a/b' cannot be used. Use up to 100 letters, digits"),
        (["{name: big, condition: {teir: [gold]}}"], ":3: unknown key teir in condition. Did you mean tier?"),
        ([GOOD.replace("big", f"n{number}") for number in range(33)], "audiences: 33 are too many. The most is 32."),
    ],
)
def test_a_wrong_audience_is_refused_with_its_line(tmp_path: Path, audiences: list[str], complaint: str) -> None:
    with pytest.raises(RulesFileError) as caught:
        load_rules(written(tmp_path, *audiences))

    assert complaint in str(caught.value)


def test_an_audience_is_explained_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(written(tmp_path, GOOD))

    assert main(["rules", "explain", "big", "--rules", path]) == DONE
    said = capsys.readouterr().out
    assert main(["rules", "explain", "big", "--rules", path, "--json"]) == DONE
    document = json.loads(capsys.readouterr().out)

    assert "belongs to it if spent at least 500.00 EUR, and has been so for 2 h." in said
    assert "Whoever denied ads or marketing does not, and leaves at once." in said
    assert document["audience"] == {
        "name": "big", "condition": {"spent": "EUR", "at_least": 500}, "for_at_least": "2h",
    }  # fmt: skip


def test_an_audience_that_shows_products_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = "{name: retargeting, condition: {shows: [carted, goes_with_bought], within: 30d}}"
    path = written(tmp_path, entry)
    assert load_rules(path).audiences[0].condition == Shows(("carted", "goes_with_bought"), 30 * DAY_MS)

    assert main(["rules", "explain", "retargeting", "--rules", str(path)]) == DONE

    said = capsys.readouterr().out
    assert "there is a product to show (carted or goes with bought within 30 days)." in said
    assert "Members are told with the products to show, and again when these change." in said


@pytest.mark.parametrize(
    ("shows", "complaint"),
    [("[cart]", "unknown show cart. Did you mean carted?"), ("[]", "at least"), ("[viewed], within: soon", "within")],
)
def test_a_wrong_word_for_what_to_show_is_refused(tmp_path: Path, shows: str, complaint: str) -> None:
    with pytest.raises(RulesFileError) as caught:
        load_rules(written(tmp_path, f"{{name: a, condition: {{shows: {shows}}}}}"))

    assert complaint in str(caught.value), str(caught.value)

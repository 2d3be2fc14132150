"""`omni rules`: what is wrong with a file is told, what is in force is shown, what a rule does is said in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from pipeline.__main__ import main
from pipeline.errors import DONE, NO, USAGE
from pipeline.rules_file.schema import rules_schema
from pipeline.rules_file.words import conditions_table, kinds_table

RULES = """\
version: spring
defaults: {cooldown: 24h, quiet_hours: "22:00-08:00"}
caps: [{channel: email, class: marketing, at_most: 1, per: 24h}, {channel: sms, at_most: 2, per: week}]
rules:
  - name: cart
    kind: abandoned_cart
    channels: [email, push]
    when: {all: [{spent: EUR, at_least: 500}, {not: {has: open_case}}]}
    at_most: {count: 3, per: month}
    offer: {code_prefix: BACK, percent: 10, valid_for: 48h}
    split: {a: 50, b: 50}
    holdout: {percent: 5}
  - {name: receipt, kind: cross_sell, class: transactional, when_capped: defer, at_most: {count: 1, per: day}}
"""
WRONG = "rules:\n  - {name: a, kind: abandoned_cart, dely: 1h}\n  - {name: b, kind: cros_sell}\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text(WRONG, encoding="utf-8")


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = DONE) -> str:
    assert main(["rules", *words]) == status
    return capsys.readouterr().out


def test_check_tells_every_mistake_and_answers_no(capsys: pytest.CaptureFixture[str]) -> None:
    mistakes = [
        "wrong.yaml:2: unknown key dely in a rule of kind abandoned_cart. Did you mean delay?",
        "wrong.yaml:3: unknown kind cros_sell. Did you mean cross_sell?",
    ]

    assert said(capsys, "check", "wrong.yaml", status=NO).splitlines() == mistakes
    assert json.loads(said(capsys, "check", "wrong.yaml", "--json", status=NO)) == {
        "ok": False,
        "file": "wrong.yaml",
        "rules": 0,
        "problems": mistakes,
        "warnings": [],
    }


def test_check_of_a_right_file_gives_advice_and_answers_yes(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "check", "rules.yaml").splitlines() == [
        "rules.yaml: warning: caps: no rule can reach the cap of at most 2 sms messages per calendar week: "
        "none has this channel and class.",
        "rules.yaml: warning: receipt: what is deferred may wait for ever. Give it expires_after.",
        "rules.yaml: right. 2 rules.",
    ]
    assert json.loads(said(capsys, "check", "rules.yaml", "--json"))["ok"] is True


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "rules: [{name: a, kind: cross_sell, choose: response, channels: [email]}]",
            "a: choose: response has no choice",
        ),
        (
            "rules: [{name: a, kind: cross_sell, holdout: {percent: 100}}]",
            "a: holdout: {percent: 100}: nobody gets it.",
        ),
        (
            "caps: [{at_most: 60, per: month}]\n"
            "rules: [{name: a, kind: cross_sell, at_most: [{count: 1, per: day}, {count: 4, per: week}]}]",
            "caps and at_most count up to 65 messages of a customer together, and the latest 64 are remembered",
        ),
        ("holdout: {percent: 100}\nrules: []", "holdout: {percent: 100}: nobody gets any marketing."),
        (
            "rules: [{name: a, kind: cross_sell, class: transactional, during_case: true}]",
            "a: during_case says nothing",
        ),
        (
            "rules: [{name: a, kind: sequence, start: [subscribbed], steps: [{send: b}]}]",
            "a: omni knows no event type subscribbed. Did you mean subscribed? Right if a producer of yours sends it.",
        ),
        (
            "rules: [{name: a, kind: cross_sell, class: transactional, holdout: {percent: 5}}]",
            "a: holdout says nothing: what a customer ordered goes to all.",
        ),
    ],
)
def test_what_is_hardly_meant_is_a_warning(
    text: str, warning: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.yaml").write_text(text, encoding="utf-8")

    first, last = said(capsys, "check", "odd.yaml").splitlines()

    assert first.startswith(f"odd.yaml: warning: {warning}")
    assert last.startswith("odd.yaml: right.")


def test_show_writes_every_rule_with_the_defaults_filled_in(capsys: pytest.CaptureFixture[str]) -> None:
    shown = json.loads(said(capsys, "show", "rules.yaml", "--json"))

    assert shown["version"] == "spring"
    assert "defaults" not in shown
    cart, receipt = shown["rules"]
    assert (cart["delay"], cart["cooldown"], cart["quiet_hours"]) == ("1h", "1d", "22:00-08:00")
    assert cart["when"] == {"all": [{"spent": "EUR", "at_least": 500}, {"not": {"has": "open_case"}}]}
    assert "quiet_hours" not in receipt
    assert yaml.safe_load(said(capsys, "show", "--rules", "rules.yaml")) == shown


def test_explain_says_in_words_what_a_rule_does_and_what_binds_it(capsys: pytest.CaptureFixture[str]) -> None:
    words = said(capsys, "explain", "cart", "--rules", "rules.yaml")

    assert words.startswith("cart – abandoned_cart\n\nFires when a cart with something in it has lain untouched for")
    assert "\n  delay: 1h\n" in words
    assert words.partition("\n- ")[2].strip().split("\n- ") == [
        "Only if spent at least 500.00 EUR and not (has an open case).",
        "Goes out by email, else by push; to nobody without an address for it.",
        "Needs consent to marketing; a customer who never said anything counts as a yes.",
        "Not sent while the customer has an open support case.",
        "Of several messages at the same moment, those of a priority above 50 go first.",
        "After one, none of this rule for 24 h.",
        "At most 3 of this rule per calendar month.",
        "Together with other rules: at most 1 marketing email message in any 24 h.",
        "What is over such a limit is dropped.",
        "Held from 22:00 to 08:00 of the customer's day, and looked at again at 08:00.",
        "Offers 10 % off with a code that begins with BACK, valid for 2 days.",
        "Split by customer: 50 % a, 50 % b.",
        "5 % of customers do not get it, to measure what it is worth.",
    ]
    machine = json.loads(said(capsys, "explain", "cart", "--rules", "rules.yaml", "--json"))
    assert machine["rule"]["kind"] == "abandoned_cart"
    assert machine["bounds"] == words.partition("\n- ")[2].strip().split("\n- ")


def test_explain_writes_values_as_a_rules_file_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stock.yaml").write_text("rules: [{name: a, kind: back_in_stock}]\n", encoding="utf-8")

    assert "\n  wishes: true\n" in said(capsys, "explain", "a", "--rules", "stock.yaml")


def test_explain_tells_the_holdout_of_the_file_for_marketing_and_of_none_for_what_was_ordered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "held.yaml").write_text(
        "holdout: {percent: 10}\nrules:\n  - {name: cart, kind: abandoned_cart}\n"
        "  - {name: receipt, kind: post_purchase, class: transactional, holdout: {percent: 5}}\n",
        encoding="utf-8",
    )

    cart, receipt = (said(capsys, "explain", name, "--rules", "held.yaml") for name in ("cart", "receipt"))

    assert "- 10 % of customers get no marketing at all, to measure what it is worth.\n" in cart
    assert "% of customers" not in receipt


def test_explain_of_a_rule_that_is_not_there_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "explain", "card", "--rules", "rules.yaml"]) == NO
    assert capsys.readouterr().err == "omni: there is no rule card. Did you mean cart?\n"


@pytest.mark.parametrize(
    "words",
    [
        ["explain"],
        ["schema", "x"],
        ["conditions", "x"],
        ["show", "wrong.yaml"],
        ["explain", "a", "--rules", "wrong.yaml"],
    ],
)
def test_wrong_usage_is_told_apart_from_the_answer_no(words: list[str]) -> None:
    assert main(["rules", *words]) == USAGE


def test_schema_and_conditions_are_printed_for_editors_and_readers(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(said(capsys, "schema")) == rules_schema()
    assert said(capsys, "conditions") == conditions_table() + "\n"
    assert json.loads(said(capsys, "conditions", "--json")) == {"conditions": conditions_table()}
    assert said(capsys, "kinds") == kinds_table() + "\n"
    assert json.loads(said(capsys, "kinds", "--json")) == {"kinds": kinds_table()}

"""rules.yaml: what it says is what is in force; what is wrong in it is said with line and the nearest right word."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.domain.rules import OfferPolicy, Rule, Rules
from pipeline.domain.time import DAY_MS, HOUR_MS, MINUTE_MS
from pipeline.domain.triggers import RULES, abandoned_cart, cross_sell
from pipeline.rules_file import RulesFileError, load_rules

SHIPPED = Path(__file__).parents[2] / "deploy" / "rules.yaml"


def loaded(folder: Path, text: str) -> Rules:
    path = folder / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    return load_rules(path)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(RulesFileError) as refused:
        loaded(folder, text)
    return str(refused.value).replace(f"{folder}/", "")


def test_the_shipped_file_reminds_after_an_hour_and_suggests_what_goes_well() -> None:
    rules = load_rules(SHIPPED)

    assert rules.version == "2026-11-24"
    reminder, suggestion = rules.rules
    assert (reminder.name, reminder.config) == ("cart_reminder", abandoned_cart.Config(HOUR_MS))
    assert (suggestion.name, suggestion.config) == ("goes_well_with", cross_sell.Config(3, 0.1))
    assert reminder.expires_after_ms == suggestion.expires_after_ms == DAY_MS


def test_the_shipped_file_shows_every_kind() -> None:
    assert {rule.kind for rule in load_rules(SHIPPED).rules} == set(RULES)


def test_every_setting_of_a_rule_is_in_force(tmp_path: Path) -> None:
    rules = loaded(
        tmp_path,
        """
version: spring
defaults: {class: transactional, cooldown: 7d, expires_after: 24h}
caps: []
consent: {default: allow}
holdout: {percent: 0}
rules:
  - name: cart_reminder
    kind: abandoned_cart
    delay: 90m
    priority: 60
    channels: [email, push]
    expires_after: none
    offer: {code_prefix: BACK, percent: 10, valid_for: 48h}
""",
    )

    assert rules.version == "spring"
    assert rules.rules == (
        Rule(
            name="cart_reminder",
            kind="abandoned_cart",
            config=abandoned_cart.Config(90 * MINUTE_MS),
            priority=60,
            rule_class="transactional",
            channels=("email", "push"),
            cooldown_ms=7 * DAY_MS,
            expires_after_ms=None,
            offer=OfferPolicy("BACK", 10, 2 * DAY_MS),
        ),
    )


def test_what_is_left_out_means_no_limit_and_no_channel(tmp_path: Path) -> None:
    (rule,) = loaded(tmp_path, "version: 1\nrules: [{name: a, kind: abandoned_cart, delay: 5m}]").rules

    assert rule == Rule("a", "abandoned_cart", abandoned_cart.Config(5 * MINUTE_MS))
    assert (rule.cooldown_ms, rule.expires_after_ms, rule.channels, rule.offer) == (None, None, (), None)


def test_a_file_without_a_version_is_named_after_its_contents(tmp_path: Path) -> None:
    first = loaded(tmp_path, "rules: []")
    second = loaded(tmp_path, "rules: [{name: a, kind: abandoned_cart}]")

    assert first.version != second.version
    assert first.version == loaded(tmp_path, "rules: []").version


ONE = "version: 1\nrules:\n  - name: a\n    kind: abandoned_cart\n"
CROSS = ONE.replace("abandoned_cart", "cross_sell")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ONE + "    dely: 1h\n", "5: unknown key dely in a rule of kind abandoned_cart. Did you mean delay?"),
        (
            ONE.replace("abandoned_cart", "abandonned_cart"),
            "4: unknown kind abandonned_cart. Did you mean abandoned_cart?",
        ),
        (ONE + "    channels: [email, emial]\n", "5: unknown channel emial. Did you mean email?"),
        (
            ONE + "    delay: 60\n",
            "5: delay: '60' is not a duration: write a whole number and a unit, as in 15s, 30m, 4h or 7d.",
        ),
        (ONE + "    delay: 0m\n", "5: delay: a duration of nothing. Give one from 1s on, or leave delay out."),
        (ONE + "    delay: 1h\n    delay: 2h\n", "6: delay stands twice in a rule. Leave one away."),
        (ONE + "    priority: high\n", "5: priority: 'high' is not a number."),
        (ONE + "    priority: 5000\n", "5: priority: '5000' is not a whole number from 0 to 1000."),
        (ONE + "    class: marketting\n", "5: unknown class marketting. Did you mean marketing?"),
        (
            ONE + "    offer: {percent: 10}\n",
            "5: an offer needs a code_prefix, like BACK; the rest of the code is made for each.",
        ),
        (ONE + "    offer: {code_prefix: B, percent: 110}\n", "5: percent: '110' is not a whole number from 1 to 100."),
        (ONE + "  - name: a\n    kind: cross_sell\n", "5: the name a stands twice. Give each rule its own."),
        (
            ONE.replace("name: a", "name: a.b"),
            "3: 'a.b' cannot be a rule's name. Use up to 100 letters, digits, "
            "_ and -: it becomes part of a topic's name.",
        ),
        (CROSS + "    min_confidence: 1.5\n", "5: min_confidence: Expected `float` <= 1.0."),
        (CROSS + "    min_baskets: 2.5\n", "5: min_baskets: Expected `int`, got `float`."),
        (
            "version: 1\nrules:\n  - kind: cross_sell\n",
            "3: a rule needs a name: its triggers go to the topic triggers.<name>.",
        ),
        ("version: 1\nrules:\n  - name: a\n", "3: a rule needs a kind. Known are: abandoned_cart, cross_sell."),
        ("version: 1\nrule: []\n", "2: unknown key rule in the file. Did you mean rules?"),
        ("version: 1\n", "1: there are no rules. Add rules: with a list of them ([] for none)."),
        ("rules: abandoned_cart\n", "1: rules must be a list, like [one, two]."),
        ("rules: [\n", "2: not YAML: expected the node content, but found '<stream end>'."),
        ("", " is empty. Start from deploy/rules.yaml."),
    ],
)
def test_a_wrong_file_is_refused_with_its_line_and_the_nearest_right_word(
    tmp_path: Path, text: str, message: str
) -> None:
    assert refusal(tmp_path, text) == f"rules.yaml:{message}"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("caps: [{channel: email, at_most: 1, per: 24h}]\nrules: []", 1, "caps"),
        ('defaults: {quiet_hours: "22:00-08:00"}\nrules: []', 1, "quiet_hours"),
        ("consent: {default: deny}\nrules: []", 1, "consent: {default: deny}"),
        ("rules: []\nholdout: {percent: 10}", 2, "holdout"),
        (ONE + '    quiet_hours: "22:00-08:00"\n', 5, "quiet_hours"),
    ],
)
def test_a_limit_this_version_cannot_keep_is_refused_rather_than_ignored(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    assert refusal(tmp_path, text) == (
        f"rules.yaml:{line}: {what} is not available in this version yet, and would not be kept. Leave it out."
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesFileError, match=r"nowhere\.yaml: cannot be read: .* Name an existing UTF-8 file\."):
        load_rules(tmp_path / "nowhere.yaml")

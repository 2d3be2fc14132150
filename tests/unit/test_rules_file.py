"""rules.yaml: what it says is what is in force; what is wrong in it is said with line and the nearest right word."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
import yaml

from pipeline.domain.arbiter.policy import Cap, Policy, QuietHours, Variant
from pipeline.domain.conditions.behaviour import Did
from pipeline.domain.conditions.combined import AllOf, Not
from pipeline.domain.conditions.facts import Has
from pipeline.domain.conditions.interest import Spent
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.time import DAY_MS, HOUR_MS, MINUTE_MS
from pipeline.domain.triggers import RULES, abandoned_cart, cross_sell
from pipeline.domain.triggers.steps import OfferPolicy
from pipeline.rules_file import RulesFileError, load_rules
from pipeline.rules_file.model import CapEntry, RuleEntry, Sheet, VariantEntry
from pipeline.rules_file.reading import read_sheet
from pipeline.rules_file.words import in_force
from pipeline.struct_types import parameters

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


def with_examples() -> str:
    """The shipped file with everything that is commented out as an example in force."""
    return re.sub(r"(?m)^( *)#(?! |$)|^( *)#(?=  +[-a-z])", r"\1\2", SHIPPED.read_text(encoding="utf-8"))


def test_the_shipped_file_shows_every_kind_and_every_key_and_its_examples_are_right(tmp_path: Path) -> None:
    rules = loaded(tmp_path, with_examples())

    assert {rule.kind for rule in rules.rules} == set(RULES)
    keys = {*parameters(Sheet), *parameters(RuleEntry), *parameters(CapEntry), *parameters(VariantEntry)}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}:\s", with_examples())] == []
    assert len(rules.policy.caps) == 2
    assert rules.by_name["cart_reminder"].variants[-1] == Variant("usual")


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


def test_the_limits_of_the_file_and_of_a_rule_are_in_force(tmp_path: Path) -> None:
    rules = loaded(
        tmp_path,
        """
caps: [{channel: email, class: marketing, at_most: 1, per: 24h}, {at_most: 3, per: week}]
consent: {default: deny}
holdout: {percent: 2.5}
time_zone: Europe/Berlin
late: [{channel: pos, up_to: 36h}]
rules:
  - name: a
    kind: abandoned_cart
    channels: [email, push]
    choose: response
    when_capped: defer
    quiet_hours: "22:00-08:00"
    at_most: [{count: 2, per: day}, {count: 5, per: 30d}]
    holdout: {percent: 10}
    split: {short: 30, long: 70}
    during_case: true
    variants:
      - {name: evening, device: phone, locale: [de-DE, de-AT], hours: "18:30-23:00"}
      - {name: rain, weather: rain, country: DE, city: [Berlin]}
      - {name: usual}
    when: {all: [{did: order_completed, at_least: 3, within: 90d}, {spent: EUR, at_least: 499.5}, {not: {has: wish}}]}
""",
    )

    assert rules.policy == Policy(
        caps=(Cap(1, DAY_MS, None, "email", "marketing"), Cap(3, None, "week")),
        consent_default="deny",
        holdout_percent=2.5,
        time_zone="Europe/Berlin",
        late_ms={"pos": 36 * HOUR_MS},
    )
    (rule,) = rules.rules
    assert (rule.choose, rule.when_capped, rule.during_case) == ("response", "defer", True)
    assert rule.quiet_hours == QuietHours(22 * 60, 8 * 60)
    assert rule.at_most == (Cap(2, None, "day", rule="a"), Cap(5, 30 * DAY_MS, rule="a"))
    assert (rule.holdout_percent, rule.split) == (10.0, {"short": 30, "long": 70})
    assert rule.variants == (
        Variant("evening", ("phone",), ("de-DE", "de-AT"), hours=QuietHours(18 * 60 + 30, 23 * 60)),
        Variant("rain", (), (), ("DE",), ("Berlin",), ("rain",)),
        Variant("usual"),
    )
    assert rule.when == AllOf(
        (Did("order_completed", 3, None, within_ms=90 * DAY_MS), Spent("EUR", 49_950), Not(Has("wish")))
    )


QUIET_BY_DEFAULT = 'defaults: {quiet_hours: "22:00-08:00"}\nrules: [{name: a, kind: abandoned_cart%s}]'


@pytest.mark.parametrize(
    ("said", "hours"),
    [
        ("", QuietHours(22 * 60, 8 * 60)),
        (", quiet_hours: none", None),
        (', quiet_hours: "12:00-13:00"', QuietHours(12 * 60, 13 * 60)),
        (", class: transactional", None),
        (', class: transactional, quiet_hours: "12:00-13:00"', QuietHours(12 * 60, 13 * 60)),
    ],
)
def test_quiet_hours_among_the_defaults_bind_marketing_that_does_not_say_otherwise(
    tmp_path: Path, said: str, hours: QuietHours | None
) -> None:
    (rule,) = loaded(tmp_path, QUIET_BY_DEFAULT % said).rules

    assert rule.quiet_hours == hours


def test_defaults_hold_wherever_they_stand(tmp_path: Path) -> None:
    (rule,) = loaded(tmp_path, "rules: [{name: a, kind: abandoned_cart}]\ndefaults: {priority: 7}\n").rules

    assert rule.priority == 7


def test_a_text_is_what_is_written_even_where_yaml_sees_something_else(tmp_path: Path) -> None:
    text = ONE + "    when: {any: [{owns: 0012}, {situation: country, is: NO}]}\n"

    when = loaded(tmp_path, text).rules[0].when

    assert when is not None
    assert when.text == "bought 0012 or country is NO"


def test_the_rules_in_force_written_out_are_the_same_rules(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(with_examples(), encoding="utf-8")

    second.write_text(yaml.safe_dump(in_force(read_sheet(first))), encoding="utf-8")

    ours, theirs = load_rules(first), load_rules(second)
    assert (ours.version, ours.policy, ours.rules) == (theirs.version, theirs.policy, theirs.rules)


def test_parameters_of_a_kind_are_not_named_like_what_every_rule_has() -> None:
    for kind, logic in RULES.items():
        assert not set(parameters(logic.config_type)) & set(parameters(RuleEntry)), kind


def test_two_hundred_rules_load_in_well_under_a_second(tmp_path: Path) -> None:
    condition = "{all: [{did: order_completed, at_least: 3, within: 90d}, {spent: EUR, at_least: 500}, {tier: [gold]}]}"
    rule = (
        f"  - {{name: r%d, kind: abandoned_cart, delay: 1h, channels: [email, push], cooldown: 24h, when: {condition}}}"
    )
    path = tmp_path / "rules.yaml"
    path.write_text("rules:\n" + "\n".join(rule % number for number in range(200)), encoding="utf-8")

    began = time.process_time()
    rules = load_rules(path)

    assert len(rules.rules) == 200
    assert time.process_time() - began < 1.0


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
EVENT = 'rules: [{{name: a, kind: event_invitation, starts_at: "{}"}}]'


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
            "5: offer needs code_prefix: what the code begins with, like BACK; the rest is made for each customer.",
        ),
        (ONE + "    offer: {code_prefix: B, percent: 110}\n", "5: percent: '110' is not a whole number from 1 to 100."),
        (ONE + "  - name: a\n    kind: cross_sell\n", "5: the name a stands twice. Give each rule its own."),
        (
            ONE.replace("name: a", "name: a.b"),
            "3: name: 'a.b' cannot be used. Use up to 100 letters, digits, _ and -: it becomes part of a topic's name.",
        ),
        (CROSS + "    min_confidence: 1.5\n", "5: min_confidence: '1.5' is not a number from 0 to 1."),
        (CROSS + "    min_baskets: 2.5\n", "5: min_baskets: '2.5' is not a whole number from 1 on."),
        (
            "version: 1\nrules:\n  - kind: cross_sell\n",
            "3: a rule of kind cross_sell needs name: its triggers go to the topic triggers.<name>.",
        ),
        ("version: 1\nrules:\n  - name: a\n", f"3: a rule needs kind. Known are: {', '.join(sorted(RULES))}."),
        ("rules: []\nrule: []\n", "2: unknown key rule in the file. Did you mean rules?"),
        ("version: 1\n", "1: the file needs rules: a list of them, [] for none."),
        (
            "caps: [{at_most: 61, per: 24h}]\nrules: []",
            "1: at_most: '61' is not a whole number from 1 to 60.",
        ),
        (
            "caps: [{at_most: 1, per: fortnight}]\nrules: []",
            "1: per: 'fortnight' is no period: write a duration like 24h, or day, week or month.",
        ),
        (
            "caps: [{channel: email, per: day}]\nrules: []",
            "1: cap needs at_most: so many messages; no more than 60, for a customer's latest 64 are remembered.",
        ),
        (
            "caps: [{chanel: email, at_most: 1, per: day}]\nrules: []",
            "1: unknown key chanel in cap. Did you mean channel?",
        ),
        ("consent: {default: yes}\nrules: []", "1: unknown default yes. Known are: allow, deny."),
        ("holdout: {percent: 101}\nrules: []", "1: percent: '101' is not a number from 0 to 100."),
        ("time_zone: Europe/Berlim\nrules: []", "1: unknown time_zone Europe/Berlim. Did you mean Europe/Berlin?"),
        (
            ONE + "    quiet_hours: 22-8\n",
            "5: quiet_hours: '22-8' are no hours: write from and to, as in \"22:00-08:00\".",
        ),
        (ONE + "    split: {a: 50, b: 40}\n", "5: split: the shares make 90 together. Let them make 100."),
        (ONE + "    during_case: yes\n", "5: unknown during_case yes. Known are: true, false."),
        (
            ONE + "    variants: [{name: a, device: phone}]\n",
            "5: variants: the default must come last, and be the only one. End the list with one that has a name "
            "alone: it is for everybody whom no other fits.",
        ),
        (
            ONE + "    variants: [{name: a, device: phone}, {name: a}]\n",
            "5: variants: the name a stands twice. Give each variant its own.",
        ),
        (ONE + "    when: {dit: order_completed}\n", "5: unknown key dit in when. Did you mean did?"),
        (ONE + "    when: {did: order_complete}\n", "5: unknown did order_complete. Did you mean order_completed?"),
        (
            ONE + "    when: {did: order_completed, at_least: 2, within: 6h}\n",
            "5: when: what happened several times is counted in whole days: write within like 7d.",
        ),
        (
            ONE + "    when: {did: order_completed, has: wish}\n",
            "5: when: did and has are two things. Write each as an entry of its own.",
        ),
        (
            ONE + "    when: {spent: EUR, at_least: 1.999}\n",
            "5: at_least: '1.999' is not an amount in EUR: write it like 500 or 499.99.",
        ),
        (
            ONE + "    when: {spent: euros, at_least: 1}\n",
            "5: spent: 'euros' cannot be used. Write a currency like EUR.",
        ),
        (ONE + "    when: {all: []}\n", "5: all is empty. Give at least 1, or leave it out."),
        (
            ONE + "    when: {orders: {at_least: 3, at_most: 2}}\n",
            "5: orders: at_least (3) is more than at_most (2), so it never holds.",
        ),
        (
            ONE + "    when: {last_seen: {}}\n",
            "5: last_seen: say more_than or less_than, as in {more_than: 30d}.",
        ),
        (
            ONE.replace("abandoned_cart", "sequence") + "    steps:\n      - {wait: 1d, sent: tips}\n",
            "6: unknown key sent in step. Did you mean send?",
        ),
        (
            EVENT.format("tomorrow"),
            "1: a rule of kind event_invitation: starts_at: 'tomorrow' is no time: "
            "write it like 2027-03-20T18:00:00+01:00.",
        ),
        (
            EVENT.format("2027-03-20T18:00:00"),
            "1: a rule of kind event_invitation: starts_at: '2027-03-20T18:00:00' has no time zone: "
            "write it like 2027-03-20T18:00:00+01:00.",
        ),
        ("rules: abandoned_cart\n", "1: rules must be a list, like [one, two]."),
        ("rules: [\n", "2: not YAML: expected the node content, but found '<stream end>'."),
        ("", " is empty. Start from deploy/rules.yaml."),
    ],
)
def test_a_wrong_file_is_refused_with_its_line_and_the_nearest_right_word(
    tmp_path: Path, text: str, message: str
) -> None:
    assert refusal(tmp_path, text) == f"rules.yaml:{message}"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesFileError, match=r"nowhere\.yaml: cannot be read: .* Name an existing UTF-8 file\."):
        load_rules(tmp_path / "nowhere.yaml")


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = """\
defaults: {prority: 3}
caps: [{channel: emial, at_most: 1, per: day}, {at_most: 0, per: day}]
rules:
  - {name: a, kind: abandoned_cart, delay: soon, priority: high}
  - {name: b, kind: abandoned_card}
  - {name: c, kind: cross_sell, when: {all: [{tire: [gold]}, {stage: usage}]}}
time_zone: Europe/Berlim
"""

    assert refusal(tmp_path, text).splitlines() == [
        "rules.yaml:1: unknown key prority in defaults. Did you mean priority?",
        "rules.yaml:2: unknown channel emial. Did you mean email?",
        "rules.yaml:2: at_most: '0' is not a whole number from 1 to 60.",
        "rules.yaml:4: delay: 'soon' is not a duration: write a whole number and a unit, as in 15s, 30m, 4h or 7d.",
        "rules.yaml:4: priority: 'high' is not a number.",
        "rules.yaml:5: unknown kind abandoned_card. Did you mean abandoned_cart?",
        "rules.yaml:6: unknown key tire in all. Did you mean tier?",
        "rules.yaml:6: unknown stage usage. Did you mean use?",
        "rules.yaml:7: unknown time_zone Europe/Berlim. Did you mean Europe/Berlin?",
    ]


@pytest.mark.parametrize(
    "text", ["rules: &a [*a]", ONE + "    when: &c {not: *c}\n", ONE + "    when: &c {all: [*c]}\n"]
)
def test_an_anchor_that_holds_itself_is_refused_like_any_other_mistake(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text).startswith("rules.yaml:")

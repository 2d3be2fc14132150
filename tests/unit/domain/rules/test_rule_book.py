"""Which version of the rules holds at a time, and which judges what began earlier. B29."""

from __future__ import annotations

import pytest

from pipeline.domain.rules.book import RuleBook, UnreadableRules
from pipeline.domain.rules.in_force import Rule, Rules
from tests.unit.domain.triggers.story import abandoned_cart, cross_sell


def book(*versions: tuple[int, int, list[Rule]]) -> RuleBook:
    """Versions by number, time from which they hold, and rules; each is called by its number."""
    made = RuleBook()
    for number, from_ms, rules in versions:
        made.put(Rules(f"v{number}", rules, number=number), from_ms)
    return made


def test_a_version_holds_from_its_time_on_until_the_next_begins() -> None:
    three = book((1, 0, []), (2, 1_000, []), (3, 5_000, []))

    assert [three.at(at_ms).version for at_ms in (0, 999, 1_000, 4_999, 5_000)] == ["v1", "v1", "v2", "v2", "v3"]


def test_before_the_first_version_the_first_holds() -> None:
    assert book((1, 1_000, []), (2, 2_000, [])).at(0).version == "v1"


def test_a_version_for_later_holds_then_also_if_another_for_now_was_applied_after_it() -> None:
    scheduled = book((1, 0, []), (2, 9_000, []), (3, 5_000, []))

    assert [scheduled.at(at_ms).version for at_ms in (4_999, 5_000, 8_999, 9_000)] == ["v1", "v3", "v3", "v2"]


def test_of_two_versions_from_the_same_time_on_the_one_applied_later_holds() -> None:
    assert book((1, 0, []), (3, 0, []), (2, 0, [])).at(0).version == "v3"


def test_what_was_begun_under_a_version_is_judged_by_it() -> None:
    changed = book((1, 0, [abandoned_cart("1h")]), (2, 1_000, [abandoned_cart("2h")]))

    assert changed.judge("abandoned_cart", 1, 5_000).version == "v1"
    assert changed.judge("abandoned_cart", 2, 5_000).version == "v2"


def test_what_a_rule_began_that_was_taken_out_is_judged_by_the_rules_in_force() -> None:
    removed = book((1, 0, [abandoned_cart()]), (2, 1_000, [cross_sell()]))

    assert removed.judge("abandoned_cart", 1, 999).version == "v1"
    assert removed.judge("abandoned_cart", 1, 1_000).version == "v2"


def test_what_began_under_a_version_that_nobody_knows_is_judged_by_the_rules_in_force() -> None:
    assert book((1, 0, [abandoned_cart()])).judge("abandoned_cart", 0, 1_000).version == "v1"


def test_what_began_under_a_version_that_is_unreadable_by_now_is_judged_by_the_rules_in_force() -> None:
    upgraded = book((2, 1_000, [abandoned_cart()]))
    upgraded.add(1, 0, lambda: None)

    assert upgraded.judge("abandoned_cart", 1, 1_000).version == "v2"


def test_with_rules_in_force_that_are_unreadable_nothing_is_decided() -> None:
    newer = book((1, 0, []))
    newer.add(2, 1_000, lambda: None)

    assert newer.at(999).version == "v1"
    with pytest.raises(UnreadableRules, match=r"number 2 .* Upgrade this worker"):
        newer.at(1_000)


def test_a_version_is_read_when_it_is_needed_and_once() -> None:
    read: list[int] = []

    def load() -> Rules:
        read.append(1)
        return Rules("v1", ())

    lazy = RuleBook()
    lazy.add(1, 0, load)
    assert read == []
    lazy.at(0)
    lazy.at(1)

    assert read == [1]

"""Who has just named an account is judged by all that is known of them: a message waits until that has been found."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.arbiter.policy import Cap, Policy
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.time import DAY_MS
from pipeline.domain.triggers import post_purchase, vip, welcome
from tests.simulation.town import TEN, Town, customer

MAIL = {"email": "anna@example.com"}
BOTH = {"account": "u1", **MAIL}
HELLO = Rule("hello", "welcome", welcome.Config())
HELLO_BY_MAIL = Rule("hello", "welcome", welcome.Config(), channels=("email",))
THANKS = Rule("thanks", "post_purchase", post_purchase.Config("order_completed"), rule_class="transactional")
ORDER: dict[str, Any] = {"order_id": "o-1", "amount_minor": 5_000, "currency": "EUR"}


def town(*rules: Rule, caps: tuple[Cap, ...] = ()) -> Town:
    return Town(rules=Rules("1", rules, Policy(caps=caps)))


def decided(town: Town) -> list[tuple[str, str]]:
    return [(decision.outcome, decision.reason) for decision in town.simulation.decisions()]


def test_who_signs_up_with_an_address_gets_the_welcome_there() -> None:
    signed_up = town(HELLO_BY_MAIL).at(0, "identified", **BOTH)

    (trigger,) = signed_up.simulation.triggers()
    assert (trigger.address, trigger.customer_id) == ("anna@example.com", customer("account", "u1"))
    assert (trigger.due_at_ms, trigger.fired_at_ms) == (TEN, TEN)
    assert decided(signed_up) == [("fired", "sent")]


def test_the_thanks_for_a_first_order_go_to_the_address_that_came_with_it() -> None:
    by_mail = Rule("thanks", "post_purchase", post_purchase.Config("order_completed"), channels=("email",))

    (trigger,) = town(by_mail).at(0, "order_completed", **BOTH, **ORDER).simulation.triggers()

    assert trigger.address == "anna@example.com"


def test_who_denied_by_an_address_is_not_written_to_when_an_account_comes_with_it() -> None:
    denied = town(HELLO).at(0, "consent_denied", consent={"marketing": False}, **MAIL)

    denied.at(1, "identified", **BOTH)

    assert decided(denied) == [("dropped", "no_consent")]


def test_what_went_to_an_address_counts_for_the_caps_of_an_account_that_comes_with_it() -> None:
    marketing = Rule("thanks", "post_purchase", post_purchase.Config("order_completed"))
    capped = town(HELLO, marketing, caps=(Cap(1, DAY_MS, rule_class="marketing"),)).at(0, "identified", **MAIL)

    capped.at(1, "order_completed", **BOTH, **ORDER)

    assert decided(capped) == [("fired", "sent"), ("dropped", "capped")]


@pytest.mark.parametrize("minute", [1, 30 * 24 * 60])
def test_an_old_friend_with_a_new_account_is_not_welcomed_again(minute: int) -> None:
    friend = town(HELLO).at(0, "identified", **MAIL)

    friend.at(minute, "identified", **BOTH)

    assert decided(friend) == [("fired", "sent"), ("dropped", "not_so")]


def test_a_vip_of_old_is_not_told_again_of_an_account_that_crosses_the_line_by_itself() -> None:
    told = town(Rule("our_best", "vip", vip.Config(spent_minor=1_000, orders=1)))
    told.at(0, "order_completed", **MAIL, **ORDER)

    told.at(1, "order_completed", **BOTH, **{**ORDER, "order_id": "o-2"})

    assert [status for status, _ in told.triggers] == ["fired"]


def test_a_message_about_an_order_is_sent_whatever_the_claims_come_to() -> None:
    taken = town(THANKS).at(0, account="u2", phone="+491701234567")

    taken.at(1, "order_completed", account="u1", phone="+491701234567", **ORDER)

    assert taken.triggers == [("fired", customer("account", "u1"))]
    assert [change.reason for change in taken.changes("refused")] == ["kind_limit"]

"""B9 on the in-memory bus: one phone number or address written in many ways, or told as a hash alone."""

from __future__ import annotations

from hashlib import sha256

import pytest

from pipeline.domain.events import Context, Item
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers import abandoned_cart
from tests.simulation.town import MINUTE, Town, customer

ANNA = sha256(b"anna@example.com").hexdigest()


@pytest.mark.parametrize("typed", ["0170 1234567", "+49 (0)170 / 123-4567", "0049 170 1234567"])
def test_b9_a_phone_number_typed_differently_is_one_customer(typed: str) -> None:
    town = Town(IdentityConfig(default_country="DE")).at(0, account="u1", phone="+49 170 1234567").at(1, phone=typed)

    assert (len(town.customers), town.of(phone="+491701234567")["events"]) == (1, 2)


def test_b9_the_same_digits_in_two_countries_are_two_people_and_in_none_nobody() -> None:
    town = Town()
    for minute, country in enumerate(["DE", "GB", None, "UK"]):
        town.at(minute, phone="020 7946 0018", context=Context(country=country))

    assert [each["identifiers"].get("phone") for each in town.customers].count(None) == 2
    assert town.of(phone="+442079460018")["events"] == town.of(phone="+492079460018")["events"] == 1


def test_b9_an_e_mail_address_in_capitals_is_the_same_customer() -> None:
    town = Town().at(0, account="u1", email="Anna@Example.com").at(1, email=" ANNA@EXAMPLE.COM ")

    assert (len(town.customers), town.of(email="anna@example.com")["events"]) == (1, 2)


@pytest.mark.parametrize("hash_first", [True, False])
@pytest.mark.parametrize(("kind", "value"), [("email", "anna@example.com"), ("phone", "+491701234567")])
def test_a_hash_and_what_it_is_of_are_one_customer_whichever_comes_first(
    kind: str, value: str, hash_first: bool
) -> None:
    known: list[dict[str, str]] = [{f"{kind}_sha256": sha256(value.encode()).hexdigest()}, {kind: value}]
    first, second = known if hash_first else reversed(known)

    town = Town().at(0, **first, cookie="a1").at(1, **second, account="u1").at(2, **first)

    (found,) = town.customers
    assert (found["events"], found["identifiers"][kind]) == (3, [value])


def test_a_hash_and_its_plain_form_count_once_towards_the_limits() -> None:
    town = Town(IdentityConfig(limits={"email": 1}))
    for minute, known in enumerate(({"email_sha256": ANNA}, {"email": "anna@example.com"}, {"email_sha256": ANNA})):
        town.at(minute, account="u1", **known)

    assert town.of(account="u1")["identifiers"]["email"] == ["anna@example.com"]
    assert town.changes("refused") == []


def test_a_merge_of_one_who_knows_the_hash_with_one_who_knows_the_address_keeps_the_address() -> None:
    town = Town().at(0, account="u1", email_sha256=ANNA).at(1, loyalty="l1", email="anna@example.com")

    assert town.of(account="u1")["identifiers"] == {"account": ["u1"], "email": ["anna@example.com"], "loyalty": ["l1"]}
    town.at(2, "merge_undone", email_sha256=ANNA).at(3, "merge_undone", loyalty="l1")
    assert town.of(loyalty="l1")["identifiers"] == {"loyalty": ["l1"]}
    assert town.of(email="anna@example.com")["customer_id"] == customer("account", "u1")


def test_a_merge_is_taken_back_by_the_hash_of_what_it_brought_in() -> None:
    town = Town().at(0, account="u1").at(1, loyalty="l1", phone="+491701").at(2, account="u1", loyalty="l1")
    assert town.of(account="u1")["identifiers"]["phone"] == ["+491701"]

    town.at(3, "merge_undone", phone_sha256=sha256(b"+491701").hexdigest())

    assert town.of(phone="+491701")["identifiers"] == {"loyalty": ["l1"], "phone": ["+491701"]}


def test_what_was_refused_as_a_hash_is_not_asked_for_again_in_its_plain_form() -> None:
    town = Town().at(0, account="u1", email="anna@example.com").at(1, account="u2", email_sha256=ANNA)

    town.at(2, account="u2", email="anna@example.com")

    assert [change.reason for change in town.changes("refused")] == ["kind_limit"]
    assert town.of(email="anna@example.com")["customer_id"] == customer("account", "u1")


def test_a_blocked_address_is_blocked_in_its_hash_too() -> None:
    town = Town().at(0, email="anna@example.com", account="u1").at(1, "identifier_blocked", email_sha256=ANNA)

    town.at(2, email="anna@example.com", cookie="a1").at(3, email_sha256=ANNA, account="u2")

    assert town.of(account="u1")["events"] == town.of(account="u2")["events"] == town.of(cookie="a1")["events"] == 1


def test_a_message_is_never_addressed_to_a_hash() -> None:
    by_mail = Rule("reminder", "abandoned_cart", abandoned_cart.Config(delay_ms=MINUTE), channels=("email",))
    hashed, plain = (Town(rules=Rules("1", [by_mail])) for _ in range(2))
    hashed.at(0, "product_added", email_sha256=ANNA, items=(Item("A"),)).until(5)
    plain.at(0, "product_added", email_sha256=ANNA, items=(Item("A"),)).at(0.5, email="anna@example.com").until(5)

    assert hashed.triggers == []
    assert [trigger.address for trigger in plain.simulation.triggers()] == ["anna@example.com"]

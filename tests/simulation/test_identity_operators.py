"""What operators say of identity, on the in-memory bus: these two are one, this value is nobody's."""

from __future__ import annotations

import pytest

from pipeline.domain.errors import InvalidEvent
from pipeline.domain.identity.graph import Link
from tests.simulation.town import MINUTE, TEN, Town, customer, shopped_apart_and_merged


def links_of(town: Town, kind: str) -> dict[str, Link]:
    """What the only customer that is left knows of its identifiers of a kind."""
    (one,) = [state for _, state in town.simulation.bus.states("customer") if not state.is_pointer]
    links: dict[str, Link] = one.identifiers[kind]
    return links


def test_two_customers_that_an_operator_confirms_are_one_become_one_and_were_not_seen_because_of_it() -> None:
    town = Town().at(0, email="anna@example.com").at(1, email="anna@example.org")

    town.at(2, "merge_confirmed", email="anna@example.com", operator="op-1")
    town.at(3, "merge_confirmed", email="anna@example.org", operator="op-1")

    (one,) = town.customers
    assert one["identifiers"] == {"email": ["anna@example.com", "anna@example.org"], "operator": ["op-1"]}
    assert (one["events"], one["last_seen_at"]) == (2, "2026-11-24T10:01:00.000Z")
    (merged,) = town.changes("merged")
    assert (merged.kind, merged.value, merged.caused_by) == ("operator", "op-1", "e-4")
    assert town.simulation.distinct_events() == 2

    assert {link.last_at_ms for link in links_of(town, "email").values()} == {TEN, TEN + MINUTE}

    town.at(4, "merge_undone", email="anna@example.org", properties={"merge_id": merged.merge_id})
    assert town.of(email="anna@example.com")["customer_id"] != town.of(email="anna@example.org")["customer_id"]


def test_identifiers_of_two_kinds_are_confirmed_by_one_event_and_a_repeat_changes_nothing() -> None:
    town = Town().at(0, email="anna@example.com").at(1, loyalty="l1")

    for minute in (2, 3):
        town.at(minute, "merge_confirmed", event_id="op-1", email="anna@example.com", loyalty="l1")

    (one,) = town.customers
    assert (one["events"], one["identifiers"]) == (2, {"email": ["anna@example.com"], "loyalty": ["l1"]})


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ([("page_viewed", {"account": "u1"}), ("page_viewed", {"account": "u2"})], "kind_limit"),
        (
            [
                ("page_viewed", {"account": "u1"}),
                ("page_viewed", {"email": "m1@example.com"}),
                ("page_viewed", {"account": "u1", "email": "m1@example.com"}),
                ("merge_undone", {"email": "m1@example.com"}),
            ],
            "kept_apart",
        ),
    ],
)
def test_what_an_operator_confirms_is_held_to_the_limits_and_to_what_is_kept_apart(
    before: list[tuple[str, dict[str, str]]], reason: str
) -> None:
    town = Town()
    for minute, (event_type, identifiers) in enumerate(before):
        town.at(minute, event_type, **identifiers)
    other = {"kind_limit": {"account": "u2"}, "kept_apart": {"email": "m1@example.com"}}[reason]

    town.at(8, "merge_confirmed", account="u1", operator="op-1").at(9, "merge_confirmed", operator="op-1", **other)

    assert [change.reason for change in town.changes("refused")] == [reason]
    assert len(town.customers) == 2


@pytest.mark.parametrize("event_type", ["merge_undone", "merge_confirmed", "identifier_blocked"])
@pytest.mark.parametrize("known", [{}, {"cookie": "null"}, {"email": "nonsense"}])
def test_an_operator_who_names_nobody_is_refused(event_type: str, known: dict[str, str]) -> None:
    with pytest.raises(InvalidEvent, match="none that could link, so there is nothing to "):
        Town().at(0, event_type, **known)


def test_to_confirm_that_two_are_one_takes_two_identifiers() -> None:
    with pytest.raises(InvalidEvent, match="merge_confirmed takes two that link, this has one, account"):
        Town().at(0, "merge_confirmed", account="u1", cookie="null")


def test_a_blocked_value_leads_its_later_events_to_the_next_identifier_and_none_to_its_owner() -> None:
    town = Town().at(0, phone="+491701", account="u1").at(1, "identifier_blocked", phone="+491701")

    town.at(2, phone="+491701", cookie="a1").at(3, phone="+491701", account="u2")

    assert town.of(account="u1")["events"] == 1
    assert town.of(cookie="a1")["identifiers"] == {"cookie": ["a1"]}
    assert town.of(account="u2")["identifiers"] == {"account": ["u2"]}
    (blocked,) = town.changes("blocked")
    assert (blocked.customer_id, blocked.kind, blocked.value) == (customer("account", "u1"), "phone", "+491701")
    assert {change.reason for change in town.changes("refused")} == {"blocked"}


def test_each_event_with_nothing_but_a_blocked_value_stands_alone() -> None:
    town = Town().at(0, "identifier_blocked", phone="+491701").at(1, phone="+491701").at(2, phone="+491701")

    assert [each["events"] for each in town.customers] == [1, 1]
    assert all("phone" not in each["identifiers"] for each in town.customers)


def test_what_operators_say_is_neither_an_event_of_a_customer_nor_a_repeat() -> None:
    town = (
        shopped_apart_and_merged().at(11, "merge_undone", phone="+491701").at(12, "identifier_blocked", phone="+491701")
    )

    assert town.simulation.distinct_events() == 5
    assert town.simulation.duplicates() == 0
    assert town.simulation.counted()["operator_events"] == 2
    assert town.simulation.merges() == 1

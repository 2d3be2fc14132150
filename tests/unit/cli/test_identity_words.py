"""What `omni identity` says, over what the actors came to."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.cli.identity_words import WHY, explained, explanation, merges, why
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.identity.actor import IdentityState, Owner
from pipeline.domain.identity.hashed import hash_of
from pipeline.domain.messages.keys import Identifier, identity_key
from pipeline.domain.reasons import IdentityReason
from pipeline.settings import PROJECT_DIR
from tests.simulation.town import TEN, Town, customer

NO_REFUSAL = {
    IdentityReason.FIRST_SEEN,
    IdentityReason.SEEN_TOGETHER,
    IdentityReason.LATEST_LOGIN,
    IdentityReason.OPERATOR,
}


def states(town: Town, identifier: Identifier) -> tuple[IdentityState, CustomerState | None]:
    """What is known of an identifier, and its customer."""
    known: Any = dict(town.simulation.bus.states("identity"))[identity_key("default", identifier)]
    customers: list[Any] = [state for _, state in town.simulation.bus.states("customer")]
    return known, next((state for state in customers if state.customer_id == known.customer_id), None)


def said_of(town: Town, kind: str, value: str) -> tuple[dict[str, Any], list[str]]:
    known, found = states(town, (kind, value))
    said = explanation((kind, value), known, found, town.changes("refused"))
    return said, list(explained(said))


def test_an_explanation_names_owner_evidence_and_the_merge_that_made_the_customer() -> None:
    town = Town().at(0, cookie="a1").at(3, cookie="a1", account="u1")
    account, cookie = customer("account", "u1"), customer("cookie", "a1")

    said, lines = said_of(town, "cookie", "a1")

    (merge,) = said["merges"]
    assert said == {
        "kind": "cookie",
        "value": "a1",
        "blocked": False,
        "customer_id": account,
        "since": "2026-11-24T10:00:00.000Z",
        "event_id": "e-1",
        "part": cookie,
        "earlier_owners": [],
        "identifiers": [
            {
                "kind": "account", "value": "u1", "event_id": "e-2", "part": account,
                "last_seen_at": "2026-11-24T10:03:00.000Z",
            },
            {
                "kind": "cookie", "value": "a1", "event_id": "e-1", "part": cookie,
                "last_seen_at": "2026-11-24T10:03:00.000Z",
            },
        ],
        "merges": [
            {
                "merge_id": merge["merge_id"], "customer_id": cookie, "into": account, "kind": "cookie", "value": "a1",
                "event_id": "e-2", "occurred_at": "2026-11-24T10:03:00.000Z",
            }
        ],
        "refusals": [],
    }  # fmt: skip
    assert lines == [
        f"cookie:a1 belongs to customer {account} since 2026-11-24T10:00:00.000Z (event e-1).",
        f"It came with {cookie}, which is part of that customer now.",
        "Identifiers of the customer:",
        "  account:u1  first on event e-2, last seen 2026-11-24T10:03:00.000Z",
        f"  cookie:a1  first on event e-1, last seen 2026-11-24T10:03:00.000Z, came with {cookie}",
        "Merges that made the customer:",
        f"  2026-11-24T10:03:00.000Z  {cookie} became part of {account}, seen together by cookie:a1 on event e-2 "
        f"({merge['merge_id']})",
    ]


def test_an_explanation_names_earlier_owners_and_why_two_were_not_joined() -> None:
    town = Town().at(0, cookie="a1", account="u1").at(1, cookie="a1", account="u2")
    first, second = customer("account", "u1"), customer("account", "u2")

    said, lines = said_of(town, "cookie", "a1")

    assert said["earlier_owners"] == [{"customer_id": first, "part": first, "since": "2026-11-24T10:00:00.000Z"}]
    assert [(refused["reason"], refused["caused_by"]) for refused in said["refusals"]] == [("kind_limit", "e-2")]
    assert lines[-1] == (
        f"  2026-11-24T10:01:00.000Z  {second} was not joined with {first} by cookie:a1 (event e-2): "
        "kind_limit, a customer would have had more identifiers of a kind than `limits` allows"
    )
    assert f"  {first} since 2026-11-24T10:00:00.000Z" in lines


def test_a_hash_is_explained_by_the_value_its_customer_knows() -> None:
    hashed = hash_of("anna@example.com")
    town = Town().at(0, account="u1", email_sha256=hashed)
    _, unknown = said_of(town, "email", hashed)
    town.at(1, account="u1", email="anna@example.com")

    _, known = said_of(town, "email", hashed)

    owner = f"belongs to customer {customer('account', 'u1')} since 2026-11-24T10:00:00.000Z (event e-1)."
    assert unknown[0] == f"email:{hashed} {owner}"
    assert known[0] == f"email:anna@example.com {owner}"
    assert said_of(town, "email", "anna@example.com")[1] == known


def test_a_value_blocked_before_it_was_seen_belongs_to_nobody() -> None:
    _, lines = said_of(Town().at(0, "identifier_blocked", phone="+491701"), "phone", "+491701")

    assert lines == ["phone:+491701 belongs to nobody.", "It is blocked: it links nothing any more."]


def test_a_customer_that_was_never_merged_has_no_merges() -> None:
    _, found = states(Town().at(0, account="u1"), ("account", "u1"))

    assert found is not None
    assert merges(found) == []


def test_a_blocked_value_of_somebody_keeps_its_owner() -> None:
    known = IdentityState("one", "one", TEN, "e-1", blocked=True, past=(Owner("two", "two", TEN - 1),))

    lines = list(explained(explanation(("phone", "+49"), known, CustomerState("default", "one"), ())))

    assert lines[:2] == [
        "phone:+49 belongs to customer one since 2026-11-24T10:00:00.000Z (event e-1).",
        "It is blocked: it links nothing any more.",
    ]


@pytest.mark.parametrize("reason", sorted(set(IdentityReason) - NO_REFUSAL))
def test_every_reason_to_refuse_is_told_in_words_and_in_the_page_for_consumers(reason: IdentityReason) -> None:
    assert why(reason) == f"{reason}, {WHY[reason]}"
    assert f"`{reason}`" in (PROJECT_DIR / "schemas" / "README.md").read_text()


def test_a_reason_of_a_newer_version_is_told_as_it_is() -> None:
    assert why("bad_weather") == "bad_weather"

"""A customer keeps one entry for a value and its hash, whatever answers are still under way."""

from __future__ import annotations

import pytest

from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.hashed import hash_of, in_one_form
from pipeline.domain.messages.keys import Identifier, identity_key
from pipeline.domain.messages.to_customer import Arrived, CustomerMessage, Granted, Refused
from pipeline.domain.rules.in_force import Rules

NOON = 1_795_521_600_000
ACCOUNT: Identifier = ("account", "u-1")
PLAIN: Identifier = ("email", "anna@example.com")
HASHED: Identifier = ("email", hash_of("anna@example.com"))


def told(*messages: CustomerMessage) -> CustomerState:
    """What a customer knows after these messages."""
    actor, state = CustomerActor(Rules("", ())), None
    for message in messages:
        state, _ = actor.handle(state, message, NOON)
    assert state is not None
    return state


def arrived(event_id: str, *identifiers: Identifier) -> Arrived:
    event = ChannelEvent(event_id, "page_viewed", "web", NOON, dict(identifiers))
    return Arrived("default", "customer-1", (ACCOUNT, *identifiers), NOON, 1, event, "customer-1")


def granted(identifier: Identifier) -> Granted:
    return Granted("default", "customer-1", identifier, "e-1", NOON)


@pytest.mark.parametrize("first", [PLAIN, HASHED])
@pytest.mark.parametrize("answered", [PLAIN, HASHED])
def test_what_is_granted_in_one_form_is_linked_in_the_plain_one(first: Identifier, answered: Identifier) -> None:
    second = PLAIN if first is HASHED else HASHED

    state = told(arrived("e-1", first), arrived("e-2", second), granted(answered))

    assert [(value, link.linked) for value, link in state.identifiers["email"].items()] == [(PLAIN[1], True)]


@pytest.mark.parametrize("answered", [PLAIN, HASHED])
def test_what_is_refused_in_one_form_is_forgotten_in_both(answered: Identifier) -> None:
    refused = Refused("default", "customer-1", answered, "e-1", NOON)

    state = told(arrived("e-1", HASHED), arrived("e-2", PLAIN), refused, arrived("e-3", HASHED))

    assert state.identifiers["email"] == {}


def test_a_value_and_its_hash_share_a_shard_and_two_kinds_do_not() -> None:
    assert identity_key("default", PLAIN) == identity_key("default", HASHED)
    assert identity_key("default", ("phone", PLAIN[1])) != identity_key("default", PLAIN)
    assert identity_key("default", ("cookie", "c-9")) == "default\x1fcookie:c-9"


def test_forms_that_agree_are_left_as_they_are() -> None:
    known = {"email": {PLAIN[1]: 1, hash_of("otto@example.com"): 2}, "cookie": {"c-9": 3}}
    identifiers: tuple[Identifier, ...] = (PLAIN, ("email", hash_of("otto@example.com")), ("cookie", "c-8"))

    assert in_one_form(known, identifiers)[0] is known
    assert in_one_form(known, identifiers)[1] is identifiers


def test_the_plain_form_takes_the_place_of_the_hash() -> None:
    known = {"email": {hash_of("otto@example.com"): 2, PLAIN[1]: 1}}

    assert in_one_form(known, (("email", "otto@example.com"), HASHED)) == (
        {"email": {"otto@example.com": 2, PLAIN[1]: 1}},
        (("email", "otto@example.com"), PLAIN),
    )

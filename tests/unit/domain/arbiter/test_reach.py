"""Who may be written to, and where: consent, suppressed addresses, open cases, the channel a customer responds to."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Struct

from pipeline.domain.arbiter.policy import Policy
from pipeline.domain.arbiter.reach import ways
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import Context
from pipeline.domain.facets import Facets
from pipeline.domain.facets.permissions import Consent, Permissions
from pipeline.domain.facets.responses import Responses
from pipeline.domain.facets.service import Case, Service
from pipeline.domain.facets.situation import Situation
from pipeline.domain.identity.graph import Link
from pipeline.domain.triggers.view import CustomerView
from tests.unit.domain.triggers.story import Story, a_cap, abandoned_cart, event, product_added

EVERYWHERE = {"cookie": "c-9", "email": "a@example.com", "device": "d-1", "phone": "+491701234567"}


def told(said: dict[str, bool], suppressed: str = "") -> Permissions:
    consents = {name: Consent(granted, 0) for name, granted in said.items()}
    return Permissions(consents, suppressed={suppressed: ("bounced", 0)} if suppressed else {})


def outcome(*rules: Any, policy: Policy | None = None, **facets: Any) -> list[str]:
    """The channel of each message that went out, else why not, of a cart left at ten."""
    story = Story(*rules, policy=policy).at("10:00", product_added("A", identifiers=EVERYWHERE))
    story.knows(**facets).at("11:00")
    assert len(story.decisions) == len(rules)
    return [trigger.channel or "-" for trigger in story.triggers] or [reason for *_, reason in story.decisions]


def test_b27_consent_withdrawn_while_the_rule_waits_keeps_marketing_back_and_lets_transactional_through() -> None:
    denied = told({"email": False, "marketing": False})

    assert outcome(abandoned_cart(channels=("email",)), permissions=denied) == ["no_consent"]
    assert outcome(abandoned_cart(channels=("email",), rule_class="transactional"), permissions=denied) == ["email"]


@pytest.mark.parametrize(
    ("said", "default", "sent"),
    [
        ({}, "allow", True),
        ({}, "deny", False),
        ({"email": True}, "deny", True),
        ({"marketing": True}, "deny", True),
        ({"email:marketing": True}, "deny", True),
        ({"push": True}, "deny", False),
        ({"email": False}, "allow", False),
        ({"marketing": False}, "allow", False),
        ({"email:marketing": False}, "allow", False),
        ({"email:marketing": False, "email": True, "marketing": True}, "allow", False),
        ({"marketing": True, "email": False}, "deny", False),
        ({"push": False}, "allow", True),
        ({"email:transactional": False}, "allow", True),
    ],
)
def test_b27_a_denial_of_channel_or_purpose_wins_and_where_silence_denies_a_grant_is_needed(
    said: dict[str, bool], default: Any, sent: bool
) -> None:
    policy = Policy(consent_default=default)

    found = outcome(abandoned_cart(channels=("email",)), policy=policy, permissions=told(said))

    assert found == (["email"] if sent else ["no_consent"])


@pytest.mark.parametrize(
    ("said", "default", "sent"),
    [
        ({}, "allow", True),
        ({}, "deny", False),
        ({"marketing": True}, "deny", True),
        ({"marketing": False}, "allow", False),
    ],
)
def test_b27_a_rule_bound_to_no_channel_needs_consent_to_its_purpose_alone(
    said: dict[str, bool], default: Any, sent: bool
) -> None:
    found = outcome(abandoned_cart(), policy=Policy(consent_default=default), permissions=told(said))

    assert found == (["-"] if sent else ["no_consent"])


@pytest.mark.parametrize("rule_class", ["marketing", "transactional"])
def test_an_address_that_bounced_is_not_written_to_whatever_the_class(rule_class: str) -> None:
    known = told({}, "email:a@example.com")

    assert outcome(abandoned_cart(channels=("email",), rule_class=rule_class), permissions=known) == ["suppressed"]
    both = abandoned_cart(channels=("email", "push"), rule_class=rule_class)
    assert outcome(both, permissions=known) == ["push"]
    assert outcome(both, permissions=told({}, "email:other@example.com")) == ["email"]


def test_where_no_channel_can_be_used_the_reason_is_the_one_nearest_to_sending() -> None:
    bounced = told({"sms": False}, "email:a@example.com")

    assert outcome(abandoned_cart(channels=("social", "voice")), permissions=bounced) == ["no_address"]
    assert outcome(abandoned_cart(channels=("email", "social")), permissions=bounced) == ["suppressed"]
    assert outcome(abandoned_cart(channels=("sms", "email", "social")), permissions=bounced) == ["no_consent"]
    full = Policy(caps=(a_cap(0, "1h", channel="push"),))
    rule = abandoned_cart(channels=("sms", "push", "email"))
    assert outcome(rule, policy=full, permissions=bounced) == ["capped"]


def test_s14_an_open_support_case_silences_marketing_until_it_is_closed() -> None:
    case = Service({"case-1": Case(opened_at_ms=1)})

    assert outcome(abandoned_cart(), service=case) == ["open_case"]
    assert outcome(abandoned_cart(), service=Service({"case-1": Case(1, 2)})) == ["-"]
    assert outcome(abandoned_cart(rule_class="transactional"), service=case) == ["-"]
    assert outcome(abandoned_cart(during_case=True), service=case) == ["-"]


class Answers(Responses, frozen=True, array_like=True, gc=False):
    """Somebody who follows what comes by push half the time, and by the other channels seldom."""

    def score(self, channel: str) -> float:
        return 0.5 if channel == "push" else 0.1


@pytest.mark.parametrize(
    ("choose", "permissions", "channel"),
    [
        ("order", told({}), "sms"),
        ("response", told({}), "push"),
        ("response", told({"push": False}), "sms"),
        ("response", told({"push": False, "sms": False}), "email"),
    ],
)
def test_the_channel_is_the_first_usable_in_order_or_by_how_the_customer_responds(
    choose: Any, permissions: Permissions, channel: str
) -> None:
    identifiers = {kind: {value: Link(1, "e-1")} for kind, value in EVERYWHERE.items()}
    facets = Facets(permissions=permissions, responses=Answers())
    customer = Draft(CustomerState("default", "customer-1", identifiers=identifiers, facets=facets))
    rule = abandoned_cart(channels=("sms", "email", "push"), choose=choose)

    possible, _ = ways(rule, customer, Policy())

    assert possible[0][0] == channel


class InBerlin(Struct, frozen=True):
    """A condition: met in Berlin."""

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        situation = customer.facets.situation
        return situation is not None and situation.text("city") == "Berlin"

    def changes_at(self, customer: CustomerView, at_ms: int, *, now: bool) -> int | None:
        return None


def test_a_rule_speaks_only_to_those_its_condition_holds_of_when_it_is_due() -> None:
    rule = abandoned_cart(when=InBerlin())

    assert outcome(rule, situation=Situation(Context(city="Berlin"))) == ["-"]
    assert outcome(rule, situation=Situation(Context(city="Bonn"))) == ["condition"]


def test_a_claim_under_way_is_nobodys_address_yet() -> None:
    story = Story(abandoned_cart(channels=("push",))).at("10:00", event("product_viewed"))

    assert story.at("10:01", product_added("A")).at("11:01").decisions == [("11:01", "dropped", "no_address")]


def test_b27_what_events_say_of_consent_bounces_and_cases_is_kept_to() -> None:
    mail = abandoned_cart(channels=("email",))
    for said, reason in (
        (event("consent_denied", properties={"purpose": "marketing"}), "no_consent"),
        (event("unsubscribed", channel="email"), "no_consent"),
        (event("email_bounced", channel="email", identifiers={"email": "a@example.com"}), "suppressed"),
        (event("case_opened", properties={"case_id": "case-1"}), "open_case"),
    ):
        story = Story(mail).at("10:00", product_added("A", identifiers=EVERYWHERE)).at("10:30", said).at("11:00")
        assert story.decisions == [("11:00", "dropped", reason)]


def test_the_channel_a_customer_follows_messages_in_is_taken_once_it_has_shown() -> None:
    rule = abandoned_cart(channels=("email", "push"), choose="response")
    story = Story(rule).at("10:00", product_added("A", cart="c1", identifiers=EVERYWHERE)).at("11:00")
    for minute in range(3):
        story.at(f"11:1{minute}", event("push_opened", channel="push", identifiers={"device": "d-1"}))
    story.at("11:30", event("email_delivered", channel="email", identifiers={"email": "a@example.com"}))
    story.at("12:00", product_added("B", cart="c2")).at("13:00")

    assert [trigger.channel for trigger in story.triggers] == ["email", "push"]


def test_a_bounce_of_an_old_address_leaves_the_new_one_in_use() -> None:
    mail = abandoned_cart(channels=("email",))
    story = Story(mail).at("09:00", event("identified", identifiers={"cookie": "c-9", "email": "old@example.com"}))
    story.at("10:00", product_added("A", identifiers={"cookie": "c-9", "email": "new@example.com"}))
    story.at("10:30", event("email_bounced", channel="email", identifiers={"email": "old@example.com"})).at("11:00")

    assert [trigger.address for trigger in story.triggers] == ["new@example.com"]

"""A customer claims the identifiers of one event one after the other; other events do not wait for an answer."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.graph import CLAIMING_KEPT, EMPTY, Graph
from pipeline.domain.identity.hashed import hash_of
from pipeline.domain.identity.merge_fields import FIELDS, Sides
from pipeline.domain.messages.effects import Count, Effect, Send
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.messages.to_customer import Arrived, CustomerMessage, Granted, Handover, Meet, Refused
from pipeline.domain.messages.to_identity import Claim, Standing
from pipeline.domain.rules.in_force import Rules

NOON = 1_795_521_600_000
ACCOUNT: Identifier = ("account", "u-1")
EMAIL: Identifier = ("email", "m@example.com")
PHONE: Identifier = ("phone", "+49170")
COOKIE: Identifier = ("cookie", "c-9")

actor = CustomerActor(Rules("", ()))


class Customer:
    """One customer; what it claims and counts, message by message."""

    def __init__(self, customer_id: str = "us") -> None:
        self.customer_id = customer_id
        self.state: CustomerState | None = None
        self.effects: list[Effect] = []

    def tell(self, message: CustomerMessage) -> Sequence[Effect]:
        self.state, effects = actor.handle(self.state, message, NOON)
        self.effects.extend(effects)
        return effects

    def claims(self, message: CustomerMessage) -> list[Identifier]:
        sent = [effect.message for effect in self.tell(message) if isinstance(effect, Send)]
        return [message.identifier for message in sent if isinstance(message, Claim)]

    def seen(self, event_id: str, *identifiers: Identifier) -> Arrived:
        event = ChannelEvent(event_id, "page_viewed", "web", NOON, dict(identifiers))
        return Arrived("default", self.customer_id, identifiers, NOON, 1, event, self.customer_id)

    def granted(self, event_id: str, identifier: Identifier) -> Granted:
        return Granted("default", self.customer_id, identifier, event_id, NOON, part=self.customer_id)

    def refused(self, event_id: str, identifier: Identifier) -> Refused:
        return Refused("default", self.customer_id, identifier, event_id, NOON)


def test_the_next_identifier_of_an_event_is_claimed_when_the_one_before_is_granted_or_refused() -> None:
    us = Customer()

    assert us.claims(us.seen("e-1", ACCOUNT, EMAIL, PHONE, COOKIE)) == [EMAIL]
    assert us.claims(us.granted("e-1", EMAIL)) == [PHONE]
    assert us.claims(us.refused("e-1", PHONE)) == [COOKIE]
    assert us.claims(us.granted("e-1", COOKIE)) == []


def test_an_answer_told_twice_lets_nothing_go_out_before_its_turn() -> None:
    us = Customer()
    us.tell(us.seen("e-1", ACCOUNT, EMAIL, PHONE, COOKIE))
    us.tell(us.granted("e-1", EMAIL))

    assert us.claims(us.granted("e-1", EMAIL)) == []
    assert us.claims(us.granted("e-1", PHONE)) == [COOKIE]


def test_other_events_do_not_wait_for_an_answer_that_never_comes() -> None:
    us = Customer()
    us.tell(us.seen("e-1", ACCOUNT, EMAIL, PHONE))

    assert us.claims(us.seen("e-2", ACCOUNT, COOKIE)) == [COOKIE]
    assert us.claims(us.seen("e-3", ACCOUNT, PHONE)) == [PHONE]


def test_what_another_event_has_claimed_is_waited_for_and_not_claimed_again() -> None:
    us = Customer()
    us.tell(us.seen("e-1", ACCOUNT, EMAIL))

    assert us.claims(us.seen("e-2", ACCOUNT, EMAIL, PHONE)) == []
    assert us.claims(us.granted("e-1", EMAIL)) == [PHONE]


def test_of_too_many_events_that_wait_the_first_claims_the_rest_at_once_and_is_counted() -> None:
    us = Customer()
    for number in range(CLAIMING_KEPT):
        three = [(f"{when}-{number}", "x") for when in ("first", "late", "last")]
        us.tell(us.seen(f"e-{number}", ACCOUNT, *three))
    assert Count("evictions", "claiming") not in us.effects

    claims = us.claims(us.seen("e-more", ACCOUNT, EMAIL, PHONE))

    assert claims == [EMAIL, ("late-0", "x"), ("last-0", "x")]
    assert us.effects.count(Count("evictions", "claiming")) == 1


def test_an_address_claimed_by_its_hash_is_not_claimed_again_in_its_plain_form() -> None:
    us = Customer()
    us.tell(us.seen("e-1", ACCOUNT, ("email", hash_of("m@example.com")), COOKIE))

    assert us.claims(us.seen("e-2", ACCOUNT, EMAIL, PHONE)) == []
    assert us.claims(us.granted("e-1", EMAIL)) == [COOKIE, PHONE]


def test_when_no_answer_is_awaited_any_more_nothing_of_the_claims_is_kept() -> None:
    us = Customer()
    us.tell(us.seen("e-1", ACCOUNT, EMAIL, PHONE))
    us.tell(us.granted("e-1", EMAIL))
    us.tell(us.granted("e-1", PHONE))

    assert us.state is not None
    assert us.state.graph is None


def test_a_customer_that_joins_another_hands_over_what_it_has_still_to_claim() -> None:
    junior, senior = Customer("junior"), Customer("senior")
    senior.tell(senior.seen("e-1", ACCOUNT))
    senior.tell(senior.seen("e-2", ACCOUNT, PHONE))
    senior.tell(senior.granted("e-2", PHONE))
    junior.tell(junior.seen("e-3", EMAIL, PHONE, COOKIE))

    standing = Standing("senior", "account", {"account": 1, "phone": 1})
    met = junior.tell(Meet("default", "junior", standing, PHONE, "junior", "junior", "e-3", NOON))
    (handover,) = [e.message for e in met if isinstance(e, Send) and isinstance(e.message, Handover)]
    sent = [effect.message for effect in senior.tell(handover) if isinstance(effect, Send)]

    (claim,) = [message for message in sent if isinstance(message, Claim)]
    assert (claim.identifier, claim.claimant.customer_id, claim.part) == (COOKIE, "senior", "junior")


def test_who_comes_back_knows_better_where_its_former_parts_have_gone() -> None:
    ours = Graph(departed={"part": "them", "theirs": "elsewhere"})
    theirs = Graph(departed={"part": "part", "ours": "us"})

    _, unite = FIELDS["graph"]

    assert unite(ours, theirs, Sides("us", "them")).departed == {"part": "part", "theirs": "elsewhere"}
    assert unite(None, None, Sides("us", "them")) == EMPTY

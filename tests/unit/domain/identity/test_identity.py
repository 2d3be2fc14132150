"""The identity actor: anchor, attach, forward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec
import pytest
from msgspec import Raw

from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.actor import IdentityActor, IdentityState, founded_by
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.messages.effects import Count, Effect, Publish, Send
from pipeline.domain.messages.keys import Identifier, customer_key, identity_key
from pipeline.domain.messages.to_customer import CustomerMessage, Granted, Meet, Refused
from pipeline.domain.messages.to_identity import Assign, Block, Claim, IdentityMessage, InVain, Observed, Standing
from pipeline.domain.records import IdentityChange

Answer: TypeAlias = tuple[IdentityState, Sequence[Effect]]

ACCOUNT: Identifier = ("account", "u-1")
COOKIE: Identifier = ("cookie", "c-9")
NOON = 1_795_521_600_000


def observed(*identifiers: Identifier, event_id: str = "e-1", tenant: str = "default", at: int = NOON) -> Observed:
    event = ChannelEvent(event_id, "page_viewed", "web", at, dict(identifiers), tenant)
    return Observed(tenant, identifiers, event_id, at, at + 5, 77, Raw(msgspec.msgpack.encode(event)))


def claim(identifier: Identifier, customer_id: str, event_id: str = "e-1") -> Claim:
    return Claim("default", identifier, Standing(customer_id, "account"), customer_id, event_id, NOON)


def granted(identifier: Identifier, customer_id: str, event_id: str = "e-1") -> Granted:
    return Granted("default", customer_id, identifier, event_id, NOON, part=customer_id)


def sent(effects: Sequence[Effect]) -> list[Send]:
    return [effect for effect in effects if isinstance(effect, Send)]


def published(effects: Sequence[Effect]) -> list[IdentityChange]:
    return [
        effect.record for effect in effects if isinstance(effect, Publish) and isinstance(effect.record, IdentityChange)
    ]


class Shard(IdentityActor):
    """The actor, for messages that leave a state."""

    def handle(self, state: IdentityState | None, message: IdentityMessage, now_ms: int) -> Answer:
        after, effects = super().handle(state, message, now_ms)
        assert after is not None
        return after, effects


actor = Shard(IdentityConfig())


def test_a_first_sight_of_an_anchor_founds_its_customer_and_forwards_the_event() -> None:
    state, effects = actor.handle(None, observed(ACCOUNT), NOON)

    customer_id = founded_by("default", ACCOUNT)
    assert state == IdentityState(customer_id, customer_id, NOON, "e-1")
    (forward,) = sent(effects)
    assert (forward.actor, forward.key) == ("customer", customer_key("default", customer_id))
    (change,) = published(effects)
    assert (change.change, change.reason, change.kind, change.value) == ("created", "first_seen", "account", "u-1")
    assert change.customer_id == customer_id


def test_the_customer_id_is_the_same_in_every_replay() -> None:
    assert founded_by("default", ACCOUNT) == "bff3205d-75e5-580a-8ecd-fe08bbe43b29"


def test_an_identifier_that_belongs_to_a_customer_forwards_to_that_customer() -> None:
    state, _ = actor.handle(None, claim(COOKIE, "customer-1"), NOON)

    _, effects = actor.handle(state, observed(COOKIE, event_id="e-2"), NOON)

    (forward,) = sent(effects)
    assert forward.key == customer_key("default", "customer-1")
    assert published(effects) == []


def test_a_claim_takes_a_free_identifier() -> None:
    state, effects = actor.handle(None, claim(COOKIE, "customer-1"), NOON)

    assert state == IdentityState("customer-1", "customer-1", NOON, "e-1")
    (change,) = published(effects)
    assert (change.change, change.customer_id, change.kind, change.value) == ("attached", "customer-1", *COOKIE)
    assert [send.message for send in sent(effects)] == [granted(COOKIE, "customer-1")]


def test_a_claim_of_the_same_customer_changes_nothing() -> None:
    state, _ = actor.handle(None, claim(COOKIE, "customer-1"), NOON)

    again, effects = actor.handle(state, claim(COOKIE, "customer-1", "e-2"), NOON)

    assert again is state
    assert [send.message for send in sent(effects)] == [granted(COOKIE, "customer-1", "e-2")]
    assert published(effects) == []


def test_a_claim_on_the_identifier_of_another_customer_lets_the_two_meet() -> None:
    state, _ = actor.handle(None, claim(COOKIE, "customer-1"), NOON)

    again, effects = actor.handle(state, claim(COOKIE, "customer-2", "e-2"), NOON)

    assert again is state
    (meet,) = sent(effects)
    assert meet.key == customer_key("default", "customer-1")
    assert isinstance(meet.message, Meet)
    assert (meet.message.other.customer_id, meet.message.claimant) == ("customer-2", "customer-2")


def test_b9_a_value_claimed_in_vain_by_too_many_customers_stops_linking_and_its_owner_keeps_it() -> None:
    phone: Identifier = ("phone", "+494000000")
    state, _ = actor.handle(None, claim(phone, "customer-0"), NOON)
    for number in range(1, 10):
        state, _ = actor.handle(state, InVain("default", phone, f"customer-{number}"), NOON)

    again, effects = actor.handle(state, claim(phone, "customer-10", "e-2"), NOON)

    assert again is state
    assert again.customer_id == "customer-0"
    (change,) = published(effects)
    assert (change.change, change.reason) == ("refused", "customers_per_value")
    assert (change.customer_id, change.other_customer_id) == ("customer-10", "customer-0")
    assert Count("identity_refusals", "customers_per_value") in effects


def test_a_blocked_identifier_links_nothing_and_its_events_go_by_the_next_one() -> None:
    state, _ = actor.handle(None, observed(ACCOUNT), NOON)
    state, blocked = actor.handle(state, Block("default", ACCOUNT, "op-1", NOON), NOON)
    assert [change.change for change in published(blocked)] == ["blocked"]

    _, refused = actor.handle(state, claim(ACCOUNT, "customer-2", "e-2"), NOON)
    _, passed_on = actor.handle(state, observed(ACCOUNT, COOKIE, event_id="e-3"), NOON)
    _, alone = actor.handle(state, observed(ACCOUNT, event_id="e-4"), NOON)

    assert [change.reason for change in published(refused)] == ["blocked"]
    assert [send.key for send in sent(passed_on)] == [identity_key("default", COOKIE)]
    assert [send.key for send in sent(alone)] == [identity_key("default", ("event", "e-4"))]


def test_an_identifier_changes_hands_only_from_the_owner_named_and_only_once() -> None:
    state, _ = actor.handle(None, claim(COOKIE, "customer-1"), NOON)
    login = Assign("default", COOKIE, ("customer-1",), "customer-2", "e-2", NOON, "customer-2")

    moved, effects = actor.handle(state, login, NOON)
    again, nothing = actor.handle(moved, login, NOON)

    assert moved.customer_id == "customer-2"
    assert [send.message for send in sent(effects)] == [granted(COOKIE, "customer-2", "e-2")]
    assert [(change.change, change.other_customer_id) for change in published(effects)] == [("moved", "customer-1")]
    assert (again.customer_id, list(nothing)) == ("customer-2", [])


def test_who_claimed_a_device_that_has_gone_with_another_login_of_the_moment_hears_that_it_is_not_theirs() -> None:
    state, _ = actor.handle(None, claim(COOKIE, "customer-1"), NOON)
    one, other = (
        Assign("default", COOKIE, ("customer-1",), f"customer-{number}", f"e-{number}", NOON, f"part-{number}")
        for number in (2, 3)
    )
    state, _ = actor.handle(state, one, NOON)

    after, effects = actor.handle(state, other, NOON)

    assert after is state
    refused = Refused("default", "customer-3", COOKIE, "e-3", NOON, "part-3")
    assert [send.message for send in sent(effects)] == [refused]


def test_b19_the_same_event_again_changes_nothing_and_forwards_the_same_message() -> None:
    event = observed(ACCOUNT, COOKIE)
    state, first = actor.handle(None, event, NOON)

    again, effects = actor.handle(state, event, NOON)

    assert again is state
    assert list(effects) == [first[0]]


def test_b37_equal_identifiers_of_two_tenants_found_two_customers() -> None:
    one, ours = actor.handle(None, observed(COOKIE, tenant="north"), NOON)
    other, theirs = actor.handle(None, observed(COOKIE, tenant="south"), NOON)

    assert one.customer_id != other.customer_id
    assert sent(ours)[0].key != sent(theirs)[0].key
    assert published(ours)[0].change_id != published(theirs)[0].change_id
    assert identity_key("north", COOKIE) != identity_key("south", COOKIE)


def test_what_identity_forwards_is_read_by_the_customer_as_the_event_it_was() -> None:
    _, effects = actor.handle(None, observed(ACCOUNT, COOKIE), NOON)

    wire = msgspec.msgpack.encode(sent(effects)[0].message)
    arrived = msgspec.msgpack.Decoder(CustomerMessage).decode(wire)

    assert arrived.event == ChannelEvent("e-1", "page_viewed", "web", NOON, {"account": "u-1", "cookie": "c-9"})
    assert (arrived.identifiers, arrived.digest, arrived.received_at_ms) == ((ACCOUNT, COOKIE), 77, NOON + 5)


@pytest.mark.parametrize("others", [0, 3, 1000])
def test_the_state_survives_its_encoding(others: int) -> None:
    claimed = tuple(sorted(f"customer-{number}" for number in range(others)))
    state = IdentityState("customer-1", "customer-1", NOON, "e-1", claimed)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=IdentityState) == state


def test_nothing_waits_in_the_identity_actor() -> None:
    state, _ = actor.handle(None, observed(ACCOUNT), NOON)

    assert actor.wakes_at(state) is None
    assert actor.wake(state, NOON) == (state, ())

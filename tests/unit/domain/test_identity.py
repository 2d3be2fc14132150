"""The identity actor: anchor, attach, forward."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from msgspec import Raw

from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity import IdentityActor, IdentityState, founded_by
from pipeline.domain.identity_config import IdentityConfig
from pipeline.domain.messages import (
    ArrivedRaw,
    Claim,
    Count,
    CustomerMessage,
    Effect,
    Identifier,
    Observed,
    Publish,
    Send,
    customer_key,
    identity_key,
)
from pipeline.domain.records import IdentityChange

ACCOUNT: Identifier = ("account", "u-1")
COOKIE: Identifier = ("cookie", "c-9")
NOON = 1_795_521_600_000


def observed(*identifiers: Identifier, event_id: str = "e-1", tenant: str = "default", at: int = NOON) -> Observed:
    event = ChannelEvent(event_id, "page_viewed", "web", at, dict(identifiers), tenant)
    return Observed(tenant, identifiers, event_id, at, at + 5, 77, Raw(msgspec.msgpack.encode(event)))


def claim(identifier: Identifier, customer_id: str, event_id: str = "e-1") -> Claim:
    return Claim("default", identifier, customer_id, event_id, NOON)


def sent(effects: Sequence[Effect]) -> list[Send]:
    return [effect for effect in effects if isinstance(effect, Send)]


def published(effects: Sequence[Effect]) -> list[IdentityChange]:
    return [
        effect.record for effect in effects if isinstance(effect, Publish) and isinstance(effect.record, IdentityChange)
    ]


actor = IdentityActor(IdentityConfig())


def test_a_first_sight_of_an_anchor_founds_its_customer_and_forwards_the_event() -> None:
    state, effects = actor.handle(None, observed(ACCOUNT), NOON)

    customer_id = founded_by("default", ACCOUNT)
    assert state == IdentityState(customer_id, NOON, "e-1")
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


def test_the_other_identifiers_of_an_event_are_claimed_at_their_own_shards_once_per_pair() -> None:
    state, effects = actor.handle(None, observed(ACCOUNT, COOKIE), NOON)
    (forward, claiming) = sent(effects)
    assert isinstance(forward.message, ArrivedRaw)
    assert claiming.actor == "identity"
    assert claiming.key == identity_key("default", COOKIE)
    assert claiming.message == claim(COOKIE, state.customer_id)

    again, effects = actor.handle(state, observed(ACCOUNT, COOKIE, event_id="e-2"), NOON)

    assert again is state
    assert len(sent(effects)) == 1
    assert published(effects) == []


def test_a_new_identifier_beside_a_known_one_is_the_only_one_claimed() -> None:
    device: Identifier = ("device", "d-4")
    state, _ = actor.handle(None, observed(ACCOUNT, COOKIE), NOON)

    state, effects = actor.handle(state, observed(ACCOUNT, device, COOKIE, event_id="e-2"), NOON)

    claims = [send.message for send in sent(effects) if isinstance(send.message, Claim)]
    assert claims == [claim(device, state.customer_id, "e-2")]
    assert state.claimed == (COOKIE, device)


def test_a_claim_takes_a_free_identifier() -> None:
    state, effects = actor.handle(None, claim(COOKIE, "customer-1"), NOON)

    assert state == IdentityState("customer-1", NOON, "e-1")
    (change,) = published(effects)
    assert (change.change, change.customer_id, change.kind, change.value) == ("attached", "customer-1", *COOKIE)
    assert sent(effects) == []


def test_a_claim_of_the_same_customer_changes_nothing() -> None:
    state, _ = actor.handle(None, claim(COOKIE, "customer-1"), NOON)

    again, effects = actor.handle(state, claim(COOKIE, "customer-1", "e-2"), NOON)

    assert again is state
    assert list(effects) == []


def test_a_claim_on_the_identifier_of_another_customer_is_refused_published_and_counted() -> None:
    state, _ = actor.handle(None, claim(COOKIE, "customer-1"), NOON)

    again, effects = actor.handle(state, claim(COOKIE, "customer-2", "e-2"), NOON)

    assert again is state
    (change,) = published(effects)
    assert (change.change, change.reason, change.customer_id) == ("refused", "owned_by_other", "customer-2")
    assert Count("identity_refusals", "owned_by_other") in effects


def test_claims_stop_at_the_mapping_cap_but_the_event_still_resolves() -> None:
    capped = IdentityActor(IdentityConfig(mapping_cap=1))
    state, _ = capped.handle(None, observed(ACCOUNT, COOKIE), NOON)

    again, effects = capped.handle(state, observed(ACCOUNT, ("cookie", "c-10"), event_id="e-2"), NOON)

    assert again is state
    (forward,) = sent(effects)
    assert isinstance(forward.message, ArrivedRaw)
    (change,) = published(effects)
    assert (change.change, change.reason, change.value) == ("refused", "mapping_cap", "c-10")
    assert Count("identity_refusals", "mapping_cap") in effects


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
    claimed = tuple(sorted(("cookie", f"c-{number}") for number in range(others)))
    state = IdentityState("customer-1", NOON, "e-1", claimed)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=IdentityState) == state


def test_nothing_waits_in_the_identity_actor() -> None:
    state, _ = actor.handle(None, observed(ACCOUNT), NOON)

    assert actor.wakes_at(state) is None
    assert actor.wake(state, NOON) == (state, ())

"""The topics `customers` and `audiences` on the in-memory bus: merges, their undoing, and any disturbance."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from pipeline.domain.conditions.behaviour import Did, LastSeen
from pipeline.domain.conditions.interest import CartWorth, Orders
from pipeline.domain.conditions.products import Shows
from pipeline.domain.conditions.word import Ago, Numbers
from pipeline.domain.customer.audiences import Audience, memberships
from pipeline.domain.customer.record import customer_record
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.actor import founded_by
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.records import AudienceMember, Customer
from pipeline.domain.rules.in_force import Rules
from pipeline.settings import Settings
from pipeline.simulation import Conditions, Simulation
from pipeline.streaming.units import Output
from pipeline.wire.records import decode_record, to_json
from tests.harness.rounds import ROUNDS
from tests.simulation.shop import MINUTE, SHOP, TEN, any_conditions, shop_stream, shop_streams

EVERY_MS = 10_000
HOUR = 60 * MINUTE

AUDIENCES = (
    Audience("active", LastSeen(Ago(less_than_ms=HOUR))),
    Audience("carts", CartWorth("EUR", 2_000), for_at_least_ms=5 * MINUTE),
    Audience("buyers", Did("order_completed", within_ms=2 * HOUR)),
    Audience("ads", Shows(("carted", "viewed"), HOUR)),
    Audience("related", Shows(("goes_with_bought", "bought"), 2 * HOUR)),
)
RULES = Rules("test", SHOP.rules, audiences=AUDIENCES)


class Followed(Simulation):
    """Keeps every record of both feeds, in the order of each key."""

    def __init__(self, rules: Rules = RULES, **conditions: Any) -> None:
        super().__init__(Settings(), rules, IdentityConfig(), Conditions(**conditions), customers_every_ms=EVERY_MS)
        self.records: dict[tuple[str, str], list[bytes]] = {}

    def _delivered(self, output: Output) -> None:
        super()._delivered(output)
        schema = dict(output.headers).get("schema", b"").decode()
        if schema in ("customer", "audience_member"):
            assert output.key is not None
            self.records.setdefault((schema, output.key.decode()), []).append(output.value)

    def run(self, stream: list[ChannelEvent], until_ms: int) -> Followed:
        self.play(map(self.read, stream), until_ms)
        return self

    def each_once(self) -> dict[tuple[str, str], list[bytes]]:
        """Records in order; a copy that a crash has made counts once."""
        return {key: list(dict.fromkeys(values)) for key, values in self.records.items()}

    def states(self) -> dict[str, CustomerState]:
        return {state.customer_id: state for _, state in self.bus.states("customer")}

    def customers(self, customer_id: str) -> list[Customer]:
        return [decode_record(Customer, value) for value in self.records.get(("customer", customer_id), [])]

    def members(self, audience: str, customer_id: str) -> list[tuple[bool, str, int]]:
        """Whether a member, why, and since which minute after ten."""
        values = self.records.get(("audience_member", f"{audience}/{customer_id}"), [])
        found = [decode_record(AudienceMember, value) for value in values]
        return [(each.member, each.reason, (each.since_ms - TEN) // MINUTE) for each in found]


def check(simulation: Followed) -> None:
    """The last record of each key says what the state says."""
    states = simulation.states()
    held = {key: values[-1] for key, values in simulation.records.items()}
    for customer_id, state in states.items():
        record = decode_record(Customer, held["customer", customer_id])
        if state.is_pointer:
            assert state.graph is not None
            assert record.merged_into == state.graph.merged_into
        else:
            assert to_json(record) == to_json(customer_record(state, record.updated_at_ms))
    members = {
        f"{name.removeprefix('audience:')}/{id_}" for id_, state in states.items() for name in memberships(state)
    }
    found = {
        key
        for (schema, key), value in held.items()
        if schema == "audience_member" and decode_record(AudienceMember, value).member
    }
    assert found == members
    assert simulation.feed == held


def known_to_a_consumer(simulation: Followed) -> tuple[dict[str, Any], dict[str, Any]]:
    """Who is who in the end, with all that is told of them, and the members of audiences.

    Of three customers that join at one instant, which two were first does not matter.
    """
    last = {key: decode_record(Customer, value) for (kind, key), value in simulation.feed.items() if kind == "customer"}
    customers: dict[str, Any] = {}
    for customer_id, record in last.items():
        while record.merged_into is not None:
            record = last[record.merged_into]
        customers[customer_id] = to_json(record)
    found = [
        decode_record(AudienceMember, value)
        for (kind, _), value in simulation.feed.items()
        if kind == "audience_member"
    ]
    return customers, {f"{each.audience}/{each.customer_id}": to_json(each) for each in found if each.member}


def end_of(stream: list[ChannelEvent]) -> int:
    """Long enough after the last event that all is told."""
    return stream[-1].occurred_at_ms + 4 * HOUR


@pytest.mark.parametrize("seed", range(3))
def test_repeats_reordering_and_crashes_change_no_record_and_the_last_of_each_key_is_the_state(seed: int) -> None:
    stream = shop_stream(seed, count=300, same_instant=0)
    straight = Followed().run(stream, end_of(stream))

    disturbed = Followed(partitions=1 + seed * 3, seed=seed, duplicate=0.2, shuffle=25, crash=0.2)
    disturbed.run(stream, end_of(stream))

    check(straight)
    check(disturbed)
    assert disturbed.bus.crashes.happened > 100
    assert sum(len(values) for values in straight.records.values()) > 100
    assert len({key for schema, key in straight.records if schema == "audience_member"}) > 20
    assert disturbed.each_once() == straight.each_once()


@pytest.mark.soak
@pytest.mark.timeout(180 * ROUNDS)
@settings(max_examples=60 * ROUNDS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    stream=shop_streams(),
    conditions=any_conditions,
)
def test_under_any_conditions_the_last_record_of_each_key_is_the_final_state(
    stream: list[ChannelEvent], conditions: dict[str, Any]
) -> None:
    straight = Followed().run(stream, end_of(stream))
    disturbed = Followed(**conditions).run(stream, end_of(stream))

    check(straight)
    check(disturbed)
    assert known_to_a_consumer(disturbed) == known_to_a_consumer(straight)


def test_without_disturbance_no_record_is_published_twice() -> None:
    stream = shop_stream(seed=5, count=300)

    simulation = Followed(partitions=2).run(stream, end_of(stream))

    assert simulation.each_once() == simulation.records


# --- merges -------------------------------------------------------------------------------------------------------

ACCOUNT, COOKIE = founded_by("default", ("account", "u1")), founded_by("default", ("cookie", "a1"))
TWO_ORDERS = Rules("test", (), audiences=(Audience("loyal", Orders(Numbers(at_least=2))), AUDIENCES[0]))


def at(minute: int, event_type: str = "page_viewed", **identifiers: str) -> ChannelEvent:
    return ChannelEvent(f"e-{minute}", event_type, "web", TEN + minute * MINUTE, identifiers)


MERGED = [
    at(0, "order_completed", account="u1"),
    at(1, "order_completed", cookie="a1"),
    at(5, account="u1", cookie="a1"),
]


def test_of_two_customers_who_become_one_the_junior_points_and_leaves_and_the_senior_is_looked_at_anew() -> None:
    simulation = Followed(TWO_ORDERS, partitions=3).run(MERGED, TEN + 20 * MINUTE)

    last = simulation.customers(COOKIE)[-1]
    assert (last.merged_into, last.orders, last.identifiers, last.details) == (ACCOUNT, 0, {}, None)
    assert [record.merged_into for record in simulation.customers(COOKIE)] == [None, ACCOUNT], "once"
    assert simulation.customers(ACCOUNT)[-1].orders == 2
    assert simulation.members("active", COOKIE) == [(True, "condition", 1), (False, "merged", 5)]
    assert simulation.members("active", ACCOUNT) == [(True, "condition", 0)], "a member before and after"
    assert simulation.members("loyal", ACCOUNT) == [(True, "condition", 5)]
    assert simulation.members("loyal", COOKIE) == []
    check(simulation)


def test_a_merge_undone_publishes_both_again_and_looks_at_both_anew() -> None:
    stream = [*MERGED, at(8, "merge_undone", cookie="a1")]

    simulation = Followed(TWO_ORDERS, partitions=3).run(stream, TEN + 30 * MINUTE)

    assert [(record.merged_into, record.orders) for record in simulation.customers(COOKIE)] == [
        (None, 1), (ACCOUNT, 0), (None, 1),
    ]  # fmt: skip
    assert [record.orders for record in simulation.customers(ACCOUNT)] == [1, 2, 1]
    assert simulation.members("loyal", ACCOUNT) == [(True, "condition", 5), (False, "condition", 8)]
    assert simulation.members("active", COOKIE) == [
        (True, "condition", 1), (False, "merged", 5), (True, "condition", 8),
    ]  # fmt: skip
    assert simulation.members("active", ACCOUNT) == [(True, "condition", 0)]
    check(simulation)


def test_an_address_that_comes_with_a_merge_and_goes_with_its_undoing_is_told_each_time() -> None:
    anna = {"email": (sha256(b"anna@example.com").hexdigest(),)}
    stream = [at(0, account="u1"), at(1, email="anna@example.com"), at(5, account="u1", email="anna@example.com")]
    junior = founded_by("default", ("email", "anna@example.com"))

    simulation = Followed(TWO_ORDERS, partitions=3)
    simulation.run([*stream, at(8, "merge_undone", email="anna@example.com")], TEN + 30 * MINUTE)

    def told(customer_id: str) -> list[tuple[str, dict[str, tuple[str, ...]]]]:
        values = simulation.records["audience_member", f"active/{customer_id}"]
        return [(each.reason, each.addresses) for each in (decode_record(AudienceMember, value) for value in values)]

    assert told(ACCOUNT) == [("condition", {}), ("addresses", anna), ("addresses", {})]
    assert told(junior) == [("condition", anna), ("merged", {}), ("condition", anna)]


def test_a_feed_that_nobody_asked_for_leaves_states_and_triggers_as_they_are() -> None:
    stream = shop_stream(seed=6, count=200)
    end_ms = end_of(stream)
    plain = Simulation(Settings(), SHOP, IdentityConfig())
    plain.play(map(plain.read, stream), end_ms)

    followed = Followed().run(stream, end_ms)

    assert not plain.feed
    assert followed.state_digest() == plain.state_digest()
    assert followed.triggers_digest() == plain.triggers_digest()
    assert msgspec.json.encode(followed.decisions()) == msgspec.json.encode(plain.decisions())

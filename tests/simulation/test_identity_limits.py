"""B6 and B9 on the in-memory bus: how much one customer, one value and one event may link, and what large ones cost."""

from __future__ import annotations

import pytest

from pipeline.domain.errors import InvalidEvent
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.actor import IdentityActor
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.identity.handover import TOLD_AT_ONCE
from pipeline.domain.rules.in_force import Rules
from pipeline.streaming.envelope import EnvelopeDecoder
from pipeline.streaming.units import Output
from tests.simulation.town import TEN, Town, customer


def test_b6_at_the_merge_cap_nothing_is_merged_and_the_event_still_counts() -> None:
    town = Town(IdentityConfig(merge_cap=1))
    for number in range(3):
        town.at(number, cookie=f"a{number}").at(number + 0.5, cookie=f"a{number}", account="u1")

    assert town.of(account="u1")["merged_from"] == [customer("cookie", "a0")]
    assert town.of(account="u1")["events"] == 4
    assert [change.reason for change in town.changes("refused")] == ["merge_cap", "merge_cap"]


def test_b9_a_phone_of_a_store_seen_with_two_hundred_accounts_stops_linking() -> None:
    town = Town()
    for number in range(200):
        town.at(number / 10, account=f"u{number}", phone="+494000000")

    assert len(town.customers) == 200
    assert all(len(each["identifiers"]["account"]) == 1 for each in town.customers)
    reasons = [change.reason for change in town.changes("refused")]
    assert reasons == ["kind_limit"] * 9 + ["customers_per_value"] * 190


def test_a_customer_with_ten_thousand_identifiers_merges_in_steps_of_bounded_size() -> None:
    unlimited = IdentityConfig(limits={}, default_limit=None, customers_per_value=None, mapping_cap=20_000)
    town = Town(unlimited, partitions=1, rules=Rules("", ()))
    town.at(0, email="m1@example.com")
    events = [
        ChannelEvent(f"many-{n}", "page_viewed", "web", TEN + n, {"email": "m1@example.com", "cookie": f"a{n}"})
        for n in range(10_000)
    ]
    town.simulation.play([town.simulation.read(event) for event in events])
    most = 0
    delivered = town.simulation.bus._delivered

    def watched(output: Output) -> None:
        nonlocal most
        if output.topic.endswith("identity.inbox"):
            most = max(most, len(EnvelopeDecoder(IdentityActor.message_type).decode(output.value).entries))
        delivered(output)

    town.simulation.bus._delivered = watched
    town.at(20, account="u1", email="m1@example.com")

    (one,) = town.customers
    assert one["customer_id"] == customer("account", "u1")
    assert (len(one["identifiers"]["cookie"]), one["events"]) == (10_000, 10_002)
    owners = {state.customer_id for _, state in town.simulation.bus.states("identity")}
    assert owners == {one["customer_id"]}
    assert TOLD_AT_ONCE <= most <= TOLD_AT_ONCE + 1


def test_a_customer_taken_out_again_has_all_its_identifiers_back_however_many() -> None:
    unlimited = IdentityConfig(limits={}, default_limit=None, customers_per_value=None)
    town = Town(unlimited, rules=Rules("", ()))
    for number in range(2 * TOLD_AT_ONCE + 50):
        town.at(number / 100, email="m1@example.com", cookie=f"a{number}")
    town.at(20, account="u1", email="m1@example.com")
    assert len(town.customers) == 1

    town.at(21, "merge_undone", email="m1@example.com")

    mail = customer("email", "m1@example.com")
    owners = [(key, state.customer_id) for key, state in town.simulation.bus.states("identity")]
    assert [key for key, owner in owners if owner != mail] == ["default\x1faccount:u1"]
    assert len(owners) == 2 * TOLD_AT_ONCE + 52


def test_ten_thousand_identifiers_on_one_event_are_refused_with_their_number() -> None:
    event = ChannelEvent("e-1", "page_viewed", "web", TEN, {f"kind-{number}": "x" for number in range(10_000)})

    with pytest.raises(InvalidEvent, match="identifiers: 10000 kinds, at most 50 are taken"):
        Town().simulation.read(event)

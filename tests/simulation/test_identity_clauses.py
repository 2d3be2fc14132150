"""B3, B4, B6, B20 word by word, on the in-memory bus: what links nobody, what repeats change, what a limit costs."""

from __future__ import annotations

from random import Random

import pytest

from pipeline.domain.identity.config import IdentityConfig
from pipeline.streaming.units import Output
from tests.simulation.days import Days

NO_RULES = "rules: []\n"
NOBODY = ("null", "0", "guest", "[object Object]", "0000", "----", "0-0", "x" * 1_025)


@pytest.mark.parametrize("kind", ["account", "loyalty", "email", "phone", "device", "cookie", "badge"])
@pytest.mark.parametrize("value", NOBODY)
def test_b3_such_a_value_links_nobody_whatever_its_kind_and_its_events_are_kept_and_it_is_counted(
    kind: str, value: str
) -> None:
    others = [{"social": "s-1"}, {"voice_profile": "v-1"}]
    days = Days(NO_RULES)
    for other in others:
        days.at("10:00", identifiers={kind: value, **other})
    days.at("10:01", identifiers={kind: value}).at("10:02", identifiers={kind: value})

    assert [each["events"] for each in days.customers] == [1, 1, 1, 1]
    assert [each["merged_from"] for each in days.customers] == [[], [], [], []]
    assert all(kind not in each["identifiers"] for each in days.customers)
    assert days.simulation.counted()["identifiers_blocked"] == 4


def test_b3_a_value_of_1024_characters_is_a_value() -> None:
    days = Days(NO_RULES).at("10:00", cookie="x" * 1_024, account="u1").at("10:01", cookie="x" * 1_024)

    assert [each["events"] for each in days.customers] == [2]


SEEN = [{"cookie": "a1"}, {"device": "d1"}, {"email": "m1@example.com"}, {"account": "u1"}]
LINKS = [
    {"cookie": "a1", "device": "d1"},
    {"device": "d1", "email": "m1@example.com"},
    {"cookie": "a1", "account": "u1"},
]
CARTS = "rules:\n  - {name: cart, kind: abandoned_cart, delay: 1h}\n"


def test_b4_each_link_told_five_times_in_any_order_gives_one_byte_identical_customer_and_one_message() -> None:
    ends = set()
    for seed in range(30):
        told = [*range(len(LINKS))] * 5
        Random(seed).shuffle(told)
        days = Days(CARTS, partitions=1 + seed % 6, seed=seed)
        for minute, who in enumerate(SEEN):
            days.at(f"10:0{minute}", "product_added", cart_id=f"c{minute}", items=["A"], **who)
        for number in told:
            days.at(f"10:1{number}", event_id=f"link-{number}", **LINKS[number])
        days.until("12:00")
        assert days.simulation.duplicates() == 12
        ends.add((*days.simulation.customer_lines(), days.simulation.triggers_digest()))

    ((customer, _),) = ends
    assert b'"events":7' in customer
    assert sorted(at for at, _, _ in days.messages()) == ["11:00", "11:01", "11:02", "11:03"]


def messages_of(days: Days, at: str, **identifiers: str) -> int:
    """Return how many messages an event of these identifiers sends through the pipeline."""
    sent: list[Output] = []
    bus = days.simulation.bus
    delivered = bus._delivered

    def watched(output: Output) -> None:
        sent.append(output)
        delivered(output)

    bus._delivered = watched
    days.at(at, **identifiers)
    bus._delivered = delivered
    return len(sent)


def test_b6_at_the_merge_limit_links_that_are_refused_are_counted_and_the_events_cost_what_any_event_costs() -> None:
    days = Days(NO_RULES, IdentityConfig(merge_cap=1)).at("09:00", account="u1")
    for number in range(20):
        days.at("09:30", cookie=f"a{number}").at(f"10:{number:02d}", cookie=f"a{number}", account="u1")

    assert days.simulation.counted()["identity_merges"] == 1
    assert days.simulation.counted()["identity_refusals"] == 19
    assert days.of(account="u1")["events"] == 22
    usual = messages_of(days, "11:00", account="u1")
    assert [messages_of(days, f"11:{number:02d}", account="u1", cookie=f"a{number}") for number in range(1, 20)] == [
        usual
    ] * 19


def test_b20_the_first_content_stands_and_each_other_is_flagged_also_after_a_merge_and_a_day() -> None:
    days = Days(CARTS).at("10:00", "product_added", event_id="e", cookie="a1", cart_id="c1", items=["A"])
    days.at("10:00", "product_added", event_id="e", cookie="a1", cart_id="c1", items=["B"]).at("10:05", account="u1")
    days.at("10:10", account="u1", cookie="a1").until("12:00")
    days.at("10:00", "product_added", event_id="e", cookie="a1", cart_id="c1", items=["C"]).until("+1d 12:00")
    days.at("10:00", "product_added", event_id="e", account="u1", cart_id="c1", items=["D"]).until("+2d 12:00")

    assert days.contents() == [["A"]]
    assert days.simulation.counted()["event_conflicts"] == 3
    assert days.of(account="u1")["events"] == 3

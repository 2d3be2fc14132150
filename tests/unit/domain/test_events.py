"""Events told twice, told differently, or told with a time that cannot be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.domain.arbiter.policy import Policy
from pipeline.domain.events import ChannelEvent
from pipeline.domain.messages.effects import Count
from pipeline.domain.messages.to_customer import Complement, Complements
from pipeline.domain.time import HOUR_MS
from tests.unit.domain.triggers.story import (
    Story,
    abandoned_cart,
    at_ms,
    cross_sell,
    event,
    order_completed,
    product_added,
)

RULES = (abandoned_cart("1h"), cross_sell(min_baskets=1))


def test_b19_the_same_event_again_changes_nothing_sends_nothing_and_is_counted() -> None:
    for arriving in ("10:00", "10:30", "1d 10:00"):
        told = product_added("A", cart="c1", event_id="e-7")
        story = Story(*RULES).at("10:00", told).at(arriving)
        before, sent = story.state, len(story.records)
        story.again(told, "10:00", arriving)

        assert story.state == before
        assert len(story.records) == sent
        assert story.counted("duplicates") == ["web"]


def test_b19_an_order_again_under_another_event_id_counts_once() -> None:
    story = Story(*RULES).at("10:00", order_completed("A", order="o-1", amount_minor=500, currency="EUR"))
    story.at("10:05", order_completed("A", order="o-1", amount_minor=500, currency="EUR", channel="pos"))

    assert story.customer["orders"] == 1
    assert story.customer["spend_minor"] == {"EUR": 500}
    assert story.counted("orders_repeated") == ["pos"]


def test_b20_the_same_event_id_with_another_payload_is_flagged_and_replaces_nothing() -> None:
    story = Story(*RULES).at("10:00", product_added("A", cart="c1", event_id="e-7"))
    before = story.state
    story.at("10:00", product_added("B", cart="c1", event_id="e-7"))

    assert story.state == before
    assert story.counted("event_conflicts") == ["web"]
    assert story.counted("duplicates") == []


@pytest.mark.parametrize(
    ("happened", "arriving"),
    [("2d 10:00", "10:00"), ("11:01", "10:00"), ("-30d 10:00", "10:00"), ("-7d 09:59", "10:00")],
)
def test_b23_a_time_that_cannot_be_fires_nothing_and_is_counted_per_channel(happened: str, arriving: str) -> None:
    story = Story(*RULES).trained("A", "B", orders=5)
    story.at(happened, product_added("A", cart="c1"), arriving=arriving).at("5d 00:00")

    assert story.records == []
    assert story.counted("events_out_of_time") == ["web"]


@pytest.mark.parametrize(("happened", "arriving"), [("11:00", "10:00"), ("-7d 10:00", "10:00")])
def test_b23_an_hour_ahead_and_seven_days_behind_may_still_have_just_happened(happened: str, arriving: str) -> None:
    story = Story(*RULES).at(happened, product_added("A", cart="c1"), arriving=arriving).at("5d 00:00")

    assert [rule for _, rule in story.fired] == ["abandoned_cart"]


@pytest.mark.parametrize(("channel", "fires"), [("web", False), ("pos", True), ("app", True)])
def test_b23_each_channel_may_have_its_own_lateness(channel: str, fires: bool) -> None:
    """Tills may upload at night; what the site tells a day late has not just happened; the app has the usual week."""
    policy = Policy(late_ms={"web": HOUR_MS, "pos": 36 * HOUR_MS})
    story = Story(*RULES, policy=policy)
    story.at("10:00", product_added("A", cart="c1", channel=channel), arriving="1d 09:00").at("5d 00:00")

    assert bool(story.fired) is fires
    assert story.counted("events_out_of_time") == ([] if fires else [channel])


def test_b23_an_order_with_an_impossible_time_is_kept_with_both_times_and_is_money() -> None:
    story = Story(*RULES).at("-30d 10:00", order_completed("A", order="o-1", amount_minor=500), arriving="10:00")

    assert story.customer["last_orders"] == [
        {
            "amount_minor": 500,
            "at": "2026-10-25T10:00:00.000Z",
            "cancelled": False,
            "currency": "XXX",
            "order_id": "o-1",
            "received_at": "2026-11-24T10:00:00.000Z",
            "refunded_minor": 0,
            "skus": ["A"],
        }
    ]
    assert story.customer["spend_minor"] == {"XXX": 500}
    assert story.customer["owned"] == ["A"]


def test_b23_an_event_from_the_future_closes_no_cart_of_the_days_to_come() -> None:
    story = Story(*RULES).at("2d 10:00", order_completed("A"), arriving="10:00")
    story.at("12:00", product_added("B", cart="c1")).at("13:00")

    assert story.fired == [("13:00", "abandoned_cart")]
    assert story.customer["last_seen_at"] == "2026-11-24T12:00:00.000Z"


def test_an_event_type_without_a_meaning_here_changes_last_seen_alone() -> None:
    story = Story(*RULES).at("10:00", event("product_viewed", channel="app"), event("never_heard_of", channel="pos"))

    customer = story.customer
    assert customer["events"] == 2
    assert customer["carts"] == customer["timers"] == []
    assert customer["channels"] == {
        "app": {"events": 1, "last_seen_at": "2026-11-24T10:00:00.000Z"},
        "pos": {"events": 1, "last_seen_at": "2026-11-24T10:00:00.000Z"},
    }


def test_identifiers_are_claimed_up_to_the_limit_of_their_kind_and_the_event_counts_all_the_same() -> None:
    story = Story(*RULES)
    for number in range(7):
        story.at("10:00", event("page_viewed", identifiers={"account": "u-1", "cookie": f"c-{number}"}))

    assert story.customer["identifiers"] == {"account": ["u-1"], "cookie": ["c-0", "c-1", "c-2", "c-3", "c-4"]}
    assert story.customer["events"] == 7
    assert story.counted("identity_refusals") == ["kind_limit", "kind_limit"]


@pytest.mark.parametrize("told", [lambda: product_added("A"), lambda: order_completed("A")])
def test_events_without_identifiers_or_cart_still_find_their_customer(told: Callable[[], ChannelEvent]) -> None:
    assert Story(*RULES).at("10:00", told()).customer["events"] == 1


def test_a_cart_event_without_products_is_counted_and_changes_no_cart() -> None:
    story = Story(*RULES).at("10:00", event("product_added", cart_id="c1"), event("product_removed", cart_id="c1"))

    assert story.customer["carts"] == []
    assert story.counted("events_incomplete") == ["items", "items"]


def test_an_answer_for_a_customer_not_known_here_makes_no_customer() -> None:
    story = Story(*RULES)
    answer = Complements("default", "customer-1", "A", (Complement("B", 9, 0.9),), "e-1", at_ms("10:00"), "web")

    assert story.actor.handle(None, answer, at_ms("10:00")) == (
        None,
        (Count("answers_dropped", "unknown_customer"),),
    )

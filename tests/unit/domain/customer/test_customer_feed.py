"""When a changed customer is published for those who follow the topic `customers`, and what is told."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import msgspec
import pytest

from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.record import DETAILS_BYTES, customer_record
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import Context, Item
from pipeline.domain.messages.effects import Publish
from pipeline.domain.records import Customer
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.time import MINUTE_MS
from pipeline.wire.records import decode_record, encode_record
from tests.unit.domain.triggers.story import (
    Story,
    abandoned_cart,
    at_ms,
    clock_of,
    event,
    order_completed,
    product_added,
    product_removed,
)

FIVE_MINUTES_MS = 5 * MINUTE_MS

both_clocks = pytest.mark.parametrize("clock", ["wall", "event"])


def followed(*rules: Rule, every_ms: int = FIVE_MINUTES_MS, clock: Literal["wall", "event"] = "wall") -> Story:
    story = Story(clock=clock)
    story.actor = CustomerActor(Rules("test", rules), clock, customers_every_ms=every_ms)
    return story


def told(story: Story) -> list[Customer]:
    return [e.record for e in story.effects if isinstance(e, Publish) and isinstance(e.record, Customer)]


def times(story: Story) -> list[str]:
    return [clock_of(record.updated_at_ms) for record in told(story)]


@both_clocks
def test_a_burst_is_told_once_at_the_end_of_the_interval_that_its_first_event_began(
    clock: Literal["wall", "event"],
) -> None:
    story = followed(clock=clock)
    story.at("10:00", product_added("A")).at("10:02", product_added("B")).at("10:04", product_removed("A"))
    assert times(story.at("10:04")) == []

    story.at("10:05").at("10:30")

    assert times(story) == ["10:05"]
    (record,) = told(story)
    assert [line.sku for cart in record.open_carts for line in cart.items] == ["B"]
    assert record.last_seen_at_ms == at_ms("10:04")
    assert record.details is not None
    assert msgspec.json.decode(record.details) == msgspec.json.decode(msgspec.json.encode(story.customer))


@both_clocks
def test_a_customer_who_goes_on_is_told_of_once_per_interval(clock: Literal["wall", "event"]) -> None:
    story = followed(clock=clock)
    for minute in range(20):
        story.at(f"10:{minute:02}", product_added("A"))
    story.at("11:00")

    updated = [record.updated_at_ms for record in told(story)]
    assert min(later - earlier for earlier, later in pairwise(updated)) >= FIVE_MINUTES_MS
    assert len(times(story)) == 4
    assert told(story)[-1].open_carts[0].items[0].quantity == 20


def test_what_the_clock_passes_at_once_is_told_as_it_was_at_each_time() -> None:
    story = followed(abandoned_cart("30m"), clock="event")
    story.tell(msgspec.structs.replace(product_added("A"), event_id="e-1", occurred_at_ms=at_ms("10:00")), 0)
    story.tell(msgspec.structs.replace(product_added("B"), event_id="e-2", occurred_at_ms=at_ms("10:10")), 0)

    story.pass_time(at_ms("12:00"))

    carts = [[line.sku for line in each.open_carts[0].items] for each in told(story)]
    assert list(zip(times(story), carts, strict=True)) == [
        ("10:05", ["A"]), ("10:15", ["A", "B"]), ("10:45", ["A", "B"]),
    ]  # fmt: skip
    sent = [msgspec.json.decode(each.details or "")["triggers"] for each in told(story)]
    assert [len(triggers) for triggers in sent] == [0, 0, 1], "the reminder of 10:40 is told with the last"


def test_an_event_told_twice_is_no_change() -> None:
    added = product_added("A", event_id="e-1")
    story = followed().at("10:00", added).at("10:20").again(added, "10:00", arriving="10:20").at("10:40")

    assert times(story) == ["10:05"]


def test_no_feed_is_asked_for_so_nothing_is_told_and_nobody_wakes_for_it() -> None:
    story = followed(every_ms=0).at("10:00", product_added("A"))
    assert story.state is not None
    assert story.actor.wakes_at(story.state) is None

    assert told(story.at("11:00")) == []


def test_a_feed_turned_off_while_records_are_due_leaves_them_and_wakes_nobody() -> None:
    story = followed(abandoned_cart("30m")).at("10:00", product_added("A"))
    story.actor = CustomerActor(Rules("test", (abandoned_cart("30m"),)))

    assert told(story.at("11:00")) == []
    assert story.fired == [("10:30", "abandoned_cart")]


def test_the_record_says_in_fields_what_sites_and_ad_platforms_use() -> None:
    shoe = Item("S", 1, 8_999, "EUR", {"category": "shoes", "size": "38"})
    context = Context(country="DE", city="Hamburg", time_zone="Europe/Berlin", locale="de-DE", device="phone")
    story = followed()
    story.at("10:00", event("identified", context=context, properties={"first_name": "Anna", "tier": "gold"}))
    story.at("10:01", event("product_viewed", items=(shoe,), consent={"ads": False, "email": True}))
    story.at("10:01", event("points_earned", properties={"points": 40}))
    story.at("10:02", order_completed("B", amount_minor=4_000, currency="EUR", store_id="HH", channel="pos"))
    story.at("10:03", event("cart_updated", cart_id="c-2", items=(shoe,))).at("10:05")

    (record,) = told(story)

    assert (record.identifiers, record.traits["first_name"]) == ({"cookie": ("c-9",)}, "Anna")
    assert (record.consent, record.journey_stage) == ({"ads": False, "email": True}, "consideration")
    assert (record.orders, record.spend_minor, record.tier, record.points) == (1, {"EUR": 4_000}, "gold", 40)
    assert [(cart.cart_id, cart.items) for cart in record.open_carts] == [("c-2", (shoe,))]
    assert (record.preferred_sizes, record.favourite_store) == ({"shoes": "38"}, "HH")
    assert (record.country, record.city, record.time_zone) == ("DE", "Hamburg", "Europe/Berlin")
    assert (record.locale, record.device, record.merged_into) == ("de-DE", "phone", None)
    assert decode_record(Customer, encode_record(record)) == record


def test_a_bought_cart_is_not_open_whether_the_order_named_it_or_not() -> None:
    story = followed().at("10:00", product_added("A", cart="c1"), product_added("A", cart="c2"))
    story.at("10:01", order_completed("A", cart="c1")).at("10:05")
    story.at("10:06", order_completed("A")).at("10:15")

    assert [[cart.cart_id for cart in record.open_carts] for record in told(story)] == [["c2"], []]


def test_of_a_huge_customer_neither_details_nor_attributes_are_told() -> None:
    story = followed()
    lines = tuple(Item(f"SKU-{number}", 1, 100, "EUR", {"text": "x" * 256, "more": "y" * 256}) for number in range(100))
    for number in range(15):
        story.at("10:00", event("cart_updated", cart_id=f"c-{number}", items=lines))
    story.at("10:05")

    (record,) = told(story)

    assert record.details is None
    assert len(record.open_carts) == 15
    assert all(not line.attributes for cart in record.open_carts for line in cart.items)
    assert len(encode_record(record)) < DETAILS_BYTES


def test_the_same_state_and_time_are_the_same_bytes() -> None:
    story = followed().at("10:00", product_added("B", cart="c2"), product_added("A", cart="c1"))
    state = story.state
    assert state is not None
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=CustomerState)

    assert encode_record(customer_record(state, 5)) == encode_record(customer_record(again, 5))

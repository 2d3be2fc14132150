"""What is advertised to whom (B32): products that interest a customer, by the newest interest, in their size."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from pipeline.domain.conditions.combined import AllOf, AnyOf, Not
from pipeline.domain.conditions.facts import Tier
from pipeline.domain.conditions.interest import LastOrder
from pipeline.domain.conditions.products import SHOWN_KEPT, Shows, Source, shown, shows_in
from pipeline.domain.conditions.word import Ago
from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.audiences import Audience
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages.effects import Publish
from pipeline.domain.messages.to_customer import ProductNews
from pipeline.domain.records import AudienceMember
from pipeline.domain.rules.in_force import Rules
from pipeline.domain.time import DAY_MS
from pipeline.domain.triggers.view import Condition
from tests.unit.domain.triggers.story import (
    Story,
    at_ms,
    clock_of,
    event,
    order_completed,
    product_added,
    product_removed,
    viewed,
)

both_clocks = pytest.mark.parametrize("clock", ["wall", "event"])
INTERESTED = Shows(("carted", "viewed"), within_ms=30 * DAY_MS)
RELATED = Shows(("goes_with_bought",), within_ms=60 * DAY_MS)


def ads(*conditions: Condition, clock: Literal["wall", "event"] = "wall", customer_id: str = "customer-1") -> Story:
    """Audiences a, b … of these conditions."""
    story = Story(clock=clock, customer_id=customer_id)
    audiences = [Audience(name, condition) for name, condition in zip("abc", conditions, strict=False)]
    story.actor = CustomerActor(Rules("test", (), audiences=audiences), clock)
    return story


def stock(story: Story, clock: str, sku: str, pieces: int, size: str | None = None) -> Story:
    story.pass_time(at_ms(clock))
    news = ProductNews("default", "customer-1", sku, f"stock-{clock}", at_ms(clock), pieces, size)
    story.deliver(news, at_ms(clock))
    return story


def records(story: Story, audience: str = "a") -> list[AudienceMember]:
    published = [e.record for e in story.effects if isinstance(e, Publish)]
    return [each for each in published if isinstance(each, AudienceMember) and each.audience == audience]


def told(story: Story, audience: str = "a") -> list[tuple[str, list[str]]]:
    """Why each record was told, and the products in it with their size; of one who has left, None."""
    return [
        (str(each.reason), [f"{item.sku}/{item.size}" if item.size else item.sku for item in each.items])
        if each.member
        else (f"left: {each.reason}", [])
        for each in records(story, audience)
    ]


def sized(event_type: str, sku: str, size: str | None = None, **fields: Any) -> ChannelEvent:
    attributes = {"category": "dresses"} | ({"size": size} if size else {})
    return event(event_type, items=(Item(sku, attributes=attributes),), **fields)


def shows(*sources: Source, within_ms: int | None = None) -> Shows:
    return Shows(sources, within_ms)


@both_clocks
def test_b32_what_is_bought_leaves_at_once_and_what_goes_with_it_enters(clock: Literal["wall", "event"]) -> None:
    story = ads(INTERESTED, RELATED, clock=clock).trained("DRESS", "CLUTCH", orders=3)
    story.at("10:00", product_added("DRESS", cart="c1")).at("10:10", viewed("HAT"))

    story.at("11:00", order_completed("DRESS", cart="c1", order="o-1"))

    assert told(story) == [("condition", ["DRESS"]), ("items", ["HAT", "DRESS"]), ("items", ["HAT"])]
    assert told(story, "b") == [("condition", ["CLUTCH"])]
    assert [clock_of(each.since_ms) for each in records(story)] == ["10:00"] * 3
    assert [clock_of(each.since_ms) for each in records(story, "b")] == ["11:00"]


def test_b32_who_has_bought_all_of_it_leaves() -> None:
    story = ads(INTERESTED).at("10:00", viewed("A"), product_added("A")).at("11:00", order_completed("A"))

    assert told(story) == [("condition", ["A"]), ("left: condition", [])]


def test_b32_what_goes_with_a_purchase_is_no_longer_shown_once_it_is_bought_too() -> None:
    story = ads(RELATED).trained("A", "B", "C", orders=3)
    story.at("10:00", order_completed("A", order="o-1")).at("11:00", order_completed("B", order="o-2"))

    assert told(story) == [("condition", ["B", "C"]), ("items", ["C"])]


def test_b32_a_purchase_called_off_no_longer_counts() -> None:
    story = ads(INTERESTED, RELATED).trained("A", "B", orders=3)
    story.at("10:00", viewed("A")).at("11:00", order_completed("A", order="o-1"))
    story.at("12:00", event("order_cancelled", order_id="o-1"))

    assert told(story) == [("condition", ["A"]), ("left: condition", []), ("condition", ["A"])]
    assert told(story, "b") == [("condition", ["B"]), ("left: condition", [])]


def test_b32_what_is_sold_out_in_the_customers_size_is_not_advertised_until_it_is_back() -> None:
    story = ads(INTERESTED).at("10:00", sized("product_added", "DRESS", "38", cart_id="c1"))
    story.at("10:05", viewed("HAT"))
    stock(story, "10:10", "DRESS", 0, "40")
    stock(story, "10:20", "DRESS", 0, "38")

    stock(story, "11:00", "DRESS", 2, "38")

    assert told(story) == [
        ("condition", ["DRESS/38"]),
        ("items", ["HAT", "DRESS/38"]),
        ("items", ["HAT"]),
        ("items", ["HAT", "DRESS/38"]),
    ]


def test_b32_who_has_nothing_left_to_be_shown_leaves_and_comes_back_with_the_stock() -> None:
    story = ads(INTERESTED).at("10:00", viewed("A"))

    stock(stock(story, "10:10", "A", 0), "10:20", "A", 1)

    assert [(clock_of(r.since_ms), r.member) for r in records(story)] == [
        ("10:00", True),
        ("10:10", False),
        ("10:20", True),
    ]


def test_b32_the_size_is_that_of_the_cart_else_of_the_alert_else_preferred_in_the_category() -> None:
    searched = event("products_searched", properties={"query": "x", "category": "dresses", "size": "40"})
    story = ads(shows("viewed")).at("10:00", searched).at("10:01", sized("product_viewed", "A"))
    story.at("10:02", sized("stock_alert_requested", "A", "42"))
    story.at("10:03", sized("product_added", "A", "38"))

    assert [items for _, items in told(story)] == [["A/40"], ["A/42"], ["A/38"]]


def test_what_sells_out_while_nobody_looks_at_it_is_no_news() -> None:
    story = stock(ads(INTERESTED).at("10:00", viewed("A")), "10:10", "B", 0)

    assert told(story) == [("condition", ["A"])]


def test_products_leave_one_by_one_by_time_alone_and_the_last_takes_the_customer_along() -> None:
    story = ads(shows("viewed", within_ms=DAY_MS)).at("10:00", viewed("A")).at("12:00", viewed("B"))

    story.at("1d 09:59").at("1d 10:00").at("1d 11:59").at("1d 12:00").at("9d 10:00")

    assert told(story) == [("condition", ["A"]), ("items", ["B", "A"]), ("items", ["B"]), ("left: condition", [])]


def test_a_product_looked_at_again_comes_first_and_is_not_told_twice() -> None:
    story = ads(shows("viewed")).at("10:00", viewed("A")).at("10:05", viewed("B"))

    story.at("10:10", viewed("A")).at("10:15", viewed("A")).at("10:20", event("page_viewed"))

    assert [items for _, items in told(story)] == [["A"], ["B", "A"], ["A", "B"]]


@pytest.mark.parametrize(
    ("source", "events", "items"),
    [
        ("carted", [product_added("A", "B"), product_removed("B"), viewed("V")], ["A"]),
        ("viewed", [viewed("V"), event("barcode_scanned", items=(Item("S"),)), product_added("A")], ["S", "V"]),
        ("wished", [event("product_added_to_wishlist", items=(Item("W"),)), viewed("V")], ["W"]),
        ("bought", [viewed("V"), order_completed("B")], ["B"]),
        ("goes_with_bought", [viewed("V"), order_completed("X")], ["Y"]),
    ],
)
def test_each_source_of_interest(source: Source, events: list[ChannelEvent], items: list[str]) -> None:
    story = ads(shows(source)).trained("X", "Y", orders=3)
    for minute, each in enumerate(events):
        story.at(f"10:{minute:02}", each)

    assert told(story)[-1][1] == items


@pytest.mark.parametrize("source", ["carted", "wished"])
def test_what_is_wanted_anew_after_it_was_bought_is_shown(source: Source) -> None:
    wanted = product_added("A") if source == "carted" else event("product_added_to_wishlist", items=(Item("A"),))
    story = ads(shows(source)).at("10:00", wanted).at("10:10", order_completed("A"))
    assert told(story)[-1] == ("left: condition", [])

    assert told(story.at("10:20", wanted))[-1] == ("condition", ["A"])


def test_lapsed_buyers_are_shown_what_goes_with_what_they_bought() -> None:
    lapsed = AllOf((LastOrder(Ago(more_than_ms=90 * DAY_MS)), shows("goes_with_bought", "bought")))
    story = ads(lapsed).trained("A", "B", orders=3).at("10:00", order_completed("A", order="o-1"))

    story.at("90d 09:59")
    assert told(story) == []

    assert told(story.at("90d 10:00")) == [("condition", ["A", "B"])]
    assert told(story.at("95d 10:00", order_completed("C", order="o-2")))[-1] == ("left: condition", [])


def test_only_parts_of_the_condition_that_hold_find_products() -> None:
    gold = AllOf((Tier(("gold",)), shows("wished")))
    story = ads(AnyOf((gold, shows("carted"), Not(shows("viewed")))))
    story.at("10:00", viewed("V"), event("product_added_to_wishlist", items=(Item("W"),)))
    story.at("10:05", product_added("A"))
    assert told(story) == [("condition", ["A"])]

    story.at("10:10", event("tier_changed", properties={"tier": "gold"}))

    assert told(story)[-1] == ("items", ["A", "W"])


def test_other_addresses_are_told_with_the_products() -> None:
    account = {"account": "u-1"}
    story = ads(INTERESTED).at("10:00", viewed("A", identifiers=account))

    story.at("10:05", event("page_viewed", identifiers=account | {"email": "anna@example.com"}))

    assert told(story) == [("condition", ["A"]), ("addresses", ["A"])]


def test_whoever_denies_ads_leaves_with_no_product_and_comes_back_with_all() -> None:
    story = ads(INTERESTED).at("10:00", viewed("A")).at("10:05", event("page_viewed", consent={"ads": False}))
    story.at("10:10", viewed("B")).at("10:15", event("page_viewed", consent={"ads": True}))

    assert told(story) == [("condition", ["A"]), ("left: consent", []), ("condition", ["B", "A"])]


def test_nobody_is_asked_what_goes_with_a_purchase_where_no_audience_shows_it() -> None:
    story = ads(INTERESTED).trained("A", "B", orders=3).at("10:00", order_completed("A"))

    assert story.state is not None
    assert story.state.heard.answers == {}


def test_an_order_that_comes_too_late_asks_nothing() -> None:
    story = ads(RELATED).trained("A", "B", orders=3).at("-30d 10:00", order_completed("A"), arriving="10:00")

    assert told(story) == []


def test_two_customers_who_become_one_are_shown_the_products_of_both() -> None:
    story, other = ads(INTERESTED).at("10:00", viewed("A")), ads(INTERESTED, customer_id="customer-2")
    other.at("10:05", viewed("B")).at("10:06", viewed("C"))
    stock_of_other = ProductNews("default", "customer-2", "C", "stock", at_ms("10:07"), 0)
    other.deliver(stock_of_other, at_ms("10:07"))

    story.joined_by(other, "10:10").at("10:11", event("page_viewed"))

    assert told(story) == [("condition", ["A"]), ("items", ["B", "A"])]


def test_a_customer_is_shown_the_newest_products_and_no_more_than_twenty() -> None:
    story = ads(Shows(("viewed", "carted"), within_ms=DAY_MS))
    for minute in range(45):
        story.at(f"10:{minute:02}", viewed(f"V{minute:02}"), product_added(f"C{minute:02}", cart="c1"))

    items = [each.sku for each in records(story)[-1].items]
    assert len(items) == SHOWN_KEPT
    assert items[:4] == ["C44", "V44", "C43", "V43"]
    assert story.state is not None
    assert shown(INTERESTED, story.state, at_ms("10:44")) == records(story)[-1].items  # type: ignore[arg-type]


def test_a_rules_own_condition_and_config_are_searched_for_what_they_show() -> None:
    wanted = shows("viewed")

    found = list(shows_in((Audience("a", AllOf((AnyOf((wanted,)), Not(RELATED)))),)))

    assert found == [wanted, RELATED]

"""B1–B5 and B15 on the in-memory bus: who becomes one customer, who does not, and what counts then."""

from __future__ import annotations

import json

import pytest

from pipeline.domain.events import ChannelEvent, Item
from tests.simulation.town import MINUTE, TEN, Town, customer


def test_b1_an_anonymous_visitor_who_logs_in_is_one_customer_with_all_that_was_seen() -> None:
    town = Town().at(0, cookie="a1").at(1, cookie="a1").at(2, cookie="a1").at(3, cookie="a1", account="u1")

    (one,) = town.customers
    assert one["events"] == 4
    assert one["customer_id"] == customer("account", "u1")
    assert one["identifiers"] == {"account": ["u1"], "cookie": ["a1"]}
    assert one["merged_from"] == [customer("cookie", "a1")]
    (merged,) = town.changes("merged")
    assert (merged.customer_id, merged.other_customer_id) == (one["customer_id"], customer("cookie", "a1"))
    assert (merged.kind, merged.value, merged.caused_by) == ("cookie", "a1", "e-4")


def test_b2_two_accounts_on_one_device_stay_apart_and_the_device_goes_with_the_latest_login() -> None:
    town = Town().at(0, cookie="a1", account="u1").at(1, cookie="a1", account="u2").at(2, cookie="a1")

    assert town.of(account="u1")["identifiers"] == {"account": ["u1"]}
    assert town.of(account="u2")["identifiers"] == {"account": ["u2"], "cookie": ["a1"]}
    assert (town.of(account="u1")["events"], town.of(account="u2")["events"]) == (1, 2)
    (refused,) = town.changes("refused")
    assert (refused.reason, refused.customer_id) == ("kind_limit", customer("account", "u2"))
    assert refused.other_customer_id == customer("account", "u1")
    (moved,) = town.changes("moved")
    assert (moved.customer_id, moved.other_customer_id) == (customer("account", "u2"), customer("account", "u1"))


def test_b2_a_device_goes_back_and_forth_with_each_login() -> None:
    town = Town()
    for minute, account in enumerate(("u1", "u2", "u1", "u2", "u1")):
        town.at(minute, cookie="a1", account=account)

    assert town.of(cookie="a1")["customer_id"] == customer("account", "u1")
    assert len(town.changes("moved")) == 4


def test_b2_a_login_told_late_does_not_take_the_device_back() -> None:
    town = Town().at(0, cookie="a1", account="u1").at(5, cookie="a1", account="u1").at(2, cookie="a1", account="u2")

    assert town.of(cookie="a1")["customer_id"] == customer("account", "u1")
    assert [change.reason for change in town.changes("refused")] == ["kind_limit", "earlier_login"]


@pytest.mark.parametrize("value", ["null", "NULL", '"null"', " guest ", "0", "000-000", "[object Object]", "x" * 1_025])
def test_b3_values_that_identify_nobody_never_link_and_the_event_is_kept(value: str) -> None:
    town = Town().at(0, cookie=value, account="u1").at(1, cookie=value, account="u2")

    assert len(town.customers) == 2
    assert sum(each["events"] for each in town.customers) == 2
    assert town.simulation.counted()["identifiers_blocked"] == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_b4_the_same_links_told_five_times_in_any_order_are_one_customer_counted_once(order: tuple[int, ...]) -> None:
    links = [{"cookie": "a1", "email": "m@example.com"}, {"cookie": "a1", "account": "u1"}, {"cookie": "a1"}]
    town = Town()
    for number in order * 5:
        town.at(number, event_id=f"link-{number}", **links[number])

    (one,) = town.customers
    assert (one["events"], one["customer_id"]) == (3, customer("account", "u1"))


@pytest.mark.parametrize("partitions", range(1, 9))
def test_b5_links_that_arrive_at_once_on_different_partitions_give_one_customer(partitions: int) -> None:
    town = Town(partitions=partitions)
    chain = [("email", "x1@example.com"), ("phone", "+491701"), ("device", "x1"), ("cookie", "x1")]
    for kind, value in chain:
        town.at(0, **{kind: value})
    events = [dict(chain[place : place + 2]) for place in (2, 0, 1)]
    read = [
        town.simulation.read(ChannelEvent(f"link-{number}", "page_viewed", "web", TEN + MINUTE, identifiers))
        for number, identifiers in enumerate(events)
    ]
    town.simulation.play(read)

    (one,) = town.customers
    assert one["customer_id"] == customer("email", "x1@example.com")
    assert one["events"] == 7
    assert len(one["merged_from"]) == 3


def test_b15_a_cart_of_a_visitor_bought_elsewhere_is_not_reminded_of_once_the_two_are_known_to_be_one() -> None:
    cart = {"cart_id": "c1", "items": (Item("A"),)}
    town = Town().at(0, "product_added", cookie="a1", **cart)
    town.at(10, "order_completed", account="u1", order_id="o-1", items=(Item("A"),))
    town.at(20, cookie="a1", account="u1").until(200)

    assert town.triggers == []
    assert [d.reason for d in town.simulation.decisions()] == ["bought"]


def test_a_cart_pending_at_a_merge_is_reminded_of_once_and_as_the_customer_it_belongs_to_now() -> None:
    town = Town().at(0, "product_added", cookie="a1", cart_id="c1", items=(Item("A"),))
    town.at(20, cookie="a1", account="u1").until(200)

    assert town.triggers == [("fired", customer("account", "u1"))]


def test_kinds_never_seen_link_like_any_other_and_malformed_ones_do_not() -> None:
    town = Town().at(0, badge="b1", cookie="a1").at(1, badge="b1").at(2, **{"bad kind!": "b1", "cookie": "a2"})

    assert town.of(badge="b1")["events"] == 2
    assert town.of(cookie="a2")["events"] == 1
    assert town.simulation.counted()["identifiers_blocked"] == 1


def test_an_order_told_on_both_sides_of_a_merge_is_one_sale_of_its_products_where_it_was_told_first() -> None:
    order = {"order_id": "o-1", "amount_minor": 1_000, "currency": "EUR", "items": (Item("A"),)}
    town = Town().at(0, "order_completed", email="m1@example.com", store_id="berlin", **order)
    town.at(1, "order_completed", loyalty="l1", store_id="paris", **order)

    town.at(2, loyalty="l1", email="m1@example.com")

    (product,) = map(json.loads, town.simulation.product_lines())
    assert (product["baskets"], product["demand"]["sales"]) == (1, 1.0)
    sales = {store: (counts["sales"], counts["recent"]) for store, counts in product["stores"].items()}
    assert sales == {"berlin": (1.0, 1.0), "paris": (0.0, 0.0)}

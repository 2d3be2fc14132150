"""The VIP: a customer who has become one of the best."""

from __future__ import annotations

from pipeline.domain.customer.state import MARKS_KEPT
from pipeline.domain.events import ChannelEvent
from tests.unit.domain.triggers.story import Story, a_rule, event, order_completed


def order(amount: int, name: str, currency: str = "EUR") -> ChannelEvent:
    return event("order_completed", order_id=name, amount_minor=amount * 100, currency=currency)


def test_the_order_that_makes_one_is_told_once() -> None:
    story = Story(a_rule("vip", orders=2)).at("10:00", order(10, "o1")).at("11:00", order(10, "o2"))
    story.at("12:00", order(10, "o3"))

    assert story.fired == [("11:00", "vip")]
    assert story.triggers[0].reason == "20.00 EUR spent in 2 orders"


def test_where_money_is_asked_for_the_number_of_orders_does_not_matter() -> None:
    story = Story(a_rule("vip", spent_minor=50_000)).at("10:00", order(400, "o1")).at("11:00", order(100, "o2"))

    assert story.fired == [("11:00", "vip")]


def test_where_both_are_asked_for_both_must_be_reached() -> None:
    rule = a_rule("vip", spent_minor=50_000, orders=3)
    story = Story(rule).at("10:00", order(600, "o1")).at("11:00", order(1, "o2")).at("12:00", order(1, "o3"))

    assert story.fired == [("12:00", "vip")]


def test_where_nothing_is_asked_for_ten_orders_make_one() -> None:
    story = Story(a_rule("vip"))
    for number in range(11):
        story.at(f"{number + 1:02}:00", order(1, f"o{number}"))

    assert story.fired == [("10:00", "vip")]


def test_what_was_given_back_and_other_currencies_do_not_count() -> None:
    story = Story(a_rule("vip", spent_minor=50_000)).at("10:00", order(499, "o1"))
    story.at("10:30", event("order_refunded", order_id="o1", amount_minor=10_000, currency="EUR"))
    story.at("11:00", order(50, "o2"), order(900, "o3", "USD"))

    assert story.fired == []


def test_b19_an_order_told_twice_counts_once() -> None:
    story = Story(a_rule("vip", orders=2)).at("10:00", order(10, "o1")).at("11:00", order(10, "o1"))

    assert story.fired == []


def test_two_who_become_one_and_are_one_of_the_best_together_are_told_with_the_next_order() -> None:
    other = Story(a_rule("vip", orders=3), customer_id="customer-2").at("10:00", order(1, "o1"))
    story = Story(a_rule("vip", orders=3)).at("10:00", order(1, "o2")).joined_by(other, "11:00")
    story.at("12:00", order_completed("A", order="o3"))

    assert story.fired == [("12:00", "vip")]


def test_two_who_become_one_are_not_told_again() -> None:
    other = Story(a_rule("vip", orders=1), customer_id="customer-2").at("10:00", order(1, "o1"))
    story = Story(a_rule("vip", orders=1)).at("10:00", event("page_viewed")).joined_by(other, "11:00")
    story.at("12:00", order(1, "o3"))

    assert story.fired == []


def test_a_rule_that_remembers_every_order_makes_no_other_forget_what_it_told() -> None:
    story = Story(a_rule("vip", orders=2), a_rule("post_purchase", after="order_completed"))
    for number in range(MARKS_KEPT + 10):
        story.at(f"{number}d 10:00", order(10, f"o{number}"))

    assert [rule for _, rule in story.fired].count("vip") == 1

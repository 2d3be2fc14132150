"""The VIP: a customer who has become one of the best."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.customer.state import MARKS_KEPT
from pipeline.domain.events import ChannelEvent
from tests.unit.domain.triggers.story import Story, a_rule, at_ms, event, order_completed


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


def cancelled(name: str) -> ChannelEvent:
    return event("order_cancelled", order_id=name)


def test_b26_who_has_cancelled_the_order_meanwhile_is_none_in_the_morning() -> None:
    story = Story(a_rule("vip", spent_minor=10_000, quiet_hours="21:00-07:00"))
    story.at("21:30", order(150, "o1")).at("22:00", cancelled("o1")).at("1d 07:00")

    assert story.decisions == [("21:30", "held", "quiet_hours"), ("1d 07:00", "dropped", "not_so")]


def test_b26_in_the_morning_it_is_told_once_with_what_was_spent_by_then() -> None:
    story = Story(a_rule("vip", spent_minor=10_000, quiet_hours="21:00-07:00"))
    story.at("21:30", order(150, "o1")).at("22:00", order(50, "o2")).at("1d 07:00").at("1d 12:00", order(1, "o3"))

    assert story.fired == [("1d 07:00", "vip")]
    assert story.triggers[0].reason == "200.00 EUR spent in 2 orders"


def test_b26_two_who_become_one_in_the_night_are_told_once() -> None:
    rule = a_rule("vip", spent_minor=10_000, quiet_hours="21:00-07:00")
    other = Story(rule, customer_id="customer-2").at("21:30", order(150, "o1"))
    story = Story(rule).at("21:40", order(150, "o2")).joined_by(other, "23:00").at("1d 07:00")

    assert story.fired == [("1d 07:00", "vip")]
    assert story.decisions[-1] == ("1d 07:00", "dropped", "done")


def test_an_order_that_was_called_off_is_none() -> None:
    story = Story(a_rule("vip", orders=2)).at("10:00", order(10, "o1")).at("10:30", cancelled("o1"))
    story.at("11:00", order(10, "o2")).at("12:00", order(10, "o3"))

    assert story.fired == [("12:00", "vip")]
    assert story.triggers[0].reason == "20.00 EUR spent in 2 orders"


def test_who_could_not_be_told_is_told_with_a_later_order() -> None:
    story = Story(a_rule("vip", spent_minor=10_000, channels=("email",))).at("10:00", order(200, "o1"))
    story.at("1d 10:00", event("identified", identifiers={"email": "u@x.de"})).at("2d 10:00", order(200, "o2"))

    assert story.decisions == [("10:00", "dropped", "no_address"), ("2d 10:00", "fired", "sent")]


def test_an_order_told_so_late_that_nothing_is_said_leaves_the_word_to_the_next() -> None:
    story = Story(a_rule("vip", spent_minor=10_000)).at("-10d 10:00", order(200, "o1"), arriving="10:00")
    story.at("11:00", order(10, "o2"))

    assert story.fired == [("11:00", "vip")]


def test_who_was_told_by_an_earlier_release_is_not_told_again() -> None:
    story = Story(a_rule("vip", orders=2)).at("10:00", order(10, "o1"))
    assert story.state is not None
    story.state = replace(story.state, marks={"vip\x1f": at_ms("09:00")})
    story.at("11:00", order(10, "o2"))

    assert story.fired == []

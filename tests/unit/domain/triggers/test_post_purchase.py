"""Thanks, care tips and reviews, after the purchase."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.events import ChannelEvent
from pipeline.domain.rules.in_force import Rule
from tests.unit.domain.triggers.story import Story, a_rule, event, item, product_added


def after(what: str = "order_delivered", **fields: Any) -> Rule:
    return a_rule("post_purchase", after=what, **fields)


def ordered(*skus: str, order: str = "o-1", price: int = 1000) -> ChannelEvent:
    return event("order_completed", items=tuple(item(sku, 1, price) for sku in skus), order_id=order)


def delivered(order: str = "o-1") -> ChannelEvent:
    return event("order_delivered", order_id=order)


def reviewed(*skus: str) -> ChannelEvent:
    return event("product_reviewed", items=tuple(item(sku) for sku in skus))


def given_back(*skus: str, order: str = "o-1", price: int = 1000) -> ChannelEvent:
    return event("order_refunded", items=tuple(item(sku, 1, price) for sku in skus), order_id=order)


@pytest.mark.parametrize(
    ("what", "said"),
    [("order_shipped", "shipped"), ("order_delivered", "delivered"), ("order_collected", "collected")],
)
def test_s15_an_order_that_has_come_so_far_is_written_about_once(what: str, said: str) -> None:
    story = Story(after(what)).at("09:00", ordered("A", "B"))
    story.at("10:00", event(what, order_id="o-1")).at("11:00", event(what, order_id="o-1"))

    assert story.fired == [("10:00", "post_purchase")]
    assert story.triggers[0].reason == f"Order o-1 was {said}"
    assert [line.sku for line in story.triggers[0].items] == ["A", "B"]
    assert story.triggers[0].context == {"order_id": "o-1", "about": "thanks"}


def test_thanks_for_an_order_come_with_it_and_every_order_has_thanks_of_its_own() -> None:
    story = Story(after("order_completed")).at("10:00", ordered("A")).at("11:00", ordered("A", order="o-2"))

    assert story.fired == [("10:00", "post_purchase"), ("11:00", "post_purchase")]
    assert len({trigger.trigger_id for trigger in story.triggers}) == 2


def test_b19_an_order_told_by_two_channels_is_written_about_once() -> None:
    story = Story(after("order_completed", delay="1d")).at("10:00", ordered("A")).at("12:00", ordered("A"))

    assert story.at("3d 10:00").fired == [("1d 10:00", "post_purchase")]


def test_the_message_waits_as_long_as_the_rule_says() -> None:
    story = Story(after(delay="7d", about="care")).at("09:00", ordered("A")).at("10:00", delivered())

    assert story.at("7d 09:59").at("7d 10:00").at("9d 10:00").fired == [("7d 10:00", "post_purchase")]
    assert story.triggers[0].reason == "Order o-1 was delivered 7 days ago"


@pytest.mark.parametrize(
    "end",
    [event("order_cancelled", order_id="o-1"), event("order_refunded", order_id="o-1"), given_back("A", "B")],
)
def test_an_order_called_off_or_given_back_whole_is_not_written_about(end: ChannelEvent) -> None:
    story = Story(after(delay="7d")).at("09:00", ordered("A", "B")).at("10:00", delivered()).at("1d 10:00", end)
    assert story.at("9d 10:00").decisions == [("1d 10:00", "dropped", "called_off")]

    story = Story(after()).at("09:00", ordered("A", "B")).at("09:30", end).at("10:00", delivered())
    assert story.records == []


def test_what_was_given_back_of_it_is_not_named() -> None:
    story = Story(after(delay="7d")).at("09:00", ordered("A", "B")).at("10:00", delivered())
    story.at("1d 10:00", given_back("A")).at("9d 10:00")
    assert [line.sku for line in story.triggers[0].items] == ["B"]

    story = Story(after()).at("09:00", ordered("A", "B")).at("09:30", given_back("A")).at("10:00", delivered())
    assert [line.sku for line in story.triggers[0].items] == ["B"]


def test_what_was_given_back_once_and_ordered_again_is_named() -> None:
    story = Story(after()).at("09:00", ordered("A", "B")).at("10:00", given_back("A"))
    story.at("11:00", ordered("A", order="o-2")).at("12:00", delivered("o-2"))

    assert [line.sku for line in story.triggers[0].items] == ["A"]


def test_what_went_back_of_one_order_is_named_of_another_that_is_kept() -> None:
    story = Story(after(about="care")).at("-3d 10:00", ordered("A", "B")).at("-2d 10:00", ordered("A", order="o-2"))
    story.at("-1d 10:00", given_back("A")).at("10:00", delivered("o-2"))

    assert [line.sku for line in story.triggers[0].items] == ["A"]


def test_a_product_of_which_a_piece_is_kept_is_named() -> None:
    story = Story(after("order_completed", delay="2d"))
    story.at("10:00", event("order_completed", items=(item("A", 2, 1000),), order_id="o-1"))
    story.at("1d 10:00", given_back("A")).at("3d 10:00")

    assert [line.sku for line in story.triggers[0].items] == ["A"]


@pytest.mark.parametrize("delay", ["0s", "1h"])
def test_what_went_back_while_the_message_waited_for_the_morning_is_not_named(delay: str) -> None:
    story = Story(after("order_completed", delay=delay, quiet_hours="22:00-08:00")).at("22:30", ordered("A", "B"))
    story.at("23:40", given_back("A")).at("1d 08:00")

    assert story.fired == [("1d 08:00", "post_purchase")]
    assert [line.sku for line in story.triggers[0].items] == ["B"]


def test_what_went_back_is_not_named_of_an_order_that_is_told_only_after_it() -> None:
    story = Story(after("order_completed")).at("10:30", given_back("A"))
    story.at("10:00", ordered("A", "B"), arriving="10:40")

    assert [line.sku for line in story.triggers[0].items] == ["B"]


def test_what_went_back_is_not_named_of_an_order_nobody_told_the_completion_of() -> None:
    story = Story(after()).at("09:30", given_back("A"))
    story.at("10:00", event("order_delivered", items=(item("A"), item("B")), order_id="o-1"))

    assert [line.sku for line in story.triggers[0].items] == ["B"]


def test_a_review_is_asked_for_of_what_was_not_reviewed_yet() -> None:
    story = Story(after(delay="7d", about="review")).at("09:00", ordered("A", "B")).at("10:00", delivered())
    story.at("1d 10:00", reviewed("B")).at("9d 10:00")

    assert [line.sku for line in story.triggers[0].items] == ["A"]


@pytest.mark.parametrize("told", ["10:00", "12:00"])
def test_no_review_is_asked_for_once_all_was_reviewed_before_or_after_the_delivery_was_told(told: str) -> None:
    story = Story(after(delay="7d", about="review")).at("09:00", ordered("A"))
    story.at("11:00", reviewed("A")) if told == "12:00" else None
    story.at(told, delivered()).at("1d 10:00", reviewed("A")).at("9d 10:00")

    assert [decision[1:] for decision in story.decisions] == [("dropped", "done")]


def test_an_older_review_told_after_a_newer_one_does_not_take_its_place() -> None:
    story = Story(after(delay="7d", about="review")).at("09:00", ordered("A")).at("10:00", delivered())
    story.at("12:00", reviewed("A")).at("08:00", reviewed("A"), arriving="12:30").at("9d 10:00")

    assert [decision[1:] for decision in story.decisions] == [("dropped", "done")]


def test_a_review_keeps_no_thanks_back() -> None:
    story = Story(after(delay="7d")).at("09:00", ordered("A")).at("10:00", delivered()).at("1d 10:00", reviewed("A"))

    assert len(story.at("9d 10:00").fired) == 1


def test_an_order_nobody_told_the_completion_of_is_written_about_without_products() -> None:
    story = Story(after()).at("10:00", delivered())

    assert story.fired == [("10:00", "post_purchase")]
    assert story.triggers[0].items == ()


def test_b23_an_order_delivered_long_ago_and_told_now_is_not_written_about() -> None:
    story = Story(after()).at("-30d 10:00", delivered(), arriving="09:00").at("10:00", delivered())

    assert story.records == []


def test_word_of_the_delivery_that_comes_late_still_counts_from_the_delivery() -> None:
    story = Story(after(delay="2d")).at("10:00", delivered(), arriving="1d 10:00").at("5d 10:00")

    assert story.fired == [("2d 10:00", "post_purchase")]


def test_an_order_called_off_on_the_other_side_of_a_merge_is_not_written_about() -> None:
    rule = after(delay="2d")
    other = Story(rule, customer_id="customer-2").at("09:00", ordered("A"))
    other.at("11:00", event("order_cancelled", order_id="o-1"))
    story = Story(rule).at("10:00", delivered()).joined_by(other, "12:00").at("5d 10:00")

    assert story.decisions == [("12:00", "dropped", "called_off")]


def test_an_order_written_about_on_one_side_of_a_merge_is_not_written_about_on_the_other() -> None:
    rule = after(delay="2d")
    other = Story(rule, customer_id="customer-2").at("-2d 10:00", delivered())
    story = Story(rule).at("-1d 10:00", delivered()).joined_by(other, "12:00").at("5d 10:00")

    assert len(other.fired) == 1
    assert story.decisions == [("12:00", "dropped", "done")]


def test_a_cart_is_no_order() -> None:
    assert Story(after("order_completed")).at("10:00", product_added("A", cart="c1")).records == []

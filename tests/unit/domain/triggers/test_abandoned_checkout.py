"""The checkout that was begun and not finished."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.rules.in_force import Rule
from tests.unit.domain.triggers.story import (
    Story,
    a_rule,
    cart_emptied,
    event,
    order_completed,
    product_added,
    product_removed,
)


def checkout(delay: str = "30m", **fields: Any) -> Rule:
    return a_rule("abandoned_checkout", delay=delay, **fields)


def begun(cart: str | None = "c1") -> Story:
    story = Story(checkout()).at("10:00", product_added("A", cart=cart, price=1999))
    return story.at("10:05", event("checkout_started", cart_id=cart))


def test_a_checkout_that_stands_still_is_helped_along_once_with_what_is_in_the_cart() -> None:
    story = begun().at("10:34").at("10:35").at("13:00")

    assert story.fired == [("10:35", "abandoned_checkout")]
    assert story.triggers[0].items == (Item("A", 1, 1999, "EUR"),)
    assert story.triggers[0].context == {"cart_id": "c1"}
    assert story.triggers[0].reason == "A checkout was begun and not finished for 30 min"


@pytest.mark.parametrize("step", ["checkout_step_viewed", "checkout_step_completed", "payment_info_entered"])
def test_each_step_of_the_checkout_starts_the_wait_anew(step: str) -> None:
    story = begun().at("10:20", event(step, cart_id="c1")).at("13:00")

    assert story.fired == [("10:50", "abandoned_checkout")]


def test_a_cart_that_was_only_filled_is_no_checkout() -> None:
    assert Story(checkout()).at("10:00", product_added("A", cart="c1")).at("13:00").records == []


@pytest.mark.parametrize("named", ["c1", None])
def test_b11_an_order_from_any_channel_keeps_it_back(named: str | None) -> None:
    story = begun().at("10:34", order_completed("A", cart=named, channel="call_center")).at("13:00")

    assert story.decisions == [("10:34", "dropped", "bought")]


def test_an_order_at_the_very_time_of_the_last_step_keeps_it_back_in_whatever_order_they_are_told() -> None:
    after = begun().at("10:10", event("payment_info_entered", cart_id="c1"), order_completed("A", cart="c1"))
    before = begun().at("10:10", order_completed("A", cart="c1"), event("payment_info_entered", cart_id="c1"))

    assert after.at("13:00").fired == before.at("13:00").fired == []


def test_a_checkout_that_named_no_cart_may_be_that_of_any_order() -> None:
    assert begun(cart=None).at("10:20", order_completed("A", cart="c7")).at("13:00").fired == []


def test_b12_the_order_of_one_cart_leaves_the_checkout_of_another() -> None:
    story = begun().at("10:10", order_completed("B", cart="c2")).at("13:00")

    assert story.fired == [("10:35", "abandoned_checkout")]


def test_an_order_older_than_the_checkout_keeps_nothing_back() -> None:
    story = begun().at("09:00", order_completed("A"), arriving="10:10").at("13:00")

    assert story.fired == [("10:35", "abandoned_checkout")]


def test_b14_a_step_told_after_the_order_that_followed_it_waits_for_nothing() -> None:
    story = Story(checkout()).at("10:30", order_completed("A", cart="c1"))
    story.at("10:20", event("checkout_started", cart_id="c1"), arriving="10:31").at("13:00")

    assert story.records == []


@pytest.mark.parametrize("emptying", [cart_emptied("c1"), product_removed("A", cart="c1")])
def test_b16_an_emptied_cart_ends_it(emptying: ChannelEvent) -> None:
    story = begun().at("10:20", emptying).at("13:00")

    assert story.decisions == [("10:20", "dropped", "cart_emptied")]


def test_a_checkout_of_a_cart_nobody_told_the_contents_of_is_helped_along_the_first_time_and_the_next() -> None:
    story = Story(checkout()).at("10:00", event("checkout_started", cart_id="c1")).at("10:30")
    story.at("11:00", order_completed("A", cart="c1")).at("12:00", event("checkout_started", cart_id="c1")).at("13:00")

    assert [clock for clock, _ in story.fired] == ["10:30", "12:30"]


def test_b13_an_order_learned_of_after_the_message_takes_it_back() -> None:
    story = begun().at("10:35").at("10:30", order_completed("A", cart="c1", channel="pos"), arriving="10:40")

    fired, revoked = story.triggers
    assert (revoked.status, revoked.trigger_id) == ("revoked", fired.trigger_id)
    assert revoked.reason == "The order was placed before the reminder was due"


def test_b13_holds_for_a_checkout_that_named_no_cart_and_an_order_that_does() -> None:
    story = begun(cart=None).at("10:35").at("10:30", order_completed("A", cart="c7"), arriving="10:40")

    assert len(story.revoked) == 1


def test_an_order_older_than_the_checkout_takes_nothing_back() -> None:
    assert begun().at("10:35").at("10:00", order_completed("A", cart="c1"), arriving="10:40").revoked == []


def test_an_order_after_the_message_is_what_was_hoped_for() -> None:
    assert begun().at("10:35").at("10:40", order_completed("A", cart="c1")).revoked == []


def test_a_late_step_starts_nothing_anew() -> None:
    story = begun().at("10:02", event("checkout_step_viewed", cart_id="c1"), arriving="10:20").at("13:00")

    assert story.fired == [("10:35", "abandoned_checkout")]


def test_b15_an_order_on_the_other_side_of_a_merge_keeps_it_back() -> None:
    other = Story(checkout(), customer_id="customer-2").at("10:20", order_completed("A", cart="till-7"))

    assert begun().joined_by(other, "10:25").at("13:00").decisions == [("10:25", "dropped", "bought")]


def test_a_merge_with_somebody_who_ordered_before_leaves_it_waiting() -> None:
    other = Story(checkout(), customer_id="customer-2").at("09:00", order_completed("A", cart="till-7"))

    assert begun().joined_by(other, "10:25").at("13:00").fired == [("10:35", "abandoned_checkout")]


def test_what_was_bought_in_another_cart_is_not_reminded_of() -> None:
    story = begun().at("10:10", product_added("Z", cart="c1"), order_completed("A", cart="till-77", channel="pos"))

    assert [line.sku for line in story.at("13:00").triggers[0].items] == ["Z"]


def test_b11_a_checkout_of_which_all_was_bought_in_another_cart_is_not_reminded_of() -> None:
    story = begun().at("10:10", order_completed("A", cart="till-77", channel="pos")).at("13:00")

    assert story.decisions == [("10:35", "dropped", "bought")]


def test_what_was_bought_in_another_cart_while_the_message_waited_for_the_morning_is_not_reminded_of() -> None:
    story = Story(checkout(quiet_hours="22:00-08:00")).at("22:00", product_added("A", "Z", cart="c1"))
    story.at("22:05", event("checkout_started", cart_id="c1")).at("22:35")
    story.at("23:00", order_completed("A", cart="app-1")).at("1d 08:00")

    assert [line.sku for line in story.triggers[0].items] == ["Z"]


def test_b13_an_order_of_another_cart_takes_the_message_back_if_it_has_all_that_was_named() -> None:
    for bought, revoked in (("A", 1), ("B", 0)):
        story = begun().at("10:35").at("10:30", order_completed(bought, cart="till-5"), arriving="10:40")

        assert len(story.revoked) == revoked


@pytest.mark.parametrize("cart", ["c1", None])
@pytest.mark.parametrize("named", ["c1", None])
@pytest.mark.parametrize("is_told", [True, False])
def test_the_page_that_confirms_the_order_begins_no_checkout(
    is_told: bool, cart: str | None, named: str | None
) -> None:
    for page_first in (False, True):
        story = Story(checkout())
        story.at("10:00", product_added("A", cart=cart)) if is_told else None
        story.at("10:05", event("checkout_started", cart_id=cart))
        page = ("10:07", event("checkout_step_completed", cart_id=cart))
        order = ("10:06", order_completed("A", cart=named))
        for clock, told in (page, order) if page_first else (order, page):
            story.at(clock, told, arriving="10:07")

        assert story.at("13:00").fired == []


def test_a_checkout_begun_anew_after_an_order_is_waited_for_from_its_last_step() -> None:
    story = begun().at("10:06", order_completed("A", cart="c1")).at("12:00", event("checkout_started", cart_id="c1"))
    story.at("12:10", event("checkout_step_completed", cart_id="c1")).at("15:00")

    assert story.fired == [("12:40", "abandoned_checkout")]


def test_what_is_put_into_the_cart_after_the_order_is_checked_out_anew_with_any_step() -> None:
    story = begun().at("10:06", order_completed("A", cart="c1")).at("12:00", product_added("B", cart="c1"))
    story.at("12:10", event("payment_info_entered", cart_id="c1")).at("15:00")

    assert story.fired == [("12:40", "abandoned_checkout")]

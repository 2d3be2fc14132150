"""The upsell: the better one of what a customer is about to buy."""

from __future__ import annotations

import pytest

from pipeline.domain.customer.draft import Draft
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.reasons import DropReason
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers.steps import Proposal
from pipeline.domain.triggers.upsell import Upgrade
from tests.unit.domain.triggers.story import (
    Story,
    a_rule,
    cart_updated,
    event,
    item,
    order_completed,
    product_added,
    product_removed,
)


def upsell(**fields: str) -> Rule:
    return a_rule("upsell", upgrades=(Upgrade("A", "A+"), Upgrade("B", "B+")), **fields)


def test_the_better_one_of_what_goes_into_the_cart_is_offered() -> None:
    story = Story(upsell()).at("10:00", product_added("X", "B"))

    (trigger,) = story.triggers
    assert (trigger.items[0].sku, trigger.context, trigger.reason) == (
        "B+",
        {"instead_of": "B"},
        "B+ is the better one of B",
    )


def test_what_has_no_better_one_offers_nothing() -> None:
    assert Story(upsell()).at("10:00", product_added("X")).fired == []


def test_one_event_offers_one_product() -> None:
    story = Story(upsell()).at("10:00", product_added("A", "B"))

    assert [trigger.items[0].sku for trigger in story.triggers] == ["A+"]


def test_a_better_one_that_is_in_a_cart_already_is_passed_over() -> None:
    story = Story(upsell()).at("10:00", product_added("A+", cart="c1")).at("11:00", product_added("A", "B", cart="c2"))

    assert [trigger.items[0].sku for trigger in story.triggers] == ["B+"]


def test_a_better_one_that_is_owned_is_not_offered() -> None:
    story = Story(upsell()).at("10:00", order_completed("A+")).at("11:00", product_added("A"))

    assert story.fired == []


def test_what_was_put_into_the_cart_before_it_was_bought_offers_nothing_when_told_late() -> None:
    story = Story(upsell()).at("11:00", order_completed("A", cart="c1"))
    story.at("10:00", product_added("A", cart="c1"), arriving="12:00")

    assert story.fired == []


def test_adding_more_within_the_cooldown_offers_nothing_more() -> None:
    story = Story(upsell(cooldown="1d")).at("10:00", product_added("A")).at("11:00", product_added("A"))

    assert story.fired == [("10:00", "upsell")]


def test_b13_a_purchase_of_the_better_one_learned_of_later_takes_the_offer_back() -> None:
    story = Story(upsell()).at("10:00", product_added("A"))
    story.at("09:50", order_completed("A+", channel="pos"), arriving="10:05")

    assert [each.trigger_id for each in story.revoked] == [story.triggers[0].trigger_id]


def test_an_offer_that_was_held_is_dropped_once_the_product_is_in_no_cart_or_the_better_one_is() -> None:
    held = Proposal("", "e-1", 0, "A+", 0, "e-1", (), {"instead_of": "A"}, "")

    def on_release(story: Story) -> DropReason | None:
        assert story.state is not None
        return Rules("1", [upsell()]).logic["upsell"].on_release(held, Draft(story.state))

    story = Story(upsell()).at("10:00", product_added("A"))
    assert on_release(story) is None
    assert on_release(story.at("11:00", product_added("A+"))) is DropReason.IN_CART
    assert on_release(story.at("12:00", product_removed("A"))) is DropReason.NOT_SO


SIZED = tuple(Item("A", attributes={"size": size}) for size in ("38", "40"))


@pytest.mark.parametrize(
    "told", [product_added("A", "A"), product_added("A", "B"), event("product_added", items=SIZED)]
)
def test_one_message_names_the_better_one_once_whatever_led_to_it(told: ChannelEvent) -> None:
    rule = a_rule("upsell", upgrades=(Upgrade("A", "BEST"), Upgrade("B", "BEST")))
    (trigger,) = Story(rule).at("10:00", told).triggers

    assert [each.sku for each in trigger.items] == ["BEST"]


@pytest.mark.parametrize(
    "in_cart",
    [
        [product_added("A+", "A", cart="c1")],
        [cart_updated(item("A+"), cart="c2"), product_added("A", cart="c1")],
        [event("product_added", items=(Item("A+", attributes={"size": "38"}),)), product_added("A", cart="c1")],
    ],
)
def test_what_lies_in_any_cart_already_is_never_offered(in_cart: list[ChannelEvent]) -> None:
    assert Story(upsell()).at("10:00", *in_cart).fired == []


def test_an_offer_held_over_night_is_not_made_once_the_other_half_of_the_customer_has_it_in_a_cart() -> None:
    night = {"quiet_hours": "22:00-08:00"}
    other = Story(upsell(**night), customer_id="customer-2").at("22:30", product_added("A+", cart="c2"))
    story = Story(upsell(**night)).at("23:00", product_added("A", cart="c1")).joined_by(other, "23:30").at("1d 09:00")

    assert story.fired == []
    assert story.decisions[-1][1:] == ("dropped", "in_cart")

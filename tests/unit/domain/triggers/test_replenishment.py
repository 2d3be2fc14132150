"""What runs out, and the word that comes before it does."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.rules.in_force import Rule
from tests.unit.domain.triggers.story import Story, a_rule, cross_sell, event, item, order_completed, product_added


def refill(**fields: Any) -> Rule:
    return a_rule("replenishment", **{"ahead": "3d", **fields})


def buying(sku: str, *days: int, rule: Rule | None = None, customer_id: str = "customer-1") -> Story:
    story = Story(rule or refill(), customer_id=customer_id)
    for day in days:
        story.at(f"{day}d 10:00", order_completed(sku, order=f"o-{day}"))
    return story


def fired_on(story: Story) -> list[str]:
    return [clock for clock, _ in story.at("400d 10:00").fired]


def test_s12_what_a_customer_buys_every_thirty_days_is_reminded_of_three_days_before() -> None:
    story = buying("coffee", 1, 31, 61)

    assert fired_on(story) == ["88d 10:00"]
    assert story.triggers[0].items == (Item("coffee"),)
    assert story.triggers[0].reason == "coffee is bought again every 30 days"
    assert story.triggers[0].context == {"rhythm_days": 30.0, "rhythm_of": "customer"}


def test_s12_without_a_rhythm_of_their_own_it_is_that_of_the_product() -> None:
    story = Story(refill()).trained("coffee", orders=10, gap_days=20).at("1d 10:00", order_completed("coffee"))

    assert fired_on(story) == ["18d 10:00"]
    assert story.triggers[0].reason == "coffee lasts others 20 days"
    assert story.triggers[0].context == {"rhythm_days": 20.0, "rhythm_of": "product"}


def test_a_product_with_too_few_repeated_purchases_is_not_reminded_of() -> None:
    story = Story(refill()).trained("coffee", orders=9, gap_days=20).at("1d 10:00", order_completed("coffee"))

    assert fired_on(story) == []


def test_the_customers_own_rhythm_goes_before_that_of_the_product() -> None:
    story = Story(refill()).trained("coffee", orders=10, gap_days=20)
    for day in (1, 31, 61):
        story.at(f"{day}d 10:00", order_completed("coffee"))

    assert [trigger.context["rhythm_of"] for trigger in story.at("400d 10:00").triggers] == [
        "product",
        "product",
        "customer",
    ]


@pytest.mark.parametrize(
    ("days", "whose"),
    [
        ((1, 5), "product"),
        ((1, 5, 50), "product"),
        ((1, 31, 61), "customer"),
        ((1, 31, 38, 68, 98, 128), "customer"),
    ],
)
def test_a_rhythm_is_ones_own_when_most_gaps_are_alike(days: tuple[int, ...], whose: str) -> None:
    story = Story(refill()).trained("coffee", orders=10, gap_days=20)
    for day in days:
        story.at(f"{day}d 10:00", order_completed("coffee", order=f"o-{day}"))

    assert story.at("400d 10:00").triggers[-1].context["rhythm_of"] == whose


def test_who_buys_at_no_rhythm_is_not_reminded_by_that_of_others() -> None:
    story = Story(refill()).trained("coffee", orders=10, gap_days=20)
    for day in (1, 5, 50, 56, 99, 121):
        story.at(f"{day}d 10:00", order_completed("coffee", order=f"o-{day}"))
    until_now = len(story.triggers)

    assert len(story.at("400d 10:00").triggers) == until_now


@pytest.mark.parametrize("days", [(1, 2, 3), (1, 201, 401)])
def test_a_rhythm_outside_the_bounds_of_the_rule_is_none(days: tuple[int, ...]) -> None:
    assert buying("coffee", *days).at("800d 10:00").records == []


def test_two_pieces_are_not_said_to_last_twice_as_long() -> None:
    story = buying("coffee", 1, 31)
    story.at("61d 10:00", event("order_completed", items=(item("coffee", 2),)))

    assert fired_on(story) == ["88d 10:00"]


def test_s12_refilled_in_any_channel_it_is_not_reminded_of_and_the_wait_begins_anew() -> None:
    story = buying("coffee", 1, 31, 61).at("80d 10:00", order_completed("coffee", channel="pos"))

    assert story.decisions == [("80d 10:00", "dropped", "refilled")]
    assert fired_on(story) == ["107d 10:00"]


@pytest.mark.parametrize(
    "end",
    [
        event("order_cancelled", order_id="o-61"),
        event("order_refunded", order_id="o-61"),
        event("order_refunded", order_id="o-61", items=(item("coffee", 1, 500),), amount_minor=500),
    ],
)
def test_what_was_called_off_or_given_back_does_not_run_out(end: ChannelEvent) -> None:
    story = buying("coffee", 1, 31, 61).at("70d 10:00", end)

    assert fired_on(story) == []
    assert story.decisions == [("70d 10:00", "dropped", "called_off")]


def test_a_refund_of_something_else_in_the_order_changes_nothing() -> None:
    story = buying("coffee", 1, 31)
    story.at("61d 10:00", event("order_completed", items=(item("coffee", 1, 900), item("cup", 1, 500)), order_id="o"))
    story.at("62d 10:00", event("order_refunded", items=(item("cup", 1, 500),), order_id="o"))

    assert fired_on(story) == ["88d 10:00"]


def test_an_earlier_order_called_off_changes_nothing() -> None:
    story = buying("coffee", 1, 31, 61).at("62d 10:00", event("order_cancelled", order_id="o-31"))

    assert fired_on(story) == ["88d 10:00"]


def test_an_order_called_off_before_it_was_told_is_not_waited_for() -> None:
    story = buying("coffee", 1, 31).at("61d 11:00", event("order_cancelled", order_id="o-61"))
    story.at("61d 10:00", order_completed("coffee", order="o-61"), arriving="61d 12:00")

    assert fired_on(story) == []


def test_an_earlier_purchase_told_late_changes_nothing() -> None:
    story = buying("coffee", 1, 31, 61).at("55d 10:00", order_completed("coffee"), arriving="61d 12:00")

    assert fired_on(story) == ["88d 10:00"]


def test_b19_an_order_told_twice_is_one() -> None:
    story = buying("coffee", 1, 31, 61).at("61d 12:00", order_completed("coffee", order="o-61", channel="pos"))

    assert fired_on(story) == ["88d 10:00"]
    assert len(story.decisions) == 1


def test_b13_a_refill_learned_of_after_the_word_takes_it_back() -> None:
    story = buying("coffee", 1, 31, 61).at("88d 10:00")
    story.at("87d 10:00", order_completed("tea"), order_completed("coffee", channel="pos"), arriving="88d 12:00")

    (revoked,) = story.revoked
    assert revoked.trigger_id == story.triggers[0].trigger_id
    assert revoked.reason == "It was bought before it ran out"


def test_only_products_and_categories_of_the_rule_are_waited_for() -> None:
    assert fired_on(buying("coffee", 1, 31, 61, rule=refill(skus=("tea",)))) == []
    assert fired_on(buying("coffee", 1, 31, 61, rule=refill(skus=("coffee",)))) == ["88d 10:00"]
    for category, times in (("food", 1), ("books", 0)):
        story = Story(refill(categories=("food",))).trained("X", orders=10, gap_days=20)
        story.at("1d 10:00", event("order_completed", items=(Item("X", attributes={"category": category}),)))
        assert len(fired_on(story)) == times


def test_what_another_rule_asks_a_product_is_not_taken_for_an_answer() -> None:
    for bought in (order_completed("X"), product_added("X")):
        story = Story(cross_sell(), refill(categories=("food",))).trained("X", orders=10, gap_days=20)
        story.at("1d 10:00", bought)
        assert fired_on(story) == []


def test_a_weekly_shop_of_many_products_waits_for_twenty_and_leaves_the_other_rules_their_timers() -> None:
    story = Story(refill(), a_rule("abandoned_cart", delay="1h"))
    for day in (1, 8, 15, 18):
        story.at(f"{day}d 10:00", order_completed(*(f"S{number:02d}" for number in range(45))))
    story.at("19d 10:00", product_added("A", cart="c1")).at("19d 12:00")

    assert story.fired == [("19d 11:00", "abandoned_cart")]
    assert len(fired_on(story)) == 1 + 20


def test_what_was_refilled_or_given_back_on_the_other_side_of_a_merge_is_not_reminded_of() -> None:
    other = buying("coffee", 75, customer_id="customer-2")
    story = buying("coffee", 1, 31, 61).joined_by(other, "80d 10:00")
    assert story.decisions == [("80d 10:00", "dropped", "refilled")]

    other = Story(refill(), customer_id="customer-2").at("62d 10:00", event("order_cancelled", order_id="o-61"))
    story = buying("coffee", 1, 31, 61).joined_by(other, "80d 10:00")
    assert story.decisions == [("80d 10:00", "dropped", "called_off")]


def test_what_was_bought_before_on_the_other_side_of_a_merge_leaves_it_waiting() -> None:
    other = buying("coffee", 50, customer_id="customer-2")

    assert fired_on(buying("coffee", 1, 31, 61).joined_by(other, "80d 10:00")) == ["88d 10:00"]


def test_what_the_customer_has_a_rhythm_for_is_not_crowded_out_by_what_others_buy_again() -> None:
    others = tuple(f"S{number:02d}" for number in range(30))
    story = Story(refill())
    for sku in others:
        story.trained(sku, orders=10, gap_days=50)
    for day in (1, 31, 61):
        story.at(f"{day}d 10:00", order_completed("zucchini", *others if day == 61 else ()))

    assert fired_on(story)[0] == "88d 10:00"
    assert len(story.triggers) == 20


def test_answers_to_other_rules_change_neither_the_customers_rhythm_nor_how_many_are_waited_for() -> None:
    story = Story(cross_sell(), refill()).trained("coffee", orders=10, gap_days=20)
    for day in (1, 31, 61):
        story.at(f"{day}d 10:00", order_completed("coffee"))
    assert story.at("400d 10:00").triggers[-1].context["rhythm_of"] == "customer"

    skus = [f"S{number:02d}" for number in range(30)]
    story = Story(cross_sell(), refill())
    for sku in skus:
        story.trained(sku, orders=10, gap_days=50)
    story.at("1d 10:00", order_completed(*skus[:20])).at("2d 10:00", order_completed(*skus[20:]))
    assert len(fired_on(story)) == 20

    story = Story(cross_sell(), refill(skus=("tea",))).trained("coffee", orders=10, gap_days=20)
    assert fired_on(story.at("1d 10:00", order_completed("coffee"))) == []


def test_putting_it_into_a_cart_again_is_not_buying_it_again() -> None:
    story = Story(cross_sell(), refill()).trained("coffee", orders=10, gap_days=20)
    story.at("1d 10:00", order_completed("coffee")).at("5d 10:00", product_added("coffee"))

    assert fired_on(story) == ["18d 10:00"]


def test_questions_that_no_product_answers_are_forgotten() -> None:
    story = Story(refill(categories=("food",)))
    for day in range(1, 9, 2):
        bought = Item(f"S{day}", attributes={"category": "food"})
        story.at(f"{day}d 10:00", event("order_completed", items=(bought,)))

    assert story.state is not None
    assert len(story.state.marks) == 1


def test_a_refill_is_reminded_of_where_one_of_two_pieces_is_kept() -> None:
    story = buying("coffee", 1, 31)
    story.at("61d 10:00", event("order_completed", items=(item("coffee", 2, 500),), order_id="o-61"))
    story.at("62d 10:00", event("order_refunded", order_id="o-61", items=(item("coffee", 1, 500),)))

    assert fired_on(story) == ["88d 10:00"]
    assert story.at("400d 10:00").decisions == [("88d 10:00", "fired", "sent")]

"""The rhythm of buying."""

from __future__ import annotations

from pipeline.domain.facets.purchases import DAYS_KEPT, DAYS_PER_PRODUCT, PRODUCTS_KEPT, Purchases
from tests.unit.domain.facets.telling import at, shoe, told
from tests.unit.domain.triggers.story import at_ms

NOTHING = Purchases()


def test_two_orders_of_one_day_are_one_day_of_buying() -> None:
    purchases = told(NOTHING, at("10:00", "order_completed"), at("18:00", "order_completed"))

    assert purchases.days_of_buying == 1
    assert (purchases.first_at_ms, purchases.last_at_ms) == (at_ms("10:00"), at_ms("18:00"))


def test_a_rhythm_is_the_median_gap_and_needs_three_days_of_buying() -> None:
    orders = [at(f"{day}d 10:00", "order_completed", shoe("milk")) for day in (0, 7, 15, 21)]

    assert told(NOTHING, *orders[:2]).rhythm_days() is None
    assert told(NOTHING, *orders).rhythm_days() == 7.0
    assert told(NOTHING, *reversed(orders)) == told(NOTHING, *orders)
    assert told(NOTHING, *orders).product_rhythm_days("milk") == 7.0
    assert told(NOTHING, *orders).product_rhythm_days("bread") is None


def milk_on(*days: int) -> Purchases:
    return told(NOTHING, *(at(f"{day}d 10:00", "order_completed", shoe("milk")) for day in days))


def test_gaps_of_which_most_are_near_the_median_are_a_rhythm() -> None:
    assert milk_on(0, 30, 60, 67, 97, 127).product_rhythm_days("milk") == 30.0
    assert milk_on(0, 30, 60, 67, 74, 104).product_rhythm_days("milk") is None
    assert milk_on(0, 30, 60, 79).product_rhythm_days("milk") == 30.0
    assert milk_on(0, 4, 49).product_rhythm_days("milk") is None


def test_what_is_bought_often_and_at_random_is_known_to_have_no_rhythm() -> None:
    assert not milk_on(0, 30, 35, 90, 91).buys_at_no_rhythm("milk")
    assert milk_on(0, 30, 35, 90, 91, 131).buys_at_no_rhythm("milk")
    assert not milk_on(0, 30, 60, 90, 120, 150).buys_at_no_rhythm("milk")
    assert not milk_on().buys_at_no_rhythm("milk")


def test_how_long_a_product_lasts_is_told_of_the_first_purchases_of_it() -> None:
    assert milk_on().gap_days("milk", at_ms("8d 10:00")) is None
    assert milk_on(1).gap_days("milk", at_ms("8d 10:00")) == 7
    assert milk_on(1).gap_days("milk", at_ms("1d 18:00")) is None
    assert milk_on(1, 2, 3, 4, 5).gap_days("milk", at_ms("8d 10:00")) == 3
    assert milk_on(1, 2, 3, 4, 5, 6).gap_days("milk", at_ms("8d 10:00")) is None


def test_of_a_product_the_newest_days_are_remembered() -> None:
    assert len(milk_on(*range(DAYS_PER_PRODUCT + 5)).products["milk"]) == DAYS_PER_PRODUCT


def test_a_habit_is_remembered_longer_than_what_was_bought_once_and_not_for_ever() -> None:
    def days_after_others(first_day: int) -> int:
        others = [at(f"{first_day + n}d 10:00", "order_completed", shoe(f"{n}")) for n in range(PRODUCTS_KEPT)]
        return len(told(milk_on(0, 30, 60), *others).products.get("milk", ()))

    assert days_after_others(65) == 3
    assert days_after_others(91) == 0


def test_days_beyond_the_bound_are_still_counted() -> None:
    orders = [at(f"{day}d 10:00", "order_completed") for day in range(DAYS_KEPT + 10)]

    purchases = told(NOTHING, *orders)
    assert len(purchases.days) == DAYS_KEPT
    assert purchases.days_of_buying == DAYS_KEPT + 10


def test_an_order_told_to_both_sides_of_a_merge_is_one_day() -> None:
    shared, own = at("1d 10:00", "order_completed", shoe("A")), at("3d 10:00", "order_completed", shoe("A"))
    one, other = told(NOTHING, shared), told(NOTHING, shared, own)

    both = one.united(other)
    assert both == other.united(one)
    assert both.days_of_buying == 2
    assert len(both.products["A"]) == 2

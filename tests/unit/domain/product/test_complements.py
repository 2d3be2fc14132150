"""Complements: what is bought together more often than chance has it, fading with time, without what came back."""

from __future__ import annotations

from itertools import permutations

import pytest

from pipeline.domain.messages.to_product import AskOrders, BoughtTogether, OrdersHeld, ProductTold
from pipeline.domain.product.decay import HALF_LIFE_DAYS
from pipeline.domain.product.keys import CATEGORY_CHARACTERS, COUNTERS, counter_key
from pipeline.domain.time import DAY_MS
from pipeline.settings import Settings
from tests.harness.affinities import Basket
from tests.harness.products import Products

NOON = 1_790_000_000_000
"""Some time; the tests count days from it."""


def basket(number: int, *skus: str, day: float = 0) -> Basket:
    return Basket(f"o-{number}", NOON + round(day * DAY_MS), "u-1", tuple(sorted(skus)))


def shop(half_life_days: int = 0) -> Products:
    """A hundred orders: bread is in 60, so is milk; 13 have pasta, 11 of these sauce; all else is chance."""
    products = Products(half_life_days)
    for number in range(100):
        skus = ["bread"] if number % 5 < 3 else []
        skus += ["milk"] if number // 5 % 5 < 3 else []
        skus += ["pasta"] if number % 8 == 0 else []
        skus += ["sauce"] if number % 8 == 0 and number not in (24, 56) else []
        products.ordered(basket(number, *skus or ["soap"], day=number / 10))
    return products


def lists(products: Products, sku: str) -> list[str]:
    answer = products.asked(sku, NOON + 10 * DAY_MS)
    return [] if answer is None else [complement.sku for complement in answer.complements]


def test_what_everybody_buys_goes_with_nothing_and_what_is_bought_together_does() -> None:
    products = shop()

    assert lists(products, "pasta")[0] == "sauce"
    assert "milk" not in lists(products, "bread")
    assert "bread" not in lists(products, "milk")


def test_lift_support_and_confidence_are_what_a_plain_calculation_says() -> None:
    answer = shop().asked("pasta", NOON + 10 * DAY_MS)

    assert answer is not None
    best = answer.complements[0]
    assert (best.sku, best.baskets, best.confidence) == ("sauce", 11, 11 / 13)
    assert best.support == pytest.approx(11 / 91)  # of all orders pasta last heard when sauce had its tenth
    assert best.lift == pytest.approx(11 * 100 / (13 * 11), rel=0.05)


def test_the_counters_of_orders_know_all_orders_though_none_sees_them_all() -> None:
    products = shop()

    counters = [products[counter_key(number)].orders for number in range(COUNTERS)]
    own = [counter.own.weight for counter in counters if counter is not None]
    known = [
        counter.own.weight + sum(other.weight for other in counter.others.values()) for counter in counters if counter
    ]
    assert (len(own), sum(own), set(known)) == (COUNTERS, 100, {100})
    assert max(own) < 30


def test_an_order_that_came_back_leaves_no_trace_in_what_is_told() -> None:
    with_return, without = shop(), shop()
    returned = basket(1_000, "pasta", "bread", day=10)
    with_return.ordered(returned)
    with_return.taken_back(returned, NOON + 12 * DAY_MS)

    for sku in ("pasta", "bread"):
        assert with_return[sku].companions.baskets == without[sku].companions.baskets
        assert {other: pair.baskets for other, pair in with_return[sku].companions.together.items()} == {
            other: pair.baskets for other, pair in without[sku].companions.together.items()
        }


def test_with_a_half_life_an_order_of_that_age_counts_half() -> None:
    products = Products(half_life_days=30)
    for number in range(4):
        products.ordered(basket(number, "tent", "lamp", day=0))
    for number in range(4, 8):
        products.ordered(basket(number, "tent", "stove", day=30))

    answer = products.asked("tent", NOON + 30 * DAY_MS)

    assert answer is not None
    assert {each.sku: each.baskets for each in answer.complements} == {"stove": 4, "lamp": 4}
    assert {each.sku: each.confidence for each in answer.complements} == {
        "stove": pytest.approx(2 / 3),
        "lamp": pytest.approx(1 / 3),
    }


def test_an_order_taken_back_takes_off_what_is_left_of_its_weight() -> None:
    products = Products(half_life_days=30)
    old = basket(0, "tent", "lamp", day=0)
    products.ordered(old)
    products.ordered(basket(1, "tent", "lamp", day=90))
    products.taken_back(old, NOON + 90 * DAY_MS)

    companions = products["tent"].companions
    assert companions.baskets == 1
    assert companions.together["lamp"].weight == pytest.approx(companions.weight)


def test_the_half_life_is_that_of_the_settings() -> None:
    assert Settings().complements_half_life_days == HALF_LIFE_DAYS == 180


def test_after_very_many_half_lives_counts_are_still_numbers() -> None:
    products = Products(half_life_days=1)
    for number, day in enumerate((0, 0, 0, 5_000, 5_000)):
        products.ordered(basket(number, "tent", "lamp" if day == 0 else "stove", day=day))

    answer = products.asked("tent", NOON + 5_000 * DAY_MS)

    assert answer is not None
    assert [(each.sku, each.baskets) for each in answer.complements] == [("stove", 2), ("lamp", 3)]
    assert answer.complements[0].confidence == pytest.approx(1.0)


def test_another_half_life_in_the_settings_goes_on_from_what_is_left() -> None:
    products = Products(half_life_days=30)
    products.ordered(basket(0, "tent", "lamp", day=0))
    products.actor = Products(half_life_days=90).actor
    products.ordered(basket(1, "tent", "stove", day=30))

    answer = products.asked("tent", NOON + 30 * DAY_MS)

    assert answer is not None
    assert {each.sku: each.confidence for each in answer.complements} == {
        "stove": pytest.approx(2 / 3),
        "lamp": pytest.approx(1 / 3),
    }


def test_complements_are_not_all_of_one_category_where_there_are_others() -> None:
    products = Products()
    fellows = [f"wine-{number}" for number in range(8)] + ["cheese", "grapes"]
    categories = {sku: sku.partition("-")[0] for sku in fellows}
    for number in range(300):
        skus = ["glass"] if number % 10 == 0 else []
        skus += fellows[:8] if number % 10 == 0 else []
        skus += fellows[8:] if number % 20 == 0 else []
        products.ordered(basket(number, *skus or [f"other-{number}"]), categories)

    answer = products.asked("glass", NOON)

    assert answer is not None
    told = [categories[each.sku] for each in answer.complements]
    assert sorted(told[:5]) == ["cheese", "grapes", "wine", "wine", "wine"]
    assert told[5:] == ["wine"] * 5


def test_a_product_bought_once_goes_by_what_goes_with_its_category() -> None:
    products = Products()
    for number in range(100):
        skus = [f"pasta-{number % 4}", "sauce"] if number % 5 == 0 else [f"other-{number}"]
        products.ordered(basket(number, *skus), {sku: "PASTA" for sku in skus if sku.startswith("pasta")})
    products.ordered(basket(1_000, "pasta-new", "soap"), {"pasta-new": "PASTA"})

    answer = products.asked("pasta-new", NOON)

    assert answer is not None
    assert (answer.sku, answer.of_category, answer.complements[0].sku) == ("pasta-new", "PASTA", "sauce")
    assert answer.complements[0].baskets == 20


def test_word_of_a_product_that_knows_of_no_order_of_its_own_yet_says_nothing_and_harms_nobody() -> None:
    products = Products()
    for number in range(3):
        products.ordered(basket(number, "tent", "lamp"))
    before = products.asked("tent", NOON)

    products.tell(OrdersHeld("default", "tent", "lamp", 0.0, 3.0, "", NOON))
    products.tell(OrdersHeld("default", "tent", "lamp", 3.0, 0.0, "", NOON))

    assert products.asked("tent", NOON) == before


def test_what_knows_of_no_order_yet_is_asked_again_with_the_next() -> None:
    products = Products()

    for _ in range(3):  # its own word of these orders is still under way
        products.tell(BoughtTogether("default", "bread", ("butter",), NOON))
    assert products.handled["AskOrders"] == 1
    for number in range(5):
        products.ordered(basket(number, "butter"))
    products.tell(BoughtTogether("default", "bread", ("butter",), NOON))

    answer = products.asked("bread", NOON)
    assert answer is not None
    assert [(other.sku, other.lift) for other in answer.complements] == [("butter", 1.0)]
    assert products.handled["AskOrders"] == 2


def test_a_word_overtaken_by_a_newer_one_changes_nothing() -> None:
    words = [
        OrdersHeld("default", "bread", "butter", 15.0, 100.0, "", NOON),
        OrdersHeld("default", "bread", "butter", 20.0, 200.0, "", NOON + 2),
        OrdersHeld("default", "bread", "jam", 10.0, 150.0, "", NOON + 1),
        OrdersHeld("default", "bread", "jam", 10.0, 140.0, "", NOON + 1),
    ]
    told = []
    for order in permutations(words):
        products = Products()
        for number in range(20):
            products.ordered(basket(number, "bread", *(("butter", "jam") if number < 10 else ())))
        for number, word in enumerate(order):
            products.tell(word)
            products.ordered(basket(20 + number, "bread"))
        told.append(products["bread"].companions)

    assert all(each == told[0] for each in told)
    assert {other.sku: other.lift for other in told[0].complements()} == {
        "butter": pytest.approx(10 / 24 / (20 / 200)),
        "jam": pytest.approx(10 / 24 / (10 / 150)),
    }


def test_orders_of_many_half_lives_ago_that_come_late_are_counted_and_take_nothing_from_those_of_today() -> None:
    products = Products(half_life_days=1)
    for number in range(4):
        products.ordered(basket(number, "tent", "lamp"))
    before = products.asked("tent", NOON)

    products.ordered(basket(4, "tent", "stove", day=-5_000))
    products.ordered(basket(5, "tent", "stove", day=0))
    products.tell(AskOrders("default", "tent", "lamp", NOON - 5_000 * DAY_MS))

    after = products.asked("tent", NOON)
    assert before is not None
    assert after is not None
    assert [(each.sku, each.baskets) for each in before.complements] == [("lamp", 4)]
    assert [(each.sku, each.baskets, round(each.confidence, 6)) for each in after.complements] == [
        ("lamp", 4, 0.8),
        ("stove", 2, 0.2),
    ]


def test_lift_is_the_same_though_the_other_was_asked_or_tells_because_of_an_order_that_comes_late() -> None:
    lifts = []
    for late in (False, True):
        products = shop(half_life_days=180)
        if late:
            products.tell(AskOrders("default", "sauce", "pasta", NOON - 720 * DAY_MS))
        else:
            products.tell(AskOrders("default", "sauce", "pasta", NOON + 10 * DAY_MS))
        answer = products.asked("pasta", NOON + 10 * DAY_MS)
        assert answer is not None
        best = answer.complements[0]
        lifts.append((best.lift, best.support))
        assert best.sku == "sauce"

    assert lifts[0] == pytest.approx(lifts[1], rel=0.01)


def test_a_category_with_a_long_name_answers_for_its_new_products() -> None:
    products = Products()
    long = "Kitchen > Pasta > " + "Whole grain " * 10
    for number in range(100):
        skus = [f"pasta-{number % 4}", "sauce"] if number % 5 == 0 else [f"other-{number}"]
        told = {sku: long[:CATEGORY_CHARACTERS] for sku in skus if sku.startswith("pasta")}
        products.ordered(basket(number, *skus), told)
    products.tell(ProductTold("default", "pasta-new", "p-1", NOON, category=long))

    answer = products.asked("pasta-new", NOON)

    assert answer is not None
    assert (answer.sku, answer.complements[0].sku) == ("pasta-new", "sauce")

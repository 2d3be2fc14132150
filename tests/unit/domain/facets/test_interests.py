"""What a customer looks for."""

from __future__ import annotations

from pipeline.domain.facets.interests import SEARCHES_KEPT, VIEWS_KEPT, Interests, View
from tests.unit.domain.facets.telling import at, shoe, told
from tests.unit.domain.triggers.story import at_ms

NOTHING = Interests()


def test_a_product_viewed_twice_is_remembered_with_its_latest_price() -> None:
    early = at("10:00", "product_viewed", shoe("A", price=5000))
    late = at("11:00", "product_viewed", shoe("A", price=4500))

    expected = {"A": View(2, at_ms("11:00"), 4500, "EUR", "shoes")}
    assert told(NOTHING, early, late).views == expected
    assert told(NOTHING, late, early).views == expected


def test_a_view_with_its_category_as_a_property_counts_for_that_category() -> None:
    interests = told(NOTHING, at("10:00", "product_viewed", shoe("A", category=""), category="boots"))

    assert interests.categories == {"boots": (1, at_ms("10:00"))}
    assert interests.views["A"].category == "boots"


def test_s8_repeated_searches_in_one_size_set_a_preference_and_a_purchase_outweighs_them() -> None:
    searched = [at(f"10:0{n}", "products_searched", query="boots", category="boots", size="39") for n in range(3)]
    bought = at("12:00", "order_completed", shoe("A", "38", category="boots"))

    assert told(NOTHING, *searched).size("boots") == "39"
    assert told(NOTHING, *searched, bought).size("boots") == "38"
    assert told(NOTHING, *searched).size("shirts") is None


def test_a_wish_withdrawn_is_no_wish_whatever_the_order_of_arrival() -> None:
    wished = at("10:00", "product_added_to_wishlist", shoe("A", price=5000))
    withdrawn = at("10:05", "product_removed_from_wishlist", shoe("A"))

    assert told(NOTHING, wished, withdrawn).json()["wishes"] == []  # type: ignore[index, call-overload]
    assert told(NOTHING, withdrawn, wished) == told(NOTHING, wished, withdrawn)
    assert told(NOTHING, wished).wishes["A"].unit_price_minor == 5000


def test_alerts_for_stock_and_for_the_price_of_one_product_stand_side_by_side() -> None:
    interests = told(
        NOTHING,
        at("10:00", "stock_alert_requested", shoe("A", "38", 5000)),
        at("10:05", "price_alert_requested", shoe("A", "38", 4900)),
    )

    alert = interests.alerts["A"]
    assert (alert.stock_at_ms, alert.price_at_ms) == (at_ms("10:00"), at_ms("10:05"))
    assert (alert.unit_price_minor, alert.size) == (4900, "38")


def test_a_robot_that_views_and_searches_everything_is_remembered_by_its_latest() -> None:
    interests = NOTHING
    for number in range(200):
        clock = f"{10 + number // 60}:{number % 60:02d}"
        interests = told(
            interests,
            at(clock, "product_viewed", shoe(f"S{number:03d}", f"{number}", category=f"c{number}")),
            at(clock, "products_searched", query=f"q{number}"),
        )

    assert sorted(interests.views) == [f"S{number:03d}" for number in range(200 - VIEWS_KEPT, 200)]
    assert [search.query for search in interests.searches] == [f"q{n}" for n in range(200 - SEARCHES_KEPT, 200)]
    assert len(interests.categories) == 30
    assert len(interests.sizes) == 30


def test_two_customers_that_became_one_have_looked_at_what_either_did() -> None:
    one = told(NOTHING, at("10:00", "product_viewed", shoe("A", price=1)), at("10:01", "products_searched", query="x"))
    other = told(NOTHING, at("11:00", "product_viewed", shoe("A", price=2), shoe("B")))

    both = one.united(other)
    assert both == other.united(one)
    assert (both.views["A"].times, both.views["A"].unit_price_minor, sorted(both.views)) == (2, 2, ["A", "B"])
    assert [search.query for search in both.searches] == ["x"]


def test_properties_that_are_no_text_are_passed_over() -> None:
    odd = at("10:00", "products_searched", query=None, category=True, size=1.5, results="many")

    assert told(NOTHING, odd) is NOTHING


def test_a_wish_is_for_the_size_told_last_whatever_the_order_of_arrival() -> None:
    early = at("10:00", "product_added_to_wishlist", shoe("A", "38"))
    late = at("11:00", "product_added_to_wishlist", shoe("A", "40"))

    assert told(NOTHING, early, late).wishes["A"].size == "40"
    assert told(NOTHING, late, early).wishes == told(NOTHING, early, late).wishes

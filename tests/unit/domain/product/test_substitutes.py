"""Substitutes: what customers look at beside what they buy."""

from __future__ import annotations

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages.effects import Send
from pipeline.domain.messages.to_product import SeenBeside
from pipeline.domain.product.state import product_json
from pipeline.domain.product.substitutes import BESIDE_KEPT
from pipeline.domain.time import DAY_MS
from tests.harness.affinities import Basket
from tests.harness.products import Products
from tests.unit.domain.triggers.story import Story, at_ms, event, order_completed


def looked_at(sku: str, category: str = "PASTA") -> ChannelEvent:
    return event("product_viewed", items=(Item(sku, attributes={"category": category}),))


def told(story: Story) -> list[tuple[str, tuple[str, ...]]]:
    words = [e.message for e in story.effects if isinstance(e, Send) and isinstance(e.message, SeenBeside)]
    return [(word.sku, word.others) for word in words]


def test_what_was_looked_at_in_the_hour_before_and_not_bought_is_told_beside_what_was() -> None:
    story = Story().at("09:30", looked_at("A"), looked_at("B"), looked_at("SOAP", "SOAPS")).at("08:00", looked_at("C"))
    story.at("10:00", order_completed("A"))

    assert told(story) == [("A", ("B",)), ("B", ("A",))]


def test_what_is_of_no_known_category_is_no_substitute_of_anything() -> None:
    story = Story().at("09:30", event("product_viewed", items=(Item("A"), Item("B"))))
    story.at("10:00", order_completed("A"))

    assert told(story) == []


def visits(products: Products, *others: str, number: int = 1) -> None:
    for _ in range(number):
        products.tell(SeenBeside("default", "A", others, at_ms("10:00")))


def test_a_substitute_was_seen_beside_the_product_twice_and_is_rarely_bought_with_it() -> None:
    products = Products().all_ordered(Basket(f"o-{number}", at_ms("10:00"), "u-1", ("A", "D")) for number in range(3))
    visits(products, "B", "D", number=2)
    visits(products, "B", "C")

    assert product_json(products["A"], 0)["substitutes"] == [{"sku": "B", "visits": 3}]


def test_what_is_seen_beside_a_product_is_bounded_and_what_was_seen_most_stays() -> None:
    products = Products()
    visits(products, "B", number=3)
    for number in range(1_000):
        visits(products, f"S{number:04d}")

    substitutes = products["A"].substitutes
    assert substitutes is not None
    assert len(substitutes.beside) <= BESIDE_KEPT * 3 // 2
    assert substitutes.beside["B"].visits == 3
    assert products.counted["evictions"] == 1_001 - len(substitutes.beside)


def test_what_was_seen_lately_is_not_pushed_out_by_visits_of_years_ago_that_come_late() -> None:
    products = Products(half_life_days=180)
    visits(products, "B", number=2)
    for number in range(BESIDE_KEPT * 3 // 2):
        for _ in range(3):
            products.tell(SeenBeside("default", "A", (f"S{number:02d}",), at_ms("10:00") - 720 * DAY_MS))

    substitutes = products["A"].substitutes
    assert substitutes is not None
    assert "B" in substitutes.beside


def test_products_of_a_category_with_a_long_name_stand_in_for_each_other() -> None:
    long = "Kitchen > Pasta > " + "Whole grain " * 10
    bought = event("order_completed", order_id="o-1", items=(Item("A", attributes={"category": long}),))
    story = Story().at("09:30", looked_at("B", long)).at("10:00", bought)

    assert told(story) == [("A", ("B",)), ("B", ("A",))]

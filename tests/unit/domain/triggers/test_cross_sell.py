"""Cross-selling: what goes well with what was bought or carted."""

from __future__ import annotations

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages.effects import Send
from pipeline.domain.messages.to_customer import Complement, Complements
from pipeline.domain.messages.to_product import AskComplements
from tests.unit.domain.triggers.story import (
    Story,
    at_ms,
    cross_sell,
    event,
    order_completed,
    product_added,
    product_removed,
)


def test_who_carts_a_product_is_offered_what_others_bought_with_it() -> None:
    story = Story(cross_sell()).trained("A", "B", orders=3).trained("A", orders=1)
    story.at("10:00", product_added("A", cart="c1"))

    (trigger,) = story.triggers
    assert story.fired == [("10:00", "cross_sell")]
    assert trigger.items == (Item("B"),)
    assert trigger.reason == "B goes well with A: bought together in 3 orders, 75 % of those with A"
    assert trigger.context == {"goes_with": "A", "baskets": 3, "confidence": 0.75, "seen_in": "web"}
    assert trigger.due_at_ms == trigger.fired_at_ms == at_ms("10:00")


def test_who_buys_a_product_is_offered_what_others_bought_with_it() -> None:
    story = Story(cross_sell()).trained("A", "B", orders=3).at("10:00", order_completed("A", channel="pos"))

    assert [line.sku for trigger in story.triggers for line in trigger.items] == ["B"]


def test_too_few_orders_speak_for_no_offer() -> None:
    story = Story(cross_sell(min_baskets=3)).trained("A", "B", orders=2).at("10:00", product_added("A"))

    assert story.records == []


def test_too_small_a_share_speaks_for_no_offer() -> None:
    story = Story(cross_sell(min_confidence=0.5)).trained("A", "B", orders=3).trained("A", orders=4)

    assert story.at("10:00", product_added("A")).records == []


def test_what_is_owned_already_is_not_offered_the_next_best_is() -> None:
    story = Story(cross_sell()).trained("A", "B", orders=5).trained("A", "C", orders=4)
    story.at("09:00", order_completed("B")).at("10:00", product_added("A"))

    assert [trigger.items for trigger in story.triggers if trigger.context["goes_with"] == "A"] == [(Item("C"),)]


def test_nothing_is_offered_when_all_is_owned_or_in_a_cart_and_the_reason_is_kept() -> None:
    story = Story(cross_sell(min_confidence=0.9)).trained("A", "B", orders=5)
    story.at("09:00", product_added("B", cart="c2"), product_added("A", cart="c1"))
    assert story.decisions[-1] == ("09:00", "dropped", "in_cart")

    story = Story(cross_sell(min_confidence=0.9)).trained("A", "B", orders=5)
    story.at("09:00", order_completed("B")).at("09:01", product_added("A", cart="c1"))
    assert story.decisions[-1] == ("09:01", "dropped", "already_owned")


def test_one_order_of_several_products_gets_one_offer() -> None:
    story = Story(cross_sell()).trained("A", "X", orders=5).trained("B", "Y", orders=5)
    story.at("10:00", order_completed("A", "B"))

    assert len(story.fired) == 1
    assert story.decisions == [("10:00", "fired", "sent"), ("10:00", "dropped", "once_per_event")]


def test_a_purchase_of_the_offered_product_learned_of_later_takes_the_offer_back() -> None:
    story = Story(cross_sell()).trained("A", "B", orders=5).at("10:00", product_added("A"))
    story.at("09:50", order_completed("B", channel="pos"), arriving="10:05")

    (revoked,) = story.revoked
    assert revoked.trigger_id == story.triggers[0].trigger_id


def test_what_was_never_bought_has_no_complements() -> None:
    assert Story(cross_sell()).at("10:00", product_added("A")).records == []


def test_the_products_of_an_event_are_asked_one_after_the_other_so_that_answers_cannot_race() -> None:
    story = Story(cross_sell()).trained("B", "Y", orders=5)

    story.at("10:00", order_completed("C", "B", "A"))

    asked = [e.message for e in story.effects if isinstance(e, Send) and isinstance(e.message, AskComplements)]
    assert [(ask.sku, ask.then) for ask in asked] == [("A", ("B", "C")), ("B", ("C",)), ("C", ())]
    assert [trigger.items[0].sku for trigger in story.triggers] == ["Y"]


def test_what_goes_with_the_category_of_a_new_product_is_offered_as_such_and_with_its_lift() -> None:
    story = Story(cross_sell()).at("10:00", product_added("A"))
    best = Complement("B", baskets=9, confidence=0.25, support=0.01, lift=4.5)
    answer = Complements("default", "customer-1", "A", (best,), "e-1", at_ms("10:00"), "web", of_category="PASTA")
    story.deliver(answer, at_ms("10:00"))

    (trigger,) = story.triggers
    assert trigger.reason == (
        "B goes well with PASTA, the category of A: bought together in 9 orders, 25 % of those with such"
    )
    assert (trigger.context["goes_with"], trigger.context["of_category"], trigger.context["lift"]) == (
        "A",
        "PASTA",
        4.5,
    )


def test_what_is_held_over_night_is_not_offered_once_the_product_it_goes_with_went_back_or_out_of_the_cart() -> None:
    def held(told: ChannelEvent) -> Story:
        return Story(cross_sell(quiet_hours="22:00-08:00")).trained("A", "B", orders=5).at("22:30", told)

    bought, carted = order_completed("A", order="o-1"), product_added("A")
    for story in (held(bought), held(carted), held(carted).at("23:00", bought)):
        assert story.at("1d 09:00").fired == [("1d 08:00", "cross_sell")]
    back = event("order_refunded", items=(Item("A"),), order_id="o-1")
    for story in (held(bought).at("23:00", back), held(carted).at("23:00", product_removed("A"))):
        assert story.at("1d 09:00").decisions[-1] == ("1d 08:00", "dropped", "not_so")


def test_an_order_that_was_cancelled_before_it_was_told_offers_nothing() -> None:
    story = Story(cross_sell()).trained("A", "B", orders=5).at("10:00", event("order_cancelled", order_id="o-1"))

    assert story.at("09:00", order_completed("A", order="o-1"), arriving="10:05").records == []

"""The price drop: what a customer looks at has become cheaper (B31)."""

from __future__ import annotations

from typing import Any

from pipeline.domain.customer.draft import Draft
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages.to_customer import ProductNews
from pipeline.domain.reasons import DropReason
from pipeline.domain.records import Decision
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers.steps import Proposal
from tests.unit.domain.triggers.story import (
    Story,
    a_rule,
    at_ms,
    event,
    order_completed,
    product_added,
    product_removed,
)


def price_drop(**fields: Any) -> Rule:
    return a_rule("price_drop", **fields)


def wished(price: int | None = 100, currency: str | None = "EUR") -> ChannelEvent:
    return event("product_added_to_wishlist", items=(Item("A", 1, price, currency),))


def costs(story: Story, clock: str, price: int, before: int | None = None, currency: str = "EUR") -> Story:
    story.pass_time(at_ms(clock))
    news = ProductNews("default", "customer-1", "A", f"p-{clock}", at_ms(clock), None, None, price, before, currency)
    story.deliver(news, at_ms(clock))
    return story


def test_b31_a_price_that_falls_by_ten_percent_fires_and_one_by_nine_does_not() -> None:
    story = Story(price_drop()).at("10:00", product_added("A", price=100))

    assert costs(story, "11:00", 91).fired == []
    assert costs(story, "12:00", 89).fired == [("12:00", "price_drop")]
    assert story.triggers[0].reason == "A costs 0.89 EUR, 11 % less"


def test_b31_up_and_down_to_the_same_price_is_told_once() -> None:
    story = Story(price_drop()).at("10:00", product_added("A", price=100))
    for clock, price in (("11:00", 89), ("12:00", 100), ("13:00", 89), ("14:00", 89)):
        costs(story, clock, price)

    assert story.fired == [("11:00", "price_drop")]


def test_b31_up_and_down_within_the_cooldown_is_told_once_even_if_it_falls_further() -> None:
    story = Story(price_drop(cooldown="1d")).at("10:00", product_added("A", price=100))
    costs(costs(costs(story, "11:00", 89), "12:00", 100), "13:00", 80)

    assert story.fired == [("11:00", "price_drop")]
    assert story.decisions[-1] == ("13:00", "dropped", "cooldown")


def test_b31_who_knows_its_price_in_one_currency_is_not_told_of_another() -> None:
    story = Story(price_drop()).at("10:00", wished(100, "EUR"))

    assert costs(story, "13:00", 50, 80, "USD").fired == []
    assert costs(story, "14:00", 80, 100, "EUR").fired == [("14:00", "price_drop")]


def test_b31_prices_in_another_currency_are_compared_with_their_own_alone() -> None:
    story = Story(price_drop()).at("10:00", wished(None, None))

    assert costs(story, "11:00", 50, None, "USD").fired == []
    assert costs(story, "12:00", 50, 52, "USD").fired == []
    assert costs(story, "13:00", 50, 80, "USD").fired == [("13:00", "price_drop")]


def test_b31_who_puts_it_into_a_cart_in_another_currency_before_the_morning_is_not_told() -> None:
    story = Story(price_drop(quiet_hours="22:00-08:00")).at("20:00", wished(None, None))
    costs(story, "23:00", 80, 100, "USD").at("23:30", product_added("A", price=90)).at("1d 09:00")

    assert story.fired == []
    assert story.decisions[-1][1:] == ("dropped", "not_so")


def test_where_the_customer_knows_no_price_it_is_the_one_before() -> None:
    assert costs(Story(price_drop()).at("10:00", wished(None, None)), "11:00", 80, 100).fired == [
        ("11:00", "price_drop")
    ]


def test_a_price_that_had_fallen_before_the_customer_came_is_no_news() -> None:
    story = Story(price_drop()).at("10:00", wished(None, None))

    assert costs(story, "09:00", 80, 100).fired == []


def test_who_only_looked_or_took_it_out_of_the_cart_again_is_not_told() -> None:
    story = Story(price_drop()).at("10:00", event("product_viewed", items=(Item("A", 1, 100, "EUR"),)))
    story.at("10:10", product_added("A", price=100)).at("10:20", product_removed("A"))

    assert costs(story, "11:00", 50).fired == []


def test_who_asked_for_a_lower_price_is_told() -> None:
    story = Story(price_drop()).at("10:00", event("price_alert_requested", items=(Item("A", 1, 100, "EUR"),)))

    assert costs(story, "11:00", 80).fired == [("11:00", "price_drop")]


def test_who_has_bought_it_since_is_not_told_until_they_want_it_again() -> None:
    story = Story(price_drop()).at("10:00", wished()).at("10:30", order_completed("A"))
    assert costs(story, "11:00", 50).fired == []

    assert costs(story.at("12:00", wished()), "13:00", 50).fired == [("13:00", "price_drop")]


def test_b19_the_same_news_told_twice_fires_once() -> None:
    story = Story(price_drop()).at("10:00", wished())
    costs(costs(story, "11:00", 80), "11:00", 80)

    assert story.fired == [("11:00", "price_drop")]


def test_a_price_that_nobody_could_be_told_of_is_another_word_when_it_comes_again() -> None:
    story = Story(price_drop(channels=("email",))).at("10:00", wished())
    costs(costs(costs(story, "11:00", 89), "12:00", 100), "13:00", 89)

    assert story.decisions == [("11:00", "dropped", "no_address"), ("13:00", "dropped", "no_address")]
    assert len({record.decision_id for record in story.records if isinstance(record, Decision)}) == 2


def test_two_who_become_one_are_not_told_of_the_same_price_again() -> None:
    other = Story(price_drop(), customer_id="customer-2").at("10:00", wished())
    costs(other, "11:00", 80)
    story = Story(price_drop()).at("09:00", wished()).joined_by(other, "12:00")

    assert costs(story, "13:00", 80).fired == []


def test_a_word_that_was_held_is_dropped_once_the_product_is_bought_or_no_longer_wished_for() -> None:
    held = Proposal("A", "g", 0, "A", at_ms("10:00"), "p", (), {}, "")

    def on_release(story: Story) -> DropReason | None:
        assert story.state is not None
        return Rules("1", [price_drop()]).logic["price_drop"].on_release(held, Draft(story.state))

    story = Story(price_drop()).at("10:00", wished())
    assert on_release(story) is None
    assert (
        on_release(story.at("11:00", event("product_removed_from_wishlist", items=(Item("A"),)))) is DropReason.NOT_SO
    )
    assert on_release(story.at("12:00", order_completed("A"))) is DropReason.BOUGHT


def test_b13_a_purchase_learned_of_later_takes_back_what_was_said_of_a_lower_price() -> None:
    story = costs(Story(price_drop()).at("10:00", wished()), "11:00", 80)
    story.at("10:30", order_completed("A", channel="pos"), arriving="12:00")

    (revoked,) = story.revoked
    assert revoked.trigger_id == story.triggers[0].trigger_id
    assert revoked.reason == "A was bought before the message was sent"


def test_b13_a_purchase_that_was_given_back_takes_nothing_back() -> None:
    story = costs(Story(price_drop()).at("10:00", wished()), "11:00", 80)
    story.at("10:45", event("order_cancelled", order_id="o-1"), arriving="12:00")
    story.at("10:30", order_completed("A", order="o-1"), arriving="12:00")

    assert story.revoked == []


def test_what_was_free_cannot_become_cheaper() -> None:
    story = Story(price_drop()).at("10:00", product_added("A", price=0))

    assert costs(story, "11:00", -100).records == []


def test_b31_what_becomes_dearer_in_one_currency_takes_nothing_back_that_is_said_of_another() -> None:
    story = Story(price_drop(quiet_hours="22:00-08:00")).at("20:00", wished(100, "EUR"))
    costs(costs(story, "23:00", 80, 100, "EUR"), "23:30", 60, 50, "USD").at("1d 09:00")

    assert story.fired == [("1d 08:00", "price_drop")]
    assert story.triggers[0].context["currency"] == "EUR"

"""Back in stock: what a customer waits for can be had again (B30)."""

from __future__ import annotations

from typing import Any

from pipeline.domain.customer.draft import Draft
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages.to_customer import ProductNews
from pipeline.domain.reasons import DropReason
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers.steps import Proposal
from tests.unit.domain.triggers.story import Story, a_rule, at_ms, event, order_completed


def back(**fields: Any) -> Rule:
    return a_rule("back_in_stock", **fields)


def asked(size: str | None = None) -> ChannelEvent:
    return event("stock_alert_requested", items=(Item("A", attributes={"size": size} if size else {}),))


def wished() -> ChannelEvent:
    return event("product_added_to_wishlist", items=(Item("A"),))


def stock(story: Story, clock: str, pieces: int, size: str | None = None) -> Story:
    story.pass_time(at_ms(clock))
    news = ProductNews("default", "customer-1", "A", f"s-{clock}", at_ms(clock), pieces, size)
    story.deliver(news, at_ms(clock))
    return story


def test_who_asked_is_told_once_it_is_there() -> None:
    story = stock(stock(Story(back()).at("10:00", asked()), "11:00", 0), "12:00", 5)

    assert story.fired == [("12:00", "back_in_stock")]
    assert (story.triggers[0].items[0].sku, story.triggers[0].context["in_stock"]) == ("A", 5)


def test_b30_flapping_stock_does_not_repeat_it() -> None:
    story = Story(back()).at("10:00", asked())
    for clock, pieces in (("11:00", 1), ("12:00", 0), ("13:00", 1), ("2d 12:00", 0), ("9d 13:00", 1)):
        stock(story, clock, pieces)

    assert story.fired == [("11:00", "back_in_stock")]


def test_who_asks_again_is_told_again() -> None:
    story = stock(Story(back()).at("10:00", asked()), "11:00", 1)
    stock(story.at("12:00", asked()), "13:00", 1)

    assert story.fired == [("11:00", "back_in_stock"), ("13:00", "back_in_stock")]


def test_b30_who_was_not_told_because_of_the_cooldown_is_told_when_it_comes_again() -> None:
    story = stock(Story(back(cooldown="2h")).at("09:00", asked()), "09:30", 1)
    stock(story.at("10:00", asked()), "10:30", 1)
    assert story.decisions[-1] == ("10:30", "dropped", "cooldown")

    stock(stock(story, "11:00", 0), "13:00", 1)
    assert story.fired == [("09:30", "back_in_stock"), ("13:00", "back_in_stock")]


def test_a_size_is_told_to_those_alone_who_asked_for_it() -> None:
    assert stock(Story(back()).at("10:00", asked("38")), "11:00", 1, "40").fired == []
    assert stock(Story(back()).at("10:00", asked("38")), "11:00", 1, "38").fired == [("11:00", "back_in_stock")]
    assert stock(Story(back()).at("10:00", asked()), "11:00", 1, "40").fired == [("11:00", "back_in_stock")]


def test_who_wished_for_it_is_told_unless_the_rule_says_otherwise() -> None:
    assert stock(Story(back()).at("10:00", wished()), "11:00", 1).fired == [("11:00", "back_in_stock")]
    assert stock(Story(back(wishes=False)).at("10:00", wished()), "11:00", 1).fired == []


def test_who_has_bought_it_or_wishes_for_it_no_more_is_not_told() -> None:
    bought = Story(back()).at("10:00", asked()).at("10:30", order_completed("A"))
    unwished = Story(back()).at("10:00", wished())
    unwished.at("10:30", event("product_removed_from_wishlist", items=(Item("A"),)))

    assert stock(bought, "11:00", 1).fired == []
    assert stock(unwished, "11:00", 1).fired == []


def test_b19_the_same_news_told_twice_fires_once() -> None:
    story = stock(stock(Story(back()).at("10:00", asked()), "11:00", 1), "11:00", 1)

    assert story.fired == [("11:00", "back_in_stock")]


def test_b30_two_who_become_one_are_told_once() -> None:
    other = stock(Story(back(), customer_id="customer-2").at("10:00", asked()), "11:00", 1)
    story = Story(back()).at("09:00", asked()).joined_by(other, "12:00")

    assert stock(story, "13:00", 1).fired == []


def test_a_word_that_was_held_is_dropped_once_the_product_is_bought() -> None:
    held = Proposal("A", "g", 0, "A", at_ms("10:00"), "p", (), {}, "")

    def on_release(story: Story) -> DropReason | None:
        assert story.state is not None
        return Rules("1", [back()]).logic["back_in_stock"].on_release(held, Draft(story.state))

    story = Story(back()).at("10:00", asked())
    assert on_release(story) is None
    assert on_release(story.at("12:00", order_completed("A"))) is DropReason.BOUGHT


def test_b13_a_purchase_learned_of_later_takes_back_that_it_is_there_again() -> None:
    story = stock(Story(back()).at("10:00", asked()), "12:00", 5)
    story.at("10:10", order_completed("A", channel="pos"), arriving="15:00")

    assert [each.trigger_id for each in story.revoked] == [story.triggers[0].trigger_id]


def test_b30_what_is_gone_before_the_morning_is_not_told_and_is_told_when_it_comes_again() -> None:
    story = Story(back(quiet_hours="22:00-08:00")).at("20:00", asked())
    stock(stock(story, "23:00", 1), "1d 02:00", 0).at("1d 09:00")
    assert story.fired == []
    assert story.decisions[-1][1:] == ("dropped", "sold_out")

    assert stock(story, "1d 10:00", 1).fired == [("1d 10:00", "back_in_stock")]


def test_who_cancels_the_order_placed_since_waits_again_though_they_own_one_from_before() -> None:
    story = Story(back()).at("08:00", order_completed("A", order="o-1")).at("09:00", asked())
    story.at("10:00", order_completed("A", order="o-2")).at("10:30", event("order_cancelled", order_id="o-2"))

    assert stock(story, "11:00", 5).fired == [("11:00", "back_in_stock")]

"""What a product told to be gone is not offered: whole messages are dropped, single items left out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipeline.domain.conditions.products import Shows
from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.audiences import Audience
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.heard import ANSWERS_KEPT, COMPLEMENTS_KEPT, NOTHING, SIZES_KEPT, STOCK_KEPT, Heard
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.identity.merging import fold, split
from pipeline.domain.messages.to_customer import Complement, Complements, Merge, ProductNews
from pipeline.domain.rules.in_force import Rule, Rules
from tests.unit.domain.triggers.story import Story, a_rule, abandoned_cart, at_ms, event, order_completed, viewed


def word(sku: str, pieces: int | None, clock: str = "09:00", size: str | None = None) -> ProductNews:
    return ProductNews("default", "customer-1", sku, f"stock-{sku}-{clock}", at_ms(clock), pieces, size)


def answer(sku: str, *others: str, clock: str = "09:00") -> Complements:
    complements = tuple(Complement(other, 3, 0.5) for other in others)
    return Complements("default", "customer-1", sku, complements, f"e-{sku}", at_ms(clock), "web")


def told(*words: ProductNews) -> Heard:
    heard = NOTHING
    for each in words:
        heard = heard.news(each)
    return heard


def stock(story: Story, clock: str, sku: str, pieces: int, size: str | None = None) -> Story:
    story.pass_time(at_ms(clock))
    story.deliver(word(sku, pieces, clock, size), at_ms(clock))
    return story


def added(*skus: str, size: str | None = None) -> ChannelEvent:
    items = tuple(Item(sku, 1, 1_000, "EUR", {"size": size} if size else {}) for sku in skus)
    return event("product_added", items=items, cart_id="c1")


def told_of_stock(*rules: Rule) -> Story:
    """A customer whom products tell whether there are any, for an audience shows them."""
    story = Story(*rules)
    shows = Audience("ads", Shows(("carted", "viewed")))
    story.actor = CustomerActor(Rules("test", rules, audiences=[shows]))
    return story


def dressed(*skus: str, size: str | None = None, **rule: Any) -> Story:
    return told_of_stock(abandoned_cart(**rule)).at("10:00", added(*skus, size=size))


# --- what is kept ---


def test_a_size_is_gone_until_it_is_told_to_be_there_again() -> None:
    gone = told(word("A", 0, "09:00", "38"))

    assert gone.is_gone("A", "38")
    assert not gone.is_gone("A", "40")
    assert not gone.is_gone("A")
    assert not gone.is_gone("B", "38")
    assert not gone.news(word("A", 2, "09:30", "38")).is_gone("A", "38")


def test_all_of_a_product_being_gone_goes_for_each_size_until_one_is_told_to_be_there() -> None:
    gone = told(word("A", 3, "08:00", "38"), word("A", 0, "09:00"))
    assert gone.is_gone("A", "38")
    assert gone.is_gone("A")

    back = gone.news(word("A", 1, "09:10", "40"))

    assert (back.is_gone("A", "40"), back.is_gone("A", "38")) == (False, True)


def test_that_some_of_it_is_there_says_nothing_of_a_size_that_is_gone() -> None:
    assert told(word("A", 0, "09:00", "38"), word("A", 5, "09:30")).is_gone("A", "38")


def test_word_that_comes_late_or_twice_or_tells_a_price_alone_changes_nothing() -> None:
    heard = told(word("A", 5, "09:30"))

    assert heard.news(word("A", 0, "09:00")) is heard
    assert heard.news(word("A", 5, "09:30")) is heard
    assert heard.news(word("A", None, "10:00")) is heard
    assert not heard.is_gone("A")


def test_of_two_customers_who_become_one_the_later_word_holds_whoever_joins_whom() -> None:
    a = told(word("A", 0, "09:00", "38"), word("B", 0, "09:00")).answered(answer("X", "Y", clock="09:00"))
    b = told(word("A", 4, "09:30", "38"), word("C", 0, "09:00")).answered(answer("X", "Z", clock="09:30"))

    assert a.united(b) == b.united(a)
    assert a.united(b).sold_out() == {"B": [""], "C": [""]}
    assert [each.sku for each in a.united(b).answers["X"].complements] == ["Z"]


def test_a_merge_undone_leaves_what_products_told_with_both() -> None:
    senior, junior = Draft(CustomerState("default", "s")), CustomerState("default", "j", heard=told(word("A", 0)))
    merge = Merge("m", "j", "s", "cookie", ("cookie", "c"), "e-1", at_ms("10:00"))
    fold(senior, junior, merge)

    left, _ = split(senior, {"j"}, merge, ("e-2", at_ms("11:00")))

    assert senior.heard.is_gone("A")
    assert left.heard.is_gone("A")


def test_what_is_kept_is_bounded_and_what_can_be_had_goes_first() -> None:
    heard = told(word("GONE", 0, "00:00", "38"))
    for number in range(3 * STOCK_KEPT):
        heard = heard.news(word(f"S{number:03}", number % 4, f"{number % 24}d 10:00"))
        heard = heard.answered(answer(f"S{number:03}", *"ABCDEFGHIJ", clock=f"{number % 24}d 10:00"))
    for size in range(2 * SIZES_KEPT):
        heard = heard.news(word("GONE", 1, "25d 10:00", f"size {size}"))

    assert len(heard.stock) == STOCK_KEPT
    assert len(heard.answers) == ANSWERS_KEPT
    assert all(len(each.complements) == COMPLEMENTS_KEPT for each in heard.answers.values())
    assert len(heard.stock["GONE"]) == SIZES_KEPT
    assert heard.is_gone("GONE", "38")
    assert heard.united(heard) == heard
    assert len(msgspec.msgpack.encode(heard)) < 12 * 1024


def test_people_see_what_is_sold_out() -> None:
    story = stock(stock(told_of_stock().at("10:00", viewed("A")), "10:05", "A", 0, "38"), "10:06", "B", 4)

    assert story.customer["sold_out"] == {"A": ["38"]}


# --- what is not sent ---


def test_a_message_of_nothing_but_what_is_sold_out_is_not_sent() -> None:
    story = stock(stock(dressed("A", "B"), "10:10", "A", 0), "10:20", "B", 0).at("11:00")

    assert story.fired == []
    assert story.decisions == [("11:00", "dropped", "sold_out")]


def test_of_a_message_only_what_is_sold_out_is_left_out() -> None:
    story = stock(dressed("A", "B"), "10:10", "A", 0).at("11:00")

    assert story.fired == [("11:00", "abandoned_cart")]
    assert [item.sku for item in story.triggers[0].items] == ["B"]
    assert (story.triggers[0].context["pieces"], story.triggers[0].context["amount_minor"]) == (1, 1_000)


@pytest.mark.parametrize(("size", "sent"), [("38", []), ("40", [("11:00", "abandoned_cart")])])
def test_only_the_size_in_the_cart_counts(size: str, sent: list[tuple[str, str]]) -> None:
    story = stock(dressed("A", size=size), "10:10", "A", 0, "38").at("11:00")

    assert story.fired == sent


def test_where_a_message_names_no_size_the_one_preferred_in_the_category_counts() -> None:
    searched = event("products_searched", properties={"query": "dress", "category": "dresses", "size": "38"})
    seen = event("product_viewed", items=(Item("A", attributes={"category": "dresses"}),))
    story = told_of_stock(a_rule("abandoned_browse", products=1, delay="1h")).at("10:00", searched, seen)

    stock(story, "10:10", "A", 0, "38").at("11:00")

    assert story.decisions == [("11:00", "dropped", "sold_out")]


def test_what_has_come_back_in_time_is_offered() -> None:
    story = stock(stock(dressed("A"), "10:10", "A", 0), "10:50", "A", 1).at("11:00")

    assert story.fired == [("11:00", "abandoned_cart")]


def test_what_sells_out_while_a_message_is_held_is_left_out_at_its_release() -> None:
    story = told_of_stock(abandoned_cart(quiet_hours="22:00-08:00")).at("21:30", added("A", "B"))
    stock(story.at("22:30"), "1d 06:00", "A", 0).at("1d 08:00")

    assert [item.sku for item in story.triggers[0].items] == ["B"]


def test_what_is_sold_out_at_night_and_back_in_the_morning_is_named() -> None:
    story = told_of_stock(abandoned_cart(quiet_hours="22:00-08:00")).at("21:30", added("A", "B"))
    stock(stock(story.at("22:30"), "1d 06:00", "A", 0), "1d 07:00", "A", 3).at("1d 08:00")

    assert [item.sku for item in story.triggers[0].items] == ["A", "B"]


def test_all_of_it_sold_out_while_held_is_dropped_at_its_release() -> None:
    story = told_of_stock(abandoned_cart(quiet_hours="22:00-08:00")).at("21:30", added("A"))
    stock(story.at("22:30"), "1d 06:00", "A", 0).at("1d 08:00")

    assert story.decisions[-1] == ("1d 08:00", "dropped", "sold_out")


def test_who_bought_the_last_piece_gets_a_confirmation_that_names_it() -> None:
    rule = a_rule("post_purchase", after="order_completed", rule_class="transactional")
    story = stock(told_of_stock(rule).at("09:00", viewed("A")), "09:30", "A", 0)

    story.at("10:00", order_completed("A", order="o-1"))

    assert [item.sku for item in story.triggers[0].items] == ["A"]


def test_a_message_about_no_product_is_sent_whatever_is_sold_out() -> None:
    story = stock(told_of_stock(a_rule("welcome", on="subscribed")).at("09:00", viewed("A")), "09:30", "A", 0)

    story.at("10:00", event("subscribed", channel="email", properties={"list": "news"}))

    assert story.fired == [("10:00", "welcome")]

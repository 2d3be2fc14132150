"""Who waits for a product is told in waves, never more of them than there are pieces (B30)."""

from __future__ import annotations

from pipeline.domain.events import Item
from pipeline.domain.records import Decision
from tests.unit.domain.product.market import Market, back, sold_out
from tests.unit.domain.triggers.story import a_rule, event


def hundred() -> list[str]:
    return [f"u-{number:02d}" for number in range(100)]


def test_b30_of_a_hundred_who_wait_as_many_are_told_as_there_are_pieces_and_the_next_after_the_window() -> None:
    market = sold_out()
    for minute, customer_id in enumerate(hundred()[::-1]):
        market.at(f"10:{minute:02d}" if minute < 60 else f"11:{minute - 60:02d}").asks(customer_id)

    market.at("12:00").stock({"": 5})
    assert {told for _, told in market.fired} == {f"u-{number}" for number in (99, 98, 97, 96, 95)}

    market.at("12:29")
    assert len(market.fired) == 5
    market.at("12:30")
    assert [at for at, _ in market.fired[5:]] == ["12:30"] * 5
    assert {told for _, told in market.fired[5:]} == {f"u-{number}" for number in (94, 93, 92, 91, 90)}

    market.stock({"": 0}).at("20:00")
    assert len(market.fired) == 10

    market.stock({"": 200}).at("23:00")
    assert len(market.fired) == 100
    assert market.told == set(hundred())


def test_b30_flapping_stock_tells_nobody_again() -> None:
    market = sold_out().asks("ann", "bob")
    for clock, pieces in (("11:00", 1), ("11:05", 0), ("11:10", 1), ("11:15", 0), ("11:20", 1), ("15:00", 1)):
        market.at(clock).stock({"": pieces})

    assert market.fired == [("11:00", "ann"), ("11:10", "bob")]
    assert market.handled["ProductNews"] == 4  # to each that it is there, and that it is gone: not again


def test_who_asks_again_is_told_again() -> None:
    market = sold_out().asks("ann").at("11:00").stock({"": 1}).at("12:00").stock({"": 0})
    market.at("13:00").asks("ann").at("14:00").stock({"": 1})

    assert market.fired == [("11:00", "ann"), ("14:00", "ann")]


def test_who_was_told_and_puts_it_into_a_cart_is_told_again_only_when_it_comes_back_once_more() -> None:
    market = sold_out().wishes("ann").at("11:00").stock({"": 5}).at("11:10").carts("ann").at("15:00")
    assert market.fired == [("11:00", "ann")]

    market.stock({"": 0}).at("16:00").stock({"": 5})
    assert market.fired == [("11:00", "ann"), ("16:00", "ann")]


def test_the_most_eager_come_first_an_alert_before_a_wish_before_a_cart_before_a_view_then_who_waits_longest() -> None:
    market = sold_out(back(viewed=True))
    looked = event("product_viewed", items=(Item("A"),))
    market.tell("viewer", looked).settle().at("10:01").carts("carter").at("10:02").wishes("wisher")
    market.at("10:03").asks("late").at("10:04").wishes("wisher-2").at("10:05").asks("later")

    for clock in ("11:00", "11:30", "12:00", "12:30", "13:00", "13:30"):
        market.at(clock)
        if clock == "11:00":
            market.stock({"": 1})

    assert [told for _, told in market.fired] == ["late", "later", "wisher", "wisher-2", "carter", "viewer"]


def test_who_buys_gives_up_what_was_kept_and_their_piece_is_not_offered_before_the_stock_is_told() -> None:
    market = sold_out().asks("ann", "bob", "cid").at("11:00").stock({"": 1})
    market.at("11:10").buys("ann")
    assert market.fired == [("11:00", "ann")]  # the piece is hers, whatever the stock says yet

    market.at("11:12").stock({"": 0}).at("11:40").stock({"": 1})
    assert market.fired == [("11:00", "ann"), ("11:40", "bob")]


def test_who_waits_no_more_gives_their_piece_to_the_next_at_once() -> None:
    market = sold_out().wishes("ann").at("10:01").wishes("bob").at("11:00").stock({"": 1})
    market.at("11:05").tell("ann", event("product_removed_from_wishlist", items=(Item("A"),))).settle()

    assert market.fired == [("11:00", "ann"), ("11:05", "bob")]


def test_who_owns_one_from_before_and_wants_no_second_gives_the_piece_to_the_next_at_once() -> None:
    market = sold_out().at("10:00").buys("ann").at("10:01").wishes("ann").at("10:02").wishes("bob")
    market.at("11:00").stock({"": 1})
    market.at("11:05").tell("ann", event("product_removed_from_wishlist", items=(Item("A"),))).settle()

    assert market.fired == [("11:00", "ann"), ("11:05", "bob")]


def test_who_may_not_be_told_gives_their_piece_to_the_next_and_is_told_when_it_comes_again() -> None:
    market = sold_out(back(cooldown="3h")).asks("ann").at("10:01").stock({"": 1}).stock({"": 0})
    market.at("10:02").asks("ann").at("10:03").asks("bob").at("11:00").stock({"": 1})
    assert market.fired == [("10:01", "ann"), ("11:00", "bob")]

    market.at("12:00").stock({"": 0}).at("14:00").stock({"": 1})
    assert market.fired[2:] == [("14:00", "ann")]


def test_what_quiet_hours_hold_back_is_kept_until_they_are_over_and_taken_back_if_it_is_gone_by_then() -> None:
    rules = back(quiet_hours="22:00-08:00")
    market = Market(rules).at("20:00").stock({"": 0}).asks("ann", "bob").at("23:00").stock({"": 1})
    market.at("1d 07:59")
    assert market.fired == []
    market.at("1d 08:29")
    assert market.fired == [("1d 08:00", "ann")]
    market.at("1d 08:30")
    assert market.fired == [("1d 08:00", "ann"), ("1d 08:30", "bob")]

    gone = Market(rules).at("20:00").stock({"": 0}).asks("ann").at("23:00").stock({"": 1})
    gone.at("1d 02:00").stock({"": 0}).at("1d 09:00")
    assert gone.fired == []
    assert gone.records[-1].reason == "sold_out"
    assert gone.at("1d 10:00").stock({"": 1}).fired == [("1d 10:00", "ann")]


def test_who_buys_and_cancels_before_the_morning_is_offered_the_piece_anew_and_that_is_another_offer() -> None:
    market = sold_out(back(quiet_hours="22:00-08:00")).wishes("ann").at("23:00").stock({"": 1})
    for bought_at, cancelled_at in (("23:10", "23:20"), ("23:30", "23:40")):
        market.at(bought_at).buys("ann")
        (order_id,) = (each for each, order in market.customer("ann").orders.items() if order.is_kept)
        market.at(cancelled_at).tell("ann", event("order_cancelled", order_id=order_id)).settle()
    market.at("1d 09:00")

    assert market.fired == [("1d 08:00", "ann")]
    decisions = [each for each in market.records if isinstance(each, Decision)]
    assert [each.outcome for each in decisions] == ["held", "dropped", "held", "dropped", "held", "fired"]
    assert len({each.decision_id for each in decisions}) == 6


def test_what_is_offered_anew_in_the_instant_in_which_two_become_one_is_another_offer() -> None:
    market = sold_out(back(quiet_hours="22:00-08:00")).tell("ann", event("page_viewed")).settle()
    market.at("23:00").wishes("bob").stock({"": 1}).meets("bob", "ann").settle().at("1d 02:00").stock({"": 0})

    decisions = [each for each in market.records if isinstance(each, Decision)]
    assert [each.reason for each in decisions] == ["quiet_hours", "superseded", "quiet_hours", "sold_out"]
    ended = [each.decision_id for each in decisions if each.outcome == "dropped"]
    assert ended[0] != ended[1]


def test_sizes_are_offered_to_who_wants_them_and_any_size_to_who_said_none() -> None:
    market = Market(back()).at("10:00").stock({"38": 0, "40": 0})
    market.asks("any").at("10:01").asks("thirty-eight", size="38").at("10:02").asks("forty", size="40")

    market.at("11:00").stock({"38": 1, "40": 0})
    assert market.told == {"any"}
    market.at("11:01").stock({"38": 1, "40": 1})
    assert market.told == {"any", "forty"}
    assert market.at("11:30").told == {"any", "forty", "thirty-eight"}


def test_who_wished_for_a_size_waits_for_that_one_and_of_wish_and_cart_the_later_says_which() -> None:
    def wants(market: Market, event_type: str, size: str) -> Market:
        item = Item("A", attributes={"size": size})
        return market.tell("ann", event(event_type, items=(item,))).settle()

    def empty() -> Market:
        return Market(back()).at("10:00").stock({"38": 0, "40": 0})

    wished = wants(empty(), "product_added_to_wishlist", "38").at("11:00").stock({"38": 0, "40": 9})
    assert wished.fired == []
    assert wished.at("12:00").stock({"38": 1, "40": 9}).fired == [("12:00", "ann")]

    changed = wants(wants(empty(), "product_added_to_wishlist", "38").at("10:30"), "product_added", "40")
    assert changed.at("11:00").stock({"38": 9, "40": 0}).fired == []
    assert changed.at("12:00").stock({"38": 9, "40": 1}).fired == [("12:00", "ann")]

    asked = wants(wants(empty(), "stock_alert_requested", "38").at("10:30"), "product_added", "40")
    assert asked.at("11:00").stock({"38": 0, "40": 9}).fired == []


def test_of_alerts_for_two_sizes_of_a_product_the_latest_holds() -> None:
    market = Market(back()).at("10:00").stock({"38": 0, "40": 0}).asks("ann", size="38").at("10:01")
    market.asks("ann", size="40").at("11:00").stock({"38": 9, "40": 0})
    assert market.fired == []

    assert market.at("12:00").stock({"38": 9, "40": 1}).fired == [("12:00", "ann")]


def test_a_size_in_a_cart_says_nothing_to_a_rule_for_which_carts_do_not_wait() -> None:
    rules = back(carts=False), a_rule("price_drop")
    market = Market(*rules).at("10:00").stock({"38": 0, "40": 0}).wishes("ann")
    market.tell("ann", event("product_added", items=(Item("A", attributes={"size": "38"}),))).settle()

    assert market.at("11:00").stock({"38": 0, "40": 1}).fired == [("11:00", "ann")]


def test_a_size_that_is_told_empty_is_none() -> None:
    market = Market(back()).at("10:00").stock({"38": 0}).asks("ann", size="").at("10:01")
    market.tell("bob", event("product_added", items=(Item("A", attributes={"size": ""}),))).settle()
    market.at("11:00").stock({"38": 5})

    assert market.told == {"ann", "bob"}


def test_the_first_word_of_stock_is_news_only_for_who_asked_to_be_told() -> None:
    market = Market(back()).at("10:00").wishes("wisher").asks("asker").at("11:00").stock({"": 9}).at("15:00")

    assert market.told == {"asker"}


def test_who_wishes_for_what_is_there_is_not_told_that_it_is_until_it_has_been_sold_out() -> None:
    market = sold_out().at("10:30").stock({"": 3}).at("11:00").wishes("ann").at("12:00").stock({"": 9})
    assert market.fired == []

    market.at("13:00").stock({"": 0}).at("14:00").stock({"": 1})
    assert market.fired == [("14:00", "ann")]


def test_more_pieces_are_told_of_at_once() -> None:
    market = sold_out().asks(*hundred()[:8]).at("11:00").stock({"": 3}).at("11:10").stock({"": 5})

    assert [at for at, _ in market.fired] == ["11:00"] * 3 + ["11:10"] * 2


def test_a_trigger_says_how_many_pieces_there_are_and_which_place_the_customer_had() -> None:
    market = sold_out().asks("ann", "bob").at("11:00").stock({"": 2})

    reasons = {trigger.customer_id: trigger.reason for trigger in market.triggers}
    assert reasons["bob"] == (
        "A is there again: 2 pieces; told as number 2, one is kept until 2026-11-24T11:30:00.000Z"
    )
    assert market.triggers[0].context["in_stock"] == 2


def test_the_window_is_what_the_rule_says() -> None:
    market = sold_out(back(kept_for="2h")).asks("ann", "bob").at("11:00").stock({"": 1}).at("14:00")

    assert market.fired == [("11:00", "ann"), ("13:00", "bob")]


def test_b30_two_who_become_one_before_are_told_once_and_take_one_piece() -> None:
    market = sold_out().wishes("ann", "bob", "cid").meets("bob", "ann").settle().at("11:00").stock({"": 3})

    assert sorted(market.fired) == [("11:00", "ann"), ("11:00", "cid")]
    assert market.waves.kept("") == 2


def test_b30_two_who_become_one_after_one_was_told_are_not_told_again() -> None:
    market = sold_out().wishes("bob").at("10:01").wishes("ann").at("11:00").stock({"": 1})
    market.meets("bob", "ann").settle().at("15:00")

    assert market.fired == [("11:00", "bob")]


def test_b30_who_becomes_part_of_another_after_being_told_keeps_their_piece_until_the_time_is_over() -> None:
    market = sold_out().wishes("bob").at("10:01").wishes("ann").at("10:02").wishes("cid").at("11:00").stock({"": 1})

    market.meets("bob", "ann").settle().at("11:29")
    assert market.fired == [("11:00", "bob")]

    assert market.at("11:30").fired == [("11:00", "bob"), ("11:30", "cid")]

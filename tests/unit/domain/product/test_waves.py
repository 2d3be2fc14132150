"""Who waits for a product is told in waves, never more of them than there are pieces (B30), and of its price (B31)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.customer.waiting import EFFECTS_PER_WAKE
from pipeline.domain.events import Item
from pipeline.domain.messages.effects import Send
from pipeline.domain.messages.keys import customer_key
from pipeline.domain.messages.waves import (
    SHARDS,
    Candidate,
    Candidates,
    Interest,
    Offer,
    Released,
    StockTurned,
    TellWaiters,
    Waits,
    Want,
    shard_of,
)
from pipeline.domain.product.waiter import Waiter
from pipeline.domain.product.waiters import WAITERS_KEPT, Waiters
from pipeline.domain.product.waves import Wave, Waves
from pipeline.domain.rules.in_force import Rule, Rules
from tests.unit.domain.product.market import Market
from tests.unit.domain.triggers.story import a_rule, at_ms, event


def back(**fields: Any) -> Rule:
    return a_rule("back_in_stock", **fields)


def sold_out(*rules: Rule) -> Market:
    return Market(*rules or (back(),)).at("10:00").stock({"": 0})


def sent(wave: Wave) -> list[Any]:
    return [effect.message for effect in wave.effects if isinstance(effect, Send)]


def hundred() -> list[str]:
    return [f"u-{number:02d}" for number in range(100)]


# --- waves --------------------------------------------------------------------------------------------------------


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


def test_sizes_are_offered_to_who_wants_them_and_any_size_to_who_said_none() -> None:
    market = Market(back()).at("10:00").stock({"38": 0, "40": 0})
    market.asks("any").at("10:01").asks("thirty-eight", size="38").at("10:02").asks("forty", size="40")

    market.at("11:00").stock({"38": 1, "40": 0})
    assert market.told == {"any"}
    market.at("11:01").stock({"38": 1, "40": 1})
    assert market.told == {"any", "forty"}
    assert market.at("11:30").told == {"any", "forty", "thirty-eight"}


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


# --- merges -------------------------------------------------------------------------------------------------------


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


# --- few pieces, prices -------------------------------------------------------------------------------------------


def test_who_has_it_in_the_cart_is_told_once_when_few_pieces_are_left() -> None:
    market = Market(a_rule("low_stock", pieces=3)).at("10:00").stock({"": 9}).carts("ann").wishes("bob")
    for clock, pieces in (("11:00", 4), ("11:01", 3), ("11:02", 2), ("11:03", 5), ("11:04", 1)):
        market.at(clock).stock({"": pieces})

    assert market.fired == [("11:01", "ann")]
    assert market.triggers[0].reason == "3 pieces are left of A, which lies in the cart"


def test_who_puts_it_into_the_cart_when_few_pieces_are_left_hears_when_there_are_fewer() -> None:
    market = Market(a_rule("low_stock", pieces=3)).at("10:00").stock({"": 2}).carts("ann").at("11:00").stock({"": 1})

    assert market.fired == [("11:00", "ann")]


def test_nobody_is_told_of_few_pieces_once_it_is_sold_out_bought_or_taken_out() -> None:
    market = Market(a_rule("low_stock", pieces=3)).at("10:00").stock({"": 9}).carts("ann", "bob", "cid")
    market.buys("ann").tell("bob", event("cart_emptied")).settle().at("11:00").stock({"": 2})
    assert market.fired == [("11:00", "cid")]

    gone = Market(a_rule("low_stock", pieces=3)).at("10:00").stock({"": 9}).carts("ann").at("11:00").stock({"": 0})
    assert gone.fired == []


def test_a_word_of_few_pieces_held_over_night_does_not_go_out_once_none_is_left() -> None:
    market = Market(a_rule("low_stock", pieces=3, quiet_hours="22:00-08:00")).at("20:00").stock({"": 9}).carts("ann")
    market.at("23:00").stock({"": 2}).at("1d 02:00").stock({"": 0}).at("1d 09:00")

    assert market.fired == []
    assert market.records[-1].reason == "sold_out"


@pytest.mark.parametrize(("now_minor", "told"), [(89, {"ann", "bob"}), (91, set())])
def test_b31_a_price_from_100_to_89_is_told_of_under_a_rule_of_ten_percent_and_one_to_91_is_not(
    now_minor: int, told: set[str]
) -> None:
    market = Market(a_rule("price_drop", percent=10)).at("10:00").wishes("ann").carts("bob").costs(100)

    assert market.at("11:00").costs(now_minor).told == told


def test_b31_a_price_that_goes_up_and_down_within_the_cooldown_is_told_of_once() -> None:
    market = Market(a_rule("price_drop", cooldown="2d")).at("10:00").wishes("ann").costs(100)
    for clock, price in (("11:00", 89), ("12:00", 100), ("13:00", 88), ("14:00", 100), ("15:00", 89)):
        market.at(clock).costs(price)

    assert market.fired == [("11:00", "ann")]


def test_b31_prices_of_different_currencies_are_never_compared() -> None:
    market = Market(a_rule("price_drop")).at("10:00").wishes("ann").costs(100).at("11:00").costs(50, "USD")

    assert market.fired == []


def test_a_lower_price_that_is_gone_by_the_morning_is_not_told_of_and_is_when_it_comes_again() -> None:
    market = Market(a_rule("price_drop", quiet_hours="22:00-08:00")).at("20:00").wishes("ann").costs(100)
    market.at("23:00").costs(80).at("1d 01:00").costs(100).at("1d 09:00")
    assert market.fired == []

    assert market.at("1d 10:00").costs(80).fired == [("1d 10:00", "ann")]


def test_who_was_told_that_it_is_gone_and_not_that_it_is_back_is_written_to_of_it_all_the_same() -> None:
    market = sold_out(back(), a_rule("price_drop")).wishes("ann").costs(100)
    market.at("11:00").stock({"": 1}).at("11:10").stock({"": 0}).at("12:00").stock({"": 100})

    market.at("13:00").costs(50)

    assert [trigger.rule for trigger in market.triggers] == ["back_in_stock", "price_drop"]


# --- what is said, and what it costs ------------------------------------------------------------------------------


def test_nothing_is_said_where_no_rule_listens() -> None:
    market = Market(a_rule("abandoned_cart")).at("10:00").asks("ann").wishes("bob").carts("cid").buys("cid")

    assert market.handled["Interest"] == 0


def test_only_what_rules_listen_to_is_said() -> None:
    market = Market(back(wishes=False, carts=False)).at("10:00").wishes("ann").carts("ann").asks("bob")
    market.tell("cid", event("product_viewed", items=(Item("A"),))).settle()

    assert market.waiting.keys() == {"bob"}


def test_prices_are_told_only_to_lists_in_which_somebody_waits_for_one() -> None:
    market = Market(back(), a_rule("price_drop")).at("10:00").stock({"": 0}).costs(100).asks("ann", "bob")
    market.at("11:00").costs(50)
    assert market.handled["PriceTurned"] == 0

    market.wishes("cid").at("12:00").costs(40)

    assert market.handled["PriceTurned"] == 1
    assert market.fired == [("12:00", "cid")]


@pytest.mark.parametrize("seed", range(10))
def test_who_comes_to_wait_for_a_price_in_a_list_that_waits_for_stock_hears_of_it(seed: int) -> None:
    market = Market(back(), a_rule("price_drop"), seed=seed).at("10:00").stock({"": 0}).costs(100).asks("ann")
    market.at("11:00").wishes("ann").at("12:00").costs(50)

    assert market.fired == [("12:00", "ann")]


def test_a_cart_emptied_a_wish_withdrawn_and_a_purchase_end_the_waiting() -> None:
    market = Market(back()).at("10:00").carts("ann").wishes("bob").asks("cid")
    assert market.waiting.keys() == {"ann", "bob", "cid"}
    market.at("10:01").tell("ann", event("cart_emptied")).tell(
        "bob", event("product_removed_from_wishlist", items=(Item("A"),))
    ).settle().buys("cid")

    assert market.waiting == {}


def test_a_rule_added_later_hears_of_wishes_from_before_with_the_customers_next_event() -> None:
    market = Market(a_rule("abandoned_cart")).at("10:00").stock({"": 0}).wishes("ann")
    market.book.put(Rules("2", [back()], number=1), at_ms("11:00"))
    market.at("12:00").tell("ann", event("page_viewed")).settle()

    assert market.waiting["ann"].rank == Want.WISH
    assert market.at("13:00").stock({"": 1}).fired == [("13:00", "ann")]


def test_who_comes_to_wait_while_a_round_is_under_way_is_asked_when_it_is_over() -> None:
    wave = Wave("default", "A", Waves(lists=1))
    wave.on_availability({}, {"": 2}, 10, "s-1")
    wave.take(Waits("default", "A", 5, 11, waits=True))
    assert [(ask.shard, ask.at_ms) for ask in sent(wave)] == [(0, 10)]

    wave.take(Candidates("default", "A", 0, 1, 12, ()))
    assert [(ask.shard, ask.at_ms) for ask in sent(wave)] == [(0, 10), (5, 12)]


def test_a_list_that_named_all_it_may_is_asked_again_before_less_eager_ones_of_others_are_told() -> None:
    wave = Wave("default", "A", Waves(lists=0b11))
    wave.on_availability({}, {"": 3}, 10, "s-1")
    early, late = Candidate("early", Want.WISH, 1, None, 60_000), Candidate("late", Want.WISH, 9, None, 60_000)
    wave.take(Candidates("default", "A", 0, 1, 11, (early,), more=True))
    wave.take(Candidates("default", "A", 1, 1, 11, (late,)))

    tell, *asks = sent(wave)[2:]
    assert [offer.customer_id for offer in tell.offers] == ["early"]
    assert [ask.shard for ask in asks] == [0, 1]


def test_pieces_that_come_while_a_round_is_under_way_are_offered_when_it_is_over() -> None:
    wave = Wave("default", "A", Waves(lists=1))
    wave.on_availability({}, {"40": 1}, 10, "s-1")
    wave.on_availability({"40": 1}, {"40": 2}, 11, "s-2")
    first = Candidate("first", Want.WISH, 1, "40", 60_000)  # of one piece the list named one
    wave.take(Candidates("default", "A", 0, 1, 12, (first,)))

    _, tell, ask = sent(wave)
    assert [offer.customer_id for offer in tell.offers] == ["first"]
    assert ask.free == {"40": 1}


def test_who_waits_for_one_size_is_told_though_all_that_were_named_wait_for_another_gone_meanwhile() -> None:
    wave = Wave("default", "A", Waves(lists=1))
    wave.on_availability({}, {"38": 17, "40": 3}, 10, "s-1")
    wave.on_availability({"38": 17, "40": 3}, {"40": 3}, 11, "s-2")
    named = tuple(Candidate(f"u-{number}", Want.WISH, number, "38", 60_000) for number in range(16))
    wave.take(Candidates("default", "A", 0, 1, 12, named, more=True))

    assert [(ask.shard, ask.free) for ask in sent(wave)[1:]] == [(0, {"40": 3})]


def test_a_word_said_twice_changes_nothing_and_an_earlier_one_does_not_hold() -> None:
    list_ = Waiters(shard_of("ann"))
    wish = Interest("default", "A", "ann", "e-1", 20, (("wish", 10),), rank=Want.WISH, since_ms=10, asked_ms=10)
    after, _ = list_.take(wish)
    assert after is not None
    again, effects = after.take(wish)
    earlier, _ = after.take(Interest("default", "A", "ann", "e-0", 15))

    assert (again, tuple(effects)) == (after, ())
    assert earlier == after


def test_who_has_come_to_want_another_size_gives_back_the_piece_and_is_not_told_of_it() -> None:
    ann = Waiter(1, "40", rank=Want.WISH, since_ms=1, asked_ms=1)
    offer = Offer("ann", "38", until_ms=60_000, place=1)

    after, effects = Waiters(7, {"ann": ann}).take(TellWaiters("default", "A", 7, 1, 9, "s-1", {"38": 1}, (offer,)))

    assert after == Waiters(7, {"ann": ann})
    assert [effect.message for effect in effects if isinstance(effect, Send)] == [
        Released("default", "A", 7, 9, "38", 60_000, number=1)
    ]


def test_a_list_in_which_no_piece_is_gone_is_not_written_anew_when_few_are_left() -> None:
    """Written anew with each sale, the 64 lists of a product would cost 9 MB a piece with 100,000 waiting."""
    carted = Waiter(1, rank=Want.CART, since_ms=1, asked_ms=1, low_at=3)
    list_ = Waiters(7, {"ann": carted, "bob": replace(carted, low_at=0)})

    after, effects = list_.take(StockTurned("default", "A", 7, 1, 9, "s-1", {"": 3}, {"": 4}))

    assert after is list_
    assert [effect.key for effect in effects if isinstance(effect, Send)] == [customer_key("default", "ann")]


def test_a_full_list_drops_the_least_eager_never_one_a_piece_is_kept_for_and_says_so() -> None:
    kept = Waiter(1, rank=Want.VIEWED, since_ms=99, asked_ms=99, told_ms=100, until_ms=200)
    others = {
        f"u-{number}": Waiter(1, rank=Want.WISH, since_ms=number, asked_ms=1) for number in range(WAITERS_KEPT - 2)
    }
    list_ = Waiters(0, {**others, "viewer": Waiter(1, rank=Want.VIEWED, since_ms=1, asked_ms=1), "kept": kept})
    alert = Interest("default", "A", "new", "e-1", 2, rank=Want.STOCK_ALERT, since_ms=2, asked_ms=2)

    after, effects = list_.take(alert)

    assert after is not None
    assert len(after.customers) == WAITERS_KEPT
    assert "viewer" not in after.customers
    assert {"new", "kept"} <= after.customers.keys()
    assert "evictions" in {getattr(effect, "counter", "") for effect in effects}


def test_a_list_full_of_viewers_whose_pieces_are_kept_no_longer_has_room_for_an_alert() -> None:
    lapsed = Waiter(1, rank=Want.VIEWED, since_ms=1, asked_ms=1, told_ms=100, until_ms=200)
    list_ = Waiters(0, {f"u-{number}": lapsed for number in range(WAITERS_KEPT)})

    after, _ = list_.take(Interest("default", "A", "new", "e-1", 200, rank=Want.STOCK_ALERT, since_ms=9, asked_ms=9))

    assert after is not None
    assert "new" in after.customers


def test_with_a_hundred_thousand_waiting_no_message_does_more_than_a_bounded_piece_of_work() -> None:
    market = sold_out()
    lists: dict[int, dict[str, Waiter]] = {}
    for number in range(100_000):
        customer_id = f"u-{number}"
        waiter = Waiter(1, rank=Want.STOCK_ALERT, since_ms=number, asked_ms=number + 1, hold_ms=1_800_000)
        lists.setdefault(shard_of(customer_id), {})[customer_id] = waiter
    market.lists({shard: Waiters(shard, customers) for shard, customers in lists.items()})

    market.stock({"": 1_000})

    assert len(lists) == SHARDS
    assert max(map(len, lists.values())) < WAITERS_KEPT / 2
    assert market.handled["TellWaiters"] > 0
    assert market.waves.kept("") == 1_000
    assert market.most_effects <= EFFECTS_PER_WAKE
    assert market.handled["AskWaiters"] <= SHARDS * 10  # of at least a hundred told a round
    assert market.biggest_state < 256 * 1024

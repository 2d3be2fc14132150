"""Lists of those who wait: who comes onto them, in which rounds they are asked, and what a product with many costs."""

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
    Wanted,
    shard_of,
)
from pipeline.domain.product.waiter import Waiter
from pipeline.domain.product.waiters import WAITERS_KEPT, Waiters
from pipeline.domain.product.waves import Wave, Waves
from pipeline.domain.rules.in_force import Rules
from tests.unit.domain.product.market import Market, back, sold_out
from tests.unit.domain.triggers.story import a_rule, at_ms, event


def sent(wave: Wave) -> list[Any]:
    return [effect.message for effect in wave.effects if isinstance(effect, Send)]


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

    assert market.waiting["ann"].wanted.rank == Want.WISH
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
    wish = Interest("default", "A", "ann", "e-1", 20, (("wish", 10),), Wanted(rank=Want.WISH, since_ms=10, asked_ms=10))
    after, _ = list_.take(wish)
    assert after is not None
    again, effects = after.take(wish)
    earlier, _ = after.take(Interest("default", "A", "ann", "e-0", 15))

    assert (again, tuple(effects)) == (after, ())
    assert earlier == after


def test_who_has_come_to_want_another_size_gives_back_the_piece_and_is_not_told_of_it() -> None:
    ann = Waiter(1, Wanted("40", rank=Want.WISH, since_ms=1, asked_ms=1))
    offer = Offer("ann", "38", until_ms=60_000, place=1)

    after, effects = Waiters(7, {"ann": ann}).take(TellWaiters("default", "A", 7, 1, 9, "s-1", {"38": 1}, (offer,)))

    assert after == Waiters(7, {"ann": ann})
    assert [effect.message for effect in effects if isinstance(effect, Send)] == [
        Released("default", "A", 7, 9, "38", 60_000, number=1)
    ]


def test_a_list_in_which_no_piece_is_gone_is_not_written_anew_when_few_are_left() -> None:
    """Written anew with each sale, the 64 lists of a product would cost 9 MB a piece with 100,000 waiting."""
    carted = Waiter(1, Wanted(rank=Want.CART, since_ms=1, asked_ms=1, low_at=3))
    list_ = Waiters(7, {"ann": carted, "bob": replace(carted, wanted=replace(carted.wanted, low_at=0))})

    after, effects = list_.take(StockTurned("default", "A", 7, 1, 9, "s-1", {"": 3}, {"": 4}))

    assert after is list_
    assert [effect.key for effect in effects if isinstance(effect, Send)] == [customer_key("default", "ann")]


def test_a_full_list_drops_the_least_eager_never_one_a_piece_is_kept_for_and_says_so() -> None:
    kept = Waiter(1, Wanted(rank=Want.VIEWED, since_ms=99, asked_ms=99), told_ms=100, until_ms=200)
    others = {
        f"u-{number}": Waiter(1, Wanted(rank=Want.WISH, since_ms=number, asked_ms=1))
        for number in range(WAITERS_KEPT - 2)
    }
    list_ = Waiters(0, {**others, "viewer": Waiter(1, Wanted(rank=Want.VIEWED, since_ms=1, asked_ms=1)), "kept": kept})
    alert = Interest("default", "A", "new", "e-1", 2, wanted=Wanted(rank=Want.STOCK_ALERT, since_ms=2, asked_ms=2))

    after, effects = list_.take(alert)

    assert after is not None
    assert len(after.customers) == WAITERS_KEPT
    assert "viewer" not in after.customers
    assert {"new", "kept"} <= after.customers.keys()
    assert "evictions" in {getattr(effect, "counter", "") for effect in effects}


def test_a_list_full_of_viewers_whose_pieces_are_kept_no_longer_has_room_for_an_alert() -> None:
    lapsed = Waiter(1, Wanted(rank=Want.VIEWED, since_ms=1, asked_ms=1), told_ms=100, until_ms=200)
    list_ = Waiters(0, {f"u-{number}": lapsed for number in range(WAITERS_KEPT)})

    after, _ = list_.take(
        Interest("default", "A", "new", "e-1", 200, wanted=Wanted(rank=Want.STOCK_ALERT, since_ms=9, asked_ms=9))
    )

    assert after is not None
    assert "new" in after.customers


def test_with_a_hundred_thousand_waiting_no_message_does_more_than_a_bounded_piece_of_work() -> None:
    market = sold_out()
    lists: dict[int, dict[str, Waiter]] = {}
    for number in range(100_000):
        customer_id = f"u-{number}"
        waiter = Waiter(1, Wanted(rank=Want.STOCK_ALERT, since_ms=number, asked_ms=number + 1, hold_ms=1_800_000))
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

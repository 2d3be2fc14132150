"""Who is shown a product knows whether there is any, in their size: told when it goes, when it comes, and at once."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from pipeline.domain.conditions.products import Shows, Source, shown
from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.audiences import Audience
from pipeline.domain.customer.draft import Draft
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages import waves as wave_messages
from pipeline.domain.product import waiters
from pipeline.domain.rules.book import RuleBook
from pipeline.domain.rules.in_force import Rule, Rules
from tests.unit.domain.product.market import SKU, Market
from tests.unit.domain.triggers.story import a_rule, at_ms, event, order_completed, product_removed, viewed

SHOWS = Shows(("carted", "viewed", "wished", "goes_with_bought"))


class Fair(Market):
    """A market with an audience."""

    def __init__(self, condition: Shows = SHOWS, seed: int = 0, rules: tuple[Rule, ...] = ()) -> None:
        super().__init__(seed=seed)
        self.book = RuleBook.of_one(Rules("test", rules, audiences=(Audience("ads", condition),)))
        self.actors["customer"] = CustomerActor(self.book)

    def says(self, customer_id: str, told: ChannelEvent) -> Fair:
        self.tell(customer_id, told).settle()
        return self

    def shown(self, customer_id: str, condition: Shows = SHOWS) -> list[tuple[str, str | None]]:
        return [(each.sku, each.size) for each in shown(condition, Draft(self.customer(customer_id)), self.now_ms)]


def carted(size: str | None = None) -> ChannelEvent:
    return event("product_added", items=(Item(SKU, 1, 100, "EUR", {"size": size} if size else {}),))


def fair(seed: int = 0) -> Fair:
    market = Fair(seed=seed)
    market.at("10:00")
    return market


@pytest.mark.parametrize("seed", range(5))
def test_b32_what_sells_out_is_no_longer_shown_to_who_has_it_in_a_cart_and_is_again_when_it_is_back(seed: int) -> None:
    market = fair(seed)
    market.stock({"": 2})
    market.says("ann", carted()).says("bob", viewed(SKU)).says("cid", viewed("B"))
    assert market.shown("ann") == market.shown("bob") == [(SKU, None)]

    market.at("10:10").stock({"": 0})
    assert market.shown("ann") == market.shown("bob") == []

    market.at("10:20").stock({"": 1})
    assert market.shown("ann") == market.shown("bob") == [(SKU, None)]
    assert market.shown("cid") == [("B", None)]
    assert market.customer("cid").heard.stock == {}


def test_b32_only_the_customers_own_size_counts() -> None:
    market = fair()
    market.stock({"38": 1, "40": 1})
    market.says("ann", carted("38")).says("bob", carted("40"))
    told = market.handled["ProductNews"]

    market.at("10:10").stock({"40": 1})

    assert (market.shown("ann"), market.shown("bob")) == ([], [(SKU, "40")])
    assert market.handled["ProductNews"] == told + 1, "ann alone"


def test_who_comes_when_it_is_sold_out_already_is_told_so_at_once() -> None:
    market = fair()
    market.stock({"38": 1, "40": 1})
    market.says("ann", carted("38"))
    market.at("10:10").stock({"40": 1})

    market.says("bob", carted("38")).says("cid", viewed(SKU)).says("dan", carted("40"))

    assert (market.shown("bob"), market.shown("cid"), market.shown("dan")) == ([], [(SKU, None)], [(SKU, "40")])


def test_a_product_that_never_was_there_is_known_to_be_gone_and_one_nobody_told_of_is_not() -> None:
    market = fair()
    market.says("ann", carted())
    assert market.shown("ann") == [(SKU, None)]

    market.at("10:10").stock({"": 0})

    assert market.shown("ann") == []


def test_what_is_sold_no_longer_is_not_shown_though_nobody_told_of_its_stock_and_is_once_it_is_sold_again() -> None:
    market = fair()
    market.says("ann", carted("38")).says("bob", viewed(SKU))

    market.at("10:10").sold(False)
    market.says("cid", carted())
    assert market.shown("ann") == market.shown("bob") == market.shown("cid") == []

    market.at("10:20").sold(True)
    assert (market.shown("ann"), market.shown("bob"), market.shown("cid")) == (
        [(SKU, "38")],
        [(SKU, None)],
        [(SKU, None)],
    )


def test_b32_a_size_that_never_was_there_of_a_product_in_sizes_is_not_shown() -> None:
    market = fair()
    market.stock({"38": 0, "40": 2})
    market.says("ann", carted("38")).says("bob", carted("40"))
    assert (market.shown("ann"), market.shown("bob")) == ([], [(SKU, "40")])

    market.at("10:10").stock({"38": 1, "40": 0})

    assert (market.shown("ann"), market.shown("bob")) == ([(SKU, "38")], [])


def test_a_size_says_nothing_of_a_product_that_is_told_of_without_sizes() -> None:
    market = fair()
    market.stock({"": 1})
    market.says("ann", carted("38"))
    assert market.shown("ann") == [(SKU, "38")]

    market.at("10:10").stock({"": 0})

    assert market.shown("ann") == []


def test_b32_a_size_that_was_gone_is_shown_once_the_product_is_told_of_without_sizes() -> None:
    market = fair()
    market.stock({"38": 0, "40": 2})
    market.says("ann", carted("38"))
    assert market.shown("ann") == []

    market.at("10:10").stock({"": 5})
    assert market.shown("ann") == [(SKU, "38")]

    market.at("10:20").stock({"40": 5})
    assert market.shown("ann") == []


def test_when_every_size_is_gone_it_is_gone_for_who_takes_any_and_back_with_the_first() -> None:
    market = fair()
    market.stock({"38": 1, "40": 1})
    market.says("ann", viewed(SKU))

    market.at("10:10").stock({"40": 1})
    assert market.shown("ann") == [(SKU, None)]
    market.at("10:20").stock({"40": 0})
    assert market.shown("ann") == []
    market.at("10:30").stock({"38": 3})

    assert market.shown("ann") == [(SKU, None)]


def test_who_wants_another_size_now_is_told_of_that() -> None:
    market = fair()
    market.stock({"38": 1, "40": 1})
    market.says("ann", carted("38"))
    market.at("10:10").stock({"38": 1})

    market.says("ann", carted("40"))

    assert market.shown("ann") == []


def test_b32_who_was_told_later_of_one_size_hears_all_the_same_that_the_one_now_wanted_is_gone() -> None:
    market = Fair(rules=(a_rule("back_in_stock"),)).at("10:00").stock({"38": 1, "40": 1}).stock({"38": 0, "40": 0})
    for minute, customer_id in enumerate(("ann", "bob")):
        market.at(f"10:0{minute + 1}").tell(customer_id, carted("38")).settle()
    market.at("11:00").stock({"38": 1, "40": 0}).at("11:30")
    assert market.fired == [("11:00", "ann"), ("11:30", "bob")]

    market.at("11:40").tell("bob", carted("40")).settle()

    assert isinstance(market, Fair)
    assert market.shown("bob") == []


def test_b32_of_two_carts_the_size_put_in_last_is_shown_and_watched() -> None:
    market = fair()
    market.stock({"38": 1, "40": 1})
    market.says("ann", replace(carted("38"), cart_id="c1")).at("10:01")
    market.says("ann", replace(carted("40"), cart_id="c2"))
    assert market.shown("ann") == [(SKU, "40")]

    market.at("10:10").stock({"38": 1, "40": 0})

    assert market.shown("ann") == []


def asked(size: str | None = None) -> ChannelEvent:
    return event("stock_alert_requested", items=(Item(SKU, attributes={"size": size} if size else {}),))


@pytest.mark.parametrize("seed", range(5))
def test_b32_who_waits_for_another_size_than_lies_in_the_cart_knows_of_both(seed: int) -> None:
    market = Fair(rules=(a_rule("back_in_stock"), a_rule("low_stock", pieces=3)), seed=seed)
    market.at("10:00").stock({"38": 9, "40": 1}).stock({"38": 9, "40": 0})
    market.says("ann", carted("38")).says("ann", asked("40"))
    assert market.shown("ann") == [(SKU, "38")]

    market.at("10:10").stock({"38": 2, "40": 0})
    assert [(trigger.rule, trigger.context["size"]) for trigger in market.triggers] == [("low_stock", "38")]
    market.at("10:20").stock({"38": 0, "40": 0})
    assert market.shown("ann") == []
    market.at("10:30").stock({"38": 0, "40": 5})
    assert market.shown("ann") == []
    assert [(trigger.rule, trigger.context["size"]) for trigger in market.triggers[1:]] == [("back_in_stock", "40")]

    market.at("10:40").stock({"38": 1, "40": 5})
    assert market.shown("ann") == [(SKU, "38")]


def test_b32_who_waits_for_any_size_is_not_shown_the_one_in_the_cart_that_is_gone() -> None:
    market = Fair(rules=(a_rule("back_in_stock"),))
    market.at("10:00").stock({"38": 1, "40": 1})
    market.says("ann", asked()).says("ann", carted("38"))

    market.at("10:10").stock({"38": 0, "40": 1})

    assert market.shown("ann") == []


def test_b32_with_the_cart_emptied_the_size_waited_for_is_the_one_that_counts() -> None:
    market = Fair(rules=(a_rule("back_in_stock"),), condition=Shows(("carted", "wished")))
    market.at("10:00").stock({"38": 1, "40": 1})
    market.says("ann", event("product_added_to_wishlist", items=(Item(SKU),)))
    market.says("ann", asked("40")).says("ann", carted("38"))
    market.at("10:10").stock({"38": 1, "40": 0})
    assert market.shown("ann") == [(SKU, "38")]

    market.says("ann", event("cart_emptied"))

    assert market.shown("ann") == []


def test_b32_who_was_told_of_a_piece_without_a_size_is_shown_it_on_once_it_is_told_of_in_sizes() -> None:
    market = Fair(rules=(a_rule("back_in_stock"),)).at("10:00").stock({"": 0})
    assert isinstance(market, Fair)
    market.says("ann", carted()).at("11:00").stock({"": 5})
    assert market.fired == [("11:00", "ann")]

    market.at("11:10").stock({"38": 5})

    assert market.shown("ann") == [(SKU, None)]


def test_what_goes_with_a_purchase_is_watched_from_the_purchase_on() -> None:
    market = fair()
    market.stock({"": 3})
    for number in range(3):
        market.says(f"other-{number}", order_completed(SKU, "DRESS", order=f"b-{number}"))
    market.says("ann", order_completed("DRESS", order="a-1"))
    assert market.shown("ann") == [(SKU, None)]

    market.at("10:10").stock({"": 0})

    assert market.shown("ann") == []


@pytest.mark.parametrize("source", ["bought", "goes_with_bought"])
def test_b32_of_what_was_bought_and_of_what_goes_with_it_nothing_sold_out_is_shown(source: Source) -> None:
    condition = Shows((source,))
    market = Fair(condition)
    market.at("10:00").stock({"": 3})
    for number in range(3):
        market.says(f"other-{number}", order_completed(SKU, "DRESS", order=f"b-{number}"))
    market.says("ann", order_completed(SKU if source == "bought" else "DRESS", order="a-1"))
    assert market.shown("ann", condition) == [(SKU, None)]

    market.at("10:10").stock({"": 0})
    assert market.shown("ann", condition) == []
    market.says("bob", order_completed(SKU if source == "bought" else "DRESS", order="b-9"))
    assert market.shown("bob", condition) == []

    market.at("10:20").stock({"": 1})
    assert market.shown("ann", condition) == market.shown("bob", condition) == [(SKU, None)]


def test_b32_what_was_bought_is_not_shown_when_it_is_sold_out_in_the_size_that_was_bought() -> None:
    condition = Shows(("bought",))
    market = Fair(condition)
    market.at("10:00").stock({"38": 1, "40": 9})
    in_38 = (Item(SKU, 1, 100, "EUR", {"size": "38", "category": "dresses"}),)
    market.says("ann", event("product_viewed", items=in_38))
    market.says("ann", event("order_completed", items=in_38, order_id="a-1"))
    assert market.shown("ann", condition) == [(SKU, "38")]

    market.at("10:10").stock({"40": 9})

    assert market.shown("ann", condition) == []


def test_b32_what_goes_with_a_purchase_is_not_shown_when_it_is_sold_out_in_the_size_preferred_in_its_category() -> None:
    condition = Shows(("goes_with_bought",))
    market = Fair(condition)
    market.at("10:00").stock({"38": 1, "40": 9})
    shoes = Item(SKU, 1, 100, "EUR", {"category": "shoes", "size": "40"})
    for number in range(3):
        pair = (shoes, Item("DRESS", 1, 100, "EUR", {"category": "dresses"}))
        market.says(f"other-{number}", event("order_completed", items=pair, order_id=f"b-{number}"))
    searched = event("products_searched", properties={"query": "heels", "category": "shoes", "size": "38"})
    market.says("ann", searched).says("ann", order_completed("DRESS", order="a-1"))
    assert market.shown("ann", condition) == [(SKU, "38")]

    market.at("10:10").stock({"40": 9})

    assert market.shown("ann", condition) == []


def test_a_piece_kept_for_who_buys_it_is_theirs_though_what_is_bought_is_shown_too() -> None:
    market = Fair(Shows(("bought", "wished")), rules=(a_rule("back_in_stock"),))
    market.at("10:00").stock({"": 0})
    market.says("ann", event("product_added_to_wishlist", items=(Item(SKU),))).at("10:01")
    market.says("bob", event("product_added_to_wishlist", items=(Item(SKU),))).at("11:00").stock({"": 1})
    assert market.fired == [("11:00", "ann")]

    market.at("11:10").buys("ann").at("11:12").stock({"": 0}).at("12:00")

    assert market.fired == [("11:00", "ann")]


def test_who_took_it_out_or_bought_it_hears_no_more() -> None:
    market = fair()
    market.stock({"": 1})
    market.says("ann", carted()).says("ann", product_removed(SKU))
    market.says("bob", carted()).says("bob", order_completed(SKU))
    told = market.handled["ProductNews"]

    market.at("10:10").stock({"": 0})

    assert market.handled["ProductNews"] == told
    assert not any("product" in place and state.waiters for place, state in market.states.items())


def test_what_products_tell_no_more_is_forgotten_for_it_may_be_back_unheard() -> None:
    market = fair()
    market.stock({"": 1})
    market.says("ann", carted())
    market.at("10:10").stock({"": 0})
    assert market.customer("ann").heard.is_gone(SKU)

    market.says("ann", product_removed(SKU)).at("10:20").stock({"": 5})

    assert not market.customer("ann").heard.is_gone(SKU)


def test_nobody_tells_a_product_anything_where_nothing_is_shown() -> None:
    market = Market()
    market.at("10:00")
    market.carts("ann")

    assert market.handled["Interest"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_more_than_are_told_at_once_all_hear_of_it(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(waiters, "TOLD_AT_ONCE", 2)
    monkeypatch.setattr(wave_messages, "SHARDS", 2)
    market = fair(seed)
    market.stock({"": 1})
    people = [f"c-{number}" for number in range(20)]
    for each in people:
        market.says(each, carted())

    market.at("10:10").stock({"": 0})

    assert [market.shown(each) for each in people] == [[]] * 20
    assert market.handled["Presence"] >= 10


@pytest.mark.parametrize("seed", range(60))
def test_whatever_overtakes_what_in_the_end_everybody_knows_what_is_so(seed: int) -> None:
    rules = (a_rule("back_in_stock"), a_rule("low_stock", pieces=3))
    chance, market, sizes = Random(seed), Fair(seed=seed, rules=rules).at("10:00"), ("38", "40")
    assert isinstance(market, Fair)
    stock: dict[str, int] = {}
    wanted: dict[str, str | None] = {}
    orderable = False
    for minute in range(40):
        market.now_ms = at_ms(f"10:{minute:02}")
        name, size = chance.choice(("ann", "bob", "cid")), chance.choice((*sizes, None))
        match chance.randrange(5):
            case 0 | 1:
                stock = {each: chance.randrange(3) for each in (sizes if chance.randrange(3) else ("",))}
                market.stock_under_way(stock)
            case 2:
                wanted[name] = size
                market.tell(name, carted(size))
            case 3:
                orderable = chance.randrange(3) == 0
                market.orderable_under_way(orderable)
            case _:
                if wanted.pop(name, "") != "":
                    market.tell(name, event("cart_emptied"))
        for _ in range(chance.randrange(12)):
            market.step()
    market.at("11:00").settle()

    for name, size in wanted.items():
        there = orderable or (any(stock.values()) if size is None else stock.get(size, stock.get("", 0)) > 0)
        assert market.shown(name) == ([(SKU, size)] if there or not stock else []), (name, size, stock)

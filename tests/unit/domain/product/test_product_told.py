"""What the catalogue tells of a product: its facts, its prices, and what has changed by them."""

from __future__ import annotations

from itertools import permutations

import msgspec
import pytest

from pipeline.domain.catalog import DELTA
from pipeline.domain.messages.effects import Count
from pipeline.domain.messages.to_product import BoughtTogether, ProductMessage, ProductTold, StockTold
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.product.prices import CHANGES_KEPT, PriceChange
from pipeline.domain.product.state import ProductState, product_json
from pipeline.domain.product.told import Changed, told
from pipeline.domain.time import MINUTE_MS

TEN = 1_795_514_400_000
NOTHING = ProductState("default", "shoe")


def product(
    minute: int,
    name: str = "Shoe",
    price: int | None = None,
    currency: str = "EUR",
    deleted: bool = False,
    version: int = 0,
) -> ProductTold:
    return ProductTold(
        "default", "shoe", f"p-{minute}-{version}", TEN + minute * MINUTE_MS, version, deleted, name, "shoes", price,
        None if price is None else currency,
    )  # fmt: skip


def stock(minute: int, **pieces: int) -> StockTold:
    levels = tuple(("", size, number) for size, number in pieces.items())
    return StockTold("default", "shoe", f"s-{minute}", TEN + minute * MINUTE_MS, "store", levels)


def of(*messages: ProductTold | StockTold) -> ProductState:
    state = NOTHING
    for message in messages:
        state, _, _ = told(state, message)
    return state


def test_the_later_by_time_then_version_says_what_a_product_is_in_any_order() -> None:
    messages = [product(0, "Boot"), product(5, "Shoe", version=1), product(5, "Slipper", version=2)]

    for order in permutations(messages):
        facts = of(*order).facts
        assert facts is not None
        assert facts.name == "Slipper"


def test_a_late_product_is_counted_and_one_told_twice_is_not() -> None:
    state = of(product(5))

    assert told(state, product(4, "Boot")) == (state, Changed(), (Count("catalog_ignored", "late_product"),))
    assert told(state, product(5)) == (state, Changed(), ())


def test_a_price_is_said_to_have_changed_when_it_is_another_and_only_then() -> None:
    state, first, _ = told(NOTHING, product(0, price=10_000))
    state, same, _ = told(state, product(1, price=10_000))
    state, lower, _ = told(state, product(2, price=8_900))

    assert first.price == PriceChange("EUR", None, 10_000)
    assert same.price is None
    assert lower.price == PriceChange("EUR", 10_000, 8_900)


def test_a_late_price_is_ignored() -> None:
    state = of(product(5, price=8_900))
    after, changed, effects = told(state, product(4, price=10_000))

    assert (after, changed.price) == (state, None)
    assert Count("catalog_ignored", "late_price") in effects


def test_two_currencies_are_kept_apart_and_never_compared() -> None:
    state, _, _ = told(NOTHING, product(0, price=10_000, currency="EUR"))
    state, changed, _ = told(state, product(1, price=8_900, currency="USD"))

    assert changed.price == PriceChange("USD", None, 8_900)
    assert state.prices is not None
    assert {name: history.changes[-1].unit_price_minor for name, history in state.prices.by_currency.items()} == {
        "EUR": 10_000,
        "USD": 8_900,
    }
    assert (product_json(state, 0)["price_minor"], product_json(state, 0)["currency"]) == (8_900, "USD")


def test_a_product_told_without_a_price_keeps_the_one_it_has() -> None:
    assert product_json(of(product(0, price=10_000), product(1, "Boot")), 0)["price_minor"] == 10_000


def test_prices_remembered_are_bounded_the_oldest_go() -> None:
    state = of(*(product(number, price=1_000 + number) for number in range(CHANGES_KEPT + 5)))

    assert state.prices is not None
    prices = [since.unit_price_minor for since in state.prices.by_currency["EUR"].changes]
    assert prices == list(range(1_005, 1_025))


def test_what_comes_and_goes_is_told_by_size_before_and_after() -> None:
    state, came, _ = told(NOTHING, stock(0, s38=2, s40=1))
    state, went, _ = told(state, stock(1, s40=3))

    assert came.available == {"s38": (0, 2), "s40": (0, 1)}
    assert went.available == {"s38": (2, 0), "s40": (1, 3)}


def test_a_deleted_product_has_nothing_for_those_who_wait_whatever_stock_is_told_until_it_is_sold_again() -> None:
    state = of(product(0), stock(0, s38=2))
    state, gone, _ = told(state, product(1, deleted=True))
    state, more, _ = told(state, stock(2, s38=9))

    assert gone.available == {"s38": (2, 0)}
    assert more.available == {}
    assert (state.available(), state.is_deleted, product_json(state, 0)["deleted"]) == (0, True, True)
    state, again, _ = told(state, product(3))
    assert again.available == {"s38": (0, 9)}


def test_the_price_of_a_deleted_product_is_no_news() -> None:
    state, changed, _ = told(of(product(0, price=10_000)), product(1, price=5_000, deleted=True))

    assert changed.price is None
    assert product_json(state, 0)["price_minor"] == 5_000


def test_a_deletion_that_is_older_than_what_is_known_deletes_nothing() -> None:
    state = of(product(5), stock(0, s38=2), product(4, deleted=True))

    assert (state.is_deleted, state.available()) == (False, 2)


def test_stock_of_an_unknown_sku_is_kept_until_somebody_says_what_it_is() -> None:
    state = of(stock(0, s38=2))

    assert state.facts is None
    said = product_json(state, 0)
    assert {name: said[name] for name in ("name", "category", "price_minor", "currency", "stock", "available")} == {
        "name": None,
        "category": None,
        "price_minor": None,
        "currency": None,
        "stock": {"": {"s38": 2}},
        "available": 2,
    }
    assert told(state, product(1))[0].available("s38") == 2


def test_the_json_of_a_product_has_the_same_names_whatever_is_known_of_it() -> None:
    known = product_json(of(product(0, price=10_000), stock(0, s38=2)), 0)

    assert list(product_json(NOTHING, 0)) == list(known) == sorted(known)


def test_the_json_of_a_product_has_all_that_the_catalogue_told() -> None:
    said = product_json(of(product(0, price=10_000), product(1, price=8_900), stock(0, s38=2)), 7)

    named = ("name", "category", "price_minor", "currency", "stock", "available", "waiting")
    assert {name: said[name] for name in named} == {
        "name": "Shoe",
        "category": "shoes",
        "price_minor": 8_900,
        "currency": "EUR",
        "stock": {"": {"s38": 2}},
        "available": 2,
        "waiting": 7,
    }
    assert said["prices"] == {
        "EUR": [
            {"price_minor": 10_000, "since": "2026-11-24T10:00:00.000Z"},
            {"price_minor": 8_900, "since": "2026-11-24T10:01:00.000Z"},
        ]
    }


def test_a_state_from_before_the_catalogue_is_read_and_a_new_one_survives_encoding() -> None:
    old = msgspec.msgpack.encode(["default", "shoe", [], [1, {}, {}]])
    state = of(product(0, price=10_000), stock(0, s38=2))

    assert msgspec.msgpack.decode(old, type=ProductState).companions.baskets == 1
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=ProductState) == state


def test_on_the_event_clock_nothing_depends_on_the_order_of_arrival() -> None:
    actor = ProductActor("event")
    messages: list[ProductMessage] = [
        product(1, price=10_000), product(2, price=8_900), stock(1, s38=2), product(3, deleted=True),
        BoughtTogether("default", "shoe", ("sock",), TEN),
    ]  # fmt: skip
    outcomes = set()
    for arriving in permutations(messages):
        state: ProductState | None = None
        for message in arriving:
            state, _ = actor.handle(state, message, TEN)
        assert state is not None
        assert actor.wakes_at(state) == TEN
        state, effects = actor.wake(state, TEN + 2 * MINUTE_MS)
        assert list(effects) == []
        assert state is not None
        assert actor.wakes_at(state) == TEN + 3 * MINUTE_MS
        assert (state.is_deleted, state.available()) == (False, 2)
        outcomes.add(msgspec.json.encode(product_json(state, 0)))

    assert len(outcomes) == 1


def test_on_the_wall_clock_the_catalogue_holds_at_once() -> None:
    actor = ProductActor()
    state, _ = actor.handle(None, product(0, price=10_000), TEN)
    state, _ = actor.handle(state, stock(5, s38=2), TEN)

    assert state is not None
    assert (state.available("s38"), actor.wakes_at(state)) == (2, None)


@pytest.mark.parametrize(
    "messages",
    [
        (product(0, price=10_000), product(0, price=9_000)),
        (
            StockTold("default", "shoe", "u", TEN, DELTA, (("", "38", 1),)),
            StockTold("default", "shoe", "u", TEN, DELTA, (("", "38", 2),)),
        ),
    ],
)
def test_b20_one_update_id_with_two_contents_gives_one_product_in_any_order(
    messages: tuple[ProductMessage, ...],
) -> None:
    found = []
    for order in permutations(messages):
        actor, state = ProductActor("event"), None
        for message in order:
            state, _ = actor.handle(state, message, TEN)
        assert state is not None
        after, _ = actor.wake(state, TEN + MINUTE_MS)
        assert after is not None
        found.append(product_json(after, 0))

    assert found[0] == found[1]

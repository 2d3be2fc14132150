"""Stock of a product: what is told late, twice or out of order settles to what holds."""

from __future__ import annotations

from itertools import permutations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.catalog import DELTA, FULL, LEVEL, STORE
from pipeline.domain.messages.effects import Count, Effect
from pipeline.domain.messages.to_product import StockTold
from pipeline.domain.product import stock as stock_module
from pipeline.domain.product.stock import DELTAS_KEPT, Stock

TEN = 1_795_514_400_000
MINUTE = 60_000


def told(
    mode: str, clock: str, *levels: tuple[str, str, int], update_id: str = "", version: int = 0, sku: str = "shoe"
) -> StockTold:
    hours, minutes = map(int, clock.split(":"))
    at_ms = TEN + ((hours - 10) * 60 + minutes) * MINUTE
    return StockTold("default", sku, update_id or f"{mode}-{clock}", at_ms, mode, levels, version)


def of(*messages: StockTold) -> Stock:
    stock = Stock()
    for message in messages:
        stock, _ = stock.told(message)
    return stock


def counted(stock: Stock, message: StockTold) -> list[Effect]:
    return list(stock.told(message)[1])


def test_a_level_is_of_its_size_in_its_store_alone() -> None:
    stock = of(told(LEVEL, "10:00", ("HH", "38", 3), ("HH", "40", 1)), told(LEVEL, "10:05", ("B", "38", 2)))

    assert stock.levels() == {"HH": {"38": 3, "40": 1}, "B": {"38": 2}}
    assert (stock.available("38"), stock.available("40"), stock.available("42"), stock.available()) == (5, 1, 0, 6)


def test_a_product_without_sizes_is_there_whatever_size_is_asked_for() -> None:
    stock = of(told(LEVEL, "10:00", ("", "", 4)))

    assert (stock.available(), stock.available("38")) == (4, 4)


def test_a_store_told_of_as_a_whole_has_none_of_what_is_not_named_and_other_stores_stay() -> None:
    stock = of(
        told(LEVEL, "10:00", ("HH", "38", 3), ("HH", "40", 1), ("B", "38", 2)),
        told(STORE, "10:05", ("HH", "40", 2)),
    )

    assert stock.levels() == {"HH": {"40": 2}, "B": {"38": 2}}


def test_everything_told_at_once_leaves_nothing_that_is_not_named() -> None:
    stock = of(
        told(LEVEL, "10:00", ("HH", "38", 3), ("B", "38", 2)),
        told(DELTA, "10:01", ("HH", "38", 5)),
        told(FULL, "10:05", ("B", "40", 1)),
    )

    assert stock.levels() == {"B": {"40": 1}}


def test_a_level_older_than_what_is_known_is_ignored_and_counted() -> None:
    stock = of(told(LEVEL, "10:05", ("HH", "38", 3)))
    late = told(LEVEL, "10:04", ("HH", "38", 9))

    assert stock.told(late) == (stock, (Count("catalog_ignored", "late_stock"),))


def test_a_level_older_than_a_telling_of_its_whole_store_is_ignored() -> None:
    stock = of(told(STORE, "10:05", ("HH", "40", 2)))

    assert of(told(STORE, "10:05", ("HH", "40", 2)), told(LEVEL, "10:04", ("HH", "38", 9))) == stock


def test_of_two_levels_of_one_time_the_higher_version_holds_and_of_one_version_the_lower_level() -> None:
    first, second = told(LEVEL, "10:00", ("", "", 5), version=1), told(LEVEL, "10:00", ("", "", 9), version=2)
    low, high = told(LEVEL, "10:00", ("", "", 5)), told(LEVEL, "10:00", ("", "", 9))

    assert of(first, second).available() == of(second, first).available() == 9
    assert of(low, high).available() == of(high, low).available() == 5


def test_a_level_told_twice_changes_nothing_and_is_not_counted_as_late() -> None:
    message = told(STORE, "10:00", ("HH", "38", 3))

    assert of(message).told(message) == (of(message), ())


def test_deltas_count_on_top_of_the_level_before_them_in_any_order() -> None:
    messages = [
        told(LEVEL, "10:00", ("HH", "38", 5)),
        told(DELTA, "10:01", ("HH", "38", -1), update_id="sale-1"),
        told(DELTA, "10:02", ("HH", "38", -1), update_id="sale-2"),
        told(DELTA, "10:03", ("HH", "38", 4), update_id="delivery"),
    ]

    assert {of(*order).available("38") for order in permutations(messages)} == {7}


def test_a_delta_counts_once_however_often_it_is_told() -> None:
    sale = told(DELTA, "10:01", ("HH", "38", -1), update_id="sale-1")
    stock = of(told(LEVEL, "10:00", ("HH", "38", 5)), sale)

    assert stock.told(sale) == (stock, (Count("catalog_ignored", "repeated_delta"),))
    assert of(told(LEVEL, "10:00", ("HH", "38", 5)), sale, sale).available() == 4


def test_a_delta_older_than_the_last_level_of_its_cell_is_ignored_and_counted() -> None:
    stock = of(told(LEVEL, "10:05", ("HH", "38", 5)))
    late = told(DELTA, "10:04", ("HH", "38", -1))

    assert stock.told(late) == (stock, (Count("catalog_ignored", "late_delta"),))


def test_a_level_that_comes_after_a_later_delta_counts_below_it() -> None:
    stock = of(told(DELTA, "10:10", ("HH", "38", -1)), told(LEVEL, "10:05", ("HH", "38", 5)))

    assert stock.available("38") == 4


def test_deltas_that_take_more_than_there_is_leave_none_and_are_counted() -> None:
    stock = of(told(LEVEL, "10:00", ("HH", "38", 1)))
    sale = told(DELTA, "10:01", ("HH", "38", -3))

    assert counted(stock, sale) == [Count("stock_below_zero", "delta")]
    assert of(told(LEVEL, "10:00", ("HH", "38", 1)), sale).available() == 0


def test_what_was_taken_too_much_is_owed_by_the_next_delivery_until_a_level_says_better() -> None:
    stock = of(
        told(LEVEL, "10:00", ("HH", "38", 1)),
        told(DELTA, "10:01", ("HH", "38", -3)),
        told(DELTA, "10:02", ("HH", "38", 5)),
    )

    assert stock.available() == 3
    assert stock.told(told(LEVEL, "10:03", ("HH", "38", 6)))[0].available() == 6


def test_a_shortage_in_one_store_takes_nothing_from_another() -> None:
    stock = of(told(LEVEL, "10:00", ("HH", "38", 2)), told(DELTA, "10:01", ("B", "38", -5)))

    assert stock.available("38") == 2


def test_more_deltas_in_order_than_are_remembered_are_exact_and_still_count_once() -> None:
    sales = [
        told(DELTA, f"{11 + number // 60}:{number % 60:02d}", ("HH", "38", -1), update_id=f"sale-{number}")
        for number in range(3 * DELTAS_KEPT)
    ]
    stock = of(told(LEVEL, "10:00", ("HH", "38", 1_000)), *sales)

    assert stock.available() == 1_000 - 3 * DELTAS_KEPT
    assert of(told(LEVEL, "10:00", ("HH", "38", 1_000)), *sales, *sales) == stock


def test_cells_are_bounded_empty_ones_go_first_then_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock_module, "CELLS_KEPT", 3)
    stock = of(
        told(LEVEL, "10:00", ("HH", "36", 1)),
        told(LEVEL, "10:01", ("HH", "38", 0)),
        told(LEVEL, "10:02", ("B", "40", 1)),
        told(LEVEL, "10:03", ("B", "42", 1)),
    )
    fuller, effects = stock.told(told(LEVEL, "10:04", ("K", "44", 1)))

    assert stock.levels() == {"HH": {"36": 1}, "B": {"40": 1, "42": 1}}
    assert fuller.levels() == {"B": {"40": 1, "42": 1}, "K": {"44": 1}}
    assert effects == (Count("evictions", "stock"),)


def test_stock_survives_encoding() -> None:
    stock = of(told(STORE, "10:00", ("HH", "38", 3)), told(DELTA, "10:01", ("HH", "38", -1)))

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(stock), type=Stock) == stock


CLOCKS = st.sampled_from(["10:00", "10:01", "10:02", "10:03"])
CELLS = st.tuples(st.sampled_from(["", "HH", "B"]), st.sampled_from(["", "38", "40"]))


@st.composite
def updates(draw: st.DrawFn, modes: tuple[str, ...]) -> StockTold:
    mode = draw(st.sampled_from(modes))
    least = -5 if mode == DELTA else 0
    cells = draw(st.dictionaries(CELLS, st.integers(least, 5), min_size=1, max_size=4))
    levels = tuple((store, size, pieces) for (store, size), pieces in sorted(cells.items()))
    return told(
        mode, draw(CLOCKS), *levels, version=draw(st.integers(0, 1)), update_id=f"u-{draw(st.integers(0, 9**9))}"
    )


@settings(max_examples=150, deadline=None)
@given(st.data(), st.lists(updates((FULL, STORE, LEVEL)), min_size=1, max_size=8))
def test_levels_in_any_order_and_repeated_end_in_the_same_state(data: st.DataObject, messages: list[StockTold]) -> None:
    disturbed = data.draw(st.permutations([*messages, *data.draw(st.lists(st.sampled_from(messages), max_size=4))]))

    assert of(*disturbed) == of(*messages)


@settings(max_examples=150, deadline=None)
@given(
    st.data(), st.lists(updates((FULL, STORE, LEVEL, DELTA)), min_size=1, max_size=8, unique_by=lambda u: u.update_id)
)
def test_deltas_among_levels_in_any_order_and_repeated_end_in_the_same_state(
    data: st.DataObject, messages: list[StockTold]
) -> None:
    disturbed = data.draw(st.permutations([*messages, *data.draw(st.lists(st.sampled_from(messages), max_size=4))]))

    assert of(*disturbed) == of(*messages)


@settings(max_examples=100, deadline=None)
@given(st.lists(updates((FULL, STORE, LEVEL)), min_size=1, max_size=8))
def test_what_is_there_is_what_the_latest_telling_of_each_cell_says(messages: list[StockTold]) -> None:
    expected: dict[str, dict[str, int]] = {}
    for store in ("", "HH", "B"):
        for size in ("", "38", "40"):
            said = [
                ((m.updated_at_ms, m.version), -named.get((store, size), 0))
                for m in messages
                for named in [{(where, what): pieces for where, what, pieces in m.levels}]
                if (store, size) in named
                or m.mode == FULL
                or (m.mode == STORE and store in {w for w, _, _ in m.levels})
            ]
            pieces = -max(said)[1] if said else 0
            if pieces:
                expected.setdefault(store, {})[size] = pieces

    assert of(*messages).levels() == expected


def test_the_same_tellings_give_the_same_bytes_in_every_process() -> None:
    stores = [f"store-{number:02}" for number in range(20)]

    stock = of(told(FULL, "10:00", *((store, "38", 1) for store in stores)))

    assert list(stock.stores) == stores


@pytest.mark.timeout(5)
def test_a_delta_of_every_size_in_every_store_is_no_more_work_than_it_has_cells() -> None:
    cells = [(f"store-{number:04}", size, 5) for number in range(1_000) for size in ("36", "37", "38", "39", "40")]
    sold = [(store, size, -1) for store, size, _ in cells]

    stock = of(told(FULL, "10:00", *cells), told(DELTA, "10:01", *sold), told(DELTA, "10:02", *sold))

    assert (stock.available(), stock.available("38"), len(stock.deltas)) == (15_000, 3_000, DELTAS_KEPT)

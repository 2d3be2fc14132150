"""The feed of products: when a product is told of, and what is told."""

from __future__ import annotations

from pipeline.domain.messages.effects import Effect, Publish
from pipeline.domain.messages.to_product import (
    AskComplements,
    BoughtTogether,
    Demanded,
    ProductMessage,
    ProductTold,
    StockTold,
    TakenBack,
)
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.product.state import ProductState, product_json
from pipeline.domain.records import CatalogView, DemandCounts, GoesWith
from pipeline.domain.time import DAY_MS, MINUTE_MS

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
ACTOR = ProductActor(views_every_ms=MINUTE_MS)
QUESTION = AskComplements("default", "A", "customer-1", "e-1", TEN, "web")


def view(at_ms: int = TEN, channel: str = "web") -> Demanded:
    return Demanded("default", "A", "view", at_ms, channel)


def after(*messages: ProductMessage, now_ms: int = TEN, state: ProductState | None = None) -> ProductState:
    for message in messages:
        state, _ = ACTOR.handle(state, message, now_ms)
    assert state is not None
    return state


def told(effects: list[Effect]) -> list[CatalogView]:
    return [e.record for e in effects if isinstance(e, Publish) and isinstance(e.record, CatalogView)]


def woken(state: ProductState, clock_ms: int) -> tuple[ProductState, list[CatalogView]]:
    left, effects = ACTOR.wake(state, clock_ms)
    assert left is not None
    return left, told(list(effects))


def test_a_changed_product_is_told_of_once_at_the_end_of_the_interval_its_first_change_began() -> None:
    state = after(view(), view(), now_ms=TEN + 5)
    state = after(view(), now_ms=TEN + 50_000, state=state)

    assert ACTOR.wakes_at(state) == TEN + 5 + MINUTE_MS
    state, (record,) = woken(state, TEN + 70_000)
    assert (record.sku, record.updated_at_ms, record.demand.views) == ("A", TEN + 5 + MINUTE_MS, 3.0)
    assert ACTOR.wakes_at(state) is None
    assert woken(state, TEN + DAY_MS)[1] == []


def test_a_hot_product_is_told_of_once_per_interval() -> None:
    state, times = after(view()), []
    for second in range(1, 600):
        now_ms = TEN + second * 1_000
        if (ACTOR.wakes_at(state) or now_ms + 1) <= now_ms:
            state, records = woken(state, now_ms)
            times += [record.updated_at_ms for record in records]
        state = after(view(now_ms), now_ms=now_ms, state=state)

    assert times == [TEN + minute * MINUTE_MS for minute in range(1, 10)]


def test_a_question_changes_nothing_and_nothing_is_told() -> None:
    state, _ = woken(after(view()), TEN + MINUTE_MS)

    same, _ = ACTOR.handle(state, QUESTION, TEN + DAY_MS)

    assert same is state


def test_without_the_feed_nobody_waits_and_a_state_left_by_it_wakes_nobody() -> None:
    silent = ProductActor()
    state, _ = silent.handle(None, view(), TEN)

    assert state is not None
    assert silent.wakes_at(state) is None
    assert silent.wakes_at(after(view())) is None


def test_a_product_is_told_with_complements_ratings_and_counts_as_of_the_record() -> None:
    order = BoughtTogether("default", "A", ("B",), TEN, None, "", "pos", "berlin")
    review = Demanded("default", "A", "rating", TEN, "web", "", 450)
    state = after(order, view(), review)

    _, (record,) = woken(state, TEN + DAY_MS)

    assert record == CatalogView(
        "default",
        "A",
        TEN + MINUTE_MS,
        complements=(GoesWith("B", 1, 1.0),),
        ratings=1,
        rating=4.5,
        demand=DemandCounts(views=1.0, sales=1.0, recent=1.999),
        channels={"pos": DemandCounts(sales=1.0, recent=1.0), "web": DemandCounts(views=1.0, recent=1.0)},
        stores={"berlin": DemandCounts(sales=1.0, recent=1.0)},
    )


def test_a_product_is_told_with_what_the_catalogue_says_of_it_and_without_what_is_sold_out() -> None:
    facts = ProductTold(
        "default", "A", "p-1", TEN, name="Dress", category="dresses", unit_price_minor=7990, currency="EUR"
    )
    levels = (("", "36", 4), ("", "38", 0), ("berlin", "38", 2))
    state = after(facts, StockTold("default", "A", "s-1", TEN, "full", levels))

    _, (record,) = woken(state, TEN + DAY_MS)

    assert record == CatalogView(
        "default",
        "A",
        TEN + MINUTE_MS,
        name="Dress",
        category="dresses",
        unit_price_minor=7990,
        currency="EUR",
        stock={"": {"36": 4}, "berlin": {"38": 2}},
    )


def test_a_product_that_is_deleted_is_told_as_such_and_has_no_stock() -> None:
    levels = (("", "", 4),)
    state = after(
        StockTold("default", "A", "s-1", TEN, "full", levels), ProductTold("default", "A", "p-1", TEN, deleted=True)
    )

    _, (record,) = woken(state, TEN + DAY_MS)

    assert (record.deleted, record.stock) == (True, {})


def test_word_of_the_catalogue_that_changes_nothing_is_not_told_again() -> None:
    facts = ProductTold("default", "A", "p-1", TEN, name="Dress")
    state, _ = woken(after(facts), TEN + DAY_MS)

    again = after(facts, now_ms=TEN + DAY_MS, state=state)

    assert ACTOR.wakes_at(again) is None


def test_an_order_without_a_channel_is_a_basket_and_no_sale() -> None:
    state = after(BoughtTogether("default", "A", ("B",), TEN))

    assert (state.companions.baskets, state.demand) == (1, None)
    assert set(product_json(state, 0)["demand"].values()) == {0}  # type: ignore[union-attr]


def test_what_came_back_was_sold_all_the_same_and_what_was_told_twice_was_sold_once() -> None:
    sale = BoughtTogether("default", "A", ("B",), TEN, channel="web", store="berlin")
    state = after(sale, TakenBack("default", "A", ("B",), TEN + 1, TEN, True))
    assert state.companions.baskets == 0

    state = after(sale, TakenBack("default", "A", ("B",), TEN + 2, TEN, True, "web", "berlin"), state=state)

    _, (record,) = woken(state, TEN + MINUTE_MS)
    assert (record.demand.sales, record.channels["web"].sales, record.stores["berlin"].sales) == (1.0, 1.0, 1.0)


def test_on_the_event_clock_what_is_told_at_an_instant_knows_what_happened_by_then_and_nothing_later() -> None:
    actor = ProductActor("event", views_every_ms=MINUTE_MS)
    state: ProductState | None = None
    for at_ms in (TEN + MINUTE_MS + 1, TEN + MINUTE_MS, TEN):  # arriving backwards
        state, effects = actor.handle(state, view(at_ms), TEN)
        assert not effects
    assert state is not None
    assert actor.wakes_at(state) == TEN

    state, effects = actor.wake(state, TEN + DAY_MS)

    assert [(record.updated_at_ms - TEN, round(record.demand.views)) for record in told(list(effects))] == [
        (MINUTE_MS, 2),
        (2 * MINUTE_MS + 1, 3),
    ]
    assert state is not None
    assert actor.wakes_at(state) is None

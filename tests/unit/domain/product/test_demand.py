"""Demand: what is counted of which event, how counts decay, and in how much room."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.customer.orders import SKUS_PER_ORDER
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages.effects import Count, Effect, Send
from pipeline.domain.messages.to_product import Demanded
from pipeline.domain.product.demand import (
    CHANNELS_KEPT,
    COUNTED,
    DIGITS,
    HALF_LIFE_MS,
    RECENT_HALF_LIFE_MS,
    STORES_KEPT,
    Demand,
    Tally,
    demanded,
)
from pipeline.domain.records import DemandCounts
from pipeline.domain.time import DAY_MS

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""


def event(event_type: str, *skus: str, **fields: Any) -> ChannelEvent:
    return ChannelEvent("e-1", event_type, "web", TEN, {}, items=tuple(map(Item, skus)), **fields)


def said(effects: Any) -> list[Demanded]:
    return [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, Demanded)]


def test_a_view_a_cart_a_wish_and_a_review_are_told_to_the_product_with_channel_and_store() -> None:
    told = {
        event_type: said(demanded("default", event(event_type, "A", store_id="berlin", properties={"rating": 4}), TEN))
        for event_type in COUNTED
    }

    assert told["product_viewed"] == [Demanded("default", "A", "view", TEN, "web", "berlin")]
    assert told["product_reviewed"] == [Demanded("default", "A", "rating", TEN, "web", "berlin", 400)]
    assert {event_type: each.what for event_type, (each,) in told.items()} == COUNTED
    (send,) = demanded("north", event("product_viewed", "A"), TEN)
    assert isinstance(send, Send)
    assert (send.actor, send.key) == ("product", "north\x1fA")


def test_each_product_of_an_event_is_told_once_and_one_that_was_taken_out_is_not() -> None:
    added = ChannelEvent(
        "e-1", "product_added", "web", TEN, {}, items=(Item("B", 2), Item("A"), Item("B"), Item("C", 0))
    )

    assert [each.sku for each in said(demanded("default", added, TEN))] == ["A", "B"]


def test_an_event_with_a_thousand_products_tells_as_many_as_an_order_and_the_rest_is_counted_as_dropped() -> None:
    effects = demanded("default", event("product_viewed", *(f"S{number:04d}" for number in range(1_000))), TEN)

    assert len(said(effects)) == SKUS_PER_ORDER
    assert [effect for effect in effects if isinstance(effect, Count)] == [Count("evictions", "demanded_skus")]


@pytest.mark.parametrize(("properties", "stars"), [({"rating": 4.5}, 450), ({"stars": "3"}, 300), ({"rating": 1}, 100)])
def test_a_review_tells_its_stars(properties: dict[str, Any], stars: int) -> None:
    (told,) = said(demanded("default", event("product_reviewed", "A", properties=properties), TEN))

    assert told.stars == stars


@pytest.mark.parametrize("properties", [{}, {"rating": 0}, {"rating": 6}, {"rating": "good"}, {"rating": True}])
def test_a_review_without_one_to_five_stars_tells_nothing_and_is_counted(properties: dict[str, Any]) -> None:
    effects: list[Effect] = list(demanded("default", event("product_reviewed", "A", properties=properties), TEN))

    assert effects == [Count("events_incomplete", "rating")]


# --- decay --------------------------------------------------------------------------------------------------------


def test_half_of_a_count_is_left_after_a_half_life_and_of_what_is_recent_after_a_day() -> None:
    tally = Tally(TEN).plus("view", TEN).plus("sale", TEN)

    assert tally.counts(TEN) == DemandCounts(views=1.0, sales=1.0, recent=2.0)
    assert tally.counts(TEN + HALF_LIFE_MS) == DemandCounts(views=0.5, sales=0.5, recent=round(2 / 2**14, DIGITS))
    assert tally.counts(TEN + RECENT_HALF_LIFE_MS).recent == 1.0


def test_what_comes_late_counts_what_it_would_be_worth_by_now() -> None:
    tally = Tally(TEN).plus("wish", TEN).plus("wish", TEN - HALF_LIFE_MS)

    assert (tally.at_ms, tally.counts(TEN).wishes) == (TEN, 1.5)


@given(
    told=st.lists(
        st.tuples(st.sampled_from(("view", "cart", "sale", "wish")), st.integers(-60 * DAY_MS, 60 * DAY_MS)), min_size=1
    ),
    order=st.randoms(use_true_random=False),
)
def test_counts_are_the_decayed_sum_of_their_events_whatever_order_they_come_in(
    told: list[tuple[str, int]], order: Any
) -> None:
    mixed = list(told)
    order.shuffle(mixed)
    tally = Tally(TEN + mixed[0][1])
    for what, offset_ms in mixed:
        tally = tally.plus(what, TEN + offset_ms)

    now_ms = TEN + max(offset_ms for _, offset_ms in told)
    assert tally.at_ms == now_ms
    for name in ("view", "cart", "sale", "wish"):
        exact = sum(2 ** (-(now_ms - TEN - offset_ms) / HALF_LIFE_MS) for what, offset_ms in told if what == name)
        assert getattr(tally, f"{name}s" if name != "wish" else "wishes") == pytest.approx(exact, rel=1e-9)
    exact = sum(2 ** (-(now_ms - TEN - offset_ms) / RECENT_HALF_LIFE_MS) for _, offset_ms in told)
    assert tally.recent == pytest.approx(exact, rel=1e-9)


def test_a_sale_called_off_leaves_nothing_whichever_is_told_first() -> None:
    for times in ((1, -1), (-1, 1)):
        demand, _ = Demand(Tally(TEN)).counted("view", TEN, "web", "")
        demand, _ = demand.counted("sale", TEN, "pos", "berlin", times[0])
        demand, _ = demand.counted("view", TEN + HALF_LIFE_MS, "web", "")
        demand, _ = demand.counted("sale", TEN, "pos", "berlin", times[1])

        counts = demand.json()
        none = {"views": 0.0, "carts": 0.0, "sales": 0.0, "wishes": 0.0, "recent": 0.0}
        assert json.dumps(counts["stores"]) == json.dumps({"berlin": none})  # text, as -0.0 equals 0.0
        assert demand.overall.counts(TEN + HALF_LIFE_MS) == DemandCounts(views=1.5, recent=round(1 + 2**-14, DIGITS))


def test_a_sale_called_off_before_it_is_told_is_no_demand_below_nothing() -> None:
    demand, _ = Demand(Tally(TEN)).counted("sale", TEN, "pos", "", -1)

    assert demand.overall.counts(TEN) == DemandCounts()


@given(events=st.integers(1, 50), age_ms=st.integers(0, 100_000 * DAY_MS))
def test_counts_only_fall_with_time_and_never_below_nothing(events: int, age_ms: int) -> None:
    tally = Tally(TEN)
    for _ in range(events):
        tally = tally.plus("view", TEN)

    then, later = tally.counts(TEN + age_ms), tally.counts(TEN + age_ms + DAY_MS)

    assert 0 <= later.views <= then.views <= events
    assert 0 <= later.recent <= then.recent <= events


# --- places -------------------------------------------------------------------------------------------------------


def test_an_event_counts_in_all_in_its_channel_and_in_its_store() -> None:
    demand, _ = Demand(Tally(TEN)).counted("view", TEN, "web", "")
    demand, effects = demand.counted("sale", TEN, "pos", "berlin")

    assert demand.overall.counts(TEN) == DemandCounts(views=1.0, sales=1.0, recent=2.0)
    assert {name: tally.counts(TEN) for name, tally in demand.channels.items()} == {
        "pos": DemandCounts(sales=1.0, recent=1.0),
        "web": DemandCounts(views=1.0, recent=1.0),
    }
    assert {name: tally.counts(TEN) for name, tally in demand.stores.items()} == {
        "berlin": DemandCounts(sales=1.0, recent=1.0)
    }
    assert not effects


def test_beyond_the_bound_the_place_with_the_least_goes_and_that_is_counted() -> None:
    demand = Demand(Tally(TEN))
    for number in range(STORES_KEPT):
        for _ in range(1 + (number != 7)):
            demand, effects = demand.counted(
                "view", TEN + number, f"channel-{number % CHANNELS_KEPT}", f"store-{number}"
            )
            assert not effects

    demand, effects = demand.counted("view", TEN, "one too many", "one too many")

    assert list(effects) == [Count("evictions", "demand_channels"), Count("evictions", "demand_stores")]
    assert (len(demand.channels), len(demand.stores)) == (CHANNELS_KEPT, STORES_KEPT)
    assert "one too many" in demand.channels
    assert "one too many" in demand.stores
    assert "store-7" not in demand.stores
    assert round(demand.overall.views) == 2 * STORES_KEPT, "the whole is not lost"


def test_the_rating_is_the_mean_of_all_reviews() -> None:
    demand = Demand(Tally(TEN))
    assert demand.rating is None

    for stars in (500, 400, 350):
        demand = demand.rated(stars)

    assert (demand.ratings, demand.rating) == (3, 4.17)


def test_the_json_is_as_of_the_last_event_and_rounded() -> None:
    demand, _ = Demand(Tally(TEN)).counted("view", TEN, "web", "berlin")
    demand, _ = demand.rated(450).counted("cart", TEN + DAY_MS, "app", "")

    assert demand.json() == {
        "channels": {
            "app": {"views": 0.0, "carts": 1.0, "sales": 0.0, "wishes": 0.0, "recent": 1.0},
            "web": {"views": 0.952, "carts": 0.0, "sales": 0.0, "wishes": 0.0, "recent": 0.5},
        },
        "demand": {"views": 0.952, "carts": 1.0, "sales": 0.0, "wishes": 0.0, "recent": 1.5},
        "rating": 4.5,
        "ratings": 1,
        "stores": {"berlin": {"views": 0.952, "carts": 0.0, "sales": 0.0, "wishes": 0.0, "recent": 0.5}},
    }

"""How often, and on which days."""

from __future__ import annotations

from itertools import permutations

from pipeline.domain.event_types import EVENT_TYPES
from pipeline.domain.facets.activity import DAYS_KEPT, TYPES_KEPT, Activity
from tests.unit.domain.facets.telling import at, told
from tests.unit.domain.triggers.story import Story, at_ms, event

NOTHING = Activity()
VISITS = [
    at("-40d 10:00", "store_entered"),
    at("-20d 10:00", "store_entered"),
    at("-20d 16:00", "store_entered"),
    at("10:00", "store_entered"),
]


def test_a_type_is_counted_ever_and_within_a_window_of_days() -> None:
    activity = told(NOTHING, *VISITS)

    assert activity.count("store_entered") == 4
    assert activity.count("store_entered", at_ms("-30d 12:00")) == 3
    assert activity.count("store_entered", at_ms("-20d 23:59")) == 3
    assert activity.count("store_entered", at_ms("-19d 00:00")) == 1
    assert activity.count("store_entered", at_ms("1d 00:00")) == 0
    assert activity.count("page_viewed") == activity.count("page_viewed", 0) == 0


def test_it_knows_when_something_happened_last() -> None:
    assert told(NOTHING, *VISITS).last_at_ms("store_entered") == at_ms("10:00")
    assert NOTHING.last_at_ms("store_entered") is None


def test_the_order_of_arrival_does_not_matter() -> None:
    assert len({repr(told(NOTHING, *order).json()) for order in permutations(VISITS)}) == 1
    assert all(told(NOTHING, *order) == told(NOTHING, *VISITS) for order in permutations(VISITS))


def test_a_type_nobody_knows_is_not_counted() -> None:
    assert told(NOTHING, at("10:00", "mirror_smiled_at")) is NOTHING


def test_days_beyond_the_bound_are_counted_but_not_told_apart() -> None:
    days = [at(f"-{day}d 10:00", "page_viewed") for day in range(DAYS_KEPT + 10)]
    activity = told(NOTHING, *days)

    assert activity == told(NOTHING, *reversed(days))
    assert activity.count("page_viewed") == DAYS_KEPT + 10
    assert activity.count("page_viewed", 0) == DAYS_KEPT
    assert activity.count("page_viewed", at_ms(f"-{DAYS_KEPT - 1}d 10:00")) == DAYS_KEPT


def test_of_more_types_than_there_is_room_for_the_one_seen_longest_ago_goes() -> None:
    types = sorted(EVENT_TYPES)[: TYPES_KEPT + 1]
    activity = told(NOTHING, *(at(f"10:{number:02d}", name) for number, name in enumerate(types)))

    assert sorted(activity.types) == types[1:]


def test_two_customers_who_are_one_did_what_both_did() -> None:
    one, other = told(NOTHING, *VISITS[:2]), told(NOTHING, *VISITS[2:], at("11:00", "page_viewed"))

    assert one.united(other) == other.united(one) == told(NOTHING, *VISITS, at("11:00", "page_viewed"))


def test_b19_b23_the_customer_shows_how_often_and_when_last() -> None:
    seen = event("page_viewed", event_id="e-1")
    story = Story().at("10:00", seen).again(seen, "10:00", arriving="10:05")
    story.at("-40d 09:00", event("page_viewed"), arriving="11:00")

    assert story.customer["activity"] == {"page_viewed": {"count": 2, "last_at": "2026-11-24T10:00:00.000Z"}}

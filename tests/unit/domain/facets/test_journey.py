"""Stages of the journey, and how rules see them change."""

from __future__ import annotations

from itertools import permutations

import pytest

from pipeline.domain.event_types import EVENT_TYPES
from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets import NO_FACETS, Facets, learn
from pipeline.domain.facets.journey import ENTERING, STAGES, Journey
from tests.unit.domain.facets.telling import at, told
from tests.unit.domain.triggers.story import Story, at_ms, event

NOTHING = Journey()


def lived(*events: ChannelEvent) -> Facets:
    facets = NO_FACETS
    for each in events:
        facets = learn(facets, each, each.occurred_at_ms)
    return facets


@pytest.mark.parametrize(
    ("event_type", "stage"),
    [
        ("ad_viewed", "awareness"),
        ("page_viewed", "awareness"),
        ("product_viewed", "consideration"),
        ("product_added", "consideration"),
        ("order_completed", "purchase"),
        ("order_delivered", "use"),
        ("product_reviewed", "use"),
        ("case_opened", "support"),
    ],
)
def test_s23_an_event_enters_its_stage(event_type: str, stage: str) -> None:
    assert NO_FACETS.stage is None
    assert lived(at("10:00", event_type)).stage == stage


def test_every_stage_is_entered_by_types_that_are_known_each_by_its_own() -> None:
    entering = [event_type for types in ENTERING.values() for event_type in types]

    assert list(ENTERING) == list(STAGES[:-1])
    assert len(entering) == len(set(entering))
    assert set(entering) <= EVENT_TYPES.keys()


def test_each_stage_is_remembered_with_when_it_was_first_and_last() -> None:
    journey = told(
        NOTHING,
        at("10:00", "ad_viewed"),
        at("10:10", "product_viewed"),
        at("11:00", "order_completed"),
        at("3d 10:00", "order_delivered"),
        at("5d 10:00", "product_viewed"),
    )

    assert journey.doing == "consideration"
    assert journey.stages == {
        "awareness": (at_ms("10:00"), at_ms("10:00")),
        "consideration": (at_ms("10:10"), at_ms("5d 10:00")),
        "purchase": (at_ms("11:00"), at_ms("11:00")),
        "use": (at_ms("3d 10:00"), at_ms("3d 10:00")),
    }


def test_nobody_goes_back_to_awareness() -> None:
    viewed, page, advert = at("10:00", "product_viewed"), at("10:01", "page_viewed"), at("09:00", "ad_viewed")

    for order in permutations([viewed, page, advert]):
        assert told(NOTHING, *order).doing == "consideration"
        assert told(NOTHING, *order).stages["awareness"] == (at_ms("09:00"), at_ms("09:00"))
    considering = told(NOTHING, advert, viewed)
    assert told(considering, page) is considering


def test_the_latest_event_makes_the_stage_in_any_order_of_arrival() -> None:
    events = [
        at("10:00", "product_viewed"),
        at("11:00", "order_completed"),
        at("12:00", "product_viewed"),
        at("13:00", "order_collected"),
        at("14:00", "products_searched"),
    ]

    for order in permutations(events):
        assert told(NOTHING, *order).doing == "consideration"
        assert told(NOTHING, *order) == told(NOTHING, *events)
    assert told(NOTHING, *events[:4]).doing == "use"


def test_of_the_same_instant_the_further_stage_counts() -> None:
    viewed, bought = at("10:00", "product_viewed"), at("10:00", "order_completed")

    assert told(NOTHING, viewed, bought).doing == told(NOTHING, bought, viewed).doing == "purchase"


def test_s23_closing_the_last_case_returns_to_the_stage_before_support() -> None:
    bought = [at("09:00", "order_completed"), at("10:00", "case_opened", case_id="1")]
    second = at("11:00", "case_opened", case_id="2")
    closed = [at("12:00", "case_closed", case_id="1"), at("13:00", "case_closed", case_id="2")]

    assert lived(*bought, second).stage == "support"
    assert lived(*bought, second, closed[0]).stage == "support"
    assert lived(*bought, second, *closed).stage == "purchase"
    assert lived(*closed, *bought, second).stage == "purchase"


def test_who_looks_on_while_a_case_is_open_is_in_support_and_then_where_they_looked() -> None:
    events = [at("10:00", "case_opened"), at("11:00", "product_viewed")]

    assert lived(*events).stage == "support"
    assert lived(*events, at("12:00", "case_closed")).stage == "consideration"


def test_s23_rules_see_by_the_facets_before_and_after_that_an_event_changed_the_stage() -> None:
    changed: list[tuple[str | None, str | None]] = []
    facets = NO_FACETS
    for name in ("page_viewed", "page_viewed", "product_viewed", "product_added", "case_opened", "case_closed"):
        before, facets = facets, learn(facets, at("10:00", name), at_ms("10:00"))
        if before.stage != facets.stage:
            changed.append((before.stage, facets.stage))

    # A case closed at the instant it was opened is closed.
    assert changed == [
        (None, "awareness"),
        ("awareness", "consideration"),
        ("consideration", "support"),
        ("support", "consideration"),
    ]


def test_two_customers_who_are_one_have_gone_both_ways() -> None:
    one = told(NOTHING, at("10:00", "ad_viewed"), at("12:00", "product_viewed"), at("14:00", "order_collected"))
    other = told(NOTHING, at("11:00", "page_viewed"), at("13:00", "order_completed"))

    assert one.united(other) == other.united(one)
    assert list(one.united(other).stages) == ["awareness", "consideration", "purchase", "use"]
    assert one.united(other).stages["awareness"] == (at_ms("10:00"), at_ms("10:00"))


def test_b14_b19_the_customer_shows_the_stage_and_the_way_to_it() -> None:
    bought = event("order_completed", event_id="e-1", order_id="o-1")
    story = Story().at("12:00", bought).at("10:00", event("product_viewed"), arriving="13:00")
    story.again(bought, "12:00", arriving="14:00")

    assert story.customer["journey_stage"] == "purchase"
    assert story.customer["journey"] == {
        "consideration": {"first_at": "2026-11-24T10:00:00.000Z", "last_at": "2026-11-24T10:00:00.000Z"},
        "purchase": {"first_at": "2026-11-24T12:00:00.000Z", "last_at": "2026-11-24T12:00:00.000Z"},
    }


def test_a_customer_of_whom_nothing_is_known_has_no_stage_no_consent_and_no_traits() -> None:
    customer = Story().at("10:00", event("never_heard_of")).customer

    assert (customer["journey_stage"], customer["consent"], customer["traits"]) == (None, {}, {})

"""Reports on visits and the steps in them, on both engines, against what was worked out by hand."""

from __future__ import annotations

import pytest

from pipeline.domain.time import DAY_MS, HOUR_MS
from pipeline.history.engine import Engine
from pipeline.history.writer import HistoryWriter
from tests.history_rows import TEN_O_CLOCK
from tests.integration.reports.answers import asked, column, only
from tests.integration.reports.stories import event, order

pytestmark = pytest.mark.clickhouse


def test_who_is_in_the_middle_of_a_visit_when_the_span_begins_is_a_customer_of_the_span(engine: Engine) -> None:
    HistoryWriter(engine).write(
        [
            event("midst", "anna", 0, "page_viewed", session_id="over-the-edge"),
            event("midst", "anna", HOUR_MS, "page_viewed", session_id="over-the-edge"),
            event("midst", "bob", HOUR_MS, "page_viewed", session_id="after-it"),
            event("midst", "carl", 0, "page_viewed", session_id="before-it"),
        ]
    )

    row = only(asked(engine, "channel_study", "midst", **{"from": str(TEN_O_CLOCK + 1)}))

    assert (row["customers"], row["visits"], row["share"]) == (1, 1, 0.5)


def test_half_an_hour_of_silence_ends_a_visit(engine: Engine) -> None:
    web, store = asked(engine, "sessions", "shop")

    assert (web["name"], web["visits"], web["customers"], web["with_order"]) == ("web", 3, 2, 1)
    assert (web["events_per_visit"], web["one_event"], web["conversion"]) == (2, 0.3333, 0.3333)
    assert (web["low"], web["high"]) == pytest.approx((0.0615, 0.7923), abs=0.0001)  # Wilson, 1 of 3
    assert (store["name"], store["visits"], store["conversion"]) == ("pos", 2, 1)


def test_an_order_told_twice_in_a_visit_is_one_order(engine: Engine) -> None:
    web = next(row for row in asked(engine, "sessions", "one") if row["name"] == "web")

    assert (web["visits"], web["orders"], web["with_order"]) == (3, 1, 1)


def test_silence_is_told_to_the_millisecond_wherever_the_half_hours_of_the_clock_end(engine: Engine) -> None:
    half_an_hour = HOUR_MS // 2
    at = (10, 20, half_an_hour - 1, 2 * half_an_hour - 2, 3 * half_an_hour - 2, 4 * half_an_hour - 3)
    HistoryWriter(engine).write([event("clock", "anna", each, "page_viewed", "pos") for each in reversed(at)])

    row = only(asked(engine, "sessions", "clock"))

    assert (row["visits"], row["events_per_visit"], row["one_event"]) == (2, 3, 0)
    assert row["median_seconds"] == 3_600  # of an hour and half an hour: of two the longer


def test_visits_of_channels_whose_names_end_in_numbers_are_told_apart(engine: Engine) -> None:
    rows = [event("numbers", "anna", hour * HOUR_MS, "page_viewed", "till") for hour in range(12)]
    rows += [event("numbers", "anna", hour * HOUR_MS, "page_viewed", "till1") for hour in range(3)]
    HistoryWriter(engine).write([*rows, event("numbers", "anna", 0, "page_viewed", "web", session_id="till2")])

    found = column(asked(engine, "sessions", "numbers"), "name", "visits")
    assert found == {"till": 12, "till1": 3, "web": 1}


def test_a_funnel_shows_where_phones_lose_their_customers(engine: Engine) -> None:
    way = "product_added,checkout_step_viewed/shipping,checkout_step_viewed/payment"

    rows = asked(engine, "funnel", "steps", steps=way, by="device")

    assert {(row["name"], row["number"]): row["reached"] for row in rows} == {
        ("phone", 1): 11, ("phone", 2): 10, ("phone", 3): 6,
        ("desktop", 1): 10, ("desktop", 2): 10, ("desktop", 3): 9,
    }  # fmt: skip
    paying = {row["name"]: row for row in rows if row["number"] == 3}
    assert paying["phone"]["of_previous"] == 0.6
    assert (paying["phone"]["low"], paying["phone"]["high"]) == pytest.approx((0.3127, 0.8318), abs=0.0001)
    assert paying["desktop"]["step"] == "checkout_step_viewed/payment"


def test_a_way_through_a_funnel_is_of_the_period_in_which_it_began(engine: Engine) -> None:
    march = 97 * DAY_MS  # the 1st of March, 10:00
    HistoryWriter(engine).write(
        [
            event("months", "anna", 57 * DAY_MS, "product_viewed"),  # the 20th of January
            event("months", "anna", march, "product_viewed"),
            event("months", "anna", march + 1_000, "product_added"),
            order("months", "anna", march + 2_000),
            event("months", "ben", 67 * DAY_MS, "product_viewed"),  # the 30th of January
            order("months", "ben", 70 * DAY_MS),  # in February
        ]
    )
    given = {"steps": "product_viewed,order_completed", "scope": "customer"}

    by_month = asked(engine, "funnel", "months", per="month", **given)
    in_all = asked(engine, "funnel", "months", **given)

    assert [(row["period"], row["reached"]) for row in by_month] == [
        ("2027-01-01", 2), ("2027-01-01", 1), ("2027-03-01", 1), ("2027-03-01", 1),
    ]  # fmt: skip
    assert [row["reached"] for row in in_all] == [2, 2]


@pytest.mark.parametrize(
    ("steps", "told", "reached"),
    [
        ("product_viewed,product_added", [(100, "product_added"), (900, "product_viewed")], [1, 0]),
        ("product_viewed,product_added", [(100, "product_viewed"), (900, "product_added")], [1, 1]),
        ("product_viewed,product_added", [(100, "product_viewed"), (100, "product_added")], [1, 0]),
        (
            "product_viewed,product_viewed,order_completed",
            [(0, "product_viewed"), (2_000, "order_completed")],
            [1, 0, 0],
        ),
        (
            "product_viewed,product_viewed,order_completed",
            [(0, "product_viewed"), (1, "product_viewed"), (2_000, "order_completed")],
            [1, 1, 1],
        ),
    ],
)
def test_steps_of_a_funnel_follow_each_other_to_the_millisecond(
    engine: Engine, steps: str, told: list[tuple[int, str]], reached: list[int], request: pytest.FixtureRequest
) -> None:
    tenant = request.node.callspec.id
    HistoryWriter(engine).write([event(tenant, "anna", after_ms, event_type) for after_ms, event_type in told])

    assert [row["reached"] for row in asked(engine, "funnel", tenant, steps=steps)] == reached


def test_the_window_of_a_funnel_opens_with_the_latest_first_step(engine: Engine) -> None:
    told = [(0, "product_viewed"), (2, "product_viewed"), (2, "product_added"), (3, "product_added")]
    HistoryWriter(engine).write([event("window", "anna", hour * HOUR_MS, each) for hour, each in told])
    steps = "product_viewed,product_added"

    assert [row["reached"] for row in asked(engine, "funnel", "window", steps=steps, window="1h")] == [1, 1]
    assert [row["reached"] for row in asked(engine, "funnel", "window", steps=steps, window="59m")] == [1, 0]


def test_a_funnel_may_have_as_many_steps_as_are_allowed(engine: Engine) -> None:
    HistoryWriter(engine).write([event("stairs", "anna", number, "page_viewed") for number in range(19)])

    rows = asked(engine, "funnel", "stairs", steps=",".join(["page_viewed"] * 20))

    assert [row["reached"] for row in rows] == [1] * 19 + [0]

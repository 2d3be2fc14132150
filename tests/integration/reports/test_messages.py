"""Reports on messages, on both engines, against what was worked out by hand or published."""

from __future__ import annotations

from math import ceil
from statistics import NormalDist
from typing import Any

import pytest

from pipeline.domain.events import Item
from pipeline.domain.time import DAY_MS, HOUR_MS, MINUTE_MS
from pipeline.history.engine import Engine
from pipeline.history.rows import Row
from pipeline.history.writer import HistoryWriter
from tests.integration.reports.answers import asked, only
from tests.integration.reports.stories import decided, event, order, reminded

pytestmark = pytest.mark.clickhouse


def test_the_uplift_of_a_rule_has_the_interval_that_newcombe_published(engine: Engine) -> None:
    reminder, alone = asked(engine, "trigger_effect", "effect")

    assert (reminder["treated"], reminder["treated_buyers"]) == (70, 56)
    assert (reminder["held_out"], reminder["held_out_buyers"], reminder["against"]) == (80, 48, "rule_holdout")
    assert (reminder["uplift"], reminder["uplift_low"], reminder["uplift_high"]) == (0.2, 0.0524, 0.3339)
    assert (reminder["says"], reminder["on_both_sides"]) == ("brings buyers", 1)
    assert (alone["rule"], alone["says"], alone["uplift"]) == ("without_holdout", "nobody is held out", None)
    # Spend is 10.00 a buyer: 8.00 against 6.00, the standard errors by Welch are 0.4815 and 0.5512.
    assert reminder["spend_uplift_minor"] == 200
    assert (reminder["spend_uplift_low"], reminder["spend_uplift_high"]) == pytest.approx((56, 344), abs=1)


def test_an_effect_tells_how_many_customers_are_still_missing(engine: Engine) -> None:
    reminder = asked(engine, "trigger_effect", "effect", detect="0.1", confidence="0.95", power="0.8")[0]

    z = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)
    base, ratio = 49 / 82, 80 / 70
    better = base + 0.1
    needed = (z / 0.1) ** 2 * (better * (1 - better) + base * (1 - base) / ratio)
    assert reminder["treated_needed"] == pytest.approx(ceil(needed) - 70, abs=1)
    assert reminder["held_out_needed"] == pytest.approx(ceil(needed * ratio) - 80, abs=1)


def test_a_reminder_that_shows_nothing_yet_says_that_it_is_too_few(engine: Engine) -> None:
    narrow = asked(engine, "trigger_effect", "effect", confidence="0.999")[0]

    assert narrow["uplift_low"] < 0 < narrow["uplift_high"]
    assert narrow["says"] == "too few to tell"


def test_carts_left_lying_are_told_from_those_that_came_back_and_those_held_out(engine: Engine) -> None:
    left = only(asked(engine, "abandonment", "carts"))

    assert (left["rule"], left["delay_seconds"], left["carts"], left["abandoned"]) == ("left", 3_600, 4, 3)
    assert (left["rate"], left["reminded"], left["recovered"], left["recovered_share"]) == (0.75, 2, 1, 0.5)
    assert (left["held_out"], left["held_out_recovered"]) == (1, 0)
    assert (left["value_minor"], left["recovered_minor"], left["currency"]) == (8_000, 3_500, "EUR")


def put_in(
    tenant: str, customer_id: str, after_ms: int, cart_id: str, event_type: str = "product_added", **told: Any
) -> Row:
    """A cart is touched by an event whose id tells which one and when."""
    cause = f"{cart_id}-{after_ms}"
    given: dict[str, Any] = {"items": (Item("shoe", 1, 4_000, "EUR"),)} | told
    return event(tenant, customer_id, after_ms, event_type, event_id=cause, cart_id=cart_id, **given)


def test_a_cart_reminded_of_on_two_days_and_bought_once_is_worth_what_it_was_last(engine: Engine) -> None:
    rows = [put_in("days", "anna", 0, "c-1"), *reminded("days", "anna", HOUR_MS, "c-1-0", "c-1", 5_000)]
    rows += [put_in("days", "anna", DAY_MS, "c-1")]
    rows += reminded("days", "anna", DAY_MS + HOUR_MS, f"c-1-{DAY_MS}", "c-1", 6_000)
    rows += [order("days", "anna", 2 * DAY_MS, 6_000, cart_id="c-1")]
    HistoryWriter(engine).write(rows)

    left = only(asked(engine, "abandonment", "days"))

    assert (left["carts"], left["abandoned"], left["reminded"], left["recovered"]) == (1, 1, 1, 1)
    assert (left["value_minor"], left["recovered_minor"]) == (6_000, 6_000)


def test_money_of_an_order_that_brings_two_carts_back_is_counted_once(engine: Engine) -> None:
    rows = [order("both", "ben", DAY_MS, 2_000)]
    for cart_id in ("c-1", "c-2"):
        rows += [put_in("both", "ben", 0, cart_id), *reminded("both", "ben", HOUR_MS, f"{cart_id}-0", cart_id, 1_000)]
    HistoryWriter(engine).write(rows)

    left = only(asked(engine, "abandonment", "both"))

    assert (left["reminded"], left["recovered"]) == (2, 2)
    assert (left["value_minor"], left["recovered_minor"]) == (2_000, 2_000)


def test_a_cart_left_before_midnight_is_one_of_that_day_though_it_is_reminded_of_on_the_next(engine: Engine) -> None:
    late, after_midnight = 13 * HOUR_MS + 30 * MINUTE_MS, 14 * HOUR_MS + 30 * MINUTE_MS
    rows = [put_in("midnight", "cem", DAY_MS, "c-cem"), put_in("midnight", "dan", -DAY_MS, "c-dan")]
    for name in ("anna", "ben"):
        rows += [put_in("midnight", name, late, f"c-{name}")]
        rows += reminded("midnight", name, after_midnight, f"c-{name}-{late}", f"c-{name}", 4_000)
    rows += [put_in("midnight", "dan", late, "c-dan", "checkout_started", items=())]  # filled the day before
    rows += reminded("midnight", "dan", after_midnight, f"c-dan-{late}", "c-dan", 4_000)
    HistoryWriter(engine).write(rows)

    first = only(asked(engine, "abandonment", "midnight", **{"from": "2026-11-24", "to": "2026-11-25"}))
    ever = only(asked(engine, "abandonment", "midnight"))

    assert (first["carts"], first["abandoned"], first["rate"]) == (3, 3, 1)
    assert (first["low"], first["high"]) == pytest.approx((0.4385, 1), abs=0.0001)  # Wilson, 3 of 3
    assert asked(engine, "abandonment", "midnight", **{"from": "2026-11-25", "to": "2026-11-26"}) == []
    assert (ever["carts"], ever["abandoned"], ever["rate"]) == (4, 3, 0.75)


def test_a_cart_that_never_had_anything_in_it_is_none(engine: Engine) -> None:
    rows = [put_in("void", "anna", 0, "c-1", "cart_updated", items=())]
    rows += [put_in("void", "ben", 0, "c-2", "cart_updated", items=(), amount_minor=4_000, currency="EUR")]
    rows += [put_in("void", "cem", 0, "c-3", "cart_updated")]
    rows += [put_in("void", "dan", 0, "c-4"), *reminded("void", "dan", HOUR_MS, "c-4-0", "c-4", 4_000)]
    HistoryWriter(engine).write(rows)

    left = only(asked(engine, "abandonment", "void"))

    assert (left["carts"], left["abandoned"], left["rate"]) == (3, 1, 0.3333)


def test_a_cart_that_turns_out_to_have_been_bought_in_time_is_not_left_on_either_side(engine: Engine) -> None:
    names = ("anna", "ben", "cem", "dan")
    rows = [put_in("overtaken", name, 0, f"c-{name}") for name in names]
    for name in ("anna", "ben"):
        rows += reminded("overtaken", name, HOUR_MS, f"c-{name}-0", f"c-{name}", 4_000)
    for name in ("cem", "dan"):
        rows += [decided("overtaken", name, HOUR_MS, "held_out", "rule_holdout", rule="left", caused_by=f"c-{name}-0")]
    for name in ("anna", "cem"):
        rows += [order("overtaken", name, 30 * MINUTE_MS, 4_000, cart_id=f"c-{name}")]
    HistoryWriter(engine).write(rows)

    left = only(asked(engine, "abandonment", "overtaken"))

    assert (left["carts"], left["abandoned"], left["reminded"], left["held_out"]) == (4, 2, 1, 1)
    assert (left["recovered"], left["held_out_recovered"]) == (0, 0)


def test_without_a_reminder_there_is_no_delay_until_one(engine: Engine) -> None:
    rows = [put_in("silent", "anna", 0, "c-1"), *reminded("silent", "anna", HOUR_MS, "c-1-0", "c-1", 4_000)]
    rows += [put_in("silent", "ben", DAY_MS, "c-2")]
    rows += [decided("silent", "ben", DAY_MS + 1, "held_out", "rule_holdout", rule="left", caused_by=f"c-2-{DAY_MS}")]
    HistoryWriter(engine).write(rows)

    left = only(asked(engine, "abandonment", "silent", **{"from": "2026-11-25"}))

    assert (left["held_out"], left["reminded"], left["delay_seconds"]) == (1, 0, None)

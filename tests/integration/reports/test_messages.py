"""Reports on messages, on both engines, against what was worked out by hand or published."""

from __future__ import annotations

from math import ceil
from statistics import NormalDist

import pytest

from pipeline.history.engine import Engine
from tests.integration.reports.answers import asked, only

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

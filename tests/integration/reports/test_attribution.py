"""Attribution, on both engines, against what was worked out by hand or a published package makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import factorial

import pytest

from pipeline.domain.time import HOUR_MS
from pipeline.history.engine import Engine
from pipeline.history.writer import HistoryWriter
from tests.integration.reports.answers import asked, column
from tests.integration.reports.stories import PATHS, by_way_of, event, order

pytestmark = pytest.mark.clickhouse

# What ChannelAttribution 2.2.5 (PyPI) makes of the paths: `heuristic_models`, and `markov_model(order=1, max_step=1000,
# nsim_start=20000000, conv_par=0.002, seed=7)`, which plays 45 million paths at random.
CHANNEL_ATTRIBUTION = {
    "first": {"search": 80.0, "email": 35.0, "direct": 80.0, "social": 15.0},
    "last": {"search": 50.0, "email": 20.0, "direct": 140.0, "social": 0.0},
    "linear": {"search": 68.333333, "email": 32.5, "direct": 103.333333, "social": 5.833333},
    "markov": {"search": 61.537854, "email": 44.414671, "direct": 84.681864, "social": 19.365611},
}


@pytest.mark.parametrize("model", ["first", "last", "linear", "markov"])
def test_purchases_are_credited_as_a_published_package_does(engine: Engine, model: str) -> None:
    rows = asked(engine, "touchpoints", "paths", by="campaign", model=model)

    within = 0.03 if model == "markov" else 0.0005  # the package estimates: at 45 million paths to about 0.2 %
    assert column(rows, "touchpoint", "purchases") == pytest.approx(CHANNEL_ATTRIBUTION[model], abs=within)
    assert column(rows, "touchpoint", "revenue_minor") == pytest.approx(
        {name: purchases * 100 for name, purchases in CHANNEL_ATTRIBUTION[model].items()}, abs=100 * within + 1
    )


def shapley_by_definition() -> dict[str, float]:
    """Average what each touchpoint adds to a set of others, over all sets: purchases whose paths need no other."""
    names = sorted({name for path, _, _ in PATHS for name in path.split(" > ")})

    def worth(some: Sequence[str]) -> int:
        return sum(purchases for path, purchases, _ in PATHS if set(path.split(" > ")) <= set(some))

    def value(name: str) -> float:
        others = [each for each in names if each != name]
        many = len(names)
        return sum(
            factorial(size) * factorial(many - size - 1) / factorial(many) * (worth((*some, name)) - worth(some))
            for size in range(many)
            for some in combinations(others, size)
        )

    return {name: value(name) for name in names}


def test_the_shapley_model_is_the_shapley_value(engine: Engine) -> None:
    rows = asked(engine, "touchpoints", "paths", by="campaign", model="shapley")

    assert column(rows, "touchpoint", "purchases") == pytest.approx(shapley_by_definition(), abs=0.0005)


def test_paths_are_told_as_they_were_walked(engine: Engine) -> None:
    rows = asked(engine, "paths", "paths", by="campaign")

    assert {(row["path"], row["purchases"], row["lost"]) for row in rows} == set(PATHS)


def test_a_campaign_may_have_an_arrow_in_its_name(engine: Engine) -> None:
    shoes, typed, ben = by_way_of("women > shoes", "cpc"), by_way_of("direct"), by_way_of("direct")
    HistoryWriter(engine).write([
        event("arrow", "anna", 0, "page_viewed", **shoes),
        event("arrow", "anna", HOUR_MS, "page_viewed", **typed),
        order("arrow", "anna", 2 * HOUR_MS, 100, session_id=typed["session_id"]),
        event("arrow", "ben", 0, "page_viewed", **ben),
        order("arrow", "ben", HOUR_MS, 100, session_id=ben["session_id"]),
    ])  # fmt: skip

    rows = asked(engine, "touchpoints", "arrow", by="campaign", model="markov")

    # Without the shoes half of the purchases are left, without the other none.
    assert column(rows, "touchpoint", "purchases") == {"direct": 1.3333, "women > shoes": 0.6667}
    assert [row["path"] for row in asked(engine, "paths", "arrow", by="campaign")] == [
        "direct",
        "women > shoes > direct",
    ]


@pytest.mark.parametrize(
    ("model", "email", "search", "direct"),
    [
        ("first", 1.0, 0.0, 0.0),
        ("last", 0.0, 0.0, 1.0),
        ("last_non_direct", 0.0, 1.0, 0.0),
        ("linear", 0.3333, 0.3333, 0.3333),
        ("position", 0.4, 0.2, 0.4),
        # Halves every week: 2^(-10/7), 2^(-2/7), 2^(-1/168) = 0.3715, 0.8203, 0.9959, of their sum 2.1877.
        ("time_decay", 0.1698, 0.3750, 0.4552),
        ("shapley", 0.3333, 0.3333, 0.3333),
        ("markov", 0.3333, 0.3333, 0.3333),
    ],
)
def test_a_purchase_after_three_visits_is_shared_out_as_worked_by_hand(
    engine: Engine, model: str, email: float, search: float, direct: float
) -> None:
    rows = asked(engine, "touchpoints", "one", model=model)

    found = column(rows, "touchpoint", "purchases")
    assert found == pytest.approx(
        {"Email": email, "Organic Search": search, "Direct": direct, "Paid Social": 0.0}, abs=0.0001
    )
    assert sum(row["revenue_minor"] for row in rows) == pytest.approx(10_000, abs=2)
    assert {row["currency"] for row in rows} == {"EUR"}


def test_a_longer_window_reaches_the_advertisement_before(engine: Engine) -> None:
    rows = asked(engine, "touchpoints", "one", model="first", window="90d")

    assert column(rows, "touchpoint", "purchases")["Paid Social"] == 1
    assert column(rows, "touchpoint", "assisted")["Paid Social"] == 1


def test_visits_without_a_campaign_are_named_so(engine: Engine) -> None:
    rows = asked(engine, "touchpoints", "one", by="campaign", model="last")

    assert column(rows, "touchpoint", "purchases") == {"spring": 0, "(no campaign)": 1, "old": 0}


def test_touchpoints_many_half_lives_before_a_purchase_are_compared_all_the_same(engine: Engine) -> None:
    rows = asked(engine, "touchpoints", "one", model="time_decay", half_life="1s")

    found = column(rows, "touchpoint", "purchases")
    assert found == pytest.approx({"Email": 0, "Organic Search": 0, "Direct": 1, "Paid Social": 0}, abs=0.0001)

"""Data sets of other people, played through the actors, against what their README counts or a plain calculation."""

from __future__ import annotations

import csv
from collections import defaultdict
from decimal import Decimal
from statistics import median
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from pipeline.domain.rules.in_force import Rules
from pipeline.settings import PROJECT_DIR
from pipeline.simulation import Simulation
from tests.bench import checkout_fault, replenishment
from tests.bench.checkout_fault import Cart
from tests.bench.replenishment import ALL, HEAD, LEVELS, OWN, Row
from tests.harness.data_sets import events_of, file_of
from tests.simulation.shop import played

NO_RULES = Rules("test", ())
README = (PROJECT_DIR / "tests" / "bench" / "README.md").read_text(encoding="utf-8")


def customers(simulation: Simulation) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in simulation.customer_lines()]


def test_a_year_of_a_grocers_baskets_adds_up() -> None:
    # The amount is told: without their 200,627 lines, whose pairs take two minutes to count, the sums are the same.
    orders = (replace(event, items=()) for event in events_of("complete_journey"))

    found = customers(played(orders, NO_RULES))

    assert len(found) == 324
    assert sum(customer["orders"] for customer in found) == 19_996
    assert sum(customer["spend_minor"]["USD"] for customer in found) == 60_447_243


def test_a_web_shops_invoices_and_what_came_back_add_up() -> None:
    events = events_of("online_retail")
    of_unknown_orders = sum(
        event.amount_minor or 0
        for event in events
        if event.event_type == "order_refunded" and str(event.order_id).startswith("C")
    )

    found = customers(played(events, NO_RULES))

    assert len(found) == 95
    assert sum(customer["orders"] for customer in found) == 603 - 146
    spend_minor = sum(customer["spend_minor"].get("GBP", 0) for customer in found)
    assert spend_minor - of_unknown_orders == 22_169_821


def test_recency_frequency_and_value_of_every_customer_of_cdnow_are_those_of_the_file() -> None:
    orders: dict[str, int] = defaultdict(int)
    value: dict[str, Decimal] = defaultdict(Decimal)
    days: dict[str, set[str]] = defaultdict(set)
    with file_of("cdnow").open() as lines:
        for row in csv.DictReader(lines):
            orders[row["customer_id"]] += 1
            value[row["customer_id"]] += Decimal(row["dollar_value"])
            days[row["customer_id"]].add(row["date"])

    found = customers(played(events_of("cdnow"), NO_RULES))

    by_account = {customer["identifiers"]["account"][0]: customer for customer in found}
    assert len(by_account) == len(found) == 21_213
    for account, customer in by_account.items():
        assert customer["orders"] == orders[account], account
        assert customer["spend_minor"].get("USD", 0) == value[account] * 100, account
        purchases = customer["purchases"]
        assert purchases["days_of_buying"] == len(days[account]), account
        assert purchases["first_at"][:10].replace("-", "") == min(days[account]), account
        assert purchases["last_at"][:10].replace("-", "") == max(days[account]), account


@pytest.fixture(scope="module")
def carts() -> list[Cart]:
    return checkout_fault.carts()


def test_abandoned_carts_show_that_the_checkout_fails_on_mobile_phones(carts: list[Cart]) -> None:
    failing, sound = checkout_fault.in_fault_and_without(carts, "mobile, at the checkout")

    assert failing.rate > 1.5 * sound.rate
    assert checkout_fault.probability_of_chance(failing, sound) < 0.001


def test_abandoned_carts_on_other_devices_show_nothing(carts: list[Cart]) -> None:
    failing, sound = checkout_fault.in_fault_and_without(carts, "others, at the checkout")

    assert checkout_fault.probability_of_chance(failing, sound) > 0.05


def test_every_week_of_the_fault_is_worse_than_the_median_of_the_weeks_in_which_nothing_fails(
    carts: list[Cart],
) -> None:
    failing, sound = [], []
    for begin_ms, on_mobile, _ in checkout_fault.weeks(carts):
        broken = checkout_fault.broken(begin_ms)
        if "checkout, mobile" in broken:
            failing.append(on_mobile.rate)
        elif not broken:
            sound.append(on_mobile.rate)

    assert (len(failing), len(sound)) == (5, 15)
    assert min(failing) > median(sound)


def told(section: str) -> list[str]:
    return README.partition(f"<!-- {section}:begin -->\n")[2].partition(f"<!-- {section}:end -->")[0].splitlines()


def test_the_shares_of_the_readme_are_those_measured() -> None:
    assert told("checkout_fault") == list(checkout_fault.table())


@pytest.fixture(scope="module")
def comparisons() -> dict[tuple[str, str], Row]:
    return {(row.level, row.rhythm): row for row in replenishment.measure()}


@pytest.mark.parametrize("level", LEVELS)
def test_a_rhythm_of_ones_own_foretells_the_next_purchase_better_than_any_interval(
    level: str, comparisons: dict[tuple[str, str], Row]
) -> None:
    row = comparisons[level, OWN]

    assert row.number > 800
    for interval in (row.of_closest, row.of_nearest):
        assert row.of_rhythm.median < interval.median
        assert row.of_rhythm.mean < 0.95 * interval.mean
        assert row.of_rhythm.near > interval.near + 0.04
    assert row.better > 0.55


@pytest.mark.parametrize("level", LEVELS)
def test_all_that_is_foretold_is_closer_more_often_than_an_interval(
    level: str, comparisons: dict[tuple[str, str], Row]
) -> None:
    row = comparisons[level, ALL]

    assert row.better > 0.55
    assert row.of_rhythm.mean < row.of_closest.mean
    assert row.of_rhythm.near > row.of_closest.near + 0.05


def test_the_errors_of_the_readme_are_those_measured(comparisons: dict[tuple[str, str], Row]) -> None:
    assert told("replenishment") == [*HEAD, *map(str, comparisons.values())]

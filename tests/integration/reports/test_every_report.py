"""What holds of every report, on the embedded engine and on a real server."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pipeline.cli.report_chart import in_words
from pipeline.domain.time import DAY_MS, rfc3339
from pipeline.history.engine import Engine
from pipeline.history.reports.asking import ask
from pipeline.history.reports.catalogue import report, reports
from tests.history_rows import TEN_O_CLOCK
from tests.integration.reports.answers import asked

pytestmark = pytest.mark.clickhouse


@pytest.mark.parametrize("name", sorted(reports()))
def test_a_tenant_without_any_events_has_an_empty_report(engine: Engine, name: str) -> None:
    rows = [row for row in asked(engine, name, "nobody") if not str(row.get("check", "")).startswith("refused")]

    assert rows == []


def test_a_tenant_without_any_events_has_no_touchpoints_by_the_markov_model_either(engine: Engine) -> None:
    assert asked(engine, "touchpoints", "nobody", model="markov") == []


@pytest.mark.parametrize("name", sorted(reports()))
def test_a_report_is_the_same_in_whatever_order_rows_of_one_moment_are_read(engine: Engine, name: str) -> None:
    wanted = report(name)
    seen_at = rfc3339(TEN_O_CLOCK + DAY_MS)  # not a clock that goes on between two readings
    given = {"tenant": "twins", "now": seen_at, "min_viewers": "1", "min_baskets": "1", "min_customers": "1"}
    given = {word: value for word, value in given.items() if word == "tenant" or word in wanted.parameters}

    def read(by: dict[str, str], way: str) -> list[list[Any]]:
        told = f"FROM (SELECT * FROM events WHERE tenant = 'twins' ORDER BY event_id {way} LIMIT 99)"
        return engine.query(re.sub(r"FROM events\b", told, wanted.sql(given | by))).rows

    by = wanted.parameters.get("by")
    for word in by.choices if by is not None else ():
        assert read({"by": word}, "ASC") == read({"by": word}, "DESC"), word
    assert read({}, "ASC") == read({}, "DESC")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("trigger_effect", ["rule_holdout", "global_holdout"]),
        ("abandonment", ["v1", "v2"]),
        ("rfm", ["CHF", "EUR"]),
        ("feedback", ["app", "web"]),
    ],
)
def test_a_row_of_a_chart_is_named_by_what_tells_it_from_the_others(
    engine: Engine, name: str, labels: list[str]
) -> None:
    drawn = in_words(report(name), ask(engine, report(name), {"tenant": "charts"}))

    assert [line.split("  ")[0].strip() for line in drawn.splitlines()[2:]] == labels

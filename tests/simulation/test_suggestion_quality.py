"""Suggestions on records of people with the truth beside them: right, more complete than an exact rule, as told."""

from __future__ import annotations

import re

import pytest

from pipeline.cli.identity_suggest import THRESHOLD
from pipeline.settings import PROJECT_DIR
from tests.bench.suggestions import Measured, measure

README = (PROJECT_DIR / "pipeline" / "suggestions" / "README.md").read_text(encoding="utf-8")
PLAIN, DEFAULT = "same surname and birth date", f"suggest, {THRESHOLD}"

Rows = dict[tuple[str, str], Measured]


@pytest.fixture(scope="module")
def rows() -> Rows:
    return {(row.data, row.rule): row for row in measure()}


def test_the_figures_of_the_readme_are_those_measured(rows: Rows) -> None:
    told = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [\d,]+ \| [\d,]+ \| ([\d.]+) \| ([\d.]+) \|$", README, re.MULTILINE)

    assert [(data, rule) for data, rule, _, _ in told] == list(rows)
    for data, rule, precision, recall in told:
        row = rows[data, rule]
        # Sums of floating-point numbers depend on the processor; a pair or two may cross a threshold.
        assert (row.precision, row.recall) == pytest.approx((float(precision), float(recall)), abs=0.005), row


@pytest.mark.parametrize(
    ("data", "precision", "recall"),
    [
        ("febrl1", 0.99, 0.98),
        ("febrl1, 25 of 500 told twice", 0.95, 0.95),
        ("splink_fake_1000", 0.99, 0.62),
        ("splink_fake_1000, no e-mail", 0.99, 0.37),
    ],
)
def test_at_the_default_threshold_suggestions_are_right_and_find_far_more_than_an_exact_rule(
    rows: Rows, data: str, precision: float, recall: float
) -> None:
    suggested, plain = rows[data, DEFAULT], rows[data, PLAIN]

    assert suggested.precision >= precision
    assert suggested.recall >= recall
    assert suggested.recall > 1.5 * plain.recall

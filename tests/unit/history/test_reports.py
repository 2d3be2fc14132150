"""What a report's file says, and what a person types for its parameters."""

from __future__ import annotations

import re

import pytest

from pipeline.errors import OmniError
from pipeline.history.reports.catalogue import report, reports
from pipeline.history.reports.values import Parameter, written

NAMES = {
    "abandonment", "basket_affinities", "channel_gaps", "channel_study", "cohorts", "data_quality", "feedback",
    "freshness", "funnel", "journey_stages", "paths", "rfm", "sessions", "touchpoints", "trigger_effect",
}  # fmt: skip


def test_the_reports_that_dashboards_and_people_rely_on_are_there() -> None:
    assert set(reports()) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_report_explains_itself_and_can_be_asked_without_any_parameter(name: str) -> None:
    found = report(name)

    assert found.sentence.endswith(".")
    assert "\n" not in found.sentence
    assert found.about
    assert all(parameter.says for parameter in found.parameters.values())
    statement = found.sql()
    assert "$" not in re.sub(r"'[^']*'", "", statement)
    assert "tenant = 'default'" in statement


ANOTHER = {
    "time": "2026-11-24T10:00:00Z",
    "duration": "17m",
    "number": "987",
    "share": "0.123",
    "two_sided": "0.77",
    "one_sided": "0.77",
    "text": "another",
    "steps": "video_viewed",
    "currency": "CHF",
}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_parameter_that_a_report_declares_is_used(name: str) -> None:
    found = report(name)
    for parameter in found.parameters.values():
        choices = [choice for choice in parameter.choices if choice != parameter.default]
        other = ANOTHER.get(parameter.name) or ANOTHER.get(parameter.kind) or choices[0]

        assert found.sql({parameter.name: other}) != found.sql({parameter.name: parameter.default}), parameter


def test_what_is_typed_never_becomes_sql() -> None:
    statement = report("sessions").sql({"tenant": "x' OR 1 = 1 --"})

    assert r"tenant = 'x\' OR 1 = 1 --'" in statement


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("time", "yesterday"),
        ("duration", "7"),
        ("number", "-1"),
        ("number", "many"),
        ("share", "2"),
        ("two_sided", "1"),
        ("steps", "product_viewed,'; DROP"),
        ("steps", ""),
        ("steps", ",".join(["product_viewed"] * 21)),
        ("sku|category", "colour"),
    ],
)
def test_a_value_that_is_none_is_refused_with_its_option(kind: str, typed: str) -> None:
    with pytest.raises(OmniError, match=re.escape(f"--by {typed}: ")):
        written(Parameter("by", kind, "", ""), typed)


def test_a_day_begins_in_utc_and_nothing_is_the_beginning_or_the_end() -> None:
    def at(name: str, typed: str) -> str:
        return written(Parameter(name, "time", "", ""), typed)[name]

    assert at("from", "2026-11-24") == at("from", "2026-11-24T00:00:00Z") == at("from", "1795478400000")
    assert at("from", "") == "0"
    assert at("to", "") > at("to", "2999-12-31")


def test_an_unknown_report_or_parameter_is_answered_with_the_right_ones() -> None:
    with pytest.raises(OmniError, match=r"Did you mean funnel\?"):
        report("funel")
    with pytest.raises(OmniError, match="the report rfm has no --steps; it has --from, --to, --tenant"):
        report("rfm").sql({"steps": "product_viewed"})

"""The rules of deploy/prometheus as Prometheus itself sees them, and each alert firing and keeping quiet."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from pipeline.monitoring.metrics_table import declared
from pipeline.settings import PROJECT_DIR

FOLDER = PROJECT_DIR / "deploy" / "prometheus"
RULE_FILES = [FOLDER / "recording.yaml", FOLDER / "alerts.yaml"]
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}
RECORDED = {
    rule["record"]
    for group in yaml.safe_load((FOLDER / "recording.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}
Series = dict[str, str]
"""By series, its values as promtool writes them: `start+step x times`, one a minute."""


class Case(NamedTuple):
    """With `bad` the alert fires at `at`, once, with `labels`; with `good` it does not."""

    bad: Series
    good: Series
    at: str = "30m"
    labels: dict[str, str] = {}  # noqa: RUF012 - never changed


def counted(what: str, reason: str, values: str) -> Series:
    return {f'omni_counted_total{{what="{what}", reason="{reason}"}}': values}


def took(metric: str, labels: str, slower_than: str, up_to: str) -> Series:
    """Ten observations a minute, all of them between two bounds of the histogram."""
    bounds = {slower_than: "0x120", up_to: "0+10x120", "+Inf": "0+10x120"}
    return {f'{metric}_bucket{{{labels}le="{bound}"}}': values for bound, values in bounds.items()}


def handled(actor: str, values: str) -> Series:
    return {f'omni_handled_messages_total{{actor="{actor}", instance="w1"}}': values}


LAG = 'omni_lag_records{topic="channel.web", partition="0", instance="w1"}'
DAY = 1440
CASES = {
    "OmniWorkerDown": Case(
        {'up{job="omni-worker", instance="w1"}': "0x60"},
        {'up{job="omni-worker", instance="w1"}': "1x60", 'up{job="another", instance="x"}': "0x60"},
        labels={"job": "omni-worker", "instance": "w1"},
    ),
    "OmniNoWorkers": Case(
        {'up{job="omni-worker", instance="w1"}': "0x60"},
        {'up{job="omni-worker", instance="w1"}': "0x60", 'up{job="omni-worker", instance="w2"}': "1x60"},
    ),
    "OmniHistoryDown": Case(
        {'up{job="omni-history", instance="h"}': "0x60"},
        {'up{job="omni-history", instance="h"}': "1x60"},
        labels={"job": "omni-history", "instance": "h"},
    ),
    "OmniGroupRestless": Case(
        {'omni_recovery_seconds{instance="w1"}': "1+1x60"},
        {'omni_recovery_seconds{instance="w1"}': "1x20 2x40"},
        labels={"instance": "w1"},
    ),
    "OmniRecoverySlow": Case(
        {'omni_recovery_seconds{instance="w1"}': "0x20 75x40"},
        {'omni_recovery_seconds{instance="w1"}': "75x60", 'omni_recovery_seconds{instance="w2"}': "0x20 60x40"},
        labels={"instance": "w1"},
    ),
    "OmniTopicCut": Case(
        {'omni_cut_partitions_total{topic="channel.web", instance="w1"}': "1x60"},
        {'omni_cut_partitions_total{topic="channel.web", instance="w1"}': "0x60"},
        labels={"topic": "channel.web"},
    ),
    "OmniStalled": Case(
        {LAG: "5x60"} | handled("ingest", "100x60"),
        {LAG: "5x60"} | handled("ingest", "100+1x60"),
        labels={"instance": "w1"},
    ),
    "OmniLagGrows": Case({LAG: "0+1000x60"}, {LAG: "20000-100x60"}),
    "OmniUnitsSlow": Case(
        took("omni_unit_seconds", 'actor="customer", ', "2.0", "5.0"),
        took("omni_unit_seconds", 'actor="customer", ', "1.0", "2.0"),
        labels={"actor": "customer"},
    ),
    "OmniEventsSlow": Case(took("omni_event_seconds", "", "5.0", "10.0"), took("omni_event_seconds", "", "2.0", "5.0")),
    "OmniTriggersSlow": Case(
        took("omni_cause_to_trigger_seconds", 'rule="cart_reminder", ', "10.0", "30.0"),
        took("omni_cause_to_trigger_seconds", 'rule="cart_reminder", ', "5.0", "10.0"),
        labels={"rule": "cart_reminder"},
    ),
    "OmniTimersLate": Case(
        {'omni_timer_lateness_seconds{actor="customer", instance="w1"}': "0+10x60"},
        {'omni_timer_lateness_seconds{actor="customer", instance="w1"}': "60x60"},
        labels={"actor": "customer"},
    ),
    "OmniClockBehind": Case(
        {'omni_clock_lag_seconds{instance="w1"}': "-1x60"}, {'omni_clock_lag_seconds{instance="w1"}': "59x60"}
    ),
    "OmniRulesDiffer": Case(
        {
            'omni_rules_number{version="a", instance="w1"}': "3x60",
            'omni_rules_number{version="b", instance="w2"}': "4x60",
        },
        {
            'omni_rules_number{version="a", instance="w1"}': "4x60",
            'omni_rules_number{version="a", instance="w2"}': "4x60",
        },
    ),
    "OmniNoEvents": Case(
        handled("ingest", f"0+60x{DAY} {60 * DAY}x200"), handled("ingest", f"0+60x{DAY + 200}"), at="26h"
    ),
    "OmniProducerBehind": Case(
        took("omni_occurred_to_ingested_seconds", 'channel="app", ', "300.0", "1800.0"),
        took("omni_occurred_to_ingested_seconds", 'channel="pos", ', "300.0", "1800.0"),
        labels={"channel": "app"},
    ),
    "OmniDeadLetters": Case(
        counted("dead_letters", "bad_time", "0+2x60") | handled("ingest", "0+100x60"),
        counted("dead_letters", "bad_time", "0+1x60") | handled("ingest", "0+100x60"),
    ),
    "OmniEventConflicts": Case(
        counted("event_conflicts", "web", "_x20 11x40"),
        counted("event_conflicts", "web", "11x90"),
        at="65m",
        labels={"reason": "web"},
    ),
    "OmniUnknownEventTypes": Case(
        counted("unknown_event_types", "web", "0+20x120"),
        counted("unknown_event_types", "web", "0+16x120"),
        at="65m",
        labels={"reason": "web"},
    ),
    "OmniRecordsSkipped": Case(
        counted("offsets_skipped", "channel.web", "_x20 20000x60"),
        counted("offsets_skipped", "channel.web", "0+10x120"),
        at="65m",
        labels={"reason": "channel.web"},
    ),
    "OmniIdentityRefusals": Case(
        counted("identity_refusals", "kind_limit", f"0+1x{DAY} {DAY}+60x60"),
        counted("identity_refusals", "kind_limit", f"0+60x{DAY + 60}"),
        at="24h50m",
    ),
    "OmniTriggersStopped": Case(
        counted("decisions", "fired_sent", f"0+1x{DAY} {DAY}x420"),
        counted("decisions", "fired_sent", f"0+1x{DAY + 420}"),
        at="30h40m",
    ),
    "OmniHistoryBehind": Case(
        {'omni_history_lag_records{topic="decisions", partition="0"}': "200000x60"},
        {'omni_history_lag_records{topic="decisions", partition="0"}': "100000x60"},
    ),
    "OmniHistorySlow": Case(
        {'omni_history_delay_seconds{instance="h"}': "0+5x60"},
        {'omni_history_delay_seconds{instance="h"}': "30x60"},
        labels={"instance": "h"},
    ),
    "OmniHistoryRefuses": Case(
        {'omni_history_refused_rows_total{reason="undecodable"}': "0x20 1x40"},
        {'omni_history_refused_rows_total{reason="undecodable"}': "1x60"},
        labels={"reason": "undecodable"},
    ),
}


SINCE_THE_START = {
    "OmniStalled": Case({LAG: "5x60"}, {LAG: "5x60"} | handled("ingest", "_x10 0+1x50"), labels={"instance": "w1"}),
    "OmniNoEvents": Case(
        handled("ingest", f"0+60x{DAY} _x200"), handled("ingest", f"0+60x{DAY} _x10 0+60x190"), at="26h"
    ),
    "OmniTriggersStopped": Case(
        counted("decisions", "fired_sent", f"0+1x{DAY} _x420"),
        counted("decisions", "fired_sent", f"0+1x{DAY} _x10 0+1x410"),
        at="30h40m",
    ),
}
"""A worker that was started anew and has not done since what it should: there is no series that stands still."""


def promtool(*words: object) -> str:
    """Run it and return what it said; fail if it found something."""
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_the_configuration_and_every_rule_in_it() -> None:
    said = promtool("check", "config", FOLDER / "prometheus.yaml")
    lint = promtool("check", "rules", "--lint-fatal", *RULE_FILES)

    assert "is valid prometheus config" in said
    assert f"{len(ALERTS)} rules found" in lint
    assert f"{len(RECORDED)} rules found" in lint


def test_every_alert_is_tried() -> None:
    assert list(ALERTS) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_it_fires_when_it_should_and_not_otherwise(name: str, tmp_path: Path) -> None:
    check(name, CASES[name], tmp_path)


@pytest.mark.parametrize("name", SINCE_THE_START)
def test_it_fires_as_well_where_a_worker_has_done_nothing_at_all_since_its_start(name: str, tmp_path: Path) -> None:
    check(name, SINCE_THE_START[name], tmp_path)


def check(name: str, case: Case, tmp_path: Path) -> None:
    """Let promtool play both sides of a case."""
    rule = ALERTS[name]
    fired = {"exp_labels": case.labels | rule["labels"], "exp_annotations": rule["annotations"]}
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": labels, "values": values} for labels, values in series.items()],
            "alert_rule_test": [{"eval_time": case.at, "alertname": name, "exp_alerts": expected}],
        }
        for series, expected in ((case.bad, [fired]), (case.good, []))
    ]
    path = tmp_path / "tests.yaml"
    every = "5m" if "h" in case.at else "1m"  # a day at one a minute takes a while
    content = {"rule_files": list(map(str, RULE_FILES)), "evaluation_interval": every, "tests": tests}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")

    assert "SUCCESS" in promtool("test", "rules", path)


@pytest.mark.parametrize("rule", ALERTS.values(), ids=lambda rule: rule["alert"])
def test_it_says_what_it_means_where_to_look_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule["annotations"]) == {"summary", "means", "look", "do"}
    assert all(text.endswith((".", "?")) for text in rule["annotations"].values())
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.name)
def test_rules_speak_only_of_metrics_that_there_are(path: Path) -> None:
    known = {f"{each.exposed}{suffix}" for each in declared() for suffix in ("", "_bucket", "_count", "_sum")}
    text = path.read_text(encoding="utf-8")

    assert set(re.findall(r"\bomni_\w+", text)) <= known
    assert set(re.findall(r"\bomni:\w+:\w+", text)) <= RECORDED

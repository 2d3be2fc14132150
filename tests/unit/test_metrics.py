"""What is measured, under how many labels, and that all of it is explained."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, generate_latest

from pipeline import metrics
from pipeline.monitoring.metrics_table import Declared, declared
from pipeline.settings import PROJECT_DIR

UNITS = {
    "products",
    "questions",
    "seconds", "bytes", "records", "messages", "rows", "keys", "timers", "partitions",
    "number",  # of a version
    "counted",  # each `what` has its own, told in COUNTED
}  # fmt: skip
ALL = declared()


def counted(what: str, reason: str) -> float | None:
    return REGISTRY.get_sample_value("omni_counted_total", {"what": what, "reason": reason})


@pytest.mark.parametrize("what", sorted(metrics.BY_CHANNEL))
def test_channels_that_nobody_configured_share_one_label(what: str) -> None:
    before = counted(what, "other") or 0

    for channel in ("smart_mirror", "fridge"):
        metrics.count(what, channel, 2, ("web",))
    metrics.count(what, "web", 1, ("web",))

    assert (counted(what, "other") or 0) - before == 4
    assert counted(what, "web") is not None
    assert counted(what, "fridge") is None


def test_other_reasons_are_labels_of_their_own() -> None:
    metrics.count("dead_letters", "bad_time", 3, ("web",))

    assert (counted("dead_letters", "bad_time") or 0) >= 3


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_every_metric_says_its_unit_what_it_means_and_only_labels_that_are_explained(metric: Declared) -> None:
    assert re.fullmatch(r"omni_[a-z_]+", metric.name)
    assert metric.name.rpartition("_")[2] in UNITS
    assert metric.help.endswith(".")
    assert set(metric.labels) <= set(metrics.LABELS)


def test_every_label_that_is_explained_is_used() -> None:
    assert {label for metric in ALL for label in metric.labels} == set(metrics.LABELS)


def test_only_one_module_makes_metrics() -> None:
    for path in (PROJECT_DIR / "pipeline").rglob("*.py"):
        if path.name != "metrics.py":
            found = re.findall(r"from prometheus_client import (.*)", path.read_text(encoding="utf-8"))
            assert not re.search("Counter|Gauge|Histogram|Summary|Info|Enum", " ".join(found)), path


def counted_in_code() -> Iterator[tuple[Path, str]]:
    """Every `Count("…", …)`, `("…", reason)` of a counts tuple and `counts["…", …]` of the package."""
    for path in (PROJECT_DIR / "pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            first: ast.expr | None = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Count" and node.args:
                first = node.args[0]
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("counts"):
                first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield path, first.value


def test_everything_that_the_code_counts_is_explained() -> None:
    found = list(counted_in_code())

    assert len(found) > 20
    for path, what in found:
        assert what in metrics.COUNTED, path
    assert set(metrics.COUNTED) >= metrics.BY_CHANNEL


def test_what_a_gauge_no_longer_shows_is_gone_and_the_rest_was_never_missing() -> None:
    metrics.show(metrics.LAG, {("channel.web", "0"): 3, ("channel.web", "1"): 4})
    metrics.show(metrics.LAG, {("channel.web", "1"): 5, ("channel.app", "0"): 6})

    shown = {tuple(sample.labels.values()): sample.value for sample in next(iter(metrics.LAG.collect())).samples}
    assert shown == {("channel.web", "1"): 5, ("channel.app", "0"): 6}


def test_prometheus_has_nothing_to_say_against_names_and_help() -> None:
    for metric in ALL:
        if metric.labels:
            metric.metric.labels(*("x" for _ in metric.labels))
    lines = generate_latest().decode().splitlines(keepends=True)
    ours = "".join(line for line in lines if re.match(r"(# \w+ )?omni_", line))

    said = subprocess.run(["promtool", "check", "metrics"], input=ours, capture_output=True, text=True, check=False)

    assert (said.returncode, said.stdout + said.stderr) == (0, "")

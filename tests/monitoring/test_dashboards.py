"""Dashboards and data sources: generated ones are the code's, and hold up against Grafana's own types."""

from __future__ import annotations

import json
import re
import types
from enum import Enum
from itertools import combinations
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
import yaml
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.models import dashboard as grafana

from pipeline.broker import docker
from pipeline.monitoring.__main__ import generated
from pipeline.monitoring.dashboards import DASHBOARDS
from pipeline.monitoring.metrics_table import declared
from pipeline.monitoring.panels import CLICKHOUSE, COLUMNS, PROMETHEUS, Dashboard
from pipeline.settings import PROJECT_DIR

GRAFANA = PROJECT_DIR / "deploy" / "grafana"
RECORDING = (PROJECT_DIR / "deploy" / "prometheus" / "recording.yaml").read_text(encoding="utf-8")

register_default_plugins()
each_dashboard = pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.uid)


def test_what_is_generated_is_what_the_code_makes() -> None:
    found = generated(PROJECT_DIR / "deploy")

    assert len(found) == len(DASHBOARDS) + 1
    for path, content in found.items():
        assert path.read_text(encoding="utf-8") == content, "run `make monitoring`"
    assert sorted((GRAFANA / "dashboards").iterdir()) == sorted(path for path in found if path.suffix == ".json")


def check(value: Any, wanted: Any, place: str) -> None:
    """Fail unless `value`, read by Grafana's own types, is what they say, all the way down."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if wanted in (Any, object):
        return
    if origin in (Union, types.UnionType):
        fits = any(is_one(value, choice) for choice in arguments)
        assert fits, f"{place}: {value!r} is none of {arguments}"
    elif wanted is type(None):
        assert value is None, f"{place}: {value!r} is not None"
    elif origin is Literal:
        assert value in arguments, f"{place}: {value!r} is none of {arguments}"
    elif origin is list:
        assert isinstance(value, list), f"{place}: {value!r} is no list"
        for number, each in enumerate(value):
            check(each, arguments[0], f"{place}[{number}]")
    elif origin is dict:
        assert isinstance(value, dict), f"{place}: {value!r} is no mapping"
    elif isinstance(wanted, type) and issubclass(wanted, Enum):
        wanted(value)
    elif hasattr(wanted, "from_json"):
        read = wanted.from_json(value) if isinstance(value, dict) else value
        assert isinstance(read, wanted), f"{place}: {value!r} is no {wanted.__name__}"
        hints = get_type_hints(type(read))
        for name, hint in hints.items():
            check(getattr(read, name), hint, f"{place}.{name}")
    else:
        numbers = (int, float) if wanted is float else wanted
        assert isinstance(value, numbers), f"{place}: {value!r} is no {wanted.__name__}"
        assert isinstance(value, bool) == (wanted is bool), f"{place}: {value!r} is no {wanted.__name__}"


def is_one(value: Any, wanted: Any) -> bool:
    """Whether `check` finds nothing."""
    try:
        check(value, wanted, "")
    except (AssertionError, ValueError):
        return False
    return True


def lost(ours: Any, theirs: Any, place: str = "") -> list[str]:
    """Return what of `ours` is not, or otherwise, in `theirs`: its types drop a key that Grafana does not know."""
    theirs = theirs.to_json() if hasattr(theirs, "to_json") else theirs
    if isinstance(ours, dict) and isinstance(theirs, dict):
        missing = [f"{place}.{key}" for key in ours if key not in theirs]
        return missing + [
            each for key in ours if key in theirs for each in lost(ours[key], theirs[key], f"{place}.{key}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            each
            for number, pair in enumerate(zip(ours, theirs, strict=True))
            for each in lost(*pair, f"{place}[{number}]")
        ]
    return [] if ours == theirs else [f"{place}: {ours!r} became {theirs!r}"]


@each_dashboard
def test_grafanas_types_take_every_key_and_every_value(board: Dashboard) -> None:
    ours = json.loads(json.dumps(board.json()))

    read = grafana.Dashboard.from_json(ours)

    assert lost(ours, read) == []
    for panel in read.panels or []:
        assert isinstance(panel, grafana.Panel)
        check(panel, grafana.Panel, panel.title or "")
        check(panel.options, type(panel.options), f"{panel.title}, options")
        for target in panel.targets or []:
            if not isinstance(target, UnknownDataquery):  # ClickHouse's plugin is not among the SDK's
                check(target, type(target), f"{panel.title}, query")
    check(read, grafana.Dashboard, board.uid)


@pytest.mark.parametrize(
    "change",
    [
        {"pannels": []},
        {"refresh": 5},
        {"graphTooltip": 7},
        {"time": {"from": "now-1h", "until": "now"}},
    ],
    ids=str,
)
def test_a_mistake_in_a_dashboard_would_be_found(change: dict[str, Any]) -> None:
    ours = DASHBOARDS[0].json() | change
    read = grafana.Dashboard.from_json(ours)

    with pytest.raises((AssertionError, ValueError)):
        check(read, grafana.Dashboard, "")
        assert lost(ours, read) == []


@pytest.mark.parametrize(
    "change",
    [{"titel": "x"}, {"gridPos": {"h": "8", "w": 12, "x": 0, "y": 0}}, {"options": {"legend": {"placement": "above"}}}],
    ids=str,
)
def test_a_mistake_in_a_panel_would_be_found(change: dict[str, Any]) -> None:
    ours = next(panel for panel in DASHBOARDS[0].json()["panels"] if panel["type"] == "timeseries") | change
    read = grafana.Panel.from_json(ours)

    with pytest.raises((AssertionError, ValueError)):
        check(read, grafana.Panel, "")
        check(read.options, type(read.options), "options")
        assert lost(ours, read) == []


@each_dashboard
def test_panels_do_not_overlap_and_explain_themselves(board: Dashboard) -> None:
    panels = board.json()["panels"]
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        assert panel["description"].endswith(".")
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


@each_dashboard
def test_queries_speak_only_of_metrics_that_there_are(board: Dashboard) -> None:
    known = {f"{each.exposed}{suffix}" for each in declared() for suffix in ("", "_bucket", "_count", "_sum")}
    asked = " ".join(query.text for panel in board.panels for query in panel.queries if not query.is_sql)

    assert set(re.findall(r"\bomni_\w+", asked)) <= known
    assert all(f"record: {name}\n" in RECORDING for name in re.findall(r"\bomni:\w+:\w+", asked))


def test_dashboards_have_names_of_their_own() -> None:
    assert [board.title for board in DASHBOARDS] == [
        "Operations",
        "Marketing",
        "Customers and identity",
        "Products",
        "Data quality",
    ]
    assert len({board.uid for board in DASHBOARDS}) == len(DASHBOARDS)


def test_the_data_sources_that_panels_name_are_provisioned_and_lead_to_services_of_the_installation() -> None:
    said = yaml.safe_load((GRAFANA / "provisioning/datasources/omni.yaml").read_text(encoding="utf-8"))
    sources = {(source["type"], source["uid"]): source for source in said["datasources"]}
    services = yaml.safe_load(docker.COMPOSE_FILE.read_text(encoding="utf-8"))["services"]

    assert set(sources) == {(source["type"], source["uid"]) for source in (PROMETHEUS, CLICKHOUSE)}
    assert sources["prometheus", "omni-prometheus"]["url"] == "http://prometheus:9090"
    assert sources["grafana-clickhouse-datasource", "omni-clickhouse"]["jsonData"]["host"] in services
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/omni.yaml").read_text(encoding="utf-8"))
    path = provider["providers"][0]["options"]["path"]
    assert f"./grafana/dashboards:{path}:ro" in services["grafana"]["volumes"]


def test_prometheus_scrapes_every_process_of_the_installation() -> None:
    scraped = yaml.safe_load((PROJECT_DIR / "deploy/prometheus/prometheus.yaml").read_text(encoding="utf-8"))
    targets = {
        target.partition(":")[0]: config["job_name"]
        for config in scraped["scrape_configs"]
        for group in config["static_configs"]
        for target in group["targets"]
    }
    services = yaml.safe_load(docker.COMPOSE_FILE.read_text(encoding="utf-8"))["services"]

    running = {name: f"omni-{each['command'][0]}" for name, each in services.items() if "build" in each}
    del running["topics"]  # ends at once
    assert targets == running

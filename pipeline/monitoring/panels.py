"""Grafana's JSON from few words: a dashboard is a list of panels, a panel asks Prometheus or the history.

Grafana fills in `$__timeFilter(column)`, `${tenant:sqlstring}`, `${__from}` and `${__to}`; everything else of a query
is what the engine gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template
from textwrap import dedent
from typing import Any, Final, Literal

from pipeline.history.reports.catalogue import report
from pipeline.history.reports.parts import parts

Json = dict[str, Any]
PROMETHEUS: Final = {"type": "prometheus", "uid": "omni-prometheus"}
CLICKHOUSE: Final = {"type": "grafana-clickhouse-datasource", "uid": "omni-clickhouse"}
"""The uids of deploy/grafana/provisioning/datasources."""

CHOSEN: Final = {"from": "${__from}", "to": "${__to}", "now": "${__to}", "tenant": "${tenant:sqlstring}"}
"""What stands for a report's parameters where Grafana fills in what its user has chosen (times in ms)."""
HAPPENED: Final = "tenant = ${tenant:sqlstring} AND $__timeFilter(occurred_at)"
"""Of events and identity changes: the tenant and the time chosen."""
ORDERED: Final = "ordered_at_ms >= ${__from} AND ordered_at_ms < ${__to}"
"""Of `$orders`, which are of the tenant chosen: the time chosen."""
COLUMNS: Final = 24
HEIGHT: Final = 8
SCHEMA_VERSION: Final = 39
TENANT: Final = "SELECT DISTINCT tenant FROM identity_changes_log ORDER BY tenant"
_THRESHOLDS: Final = {"mode": "absolute", "steps": [{"value": None, "color": "green"}]}
_HIDDEN: Final = [
    {"matcher": {"id": "byRegexp", "options": "/_$/"}, "properties": [{"id": "custom.hidden", "value": True}]}
]
"""Columns whose names end so are steps of a report's calculation."""
_LOOKS: Final[dict[str, Json]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"values": False, "calcs": ["lastNotNull"]},
        "colorMode": "value",
        "graphMode": "area",
    },
    "table": {"showHeader": True},
    "barchart": {
        "orientation": "horizontal",
        "showValue": "auto",
        "stacking": "none",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    },
}


@dataclass(frozen=True)
class Query:
    """One question: PromQL with the `legend` of its series, or SQL."""

    text: str
    legend: str | None = None

    @property
    def is_sql(self) -> bool:
        """Whether the history is asked."""
        return self.legend is None


@dataclass(frozen=True)
class Panel:
    """A title, a sentence for who does not know what it shows, and what it shows; `unit` is one of Grafana's."""

    title: str
    says: str
    look: Literal["timeseries", "stat", "table", "barchart"]
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = COLUMNS // 2


@dataclass(frozen=True)
class Dashboard:
    """A page of panels, laid out in rows as they come. `span` is the time it shows at first."""

    uid: str
    title: str
    says: str
    span: str
    panels: tuple[Panel, ...]

    def json(self) -> Json:
        """Return what Grafana reads."""
        asks_history = any(query.is_sql for panel in self.panels for query in panel.queries)
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.says,
            "tags": ["omni"],
            "timezone": "browser",
            "editable": False,
            "graphTooltip": 1,
            "schemaVersion": SCHEMA_VERSION,
            "refresh": "1m",
            "time": {"from": f"now-{self.span}", "to": "now"},
            "templating": {"list": [_tenant()] if asks_history else []},
            "annotations": {"list": []},
            "links": [_link()],
            "panels": _laid_out(self.panels),
        }


def lines(title: str, says: str, *queries: Query, unit: str = "short", width: int = COLUMNS // 2) -> Panel:
    """Values over time."""
    return Panel(title, says, "timeseries", queries, unit, width)


def numbers(title: str, says: str, *queries: Query, unit: str = "short", width: int = COLUMNS // 4) -> Panel:
    """The latest value of each series, large."""
    return Panel(title, says, "stat", queries, unit, width)


def table(title: str, says: str, query: Query, width: int = COLUMNS // 2) -> Panel:
    """Rows and columns."""
    return Panel(title, says, "table", (query,), width=width)


def bars(title: str, says: str, query: Query, width: int = COLUMNS // 2) -> Panel:
    """One bar for each row: its first column names it."""
    return Panel(title, says, "barchart", (query,), width=width)


def report_table(title: str, name: str, also: str = "", width: int = COLUMNS, **given: str) -> Panel:
    """Show what `omni report NAME` answers, for the tenant and the time chosen; `given` are its other parameters.

    `also` is said besides what the report answers.
    """
    asked = report(name)
    says = f"{asked.sentence} {also}".strip()
    return table(title, says, Query(asked.filled(CHOSEN, given).strip()), width)


def promql(expression: str, legend: str = "") -> Query:
    """Ask Prometheus; `legend` may name labels: `{{actor}}`."""
    return Query(expression, legend)


def sql(text: str) -> Query:
    """Ask the history. `$orders` in it are the orders as reports count them."""
    return Query(Template(dedent(text).strip()).safe_substitute(parts(CHOSEN, ["orders"])))


def _laid_out(panels: tuple[Panel, ...]) -> list[Json]:
    found, x, y = [], 0, 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > COLUMNS:
            x, y = 0, y + HEIGHT
        found.append(_panel(number, panel, {"h": HEIGHT, "w": panel.width, "x": x, "y": y}))
        x += panel.width
    return found


def _panel(number: int, panel: Panel, place: Json) -> Json:
    return {
        "id": number,
        "type": panel.look,
        "title": panel.title,
        "description": panel.says,
        "datasource": CLICKHOUSE if panel.queries[0].is_sql else PROMETHEUS,
        "gridPos": place,
        "targets": [_target(chr(ord("A") + index), query, panel) for index, query in enumerate(panel.queries)],
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "thresholds": _THRESHOLDS},
            "overrides": _HIDDEN if panel.look == "table" else [],
        },
        "options": _LOOKS[panel.look],
    }


def _target(ref_id: str, query: Query, panel: Panel) -> Json:
    if not query.is_sql:
        latest = panel.look == "table"
        return {
            "refId": ref_id,
            "datasource": PROMETHEUS,
            "expr": query.text,
            "legendFormat": query.legend,
            "instant": latest,
            "range": not latest,
            "format": "table" if latest else "time_series",
        }
    over_time = panel.look == "timeseries"
    return {
        "refId": ref_id,
        "datasource": CLICKHOUSE,
        "editorType": "sql",
        "queryType": "timeseries" if over_time else "table",
        "format": 0 if over_time else 1,
        "rawSql": query.text,
    }


def _tenant() -> Json:
    return {
        "name": "tenant",
        "label": "Tenant",
        "type": "query",
        "datasource": CLICKHOUSE,
        "query": TENANT,
        "current": {"text": "default", "value": "default"},
        "refresh": 1,
        "sort": 1,
    }


def _link() -> Json:
    return {
        "title": "Dashboards",
        "type": "dashboards",
        "icon": "external link",
        "tooltip": "",
        "tags": ["omni"],
        "asDropdown": True,
        "targetBlank": False,
        "includeVars": True,
        "keepTime": False,
    }

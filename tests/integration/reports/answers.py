"""What a report answers."""

from __future__ import annotations

from typing import Any

from pipeline.history.engine import Engine
from pipeline.history.reports.asking import ask
from pipeline.history.reports.catalogue import report

Answered = list[dict[str, Any]]


def asked(engine: Engine, name: str, tenant: str, **given: str) -> Answered:
    return ask(engine, report(name), {"tenant": tenant, **given}).objects()


def column(rows: Answered, key: str, value: str) -> dict[str, Any]:
    return {row[key]: row[value] for row in rows}


def only(rows: Answered) -> dict[str, Any]:
    (row,) = rows
    return row

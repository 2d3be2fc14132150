from __future__ import annotations

from typing import Any, cast

from prometheus_client import REGISTRY

from pipeline.history.engine import Engine, RowsRefused
from pipeline.history.native import Block
from pipeline.history.rows import Kind, Row
from pipeline.history.writer import HistoryWriter
from tests.harness.blocks import read
from tests.history_rows import DECISION, ORIGIN, event_row


class Strict:
    """A database that refuses every block with a certain decision in it."""

    def __init__(self) -> None:
        self.stored: list[tuple[str, Any]] = []

    def insert(self, block: Block) -> None:
        rows = read(block)
        if any(row.get("decision_id") == "d-1" for row in rows):
            raise RowsRefused("d-1")
        self.stored += [(block.table, row.get("event_id")) for row in rows]


def refused() -> float:
    return REGISTRY.get_sample_value("omni_history_refused_rows_total", {"reason": "not_storable"}) or 0


def test_a_row_that_cannot_be_encoded_counts_once_though_its_neighbours_are_looked_at_again() -> None:
    engine = Strict()
    rows = [
        event_row("e-1"),
        event_row("e-2", order_id="\ud83d"),
        Row(Kind.DECISION, DECISION, "decisions/0", 1, ORIGIN),
    ]
    before = refused()

    assert HistoryWriter(cast(Engine, engine)).write(rows) == 2

    assert refused() - before == 2
    assert ("events_log", "e-1") in engine.stored
    assert len({table for table, _ in engine.stored}) == 2  # events and dead letters

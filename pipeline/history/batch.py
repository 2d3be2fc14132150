"""Rows on their way to the database, encoded at once; and what becomes of those that no database can store."""

from __future__ import annotations

import gc
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from pipeline.domain.errors import InvalidReason
from pipeline.history.columns import TABLES, text
from pipeline.history.engine import RowsRefused
from pipeline.history.native import Block
from pipeline.history.rows import Kind, Row, refusal

log = logging.getLogger(__name__)


FEW_ROWS: Final = 256
"""So many are decoded, turned into columns and encoded before the next: what they touch stays in the processor's cache.
With a hundred times as many a row takes twice the time."""


class Batch:
    """A block per table. It holds bytes: a hundred thousand events are some 40 MB, as objects they were 330."""

    def __init__(self) -> None:
        """Empty."""
        self.rows = 0
        self.refused = 0
        self._few: list[Row] = []
        self._blocks: dict[Kind, Block] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Take rows; one that cannot be encoded becomes a dead letter."""
        self.rows += len(rows)
        self._few += rows
        whole = len(self._few) // FEW_ROWS * FEW_ROWS
        if whole:
            self._encode(self._few[:whole])
            del self._few[:whole]

    def take(self, rows: Sequence[Row]) -> None:
        """Encode rows of one kind now, all or none. Raises RowsRefused."""
        kind = rows[0].kind
        table = TABLES[kind]
        block = self._blocks.setdefault(kind, Block(table.log, table.columns))
        try:
            columns = table.fill(rows)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise RowsRefused(f"{table.log}: {error}") from error
        block.add(columns)

    def blocks(self) -> Iterator[tuple[Kind, Block]]:
        """Yield what there is to insert, in the order of `Kind`: what users count last is written last."""
        self._encode(self._few)
        self._few = []
        return ((kind, self._blocks[kind]) for kind in Kind if kind in self._blocks and self._blocks[kind].rows)

    def _encode(self, rows: Sequence[Row]) -> None:
        with _collector_paused():
            for start in range(0, len(rows), FEW_ROWS):
                for found in by_kind(rows[start : start + FEW_ROWS]):
                    self.refused += sift(found, self.take)


def by_kind(rows: Iterable[Row]) -> Iterable[list[Row]]:
    """Return the rows of each kind."""
    found: dict[Kind, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.kind].append(row)
    return found.values()


def sift(rows: Sequence[Row], attempt: Callable[[Sequence[Row]], None]) -> int:
    """Do `attempt` with all rows but those it refuses, found by halving, which become dead letters; return how many.

    `attempt` raises RowsRefused.
    """
    try:
        attempt(rows)
    except RowsRefused as error:
        if len(rows) > 1:
            middle = len(rows) // 2
            return sift(rows[:middle], attempt) + sift(rows[middle:], attempt)
        (row,) = rows
        if row.kind is Kind.DEAD_LETTER:
            raise
        # Not the error itself: databases quote what they refuse, and that is what customers have written.
        where = f"{row.position} of {row.source}"
        log.warning("a row for %s, %s, cannot be stored; its dead letter says why", TABLES[row.kind].view, where)
        attempt([_not_storable(row, str(error))])
        return 1
    return 0


def _not_storable(row: Row, problem: str) -> Row:
    detail = f"{row.kind} {row.position} of {row.source}: {problem}"
    content = text(repr(row.record)).encode()
    tenant = getattr(row.record, "tenant", None)
    return refusal(row.origin, InvalidReason.NOT_STORABLE, detail, content, tenant=tenant)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector from searching the rows' many small tuples for cycles: half of all time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

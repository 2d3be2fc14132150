"""`HistoryWriter`: rows in, stored when `write` returns. The Kafka sink and `simulate` write through it."""

from __future__ import annotations

import gc
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline import metrics
from pipeline.domain.errors import InvalidReason
from pipeline.history.columns import TABLES, text
from pipeline.history.engine import Engine, QueryRefused, RowsRefused
from pipeline.history.migrations import apply
from pipeline.history.rows import Kind, Row, refusal
from pipeline.settings import Settings

BLOCK_ROWS: Final = 50_000  # enough for a good block, few enough to hold its columns twice in memory
log = logging.getLogger(__name__)


class HistoryWriter:
    """Writes rows into the tables of their kinds. Writing the same rows again changes nothing that users see."""

    def __init__(self, engine: Engine) -> None:
        """`engine` is migrated already (`open_history`)."""
        self.engine = engine

    def write(self, rows: Iterable[Row]) -> int:
        """Store all of `rows`, at most `BLOCK_ROWS` of a kind at a time; return how many had to be refused.

        A row that no database could store becomes a dead letter; the others are stored. Raises HistoryUnavailable:
        some tables may have the rows then, and writing all of them again is right.
        """
        refused = 0
        by_kind: dict[Kind, list[Row]] = defaultdict(list)
        for row in rows:
            by_kind[row.kind].append(row)
        for kind in Kind:  # in this order: what users count last is written last
            found = by_kind.get(kind, [])
            for start in range(0, len(found), BLOCK_ROWS):
                refused += self._insert(kind, found[start : start + BLOCK_ROWS])
        return refused

    def close(self) -> None:
        """Let go of the database."""
        self.engine.close()

    def _insert(self, kind: Kind, rows: Sequence[Row]) -> int:
        table = TABLES[kind]
        try:
            with collector_paused():
                self.engine.insert(table.log, table.columns, table.fill(rows))
        except (RowsRefused, ValueError, TypeError, OverflowError) as error:
            if len(rows) > 1:
                middle = len(rows) // 2
                return self._insert(kind, rows[:middle]) + self._insert(kind, rows[middle:])
            if kind is Kind.DEAD_LETTER:
                raise
            log.warning("a row for %s cannot be stored and becomes a dead letter: %s", table.view, error)
            self._insert(Kind.DEAD_LETTER, [_not_storable(rows[0], str(error))])
            metrics.HISTORY_REFUSED.labels(InvalidReason.NOT_STORABLE).inc()
            return 1
        metrics.HISTORY_ROWS.labels(table.view).inc(len(rows))
        return 0


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the garbage collector from searching the block's many small tuples for cycles: half of all time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _not_storable(row: Row, problem: str) -> Row:
    detail = f"{row.kind} {row.position} of {row.source}: {problem}"
    content = text(repr(row.record)).encode()
    tenant = getattr(row.record, "tenant", None)
    return refusal(row.origin, InvalidReason.NOT_STORABLE, detail, content, tenant=tenant)


def open_engine(settings: Settings) -> Engine:
    """Connect to the server of `clickhouse_url`, or open the embedded history. Raises HistoryUnavailable."""
    if settings.clickhouse_url:
        from pipeline.history.server import Server

        server = Server(settings.clickhouse_url)
        server.create_database()
        return server
    return open_folder(settings.history_path)


def open_folder(path: Path) -> Engine:
    """Open the embedded history in `path`."""
    from pipeline.history.embedded import Embedded

    return Embedded(path)


def open_history(place: Settings | Path) -> HistoryWriter:
    """Open the history that `place` names, its tables up to date. A path is an embedded history.

    Raises HistoryUnavailable, QueryRefused (a migration failed).
    """
    engine = open_folder(place) if isinstance(place, Path) else open_engine(place)
    try:
        apply(engine)
    except QueryRefused as error:
        engine.close()
        raise QueryRefused(f"the tables of the history cannot be brought up to date: {error}") from error
    except BaseException:
        engine.close()
        raise
    return HistoryWriter(engine)

"""`HistoryWriter`: rows in, stored when `write` returns. The Kafka sink and `simulate` write through it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline import metrics
from pipeline.domain.errors import InvalidReason
from pipeline.history.batch import Batch, by_kind, sift
from pipeline.history.columns import TABLES
from pipeline.history.engine import Engine, QueryRefused, RowsRefused
from pipeline.history.migrations import apply
from pipeline.history.rows import Row
from pipeline.settings import Settings


class HistoryWriter:
    """Writes rows into the tables of their kinds. Writing the same rows again changes nothing that users see."""

    def __init__(self, engine: Engine) -> None:
        """`engine` is migrated already (`open_history`)."""
        self.engine = engine

    def store(self, batch: Batch) -> None:
        """Store a batch, with one insert per table.

        Raises HistoryUnavailable, and RowsRefused where the database refuses one of the rows; some tables may have
        theirs then, and storing all of them again is right.
        """
        for kind, block in batch.blocks():
            self.engine.insert(block)
            metrics.HISTORY_ROWS.labels(TABLES[kind].view).inc(block.rows)
            metrics.HISTORY_INSERT_ROWS.labels(TABLES[kind].view).observe(block.rows)
        _count_refused(batch.refused)

    def write(self, rows: Sequence[Row]) -> int:
        """Store all of `rows`; return how many had to be refused.

        A row that no database could store becomes a dead letter; the others are stored. Raises HistoryUnavailable.
        """
        batch = Batch()
        batch.add(rows)
        try:
            self.store(batch)
        except RowsRefused:
            refused = sum(sift(found, self._store_all) for found in by_kind(rows))
            _count_refused(refused)
            return refused
        return batch.refused

    def close(self) -> None:
        """Let go of the database."""
        self.engine.close()

    def _store_all(self, rows: Sequence[Row]) -> None:
        batch = Batch()
        batch.take(rows)
        self.store(batch)


def _count_refused(rows: int) -> None:
    metrics.HISTORY_REFUSED.labels(InvalidReason.NOT_STORABLE).inc(rows)


def open_engine(place: Settings | Path) -> Engine:
    """Connect to the server of `clickhouse_url`, or open the embedded history. A path is an embedded one.

    Raises HistoryUnavailable.
    """
    if not isinstance(place, Path) and place.clickhouse_url:
        from pipeline.history.server import Server

        server = Server(place.clickhouse_url)
        server.create_database()
        return server
    return open_folder(place if isinstance(place, Path) else place.history_path)


def open_folder(path: Path) -> Engine:
    """Open the embedded history in `path`."""
    from pipeline.history.embedded import Embedded

    return Embedded(path)


def open_history(place: Settings | Path) -> HistoryWriter:
    """Open the history that `place` names, its tables up to date. A path is an embedded history.

    Raises HistoryUnavailable, QueryRefused (a migration failed).
    """
    engine = open_engine(place)
    try:
        apply(engine)
    except QueryRefused as error:
        engine.close()
        raise QueryRefused(f"the tables of the history cannot be brought up to date: {error}") from error
    except BaseException:
        engine.close()
        raise
    return HistoryWriter(engine)

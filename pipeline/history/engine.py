"""What history asks of a database, and what can go wrong with it. Two engines answer: `server` and `embedded`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from pipeline.errors import UNREACHABLE, USAGE, OmniError
from pipeline.history.columns import Column


class HistoryUnavailable(OmniError):
    """The database cannot be reached or cannot take rows now. Nothing was lost: try the same again later."""

    exit_code = UNREACHABLE


class RowsRefused(ValueError):
    """The database cannot store one of these rows, now or ever."""


class QueryRefused(OmniError):
    """The statement is wrong, or asks for what a reader may not do. The message is the database's own."""

    exit_code = USAGE


class Answer(Struct, frozen=True):
    """A query's result: column names with their ClickHouse types, and the rows as JSON values."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]

    def objects(self) -> list[dict[str, Any]]:
        """Return one `{column: value}` per row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Reader(Protocol):
    """Answers questions and changes nothing."""

    def query(self, sql: str) -> Answer:
        """Run one read-only statement. Raises HistoryUnavailable, QueryRefused."""

    def close(self) -> None:
        """Let go of the database."""


class Engine(Reader, Protocol):
    """A database that history writes to."""

    def version(self) -> tuple[int, int]:
        """Return the first two numbers of the database's version. Raises HistoryUnavailable."""

    def execute(self, sql: str) -> None:
        """Run one statement that changes something. Raises HistoryUnavailable, QueryRefused."""

    def insert(self, table: str, names: Sequence[str], columns: Sequence[Column]) -> None:
        """Add rows, given as columns, all or none. Raises HistoryUnavailable, RowsRefused."""


MAX_ANSWER_ROWS = 1_000_000
"""An answer is held in memory whole: a question with more rows than this is refused, with the advice to narrow it."""
MAX_QUERY_SECONDS = 120
MAX_REASON = 600
"""A database repeats the whole statement in what it says; this many characters of that are enough."""


def limits() -> dict[str, int | str]:
    """Settings of a reader's query; `readonly` comes last because it forbids changing the others."""
    return {
        "max_result_rows": MAX_ANSWER_ROWS,
        "result_overflow_mode": "throw",
        "max_execution_time": MAX_QUERY_SECONDS,
        "readonly": 1,
    }


def first_line(error: BaseException) -> str:
    """Return a database error as one readable line, without its stack trace and its list of all that was possible."""
    text = str(error).split("Stack trace:")[0].split(". Expected one of:")[0].strip()
    line = text.splitlines()[0] if text else type(error).__name__
    reason = line.rpartition("DB::Exception: ")[2] or line
    return reason if len(reason) <= MAX_REASON else reason[: MAX_REASON - 1] + "…"

"""What history asks of a database, and what can go wrong with it. Two engines answer: `server` and `embedded`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from pipeline.errors import UNREACHABLE, USAGE, OmniError

if TYPE_CHECKING:
    from pipeline.history.native import Block


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


class Target(Struct, frozen=True):
    """The first two numbers of a database's version, its name and its cluster, empty where it is one server."""

    version: tuple[int, int]
    database: str = ""
    cluster: str = ""


def version_of(text: str) -> tuple[int, int]:
    """Return the first two numbers of a version: "18.16.1" is (18, 16)."""
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


class Engine(Reader, Protocol):
    """A database that history writes to."""

    def target(self) -> Target:
        """Return what statements are to be made for. Raises HistoryUnavailable."""

    def execute(self, sql: str) -> None:
        """Run one statement that changes something. Raises HistoryUnavailable, QueryRefused."""

    def insert(self, block: Block) -> None:
        """Add the rows of a block, all or none. Raises HistoryUnavailable, RowsRefused."""


BAD_ROWS = frozenset({6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349, 395, 407, 469})
"""Codes of a refused insert that say "one of these rows": cannot parse (6, 26, 27, 38, 41, 72), out of bound (69),
cannot convert (53, 70), incorrect data (117), too large a text (131), NULL where none may be (321, 349), thrown by a
view (395), decimal overflow (407), a constraint broken (469)."""
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

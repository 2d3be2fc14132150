"""The embedded engine: chdb, in this process, on a folder that it owns while it is open."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol, cast

import msgspec

from pipeline.history.columns import Column
from pipeline.history.engine import Answer, HistoryUnavailable, QueryRefused, RowsRefused, first_line, limits
from pipeline.history.folder import Folder, Purpose
from pipeline.history.owner import Owner

WAIT_SECONDS: Final = 10.0  # for an owner that is just closing
_CODE: Final = re.compile(r"Code: (\d+)")
# Codes of an insert that say "these bytes": cannot parse (6, 26, 27, 38, 41, 72), out of bound (69), wrong type (53),
# incorrect data (117), no number (349: NULL where none may be), unknown field (321).
_BAD_ROWS: Final = frozenset({6, 26, 27, 38, 41, 53, 69, 72, 117, 321, 349})
EXACT: Final = {  # numbers as JSON numbers, decimals as text, which is exact
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_decimals": 1,
}
_json = msgspec.json.Encoder()


class Inserter(Protocol):
    """chdb's insert in progress."""

    def append(self, data: bytes) -> None:
        """Add a part of the data."""

    def finish(self) -> object:
        """Store it."""

    def close(self) -> None:
        """Give up unless finished."""


class Session(Protocol):
    """What we use of chdb's session, which has no types."""

    def query(self, sql: str, fmt: str = "CSV") -> object:
        """Run a statement; `str()` of the result is its output in `fmt`."""

    def send_insert(self, query: str, fmt: str) -> Inserter:
        """Begin an insert."""

    def close(self) -> None:
        """Close this session; the database closes with the last one."""


def open_session(database: Path) -> Session:
    """Open a session of this process on `database`. Raises RuntimeError."""
    from chdb.session import Session as ChdbSession  # a second to import: only when needed

    return cast(Session, ChdbSession(str(database)))  # type: ignore[no-untyped-call]


class Embedded:
    """An engine and, on the folder's socket, the one who answers for it."""

    def __init__(self, path: Path, purpose: Purpose = "write", wait_seconds: float = WAIT_SECONDS) -> None:
        """Open `path`, made if need be. Raises HistoryUnavailable if another process has it."""
        self._folder = Folder(path)
        self._folder.own(purpose, wait_seconds)
        try:
            self._session = open_session(self._folder.database)
        except RuntimeError as error:
            self._folder.release()
            raise HistoryUnavailable(f"the history in {path} cannot be opened: {first_line(error)}") from error
        self._inserting = threading.Lock()  # a session has one insert at a time
        self._owner = Owner(self._folder, self.query, self._give_up_questions)

    def version(self) -> tuple[int, int]:
        """Return the engine's version."""
        answer = self.query("SELECT version()")
        major, minor = str(answer.rows[0][0]).split(".")[:2]
        return int(major), int(minor)

    def execute(self, sql: str) -> None:
        """Run one statement."""
        try:
            self._session.query(sql)
        except RuntimeError as error:
            raise QueryRefused(first_line(error)) from error

    def insert(self, table: str, names: Sequence[str], columns: Sequence[Column]) -> None:
        """Insert one block. As JSON by columns: as fast as Arrow in all (encode + parse), and no second library."""
        listed = ", ".join(f"`{name}`" for name in names)
        try:
            block = _json.encode(dict(zip(names, columns, strict=True)))
            with self._inserting:
                inserter = self._session.send_insert(f"INSERT INTO {table} ({listed})", "JSONColumns")
                try:
                    inserter.append(block)
                    inserter.finish()
                finally:
                    inserter.close()
        except (msgspec.EncodeError, UnicodeEncodeError, OverflowError, TypeError) as error:
            raise RowsRefused(f"{table}: {error}") from error
        except RuntimeError as error:
            found = _CODE.search(str(error))
            if found and int(found[1]) in _BAD_ROWS:
                raise RowsRefused(f"{table}: {first_line(error)}") from error
            raise HistoryUnavailable(f"the history in {self._folder.path}: {first_line(error)}") from error

    def query(self, sql: str) -> Answer:
        """Answer one read-only statement, in a session of its own: safe beside an insert of another thread."""
        session = open_session(self._folder.database)
        try:
            for name, value in {**EXACT, **limits()}.items():
                session.query(f"SET {name} = {value!r}")
            return _answer(str(session.query(sql, "JSONCompact")))
        except RuntimeError as error:
            raise QueryRefused(first_line(error)) from error
        finally:
            session.close()

    def _give_up_questions(self) -> None:
        self.execute("KILL QUERY WHERE query_id != queryID() ASYNC")

    def close(self) -> None:
        """Stop answering, close the database, give the folder back."""
        self._owner.close()
        self._session.close()
        self._folder.release()


def _answer(text: str) -> Answer:
    if not text.strip():
        return Answer([], [], [])
    try:
        document: Any = json.loads(text)
        described = document["meta"]
        names, types = [each["name"] for each in described], [each["type"] for each in described]
        return Answer(names, types, document["data"])
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text.startswith("{"):
            raise QueryRefused("one statement at a time, please") from None
        raise QueryRefused("a statement must not choose its own FORMAT; use --format instead") from None
    except (TypeError, KeyError):
        raise QueryRefused("a statement must not choose its own FORMAT; use --format instead") from None

"""The embedded engine: chdb, in this process, on a folder that it owns while it is open."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Final, Protocol, cast

from pipeline.history.engine import (
    BAD_ROWS,
    Answer,
    HistoryUnavailable,
    QueryRefused,
    RowsRefused,
    Target,
    first_line,
    limits,
    version_of,
)
from pipeline.history.folder import Folder, Purpose
from pipeline.history.native import Block
from pipeline.history.owner import Owner

WAIT_SECONDS: Final = 10.0  # for an owner that is just closing
_CODE: Final = re.compile(r"Code: (\d+)")
_VERSION: Final = re.compile(r" \(version [^)]*\)+\.?")
QUOTED: Final = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`\\]|\\.)*`|--[^\n]*|/\*.*?\*/", re.DOTALL)
"""Texts, quoted names and comments of a statement."""
INTO_OUTFILE: Final = re.compile(r"\binto\s+outfile\b", re.IGNORECASE)
EXACT: Final = {  # numbers as JSON numbers, decimals as text, which is exact
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_decimals": 1,
}


class Session(Protocol):
    """What we use of chdb's session, which has no types."""

    def query(self, sql: str, fmt: str = "CSV") -> object:
        """Run a statement; `str()` of the result is its output in `fmt`."""

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
        self._owner = Owner(self._folder, self.query, self._give_up_questions)

    def target(self) -> Target:
        """Return the engine's version."""
        return Target(version_of(str(self.query("SELECT version()").rows[0][0])))

    def execute(self, sql: str) -> None:
        """Run one statement."""
        try:
            self._session.query(sql)
        except RuntimeError as error:
            raise QueryRefused(first_line(error)) from error

    def insert(self, block: Block) -> None:
        """Insert one block, out of a file in memory: chdb's own stream of inserts keeps to itself what went wrong."""
        rows = os.memfd_create("history")
        place = f"/proc/self/fd/{rows}"
        try:
            with open(rows, "wb", closefd=False) as file:
                file.write(block.native())
            self._session.query(f"INSERT INTO {block.table} ({block.names}) FROM INFILE '{place}' FORMAT Native")
        except RuntimeError as error:
            found = _CODE.search(str(error))
            reason = _VERSION.sub("", first_line(error)).replace(place, "memory")  # the same whenever it is refused
            if found and int(found[1]) in BAD_ROWS:
                raise RowsRefused(f"{block.table}: {reason}") from error
            raise HistoryUnavailable(f"the history in {self._folder.path}: {reason}") from error
        finally:
            os.close(rows)

    def query(self, sql: str) -> Answer:
        """Answer one read-only statement, in a session of its own: safe beside an insert of another thread."""
        if INTO_OUTFILE.search(QUOTED.sub(" ", sql)):  # which read-only sessions write all the same
            raise QueryRefused("INTO OUTFILE writes a file: send the answer there instead, as in omni sql … > FILE")
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

"""A ClickHouse server over its native protocol, columns in and rows out. Any version from 18.16 on."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from struct import error as StructError
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from clickhouse_driver import Client
from clickhouse_driver.errors import Error, ErrorCodes, ServerException

from pipeline.history.columns import Column
from pipeline.history.engine import Answer, HistoryUnavailable, QueryRefused, RowsRefused, first_line, limits
from pipeline.settings import mask_url

T = TypeVar("T")

logging.getLogger("clickhouse_driver").setLevel(logging.ERROR)  # it prints a stack trace per refused connection

CONNECT_SECONDS: Final = 5
SILENCE_SECONDS: Final = 60  # a server at work reports its progress all the time
INSERT_BLOCK_ROWS: Final = 1 << 20  # one insert is one block, hence one part and all or nothing
_AWAY: Final = frozenset(
    {
        ErrorCodes.SOCKET_TIMEOUT,
        ErrorCodes.NETWORK_ERROR,
        ErrorCodes.TOO_MANY_SIMULTANEOUS_QUERIES,
        ErrorCodes.MEMORY_LIMIT_EXCEEDED,
        ErrorCodes.TABLE_IS_READ_ONLY,
        394,  # QUERY_WAS_CANCELLED: the server is going down
    }
)
_LOGIN_REFUSED: Final = frozenset({192, 193, 194, 516})  # unknown user, wrong password, required password, both


class Server:
    """One connection, made on first use and made anew after an error. Creates its database if need be."""

    def __init__(self, url: str) -> None:
        """`url`: clickhouse://user:password@host:9000/database."""
        self._url = url
        self._shown = mask_url(url)
        self._database = urlsplit(url).path.strip("/") or "default"
        self._client: Client | None = None

    def version(self) -> tuple[int, int]:
        """Return the server's version: (18, 16)."""
        row = self._run(lambda client: client.execute("SELECT version()"))[0]
        major, minor = str(row[0]).split(".")[:2]
        return int(major), int(minor)

    def create_database(self) -> None:
        """Create the database of the URL if it is not there. Raises HistoryUnavailable, QueryRefused."""
        try:
            self._connected().execute("SELECT 1")
        except ServerException as error:
            self.close()
            if error.code != ErrorCodes.UNKNOWN_DATABASE:
                raise self._named(error) from error
            self._create_from_outside()
        except (Error, OSError, EOFError) as error:
            self.close()
            raise self._named(error) from error

    def _create_from_outside(self) -> None:
        outside = _client(urlunsplit(urlsplit(self._url)._replace(path="/default")))
        try:
            outside.execute(f"CREATE DATABASE IF NOT EXISTS `{self._database}`")
        except (Error, OSError, EOFError) as error:
            raise self._named(error) from error
        finally:
            outside.disconnect()

    def execute(self, sql: str) -> None:
        """Run one statement."""
        self._run(lambda client: client.execute(sql))

    def insert(self, table: str, names: Sequence[str], columns: Sequence[Column]) -> None:
        """Insert one block of columns."""
        listed = ", ".join(f"`{name}`" for name in names)
        sql = f"INSERT INTO {table} ({listed}) VALUES"
        settings = {"insert_block_size": INSERT_BLOCK_ROWS}
        try:
            self._run(lambda client: client.execute(sql, columns, columnar=True, settings=settings))
        except QueryRefused as error:  # a table that is gone, a disk that is full: a matter of time, not of the rows
            raise HistoryUnavailable(str(error)) from error
        except (ValueError, TypeError, AttributeError, OverflowError, StructError) as error:
            self.close()  # half a block may be on the wire
            raise RowsRefused(f"{table}: {error}") from error

    def query(self, sql: str) -> Answer:
        """Answer one read-only statement."""
        try:
            rows, described = self._run(
                lambda client: client.execute(sql, with_column_types=True, settings=limits()) or ([], [])
            )
        except RowsRefused as error:  # a type that the driver cannot read
            raise QueryRefused(str(error)) from error
        return Answer(
            columns=[name for name, _ in described],
            types=[kind for _, kind in described],
            rows=[[plain(value) for value in row] for row in rows],
        )

    def close(self) -> None:
        """Close the connection; the next call opens one."""
        if self._client is not None:
            self._client.disconnect()
            self._client = None

    def _connected(self) -> Client:
        if self._client is None:
            self._client = _client(self._url)
        return self._client

    def _run(self, call: Callable[[Client], T]) -> T:
        try:
            return call(self._connected())
        except (Error, OSError, EOFError) as error:
            self.close()
            raise self._named(error) from error

    def _named(self, error: Exception) -> Exception:
        if isinstance(error, ServerException):
            if error.code in _LOGIN_REFUSED:
                return HistoryUnavailable(f"ClickHouse at {self._shown} refuses the login: {first_line(error)}")
            if error.code not in _AWAY:
                return QueryRefused(_reason(error))
            return HistoryUnavailable(f"ClickHouse at {self._shown}: {_reason(error)}")
        if isinstance(error, Error) and not isinstance(error, OSError | EOFError) and error.code not in _AWAY:
            return RowsRefused(str(error))
        return HistoryUnavailable(f"ClickHouse at {self._shown} is not reachable: {first_line(error)}")


def _client(url: str) -> Client:
    client = Client.from_url(url)
    client.connection.connect_timeout = CONNECT_SECONDS
    client.connection.send_receive_timeout = SILENCE_SECONDS
    return client


def _reason(error: ServerException) -> str:
    return f"{first_line(Exception(error.message))} (code {error.code})"


def plain(value: Any) -> Any:
    """Return a value of the driver as JSON has it: times as text in UTC, what has no number as null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case datetime():
            moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            return moment.isoformat(sep=" ", timespec="milliseconds" if moment.microsecond else "seconds")
        case date() | UUID() | Decimal():
            return str(value)
        case list() | tuple():
            return [plain(each) for each in value]
        case dict():
            return {str(key): plain(each) for key, each in value.items()}
        case bytes():
            return value.decode("utf-8", "replace")
        case _:
            return str(value)

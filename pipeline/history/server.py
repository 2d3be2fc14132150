"""A ClickHouse server over its native protocol, columns in and rows out. Any version from 18.16 on."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID

from clickhouse_driver import Client
from clickhouse_driver.block import BlockInfo, ColumnOrientedBlock
from clickhouse_driver.defines import DBMS_MIN_REVISION_WITH_BLOCK_INFO, DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION
from clickhouse_driver.errors import Error, ErrorCodes, ServerException
from clickhouse_driver.protocol import ClientPacketTypes
from clickhouse_driver.varint import write_varint
from clickhouse_driver.writer import write_binary_str

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
from pipeline.history.native import Block
from pipeline.settings import mask_url

T = TypeVar("T")

logging.getLogger("clickhouse_driver").setLevel(logging.ERROR)  # it prints a stack trace per refused connection

CONNECT_SECONDS: Final = 5
SILENCE_SECONDS: Final = 60  # a server at work reports its progress all the time
# A replicated table leaves out a block that it had before, and does not feed it to views that may have missed it then.
# Rows stored twice are hidden by the views anyway, so nothing is left out.
# On a cluster an insert returns when the shards have their rows, not when it has put them into a queue of its own.
INSERT_SETTINGS: Final = {"insert_deduplicate": 0, "insert_distributed_sync": 1}
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
        """`url`: clickhouse://user:password@host:9000/database; clickhouses:// with TLS, ?cluster=NAME on a cluster."""
        self._url, self._cluster = _without_cluster(url)
        self._shown = mask_url(url)
        self._database = urlsplit(url).path.strip("/") or "default"
        self._client: Client | None = None

    def target(self) -> Target:
        """Return the server's version, and the cluster it is to be taken for a part of."""
        version = self._run(lambda client: client.execute("SELECT version()"))[0][0]
        return Target(version_of(str(version)), self._database, self._cluster)

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
            on_cluster = f" ON CLUSTER `{self._cluster}`" if self._cluster else ""
            outside.execute(f"CREATE DATABASE IF NOT EXISTS `{self._database}`{on_cluster}")
        except (Error, OSError, EOFError) as error:
            raise self._named(error) from error
        finally:
            outside.disconnect()

    def execute(self, sql: str) -> None:
        """Run one statement."""
        self._run(lambda client: client.execute(sql))

    def insert(self, block: Block) -> None:
        """Insert one block, hence one part: all or nothing for readers."""
        sql = f"INSERT INTO {block.table} ({block.names}) VALUES"
        try:
            self._run(lambda client: client.execute(sql, [block], settings=INSERT_SETTINGS))
        except QueryRefused as error:
            if isinstance(error.__cause__, ServerException) and error.__cause__.code in BAD_ROWS:
                raise RowsRefused(f"{block.table}: {error}") from error
            # A table that is gone, a disk that is full, a server too new for the driver: a matter of time, not of rows.
            raise HistoryUnavailable(str(error)) from error

    def query(self, sql: str) -> Answer:
        """Answer one read-only statement."""
        rows, described = self._run(
            lambda client: client.execute(sql, with_column_types=True, settings=limits()) or ([], [])
        )
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
            return QueryRefused(first_line(error))  # the driver could not read an answer: it says nothing of the rows
        return HistoryUnavailable(f"ClickHouse at {self._shown} is not reachable: {first_line(error)}")


def _without_cluster(url: str) -> tuple[str, str]:
    """Return the URL without `cluster` in its query, which the driver would send on as a setting; and its value."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    rest = [(name, value) for name, value in query if name != "cluster"]
    return urlunsplit(parts._replace(query=urlencode(rest))), dict(query).get("cluster", "")


class _Client(Client):  # type: ignore[misc]  # the driver has no types
    """Sends blocks that are encoded already."""

    def send_data(self, sample_block: object, data: list[Block], *_: object, **__: object) -> int:
        """Send each block as the driver would send it, had it encoded it."""
        connection = self.connection
        revision = connection.server_info.used_revision
        for block in data:
            write_varint(ClientPacketTypes.DATA, connection.fout)
            write_binary_str("", connection.fout)  # the name of no temporary table
            stream = connection.block_out
            if revision >= DBMS_MIN_REVISION_WITH_BLOCK_INFO:
                BlockInfo().write(stream.fout)
            stream.fout.write(block.native(revision >= DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION))
            stream.finalize()
            self.receive_profile_events()
        connection.send_data(ColumnOrientedBlock())  # no rows: the end
        self.receive_profile_events()
        return sum(block.rows for block in data)


def _client(url: str) -> Client:
    client = _Client.from_url(url)
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

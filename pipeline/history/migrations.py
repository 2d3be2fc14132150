"""The numbered SQL files of `migrations/`, applied in order, each once.

Two processes may do this at the same time: there is no lock to be had that both engines know, so every statement is
written to be harmless the second time (`IF NOT EXISTS`), and a file is noted as applied only after all of it ran.

The files hold three words that differ by engine: `@word` is the type of a text with few different values, `@time(x)`
turns milliseconds into a time, `@durable` is the table setting that makes an insert reach the disk before it returns.
"""

from __future__ import annotations

import re
import time
from importlib.resources import files
from typing import Final

from msgspec import Struct

from pipeline.history.engine import Engine, QueryRefused

ATTEMPTS: Final = 5
MODERN: Final = (21, 1)  # from here on: LowCardinality out of its trial, DateTime64, fsync per table
_NAME: Final = re.compile(r"(\d{4})_\w+\.sql")
_TIME: Final = re.compile(r"@time\((\w+)\)")
_COMMENT: Final = re.compile(r"^\s*--.*$", re.MULTILINE)

_NOTES: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (number Int64, name String, applied_at_ms Int64)
ENGINE = ReplacingMergeTree ORDER BY number
"""


class Migration(Struct, frozen=True):
    """One file: its number, its name and its statements as written."""

    number: int
    name: str
    statements: tuple[str, ...]


def migrations() -> list[Migration]:
    """Return all files in order. Raises ValueError where two have one number."""
    found = []
    for file in files("pipeline.history").joinpath("migrations").iterdir():
        match = _NAME.fullmatch(file.name)
        if match:
            text = _COMMENT.sub("", file.read_text(encoding="utf-8"))
            statements = tuple(part.strip() for part in text.split(";") if part.strip())
            found.append(Migration(int(match[1]), file.name, statements))
    found.sort(key=lambda migration: migration.number)
    numbers = [migration.number for migration in found]
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"two migrations have one number: {', '.join(each.name for each in found)}")
    return found


def for_version(statement: str, version: tuple[int, int]) -> str:
    """Return `statement` with the three words filled in for an engine of `version`."""
    modern = version >= MODERN
    word = "LowCardinality(String)" if modern else "String"
    durable = "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1" if modern else ""
    moment = r"fromUnixTimestamp64Milli(\1, 'UTC')" if modern else r"toDateTime(intDiv(\1, 1000), 'UTC')"
    return _TIME.sub(moment, statement).replace("@word", word).replace("@durable", durable)


def apply(engine: Engine) -> list[str]:
    """Bring the database up to date; return the names of the files that this call ran.

    Raises HistoryUnavailable, QueryRefused (with the file's name).
    """
    version = engine.version()
    _run(engine, _NOTES, "schema_migrations")
    done = {row[0] for row in engine.query("SELECT number FROM schema_migrations").rows}
    ran = []
    for migration in migrations():
        if migration.number in done:
            continue
        for statement in migration.statements:
            _run(engine, for_version(statement, version), migration.name)
        engine.insert(
            "schema_migrations",
            ("number", "name", "applied_at_ms"),
            [[migration.number], [migration.name], [time.time_ns() // 1_000_000]],
        )
        ran.append(migration.name)
    return ran


def _run(engine: Engine, statement: str, name: str) -> None:
    """Run a statement; where another process is at the same one, an old server may refuse either: try again."""
    attempt = 1
    while True:
        try:
            engine.execute(statement)
        except QueryRefused as error:
            if attempt == ATTEMPTS:
                raise QueryRefused(f"{name}: {error}") from error
            time.sleep(0.1 * attempt)
            attempt += 1
        else:
            return

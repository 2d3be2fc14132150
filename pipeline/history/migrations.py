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

from pipeline.history.cluster import for_cluster, tables_of
from pipeline.history.engine import Engine, QueryRefused, Reader, Target
from pipeline.history.native import Column, block_of

ATTEMPTS: Final = 5
MODERN: Final = (21, 1)  # from here on: LowCardinality out of its trial, DateTime64, codecs, fsync per table
_NAME: Final = re.compile(r"(\d{4})_\w+\.sql")
_TIME: Final = re.compile(r"@time\((\w+)\)")
_COMMENT: Final = re.compile(r"^\s*--.*$", re.MULTILINE)

_NOTE_COLUMNS: Final = (("number", "Int64"), ("name", "String"), ("applied_at_ms", "Int64"))


class Migration(Struct, frozen=True):
    """One file: its number, its name and its statements as written."""

    number: int
    name: str
    statements: tuple[str, ...]


_NOTES_TABLE: Final = "schema_migrations"
_NOTES: Final = Migration(
    0,
    _NOTES_TABLE,
    (
        f"CREATE TABLE IF NOT EXISTS {_NOTES_TABLE} (number Int64, name String, applied_at_ms Int64)\n"
        "ENGINE = ReplacingMergeTree ORDER BY number",
    ),
)


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


def statements_for(migration: Migration, target: Target) -> list[str]:
    """Return what has to run on `target`, in order."""
    statements = [for_version(each, target.version) for each in migration.statements]
    if target.version < MODERN:  # knows no codecs
        statements = [each for each in statements if "MODIFY COLUMN" not in each]
    if not target.cluster:
        return statements
    tables = tables_of([*_NOTES.statements, *(each for known in migrations() for each in known.statements)])
    return [new for each in statements for new in for_cluster(each, target.cluster, target.database, tables)]


def for_version(statement: str, version: tuple[int, int]) -> str:
    """Return `statement` with the three words filled in for an engine of `version`."""
    modern = version >= MODERN
    word = "LowCardinality(String)" if modern else "String"
    durable = "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1" if modern else ""
    moment = r"fromUnixTimestamp64Milli(\1, 'UTC')" if modern else r"toDateTime(intDiv(\1, 1000), 'UTC')"
    if not modern:
        statement = statement.replace("ADD COLUMN IF NOT EXISTS", "ADD COLUMN")
    return _TIME.sub(moment, statement).replace("@word", word).replace("@durable", durable)


def unapplied(reader: Reader) -> list[Migration]:
    """Return the files that have not been applied. Raises HistoryUnavailable, QueryRefused."""
    done: set[int] = set()
    if _has_notes(reader):
        done = {row[0] for row in reader.query(f"SELECT number FROM {_NOTES_TABLE}").rows}
    return [each for each in migrations() if each.number not in done]


def pending(engine: Engine) -> list[tuple[Migration, list[str]]]:
    """Return what `apply` would run, in order, and change nothing. Raises HistoryUnavailable, QueryRefused."""
    target = engine.target()
    return [(each, statements_for(each, target)) for each in unapplied(engine)]


def apply(engine: Engine) -> list[str]:
    """Bring the database up to date; return the names of the files that this call ran.

    Raises HistoryUnavailable, QueryRefused (with the file's name).
    """
    if not _has_notes(engine):  # on a cluster each statement waits for every server, also for one that is down
        for statement in statements_for(_NOTES, engine.target()):
            run(engine, statement, _NOTES.name)
    ran = []
    for migration, statements in pending(engine):
        for statement in statements:
            run(engine, statement, migration.name)
        note: list[Column] = [[migration.number], [migration.name], [time.time_ns() // 1_000_000]]
        engine.insert(block_of(_NOTES_TABLE, _NOTE_COLUMNS, note))
        ran.append(migration.name)
    return ran


def _has_notes(reader: Reader) -> bool:
    return bool(reader.query(f"EXISTS TABLE {_NOTES_TABLE}").rows[0][0])


def run(engine: Engine, statement: str, name: str) -> None:
    """Run a statement; where another process is at the same one, an old server may refuse either: try again."""
    attempt = 1
    while True:
        try:
            engine.execute(statement)
        except QueryRefused as error:
            if statement.startswith("ALTER TABLE") and "already exists" in str(error):
                return  # an old server cannot be told IF NOT EXISTS
            if attempt == ATTEMPTS:
                raise QueryRefused(f"{name}: {error}") from error
            time.sleep(0.1 * attempt)
            attempt += 1
        else:
            return

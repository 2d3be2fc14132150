"""Tables are made and changed once, on either engine, whoever begins."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import pytest

from pipeline.history.columns import TABLES
from pipeline.history.engine import Engine, HistoryUnavailable, QueryRefused, RowsRefused
from pipeline.history.migrations import apply, migrations, pending
from pipeline.history.native import WORD
from pipeline.history.writer import HistoryWriter, open_folder
from pipeline.settings import PROJECT_DIR
from tests.clickhouse_server import ClickhouseServer
from tests.conftest import Omni
from tests.history_rows import ONE_OF_EACH
from tests.integration.conftest import OpenEngine

pytestmark = pytest.mark.clickhouse

RETENTION = PROJECT_DIR / "deploy" / "clickhouse" / "retention.sql"


def test_migrations_run_once_and_leave_a_note(engine: Engine) -> None:
    names = [migration.name for migration in migrations()]

    assert apply(engine) == names
    assert apply(engine) == []
    noted = engine.query("SELECT name FROM schema_migrations ORDER BY number").rows
    assert [row[0] for row in noted] == names


def test_what_is_pending_is_told_without_changing_anything(engine: Engine) -> None:
    names = [migration.name for migration in migrations()]

    assert [migration.name for migration, _ in pending(engine)] == names
    assert [migration.name for migration, _ in pending(engine)] == names
    apply(engine)
    assert pending(engine) == []


def test_migrations_of_several_processes_at_once_end_as_one(open_again: OpenEngine) -> None:
    barrier = threading.Barrier(4)
    failures: list[Exception] = []
    engines = [open_again() for _ in range(4)]

    def migrate(engine: Engine) -> None:
        barrier.wait()
        try:
            apply(engine)
        except (HistoryUnavailable, QueryRefused, RowsRefused) as error:
            failures.append(error)

    threads = [threading.Thread(target=migrate, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    history = HistoryWriter(engines[0])
    history.write(ONE_OF_EACH)
    history.write(ONE_OF_EACH)
    assert history.engine.query("SELECT count() FROM events").rows == [[1]]


def test_the_types_that_rows_are_sent_in_are_those_of_the_columns(history: HistoryWriter) -> None:
    for table in TABLES.values():
        asked = history.engine.query(f"SELECT * FROM {table.log} LIMIT 0")
        real = dict(zip(asked.columns, asked.types, strict=True))
        for name, kind in table.columns:
            plain = re.sub(r"LowCardinality\((\w+)\)", r"\1", real[name])
            assert kind.replace(WORD, "String") == plain, (table.log, name)


def test_the_shipped_retention_statements_are_accepted(tmp_path: Path) -> None:
    statements = re.findall(r"^-- (ALTER TABLE .*);$", RETENTION.read_text(), re.MULTILINE)
    engine = open_folder(tmp_path / "history")
    try:
        apply(engine)
        history = HistoryWriter(engine)
        history.write(ONE_OF_EACH)
        for statement in statements:
            engine.execute(statement)

        assert len(statements) == 8
        assert history.engine.query("SELECT count() FROM triggers").rows == [[1]]
    finally:
        engine.close()


def test_the_statements_that_are_pending_can_be_read_before_they_are_run(
    omni: Omni, clickhouse: ClickhouseServer
) -> None:
    words = ("history", "--migrate", "--clickhouse-url", clickhouse.url("migrated"))

    before = omni(*words, "--dry-run")
    applied = omni(*words)
    after = omni(*words, "--dry-run")

    assert (before.code, applied.code, after.code) == (0, 0, 0)
    assert before.stdout.startswith("-- 0001_events.sql\nCREATE TABLE IF NOT EXISTS customer_overrides_log")
    assert before.stdout.count("\n-- 0") == len(applied.stderr.splitlines()) - 1
    assert applied.stderr.startswith("applied 0001_events.sql\n")
    assert after.stdout == ""
    assert omni("history", "--dry-run").code == 2


def test_with_json_what_is_pending_and_what_was_applied_is_one_document(omni: Omni, tmp_path: Path) -> None:
    words = ("history", "--migrate", "--history", tmp_path / "h", "--json")

    pending = json.loads(omni(*words, "--dry-run").stdout)["pending"]
    applied = json.loads(omni(*words).stdout)["applied"]

    assert [each["name"] for each in pending] == applied
    assert applied[0] == "0001_events.sql"
    assert pending[0]["statements"][0].startswith("CREATE TABLE IF NOT EXISTS customer_overrides_log")
    assert json.loads(omni(*words).stdout) == {"applied": []}

"""Tables are made and changed once, on either engine, whoever begins."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import pytest

from pipeline.history.columns import TABLES
from pipeline.history.engine import Answer, Engine, HistoryUnavailable, QueryRefused, RowsRefused, Target
from pipeline.history.migrations import apply, migrations, pending
from pipeline.history.native import WORD, Block
from pipeline.history.retention import AGES, to_keep
from pipeline.history.retention import AGES as TABLES_THAT_AGE
from pipeline.history.writer import HistoryWriter, open_folder
from pipeline.settings import PROJECT_DIR
from tests.clickhouse_server import ClickhouseServer
from tests.conftest import Omni
from tests.history_rows import ONE_OF_EACH, event_row
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

        assert {each.split()[2] for each in statements} == AGES.keys()
        assert history.engine.query("SELECT count() FROM triggers").rows == [[1]]
    finally:
        engine.close()


def test_the_history_keeps_what_is_younger_than_the_days_that_are_set(omni: Omni, tmp_path: Path) -> None:
    history = HistoryWriter(open_folder(tmp_path / "h"))
    apply(history.engine)
    long_ago = 1_000_000_000_000  # 2001-09-09
    history.write([event_row("old", 0, occurred_at_ms=long_ago, received_at_ms=long_ago), event_row("young", 1)])
    history.engine.close()
    words = ("history", "--migrate", "--history", tmp_path / "h")

    def migrated(days: int, *more: str) -> str:
        done = omni(*words, *more, env={"PIPELINE_HISTORY_KEEP_DAYS": str(days)})
        assert done.code == 0, done.stderr
        return done.stdout or done.stderr

    untouched = migrated(0)
    told = migrated(3650, "--dry-run")
    first, again, otherwise = migrated(3650), migrated(3650), migrated(3649)

    assert (untouched, first, again, otherwise) == (
        "",
        "applied history_keep_days\n",
        "",
        "applied history_keep_days\n",
    )
    assert told.startswith("-- history_keep_days\nALTER TABLE events_log MODIFY TTL ")
    assert told.count("INTERVAL 3650 DAY;") == len(TABLES_THAT_AGE)
    engine = open_folder(tmp_path / "h")
    for table in TABLES_THAT_AGE:
        engine.execute(f"OPTIMIZE TABLE {table} FINAL")
    assert engine.query("SELECT event_id FROM events").rows == [["young"]]
    assert engine.query("SELECT event_id FROM customer_events_log").rows == [["young"]]
    engine.close()


def test_every_table_ages_but_the_one_that_says_who_has_become_whom(history: HistoryWriter) -> None:
    tables = {row[0] for row in history.engine.query("SHOW TABLES").rows if row[0].endswith("_log")}

    assert tables - {"customer_overrides_log"} == set(TABLES_THAT_AGE)
    assert set(re.findall(r"^-- ALTER TABLE (\w+)", RETENTION.read_text(), re.MULTILINE)) == set(TABLES_THAT_AGE)


def test_a_server_that_cannot_delete_by_age_is_told_so_before_anything_is_changed(
    omni: Omni, clickhouse: ClickhouseServer
) -> None:
    words = ("history", "--migrate", "--clickhouse-url", clickhouse.url("kept"))

    refused = omni(*words, env={"PIPELINE_HISTORY_KEEP_DAYS": "400"})

    assert refused.code == 2
    assert (
        "history_keep_days is 400, and ClickHouse 18.16 cannot delete by age: it takes 19.6 or later." in refused.stderr
    )
    assert omni(*words, "--dry-run").stdout.startswith("-- 0001_events.sql\n")


def test_on_a_cluster_the_parts_of_a_table_age() -> None:
    asked = Clustered()

    statements = to_keep(asked, 400)

    assert len(statements) == len(TABLES_THAT_AGE)
    assert statements[0] == (
        "ALTER TABLE events_log_local ON CLUSTER `shop` "
        "MODIFY TTL toDateTime(intDiv(occurred_at_ms, 1000)) + INTERVAL 400 DAY"
    )


class Clustered:
    """A server of a cluster whose tables keep everything."""

    def target(self) -> Target:
        return Target((24, 8), "omni", "shop")

    def query(self, sql: str) -> Answer:
        return Answer(["name"], ["String"], [])

    def execute(self, sql: str) -> None:
        raise AssertionError(sql)

    def insert(self, block: Block) -> None:
        raise AssertionError(block)

    def close(self) -> None:
        raise AssertionError


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

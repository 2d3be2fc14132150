from __future__ import annotations

import re
from typing import cast

import pytest

from pipeline.history.cluster import tables_of
from pipeline.history.columns import TABLES
from pipeline.history.engine import Answer, Engine, Target
from pipeline.history.migrations import apply, for_version, migrations, statements_for
from pipeline.history.retention import AGES


def test_every_statement_is_harmless_the_second_time() -> None:
    replacing = re.findall(
        r"CREATE TABLE IF NOT EXISTS (\w+)\s[^;]*?ENGINE = ReplacingMergeTree",
        ";".join(each for migration in migrations() for each in migration.statements),
    )
    again = rf"(CREATE|ALTER|DROP)\b.*?\bIF (NOT )?EXISTS\b|INSERT INTO ({'|'.join(replacing)})\nSELECT\b"
    for migration in migrations():
        for statement in migration.statements:
            assert re.match(again, statement, re.DOTALL), (
                f"{migration.name}: two processes may run this at once: {statement[:80]}"
            )


def test_every_table_of_rows_has_an_age_but_the_one_that_says_who_became_part_of_whom() -> None:
    tables = tables_of(each for migration in migrations() for each in migration.statements)

    assert tables - AGES.keys() == {"customer_overrides_log", "schema_migrations"} & tables | {"customer_overrides_log"}
    assert AGES.keys() <= tables


class UpToDate:
    """A cluster that has had all migrations, one of whose servers is down."""

    def target(self) -> Target:
        return Target((24, 8), "omni", "shop")

    def query(self, sql: str) -> Answer:
        rows = [[1]] if sql.startswith("EXISTS") else [[each.number] for each in migrations()]
        return Answer([], [], rows)

    def execute(self, sql: str) -> None:
        pytest.fail(f"waits for the server that is down: {sql}")


def test_tables_that_are_up_to_date_are_opened_without_a_word_to_the_whole_cluster() -> None:
    assert apply(cast(Engine, UpToDate())) == []


def test_files_are_numbered_without_a_gap() -> None:
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))


@pytest.mark.parametrize("version", [(18, 16), (20, 8), (21, 1), (26, 9)])
def test_no_placeholder_is_left_for_any_version(version: tuple[int, int]) -> None:
    for migration in migrations():
        for statement in migration.statements:
            assert "@" not in for_version(statement, version)


def test_an_old_server_is_given_types_it_knows() -> None:
    old = Target((18, 16))
    statements = [each for migration in migrations() for each in statements_for(migration, old)]

    assert not re.search(r"LowCardinality|DateTime64|fsync|Map\(|fromUnixTimestamp|CODEC", "\n".join(statements))


def test_each_table_has_a_log_and_a_view_that_shows_no_row_twice() -> None:
    text = "\n".join(each for migration in migrations() for each in migration.statements)

    for table in TABLES.values():
        assert f"CREATE TABLE IF NOT EXISTS {table.log}\n" in text
        assert re.search(rf"CREATE VIEW IF NOT EXISTS {table.view} AS\n.*?\nFROM {table.log} FINAL", text, re.DOTALL)


def test_no_sort_key_holds_what_changes_when_a_customer_becomes_known() -> None:
    text = "\n".join(each for migration in migrations() for each in migration.statements)

    for key in re.findall(r"ORDER BY \((.*?)\)", text):
        assert "customer_id" not in key
        assert key.startswith(("tenant", "topic", "event_hash"))  # the hash is of tenant and id

from __future__ import annotations

import re

import pytest

from pipeline.history.columns import TABLES
from pipeline.history.migrations import for_version, migrations


def test_every_statement_is_harmless_the_second_time() -> None:
    for migration in migrations():
        for statement in migration.statements:
            assert re.match(r"(CREATE|ALTER|DROP)\b.*?\bIF (NOT )?EXISTS\b", statement, re.DOTALL), (
                f"{migration.name}: two processes may run this at once: {statement[:80]}"
            )


def test_files_are_numbered_without_a_gap() -> None:
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))


@pytest.mark.parametrize("version", [(18, 16), (20, 8), (21, 1), (26, 9)])
def test_no_placeholder_is_left_for_any_version(version: tuple[int, int]) -> None:
    for migration in migrations():
        for statement in migration.statements:
            assert "@" not in for_version(statement, version)


def test_an_old_server_is_given_types_it_knows() -> None:
    statements = [for_version(each, (18, 16)) for migration in migrations() for each in migration.statements]

    assert not re.search(r"LowCardinality|DateTime64|fsync|Map\(|fromUnixTimestamp", "\n".join(statements))


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

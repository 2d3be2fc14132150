from __future__ import annotations

import re

import pytest

from pipeline.history.cluster import EVERYWHERE, for_cluster, tables_of
from pipeline.history.engine import Target
from pipeline.history.migrations import migrations, statements_for

CLUSTER = Target((24, 8), "omni", "shop")
STATEMENTS = [each for migration in migrations() for each in statements_for(migration, CLUSTER)]
TABLES = tables_of(each for migration in migrations() for each in migration.statements)


def test_every_statement_runs_on_the_whole_cluster_and_is_harmless_the_second_time() -> None:
    for statement in STATEMENTS:
        if statement.startswith("INSERT"):
            continue
        assert statement.count("ON CLUSTER `shop`") == 1, statement
        assert re.match(r"(CREATE|ALTER|DROP)\b.*?\bIF (NOT )?EXISTS\b", statement, re.DOTALL), statement


def test_each_shard_has_its_part_of_a_table_replicated_and_the_tables_name_stands_for_all_parts() -> None:
    text = "\n".join(STATEMENTS)

    for table in TABLES - EVERYWHERE:
        assert f"CREATE TABLE IF NOT EXISTS {table}_local ON CLUSTER `shop`\n(" in text
        assert f"'/clickhouse/tables/{{shard}}/omni/{table}', '{{replica}}'" in text
        assert f"CREATE TABLE IF NOT EXISTS {table} ON CLUSTER `shop` AS {table}_local\nENGINE = Distributed(" in text
    assert not re.search(r"ENGINE = (?!Replicated|Distributed)", text)


def test_rows_with_one_sort_key_lie_on_one_shard() -> None:
    text = "\n".join(STATEMENTS)

    assert "Distributed('shop', 'omni', 'events_log_local', cityHash64(tenant, event_id))" in text
    assert "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/omni/events_log', '{replica}', precedence)" in text


def test_what_is_filled_from_existing_rows_is_read_from_all_shards_and_written_to_all() -> None:
    filled = [re.findall(r"(?:INSERT INTO|FROM) (\w+)", each) for each in STATEMENTS if each.startswith("INSERT")]

    assert filled == [
        ["customer_events_log", "events_log"],
        ["customer_decisions_log", "decisions_log"],
        ["order_events_log", "events_log"],
    ]
    for tables in filled:
        assert TABLES.issuperset(tables), "the Distributed tables, not one shard's own"


def test_each_server_has_all_overrides_fed_by_whichever_took_the_change() -> None:
    (overrides,) = (each for each in STATEMENTS if re.match(r"CREATE TABLE .*customer_overrides_log\b", each))
    (feed,) = (each for each in STATEMENTS if "customer_overrides_feed" in each)

    assert "'/clickhouse/tables/everywhere/omni/customer_overrides_log', '{shard}-{replica}', moves" in overrides
    assert "TO customer_overrides_log AS" in feed
    assert "FROM identity_changes_log_local" in feed


def test_only_the_overrides_are_joined_at_each_shard_and_everything_else_is_asked_for_once() -> None:
    views = "\n".join(each for each in STATEMENTS if each.startswith("CREATE VIEW"))

    joins = re.findall(
        r"(GLOBAL )?(?:ANY|ALL) (?:LEFT|INNER) JOIN\s*\(\s*SELECT(?:(?!FROM).)*FROM (\w+)", views, re.DOTALL
    )
    assert {(bool(everywhere), table) for everywhere, table in joins} == {
        (False, "customer_overrides_log"),
        (True, "events"),
    }
    assert not re.search(r"(?<!GLOBAL )\bIN\s*\(\s*SELECT", views)


def test_a_statement_of_an_unknown_kind_is_refused_instead_of_run_on_one_server_alone() -> None:
    with pytest.raises(ValueError, match="no such statement"):
        for_cluster("RENAME TABLE a TO b", "shop", "omni", TABLES)

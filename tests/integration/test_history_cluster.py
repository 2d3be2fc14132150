"""The tables in two shards, on two real servers: what is asked is answered as by one.

The servers have no ZooKeeper, so each is given its own statements without `ON CLUSTER` and without replication, and who
became part of whom, which replication would bring to both, is written to both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from pipeline.history.engine import QueryRefused, Target
from pipeline.history.migrations import migrations, statements_for
from pipeline.history.one_customer import OneCustomer
from pipeline.history.reports.asking import ask
from pipeline.history.reports.catalogue import report, reports
from pipeline.history.rows import Kind, Row
from pipeline.history.server import Server
from pipeline.history.writer import HistoryWriter, open_history
from pipeline.settings import load_settings
from tests.clickhouse_server import ClickhouseServer
from tests.history_rows import CHANGE, ONE_OF_EACH, ORIGIN, TEN_O_CLOCK, event_row

pytestmark = pytest.mark.clickhouse

SHARD = "<shard><replica><host>127.0.0.1</host><port>{port}</port></replica></shard>"
MERGED = replace(
    CHANGE, change="merged", other_customer_id="customer-2", merge_id="m-1", parts={"customer-2": 1}, change_id="i-2"
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    servers = [ClickhouseServer(tmp_path_factory.mktemp(f"shard-{number}")) for number in range(2)]
    both = "".join(SHARD.format(port=server.port) for server in servers)
    for server in servers:
        server.stop()
        server.configure(f"<remote_servers><pair>{both}</pair></remote_servers>")
        server.start()
    engines = [Server(server.url("omni")) for server in servers]
    for engine in engines:
        engine.create_database()
    for statements in zip(*(on_one_server("pair", engine) for engine in engines), strict=True):
        for engine, statement in zip(engines, statements, strict=True):
            engine.execute(statement)
    yield engines
    for engine in engines:
        engine.close()
    for server in servers:
        server.kill()


def on_one_server(cluster: str, engine: Server) -> Iterator[str]:
    target = replace(engine.target(), database="omni", cluster=cluster)
    for migration in migrations():
        for statement in statements_for(migration, target):
            alone = statement.replace(f" ON CLUSTER `{cluster}`", "")
            yield re.sub(r"Replicated(\w+)\('[^']*', '[^']*'(?:, )?", r"\1(", alone).replace("Tree()", "Tree")


def replicated(shards: list[Server]) -> None:
    """Do what replication does with the overrides: what one server has, all have."""
    ask = "SELECT part_id, customer_id, moves FROM customer_overrides"
    for part, owner, moves in [row for engine in shards for row in engine.query(ask).rows]:
        for engine in shards:
            engine.execute(
                "INSERT INTO customer_overrides_log (tenant, part_id, customer_id, moves) "
                f"SELECT 'default', '{part}', '{owner}', {moves}"
            )


def test_rows_of_two_shards_are_shown_once_with_todays_customer_and_conflicts(shards: list[Server]) -> None:
    first, second = shards
    rows = [event_row(f"e-{number}", number, customer_id=f"customer-{number % 3}") for number in range(300)]
    conflict = event_row("e-7", 900, digest=5, received_at_ms=TEN_O_CLOCK + 41)
    for engine, some in ((first, rows), (second, rows), (first, [conflict])):
        HistoryWriter(engine).write(some)
    merged = Row(Kind.IDENTITY_CHANGE, MERGED, "identity.changes/0", 9, ORIGIN)
    others = [row for row in ONE_OF_EACH if row.kind is not Kind.EVENT]
    for engine in shards:
        HistoryWriter(engine).write([merged, *others])
    replicated(shards)

    own = [engine.query("SELECT count() FROM events_log_local FINAL").rows[0][0] for engine in shards]
    assert sum(own) == 300
    assert min(own) > 100
    for engine in shards:
        sums = "SELECT customer_id, count(), sum(items_total_minor) FROM events"
        whose = f"{sums} GROUP BY customer_id ORDER BY customer_id"
        assert engine.query(whose).rows == [["customer-0", 100, 100 * 10_499], ["customer-1", 200, 200 * 10_499]]
        assert engine.query("SELECT digest, kept FROM event_conflicts ORDER BY digest").rows == [[5, 0], [7, 1]]
        found = OneCustomer(engine, "default").records("customer-1", None, None, 1_000)
        assert found is not None
        assert len({event.event_id for _, event in found.events}) == len(found.events) == 200
        for view, count in (("triggers", 1), ("decisions", 1), ("identity_changes", 2), ("dead_letters", 1)):
            assert engine.query(f"SELECT count() FROM {view}").rows == [[count]], view


@pytest.mark.parametrize("name", sorted(reports()))
def test_a_report_can_be_asked_of_two_shards(shards: list[Server], name: str) -> None:
    HistoryWriter(shards[0]).write([row for row in ONE_OF_EACH if row.kind is not Kind.IDENTITY_CHANGE])

    assert ask(shards[1], report(name), {"tenant": "default"}).columns


@pytest.mark.parametrize("number", range(len(migrations())))
def test_an_old_server_can_parse_each_statement_for_a_cluster(shards: list[Server], number: int) -> None:
    for statement in statements_for(migrations()[number], Target((18, 16), "omni", "nowhere")):
        if statement.startswith("INSERT"):  # names no cluster; it has filled the shards' tables already
            continue
        with pytest.raises(QueryRefused, match=r"cluster 'nowhere' not found"):
            shards[0].execute(statement)


def test_a_cluster_that_the_url_names_and_the_server_does_not_know_is_told_in_the_servers_words(
    clickhouse: ClickhouseServer,
) -> None:
    settings = load_settings(environ={}, clickhouse_url=clickhouse.url("default") + "?cluster=nowhere")

    with pytest.raises(QueryRefused, match=r"brought up to date: schema_migrations: .*cluster 'nowhere' not found"):
        open_history(settings)

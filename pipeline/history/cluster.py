"""The tables on a cluster of servers: the statements of the migrations, made for shards and replicas.

Of each table every shard has its part, `<table>_local`, replicated within the shard; the table's own name is the
`Distributed` table over all parts, so that queries and inserts stay the same. Rows with one sort key lie on one shard:
a replacing table finds what it has to replace. Who has become part of whom is asked for with every row and is small:
each server has all of it, and joins it at home.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

EVERYWHERE: Final = frozenset({"customer_overrides_log", "schema_migrations"})
"""Tables of which each server has all rows."""

_CREATE_TABLE: Final = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
_ENGINE: Final = re.compile(r"ENGINE = (\w*MergeTree)(?:\(([^)]*)\))?")
_SORT_KEY: Final = re.compile(r"ORDER BY \(?([^)\n]+)\)?")
_ALTER_TABLE: Final = re.compile(r"ALTER TABLE (\w+)")
_OTHER: Final = re.compile(r"(?:CREATE (?:MATERIALIZED )?VIEW IF NOT EXISTS|DROP TABLE IF EXISTS) \w+")
_INSERT: Final = re.compile(r"INSERT INTO \w+\nSELECT\b")
_FED: Final = re.compile(r"\b(TO|FROM) (\w+)")
_IN: Final = re.compile(r"\bIN(?=\s*\(\s*SELECT)")
_FIRST_TABLE: Final = r"\s*\(\s*SELECT(?:(?!\bFROM\b).)*\bFROM (\w+)"
_JOIN: Final = re.compile(rf"\b(?:ANY|ALL) (?:LEFT|INNER) JOIN(?={_FIRST_TABLE})", re.DOTALL)


def tables_of(statements: Iterable[str]) -> frozenset[str]:
    """Return the tables that these statements create."""
    return frozenset(match[1] for each in statements if (match := _CREATE_TABLE.match(each)))


def for_cluster(statement: str, cluster: str, database: str, tables: frozenset[str]) -> list[str]:
    """Return the statements to run on any one server instead of this one; `tables` are all there are.

    Raises ValueError for a statement of a kind that is not known here.
    """
    on_cluster = f"ON CLUSTER `{cluster}`"
    if match := _CREATE_TABLE.match(statement):
        return _tables(statement, match[1], cluster, database)
    if match := _ALTER_TABLE.match(statement):
        name, change = match[1], statement[match.end() :]
        parts = name if name in EVERYWHERE else f"{name}_local"
        names = [parts] if parts == name or "MODIFY" in change else [parts, name]  # codecs and TTLs are the parts'
        return [f"ALTER TABLE {each} {on_cluster}{change}" for each in names]
    if match := _OTHER.match(statement):
        rest = statement[match.end() :]
        if "MATERIALIZED" in match[0]:  # feeds the server's own part from the server's own part
            rest = _FED.sub(lambda fed: f"{fed[1]} {_local(fed[2], tables)}", rest)
        else:
            rest = _JOIN.sub(lambda join: join[0] if join[1] in EVERYWHERE else f"GLOBAL {join[0]}", rest)
            rest = _IN.sub("GLOBAL IN", rest)
        return [f"{match[0]} {on_cluster}{rest}"]
    if _INSERT.match(statement):  # from all shards to all shards, once
        return [statement]
    raise ValueError(f"no such statement is known on a cluster: {statement[:80]}")


def _tables(statement: str, name: str, cluster: str, database: str) -> list[str]:
    everywhere = name in EVERYWHERE
    path, replica = ("everywhere", "{shard}-{replica}") if everywhere else ("{shard}", "{replica}")
    where = f"'/clickhouse/tables/{path}/{database}/{name}', '{replica}'"

    def replicated(engine: re.Match[str]) -> str:
        return f"ENGINE = Replicated{engine[1]}({', '.join(filter(None, (where, engine[2])))})"

    local = _ENGINE.sub(replicated, statement)
    own = name if everywhere else f"{name}_local"
    local = _CREATE_TABLE.sub(f"CREATE TABLE IF NOT EXISTS {own} ON CLUSTER `{cluster}`", local)
    if everywhere:
        return [local]
    key = _SORT_KEY.search(statement)
    if key is None:
        raise ValueError(f"{name} has no sort key to be shared out by")
    return [
        local,
        f"CREATE TABLE IF NOT EXISTS {name} ON CLUSTER `{cluster}` AS {own}\n"
        f"ENGINE = Distributed('{cluster}', '{database}', '{own}', cityHash64({key[1]}))",
    ]


def _local(name: str, tables: frozenset[str]) -> str:
    return f"{name}_local" if name in tables - EVERYWHERE else name

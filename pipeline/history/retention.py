"""For how many days the history keeps its rows: the setting `history_keep_days`, as a TTL of each table.

A TTL holds for rows already there, and deletes with merges. `customer_overrides_log` has none: without its row an old
event would fall back to the customer it was written for.
"""

from __future__ import annotations

from typing import Final

from pipeline.errors import USAGE, OmniError
from pipeline.history.engine import Engine, Reader
from pipeline.history.migrations import Migration, run, statements_for
from pipeline.history.texts import texts

NAME: Final = "history_keep_days"
KNOWN_SINCE: Final = (19, 6)
"""The version that brought TTL expressions of tables."""
AGES: Final = {
    "events_log": "occurred_at_ms",
    "customer_events_log": "occurred_at_ms",
    "order_events_log": "occurred_at_ms",
    "triggers_log": "fired_at_ms",
    "decisions_log": "decided_at_ms",
    "customer_decisions_log": "decided_at_ms",
    "identity_changes_log": "occurred_at_ms",
    "dead_letters_log": "appended_at_ms",
    "event_contents_log": "bitShiftRight(-precedence, 20)",
}
"""From when on a row of each table ages, in ms. Those by customer, and of orders, hold the rows of others once more."""


def to_keep(engine: Engine, days: int) -> list[str]:
    """Return the statements that make tables keep `days` which do not yet; 0 leaves them all as they are.

    Raises OmniError where the engine knows no TTL, HistoryUnavailable, QueryRefused.
    """
    if not days:
        return []
    target = engine.target()
    if target.version < KNOWN_SINCE:
        has, wants = (".".join(map(str, version)) for version in (target.version, KNOWN_SINCE))
        raise OmniError(
            f"{NAME} is {days}, and ClickHouse {has} cannot delete by age: it takes {wants} or later. Upgrade the "
            f"server, or set {NAME} = 0 to keep everything.",
            USAGE,
        )
    kept = _kept(engine, days)
    statements = tuple(
        f"ALTER TABLE {table} MODIFY TTL toDateTime(intDiv({age}, 1000)) + INTERVAL {days} DAY"
        for table, age in AGES.items()
        if not kept & {table, f"{table}_local"}
    )
    return statements_for(Migration(0, NAME, statements), target)


def keep(engine: Engine, days: int) -> bool:
    """Make the tables keep `days`; return whether anything was changed. Raises what `to_keep` does."""
    statements = to_keep(engine, days)
    for statement in statements:
        run(engine, statement, NAME)
    return bool(statements)


def _kept(reader: Reader, days: int) -> set[str]:
    """Return the tables that keep so many days already: to tell them again would look through all their rows."""
    names = texts(name for table in AGES for name in (table, f"{table}_local"))
    found = reader.query(
        f"SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN ({names}) "
        f"AND create_table_query LIKE '% TTL % + toIntervalDay({days})%'"
    )
    return {row[0] for row in found.rows}

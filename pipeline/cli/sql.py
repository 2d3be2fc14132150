"""`omni sql QUERY`: ask the history."""

from __future__ import annotations

import argparse
import sys
from difflib import get_close_matches

from pipeline.cli import DONE, UNREACHABLE, USAGE, CommandError
from pipeline.history.engine import HistoryUnavailable, QueryRefused
from pipeline.history.formats import FORMATS, SYNONYMS, formatter, rows_json
from pipeline.history.reader import open_reader
from pipeline.settings import Settings

HELP = (
    "Query the history, read-only: ClickHouse if clickhouse_url is set, else the embedded one. Tables: events, "
    "triggers, decisions, identity_changes, dead_letters, event_conflicts."
)
EXAMPLE = """
omni sql "SELECT event_type, count() FROM events GROUP BY event_type ORDER BY 2 DESC"
omni sql --json "SELECT rule, count() AS fired FROM triggers WHERE status = 'fired' GROUP BY rule"
omni sql --format CSVWithNames "SELECT currency, sum(items_total_minor) AS revenue_minor FROM events
    WHERE event_type = 'order_completed' GROUP BY currency"
echo "SELECT count() FROM events" | omni sql -
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the query and the form of its answer."""
    parser.add_argument("query", metavar="QUERY", help="one SELECT, SHOW, DESCRIBE or EXPLAIN; - reads standard input")
    parser.add_argument(
        "--format",
        metavar="F",
        help=f"{', '.join(FORMATS)} (default: Pretty on a terminal, else TabSeparated; --json: an array of rows)",
    )
    parser.add_argument(
        "--history",
        "--history-path",
        dest="history_path",
        metavar="PATH",
        help="the embedded history there, whatever server is configured (default: history in --data-dir)",
    )
    parser.add_argument("--clickhouse-url", metavar="URL", help="clickhouse://user:password@host:9000/database")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Ask, print the answer."""
    write = rows_json if args.json else formatter(args.format or ("Pretty" if sys.stdout.isatty() else "TabSeparated"))
    if write is None:
        near = get_close_matches(args.format, [*FORMATS, *SYNONYMS], 1, cutoff=0.5)
        remedy = f"Did you mean {near[0]}? " if near else ""
        raise CommandError(f"--format {args.format}: not known. {remedy}There are {', '.join(FORMATS)}.", USAGE)
    query = sys.stdin.read() if args.query == "-" else args.query
    if not query.strip():
        raise CommandError('the query is empty. Try: omni sql "SHOW TABLES"', USAGE)
    try:
        embedded = args.history_path is not None and args.clickhouse_url is None
        reader = open_reader(settings.history_path if embedded else settings)
        try:
            answer = reader.query(query)
        finally:
            reader.close()
    except QueryRefused as error:
        raise CommandError(f"the query was refused: {error}", USAGE) from error
    except HistoryUnavailable as error:
        raise CommandError(str(error), UNREACHABLE) from error
    sys.stdout.write(write(answer))
    return DONE

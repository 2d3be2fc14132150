"""`omni sql QUERY`: ask the history."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from pipeline.cli.answer_format import chosen_format
from pipeline.cli.arguments import add_history_place, history_place
from pipeline.errors import DONE, USAGE, OmniError
from pipeline.history.engine import QueryRefused
from pipeline.history.formats import FORMATS, rows_json
from pipeline.history.reader import needing_tables, open_reader
from pipeline.settings import Settings

HELP = (
    "Query the history, read-only: ClickHouse if clickhouse_url is set, else the embedded one. Tables: events, "
    "triggers, decisions, identity_changes, dead_letters, event_conflicts."
)
EXAMPLE = """
omni sql "SELECT event_type, count() FROM events GROUP BY event_type ORDER BY 2 DESC"
omni sql --json "SELECT rule, count() AS fired FROM triggers WHERE status = 'fired' GROUP BY rule"
omni sql --format CSVWithNames "SELECT order_currency, sum(order_amount_minor) AS revenue_minor FROM events
    WHERE event_type = 'order_completed' GROUP BY order_currency"
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
    add_history_place(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Ask, print the answer."""
    write = rows_json if args.json else chosen_format(args.format)
    query = sys.stdin.read() if args.query == "-" else args.query
    if not query.strip():
        raise OmniError('the query is empty. Try: omni sql "SHOW TABLES"', USAGE)
    with closing(open_reader(history_place(args, settings))) as reader:
        try:
            with needing_tables(reader):
                answer = reader.query(query)
        except QueryRefused as error:
            raise QueryRefused(f"the query was refused: {error}") from error
    sys.stdout.write(write(answer))
    return DONE

"""`python -m tests.bench.reports`: how long each report takes on many events, and how much it reads.

A year of generated events is written into an empty embedded history (or, with --clickhouse-url, into an empty database
of a server) by the database itself, so that 20 million are there in minutes; then every report with its defaults, and
the timelines of some customers, are asked for several times. Rows are generated, all by the same few rules: shares and
sums in the answers mean nothing. 20 million events take 2.8 GB and 400 s of a core before the first question.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from clickhouse_driver import Client

from pipeline.history.embedded import EXACT, open_session
from pipeline.history.engine import Engine
from pipeline.history.folder import Folder
from pipeline.history.migrations import apply
from pipeline.history.one_customer import OneCustomer
from pipeline.history.reports.catalogue import reports
from pipeline.history.server import Server
from pipeline.history.writer import open_folder
from tests.bench import machine

EVENTS: Final = 20_000_000
EVENTS_PER_CUSTOMER: Final = 100
EVENTS_PER_SESSION: Final = 10
MERGED_SHARE: Final = 0.1  # of the customers became part of another
BLOCK: Final = 1_000_000
YEAR_BEGINS_MS: Final = 1_767_225_600_000  # 2026-01-01
TIMELINE: Final = "timeline of a customer"
TIMELINE_MS: Final = 100  # what the console promises
TIMELINE_ENTRIES: Final = 200
TIMELINES: Final = 20  # customers it is asked for, each once
ENOUGH_SECONDS: Final = 20.0  # of one report; it is not asked for again

# Each session is one customer's, in one channel, of one campaign; its ten events are half a minute apart.
EVENT_ROWS: Final = """
INSERT INTO events_log (
    tenant, event_id, event_type, channel, occurred_at_ms, received_at_ms, written_customer_id, part_id,
    `identifiers.kind`, `identifiers.value`, session_id, order_id, cart_id,
    `items.sku`, `items.quantity`, `items.unit_price_minor`, `items.currency`, `items.attributes`, items_total_minor,
    order_amount_minor, order_currency, amount_minor, currency, device, country, campaign_source, campaign_medium,
    campaign_name, channel_group, properties, digest, precedence, source, position
)
SELECT
    'default', lower(hex(cityHash64(number, 'event'))) AS event_id, event_type, channel, at_ms, at_ms + 400,
    customer, customer,
    if(chance % 3 = 0, ['account'], ['cookie']), [customer],
    if(channel IN ('web', 'app'), concat('s-', toString(session)), ''),
    if(is_order, concat('o-', event_id), ''), if(step IN (6, 7, 8), concat('c-', toString(session)), ''),
    skus, arrayMap(sku -> toInt64(1), skus), arrayMap(sku -> toInt64(1999), skus), arrayMap(sku -> 'EUR', skus),
    arrayMap(sku -> concat('{{"category":"', substring(sku, 1, 5), '"}}'), skus), toInt64(1999 * length(skus)),
    if(is_order, toInt64(1999 * length(skus)), NULL), if(is_order, 'EUR', ''),
    if(is_order, toInt64(1999 * length(skus)), NULL), if(is_order, 'EUR', ''),
    ['phone', 'desktop', 'tablet'][1 + chance % 3], ['DE', 'FR', 'NL', 'AT'][1 + chance % 4],
    if(step = 0, ['google', 'facebook', '', 'newsletter', 'bing'][1 + chance % 5], ''),
    if(step = 0, ['cpc', 'social', '', 'email', 'organic'][1 + chance % 5], ''),
    if(step = 0, concat('campaign-', toString(chance % 20)), ''),
    if(step = 0, ['Paid Search', 'Organic Social', 'Unassigned', 'Email', 'Organic Search'][1 + chance % 5], ''),
    '', 7, -at_ms, 'bench/0', toInt64(number)
FROM
(
    SELECT
        number,
        intDiv(number, {per_session}) AS session,
        number % {per_session} AS step,
        cityHash64(session, 'session') AS chance,
        concat('customer-', toString(cityHash64(session, 'customer') % {customers})) AS customer,
        toInt64({begin_ms} + chance % 31536000000 + step * 30000) AS at_ms,
        ['web', 'web', 'web', 'app', 'app', 'pos'][1 + intDiv(chance, 7) % 6] AS channel,
        step = 8 AND chance % 4 = 0 AS is_order,
        multiIf(
            step = 0, 'page_viewed', step = 6, 'product_added', step = 7, 'checkout_started',
            is_order, 'order_completed', 'product_viewed'
        ) AS event_type,
        arrayMap(
            each -> concat('sku-', toString(toUInt32(sqrt(cityHash64(number, each) % 1000000)))),
            range(toUInt64(multiIf(is_order, 1 + chance % 4, step = 0 OR step = 7, 0, 1)))
        ) AS skus
    FROM numbers({start}, {count})
)
"""
MERGED_ROWS: Final = """
INSERT INTO customer_overrides_log (tenant, part_id, customer_id, moves, merge_id, occurred_at_ms)
SELECT
    'default', concat('customer-', toString(number)), concat('customer-', toString(number + {merged})), 1, '',
    {begin_ms}
FROM numbers({merged})
"""
DECISION_ROWS: Final = """
INSERT INTO decisions_log (
    tenant, decision_id, written_customer_id, rule, outcome, reason, trigger_id, decided_at_ms, rules_version,
    caused_by, source, position
)
SELECT
    tenant, event_id, written_customer_id, 'cart_reminder', if(held_out, 'held_out', 'fired'),
    if(held_out, 'rule_holdout', ''), if(held_out, '', event_id), occurred_at_ms + 3600000, '1', event_id, source,
    position
FROM
(
    SELECT *, cityHash64(written_customer_id, 'holdout') % 10 = 0 AS held_out
    FROM events_log WHERE event_type = 'product_added' AND cityHash64(event_id) % 3 = 0
)
"""
TRIGGER_ROWS: Final = """
INSERT INTO triggers_log (
    tenant, trigger_id, status, rule, kind, rules_version, written_customer_id, channel, address, caused_by, due_at_ms,
    fired_at_ms, context, content_variant, reason, source, position
)
SELECT
    tenant, trigger_id, 'fired', rule, 'abandoned_cart', rules_version, written_customer_id, 'email', '', caused_by,
    decided_at_ms, decided_at_ms, '{{"amount_minor":1999,"currency":"EUR"}}', '', '', source, position
FROM decisions_log WHERE outcome = 'fired'
"""


class Measured(NamedTuple):
    """One row of the table: seconds of each time it was asked for, the least of a core (of the embedded engine alone,
    which works in this process), megabytes and millions of rows that were read.
    """

    name: str
    seconds: list[float]
    cpu_seconds: float
    read_mb: float
    read_rows: float

    @property
    def p95(self) -> float:
        """The time that nineteen of twenty times stay below; of few times the longest."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(0.95 * len(self.seconds)))]

    def __str__(self) -> str:
        """As a row of Markdown."""
        read = f"{self.read_mb:,.0f} | {self.read_rows:,.1f}" if self.read_rows else "– | –"
        return f"| {self.name} | {median(self.seconds):.2f} | {self.p95:.2f} | {self.cpu_seconds:.2f} | {read} |"


Ask = Callable[[str], tuple[int, int]]
"""Asks a question; returns the rows and bytes that were read for it."""


def generate(engine: Engine, events: int) -> None:
    """Fill an empty history."""
    customers = max(1, events // EVENTS_PER_CUSTOMER)
    names = {
        "customers": customers,
        "merged": int(customers * MERGED_SHARE),
        "per_session": EVENTS_PER_SESSION,
        "begin_ms": YEAR_BEGINS_MS,
    }
    for start in range(0, events, BLOCK):
        engine.execute(EVENT_ROWS.format(start=start, count=min(BLOCK, events - start), **names))
        print(f"{min(start + BLOCK, events):,} of {events:,} events", file=sys.stderr)
    for statement in (MERGED_ROWS, DECISION_ROWS, TRIGGER_ROWS):
        engine.execute(statement.format(**names))


@contextmanager
def opened(url: str | None) -> Iterator[tuple[Engine, Ask]]:
    """Open an empty history, and a way to ask that tells what was read."""
    with TemporaryDirectory(prefix="omni-reports-") as folder:
        engine: Engine
        if url is None:
            engine = open_folder(Path(folder))
            session = open_session(Folder(Path(folder)).database)
            for name, value in EXACT.items():
                session.query(f"SET {name} = {value!r}")

            def ask(sql: str) -> tuple[int, int]:
                told = json.loads(str(session.query(sql, "JSONCompact")))["statistics"]
                return told["rows_read"], told["bytes_read"]

        else:
            engine = server = Server(url)
            server.create_database()
            client = Client.from_url(url)

            def ask(sql: str) -> tuple[int, int]:
                client.execute(sql)
                return client.last_query.progress.rows, client.last_query.progress.bytes

        apply(engine)
        try:
            yield engine, ask
        finally:
            engine.close()


def measure(engine: Engine, ask: Ask, customers: int, rounds: int) -> Iterator[Measured]:
    """Ask for every report, then for timelines, `rounds` times each."""
    for report in reports().values():
        sql = report.sql()
        yield _measured(report.name, rounds, lambda _, sql=sql: ask(sql))  # type: ignore[misc]
    timeline = OneCustomer(engine, "default")

    def of_one(number: int) -> tuple[int, int]:
        found = timeline.records(timeline.current(f"customer-{customers - 1 - number}"), None, None, TIMELINE_ENTRIES)
        assert found is not None
        return 0, 0

    of_one(rounds)  # once before: a console that is asked all day has files and tables open
    yield _measured(TIMELINE, max(rounds, TIMELINES), of_one)


def _measured(name: str, rounds: int, ask: Callable[[int], tuple[int, int]]) -> Measured:
    seconds, of_a_core, read = list[float](), list[float](), (0, 0)
    for number in range(rounds):
        began, spent = time.monotonic(), time.process_time()
        read = ask(number)
        seconds.append(time.monotonic() - began)
        of_a_core.append(time.process_time() - spent)
        if sum(seconds) > ENOUGH_SECONDS:
            break
    return Measured(name, seconds, min(of_a_core), read[1] / 1e6, read[0] / 1e6)


def main() -> int:
    """Generate, measure, print; 1 where a timeline takes longer than it may."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reports", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, metavar="N", help=f"default: {EVENTS:,}")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each is asked for (default: 3)")
    parser.add_argument(
        "--clickhouse-url", metavar="URL", help="an empty database of a server (default: embedded chdb)"
    )
    args = parser.parse_args()
    for name, said in machine.describe().items():
        print(f"{name:<9} {said}")
    before = machine.load()
    with opened(args.clickhouse_url) as (engine, ask):
        generate(engine, args.events)
        print(f"{args.events:,} events, ClickHouse {engine.query('SELECT version()').rows[0][0]}")
        print("\n| report | median s | p95 s | CPU s | MB read | million rows read |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for row in measure(engine, ask, max(1, args.events // EVENTS_PER_CUSTOMER), args.rounds):
            print(row, flush=True)
    print(f"\nload {before} → {machine.load()} (processes wanting a core; above 2–3, others disturbed)")
    return int(row.p95 * 1000 > TIMELINE_MS)


if __name__ == "__main__":
    sys.exit(main())

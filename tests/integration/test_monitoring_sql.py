"""The SQL of every panel of the dashboards, asked of real engines that hold the demo's shop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.events import Item
from pipeline.domain.messages.to_customer import Arrived
from pipeline.domain.time import DAY_MS, parse_duration
from pipeline.history.engine import Engine
from pipeline.history.recorder import Recorder
from pipeline.history.reports.asking import ask
from pipeline.history.reports.catalogue import report
from pipeline.history.rows import Kind, Row
from pipeline.history.writer import HistoryWriter
from pipeline.identity_file import load_identity
from pipeline.monitoring.dashboards import DASHBOARDS
from pipeline.monitoring.panels import TENANT, Panel, Query
from pipeline.rules_file import load_rules
from pipeline.settings import Settings, load_settings
from pipeline.simulation import Simulation
from pipeline.sources.shop import shop
from tests.history_rows import CHANGE, DECISION, LETTER, ORIGIN, SOCKS, TEN_O_CLOCK, TRIGGER, arrived

pytestmark = pytest.mark.clickhouse

DAYS = (0, 9, 20)
"""On which the demo's shop is open: before and after what is watched for a week, and long before."""
LAST_DAY = TEN_O_CLOCK + DAYS[-1] * DAY_MS
ASKED = [
    (f"{board.uid}: {panel.title}", panel, query, parse_duration(board.span))
    for board in DASHBOARDS
    for panel in board.panels
    for query in panel.queries
    if query.is_sql
]


def rare() -> Iterator[Row]:
    """What the shop of the demo does not do in some hours, on the last day."""
    at: dict[str, Any] = {"occurred_at_ms": LAST_DAY, "received_at_ms": LAST_DAY + 40}
    events: list[Arrived] = [
        arrived("refund", event_type="order_refunded", order_id="order-9", **at),
        arrived("opinion", event_type="feedback_given", order_id=None, properties={"nps": 9}, **at),
        arrived("no-lines", items=(), order_id="", **at),
        arrived("twice", digest=1, **at),
        arrived("twice", digest=2, occurred_at_ms=LAST_DAY, received_at_ms=LAST_DAY + 500),
    ]
    for number, event in enumerate(events):
        yield Row(Kind.EVENT, event, "rare", number, ORIGIN)
    yield Row(Kind.TRIGGER, replace(TRIGGER, status="revoked", fired_at_ms=LAST_DAY), "rare", 10, ORIGIN)
    held_out = replace(DECISION, outcome="held_out", reason="rule_holdout", decided_at_ms=LAST_DAY)
    yield Row(Kind.DECISION, held_out, "rare", 11, ORIGIN)
    refused = replace(CHANGE, change="refused", reason="kind_limit", occurred_at_ms=LAST_DAY)
    yield Row(Kind.IDENTITY_CHANGE, refused, "rare", 12, ORIGIN)
    yield Row(Kind.DEAD_LETTER, replace(LETTER, appended_at_ms=LAST_DAY), "rare", 13, ORIGIN)


@pytest.fixture
def demo(history: HistoryWriter) -> Engine:
    """Some hours of the demo's shop on three days of a month, and what is rare in it."""
    settings: Settings = load_settings(environ={})
    recorder = Recorder(history)
    simulation = Simulation(
        settings,
        load_rules(settings.rules_file),
        load_identity(settings.identity_file),
        None,
        recorder.published,
        recorder.arrived,
    )
    events = (shop(seed, customers=400, start_ms=TEN_O_CLOCK + day * DAY_MS, hours=4) for seed, day in enumerate(DAYS))
    simulation.play((simulation.read(event) for event in chain.from_iterable(events)), LAST_DAY + 2 * DAY_MS)
    assert recorder.rows()["triggers"] > 20
    history.write(list(rare()))
    return history.engine


def filled_in(text: str, from_ms: int, to_ms: int) -> str:
    """Fill in what Grafana and its ClickHouse plugin do, as they do it."""
    for name, value in {"tenant:sqlstring": "'default'", "__from": from_ms, "__to": to_ms}.items():
        text = text.replace(f"${{{name}}}", str(value))
    while "$__timeFilter(" in text:
        before, _, rest = text.partition("$__timeFilter(")
        column, _, after = rest.partition(")")
        span = f"{column} >= toDateTime({from_ms // 1000}) AND {column} <= toDateTime({to_ms // 1000})"
        text = f"{before}{span}{after}"
    assert not re.search(r"\$[\w{]", text), "something else that Grafana would fill in"
    return text


def asked(engine: Engine, query: Query, from_ms: int, to_ms: int) -> list[dict[str, Any]]:
    return engine.query(filled_in(query.text, from_ms, to_ms)).objects()


def test_every_panel_has_rows_for_the_time_that_it_shows_at_first_and_none_for_one_in_which_nothing_happened(
    demo: Engine,
) -> None:
    ((newest_ms,),) = demo.query("SELECT max(occurred_at_ms) FROM events").rows
    empty, wrong = [], []
    for title, panel, query, span_ms in ASKED:
        rows = asked(demo, query, newest_ms - span_ms, newest_ms)
        if not rows:
            empty.append(title)
            continue
        check_shape(panel, rows)
        if "__from" in query.text or "__timeFilter" in query.text:
            wrong += [title for _ in asked(demo, query, 0, DAY_MS)]
    assert (empty, wrong) == ([], [])
    assert ["default"] in demo.query(TENANT).rows


def rows_of(history: HistoryWriter, title: str, events: list[Arrived]) -> list[dict[str, Any]]:
    """Return what a panel has of these events."""
    history.write([Row(Kind.EVENT, event, "told", number, ORIGIN) for number, event in enumerate(events)])
    (query,) = (query for name, _, query, _ in ASKED if name == title)
    return asked(history.engine, query, TEN_O_CLOCK - DAY_MS, TEN_O_CLOCK + DAY_MS)


def shown(history: HistoryWriter, title: str, events: list[Arrived]) -> dict[str, Any]:
    """Return what a panel has of these events: the name in a row and its number, which come last."""
    return {name: number for *_, name, number in (row.values() for row in rows_of(history, title, events))}


def test_orders_are_counted_once_each_also_without_an_id(history: HistoryWriter) -> None:
    events = [arrived(f"told-{number}", order_id="o-1") for number in range(2)]
    events += [arrived(f"nameless-{number}", order_id=None) for number in range(3)]

    assert shown(history, "omni-products: Orders per day", events) == {"web": 4}


def test_revenue_is_without_what_was_told_twice_cancelled_or_refunded_as_a_whole(history: HistoryWriter) -> None:
    events = [arrived(f"told-{number}", order_id="o-1") for number in range(2)]
    for kind in ("order_cancelled", "order_refunded"):
        events += [arrived(kind, order_id=kind), arrived(f"{kind}-2", order_id=kind, event_type=kind, items=())]

    assert shown(history, "omni-products: Revenue per day", events) == {"EUR": 10_499}


def test_revenue_is_without_refunds_in_its_own_currency_only(history: HistoryWriter) -> None:
    events = [arrived("sold", order_id="o-1", currency="EUR", amount_minor=10_000)]
    for currency, amount_minor in (("JPY", 9_000), ("EUR", 1_000)):
        refund: dict[str, Any] = {"order_id": "o-1", "currency": currency, "amount_minor": amount_minor}
        events.append(arrived(currency, event_type="order_refunded", **refund))

    assert shown(history, "omni-products: Revenue per day", events) == {"EUR": 9_000}


def looked_and_ordered() -> list[Arrived]:
    """One looks at shoes and buys them, told twice; three take back what they ordered, one of them the socks alone."""
    events = [arrived("look", event_type="product_viewed", channel="web", order_id=None)]
    for channel in ("web", "pos"):
        at_ms = TEN_O_CLOCK + (channel == "pos") * 1_000
        events.append(arrived(f"sold-{channel}", order_id="o-1", channel=channel, occurred_at_ms=at_ms))
    returns: dict[str, dict[str, Any]] = {
        "cancelled": {"event_type": "order_cancelled", "items": ()},
        "refunded": {"event_type": "order_refunded", "items": (), "amount_minor": 10_499, "currency": "EUR"},
        "socks-back": {"event_type": "order_refunded", "items": (SOCKS,)},
    }
    for name, back in returns.items():
        events.append(arrived(f"{name}-order", customer_id=name, order_id=name, channel="pos"))
        events.append(arrived(name, customer_id=name, order_id=name, channel="pos", **back))
    return events


def test_what_was_bought_is_what_reports_call_bought(history: HistoryWriter) -> None:
    seen = rows_of(history, "omni-products: From view to order", looked_and_ordered())

    assert [(row["sku"], row["viewed"], row["bought"], row["pieces"]) for row in seen] == [
        ("shoe-38", 1, 2, 4), ("socks", 1, 1, 1),
    ]  # fmt: skip
    sold = ask(history.engine, report("channel_gaps"), {"min_viewers": "1"}).objects()
    for row in seen:
        of_sku = [each for each in sold if each["sku"] == row["sku"]]
        assert sum(each["buyers"] for each in of_sku) == row["bought"]
        assert sum(each["sales"] for each in of_sku) == row["pieces"]


def test_orders_of_a_channel_are_those_that_reports_count(history: HistoryWriter) -> None:
    seen = rows_of(history, "omni-customers: Channels", looked_and_ordered())

    assert [(row["channel"], row["events"], row["customers"], row["orders"]) for row in seen] == [
        ("pos", 7, 4, 1), ("web", 2, 1, 1),
    ]  # fmt: skip
    bought = ask(history.engine, report("channel_study"), {}).objects()
    assert sum(row["orders"] for row in bought) == sum(row["orders"] for row in seen)


def test_what_an_order_lacks_is_named(history: HistoryWriter) -> None:
    events = [arrived("full"), arrived("poor", order_id=None, items=(Item("shoe"),)), arrived("bare", items=())]

    lacking = shown(history, "omni-data-quality: Orders that say too little", events)

    assert lacking == {"amount": 2, "currency": 2, "order id": 1, "lines": 1}


def check_shape(panel: Panel, rows: list[dict[str, Any]]) -> None:
    """What Grafana needs to draw it: a time first, or a name and a number."""
    names = list(rows[0])
    if panel.look == "timeseries":
        assert names[0] == "time"
        assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
        assert len(names) == 3
    elif panel.look == "barchart":
        assert len(names) == 2
        assert len({row[names[0]] for row in rows}) == len(rows), f"{panel.title}: two bars of one name"

"""The events of orders, which lie beside each other: they are those that all events show, on both engines."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.history.migrations import migrations, statements_for
from pipeline.history.rows import Kind, Row
from pipeline.history.writer import HistoryWriter
from tests.history_rows import CHANGE, ORIGIN, TEN_O_CLOCK, event_row

pytestmark = pytest.mark.clickhouse

TYPES = ("order_completed", "order_cancelled", "order_refunded", "product_viewed")
COLUMNS = "event_id, event_type, customer_id, occurred_at_ms, order_id, items.sku, order_amount_minor, order_currency"


def of_orders(history: HistoryWriter, table: str) -> list[list[Any]]:
    where = "event_type IN ('order_completed', 'order_cancelled', 'order_refunded')"
    return history.engine.query(f"SELECT {COLUMNS} FROM {table} WHERE {where} ORDER BY event_id").rows


def told(chance: random.Random) -> list[Row]:
    """Rows in which ids, types, later contents, repetitions and merges meet by chance."""
    rows = []
    for second in range(120):
        customer = f"customer-{chance.randrange(4)}"
        rows.append(
            event_row(
                f"e-{chance.randrange(60)}",
                second,
                customer_id=customer,
                event_type=chance.choice(TYPES),
                received_at_ms=TEN_O_CLOCK + second,
                digest=second,
                order_id=f"o-{chance.randrange(20)}",
            )
        )
    merge = replace(
        CHANGE, change="merged", customer_id="customer-0", other_customer_id="customer-1", parts={"customer-1": 1}
    )
    rows.append(Row(Kind.IDENTITY_CHANGE, merge, "identity.changes/0", 1, ORIGIN))
    chance.shuffle(rows)
    return rows + chance.sample(rows, 40)


@pytest.mark.parametrize("seed", range(3))
def test_b20_an_id_that_an_event_of_another_type_had_used_is_no_order_and_an_order_stays_one(
    history: HistoryWriter, seed: int
) -> None:
    rows = told(random.Random(seed))
    for start in range(0, len(rows), 16):
        history.write(rows[start : start + 16])

    shown = of_orders(history, "events")
    assert of_orders(history, "order_events") == shown
    assert len({row[2] for row in shown}) == 3, "one of the four has become part of another"
    assert len(shown) < len({row[0] for row in history.engine.query("SELECT event_id FROM order_events_log").rows})


def test_what_was_stored_before_orders_lay_beside_each_other_is_there_however_often_it_is_filled(
    history: HistoryWriter,
) -> None:
    orders = next(each for each in migrations() if each.name == "0008_order_events.sql")
    for name in ("order_events", "order_events_feed", "order_events_log"):
        history.engine.execute(f"DROP TABLE {name}")
    history.write(told(random.Random(7)))

    for _ in range(2):
        for statement in statements_for(orders, history.engine.target()):
            history.engine.execute(statement)
        assert of_orders(history, "order_events") == of_orders(history, "events") != []

"""The tables, on the embedded engine and on a real server: the same rows, the same answers."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.errors import InvalidReason
from pipeline.domain.events import Item
from pipeline.history.engine import HistoryUnavailable, QueryRefused
from pipeline.history.rows import Kind, Origin, Row, refusal
from pipeline.history.writer import HistoryWriter, open_history
from pipeline.settings import load_settings
from tests.history_rows import DECISION, ONE_OF_EACH, ORIGIN, TEN_O_CLOCK, TRIGGER, event_row

pytestmark = pytest.mark.clickhouse


def one(history: HistoryWriter, sql: str) -> Any:
    answer = history.engine.query(sql)
    assert len(answer.rows) == len(answer.columns) == 1, answer
    return answer.rows[0][0]


def test_one_row_of_each_kind_comes_back_as_it_went_in(history: HistoryWriter) -> None:
    history.write(ONE_OF_EACH)

    (event,) = history.engine.query("SELECT * FROM events").objects()
    assert (event["event_id"], event["tenant"], event["customer_id"]) == ("e-full", "default", "customer-1")
    assert event["occurred_at"].startswith("2026-11-24 10:00:00")
    assert event["identifiers.value"] == ["u-1", "c-9"]
    assert (event["items.sku"], event["items.quantity"]) == (["shoe-38", "socks"], [2, 1])
    assert (event["sent_at_ms"], event["amount_minor"], event["city"]) == (TEN_O_CLOCK + 20, 10_499, "Köln")
    assert (event["latitude"], event["consent.granted"]) == (50.94, [1, 0])
    assert event["properties"] == '{"coupon":"BACK10","first":true,"rank":3}'
    (trigger,) = history.engine.query("SELECT * FROM triggers").objects()
    assert (trigger["rule"], trigger["offer_code"], trigger["expires_at_ms"]) == ("cart_reminder", "BACK-1", None)
    (decision,) = history.engine.query("SELECT outcome, reason, decided_at_ms FROM decisions").rows
    assert decision == ["dropped", "bought", TEN_O_CLOCK + 1_000]
    (change,) = history.engine.query("SELECT change, kind, value FROM identity_changes").rows
    assert change == ["attached", "cookie", "c-9"]
    (letter,) = history.engine.query("SELECT topic, offset, value_hex FROM dead_letters").rows
    assert letter == ["channel.web", 12, "00ff270a"]


def test_rows_delivered_again_are_never_shown_twice_merged_or_not(history: HistoryWriter) -> None:
    rows = [event_row(f"e-{number}", number) for number in range(50)]
    rows += [row for row in ONE_OF_EACH if row.kind is not Kind.EVENT]

    for _ in range(4):
        history.write(rows)

    for merged in (False, True):
        if merged:
            for table in ("events_log", "triggers_log", "decisions_log", "identity_changes_log", "dead_letters_log"):
                history.engine.execute(f"OPTIMIZE TABLE {table} FINAL")
        assert one(history, "SELECT count() FROM events") == 50
        assert one(history, "SELECT sum(items_total_minor) FROM events") == 50 * 10_499
        for view in ("triggers", "decisions", "identity_changes", "dead_letters"):
            assert one(history, f"SELECT count() FROM {view}") == 1, view
        assert one(history, "SELECT count() FROM event_conflicts") == 0


def test_b19_an_event_that_its_producer_sent_twice_is_one_row(history: HistoryWriter) -> None:
    history.write([event_row("e-1", 4, received_at_ms=TEN_O_CLOCK + 900), event_row("e-1", 1)])

    assert history.engine.query("SELECT position FROM events").rows == [[1]]
    assert one(history, "SELECT count() FROM event_conflicts") == 0


@pytest.mark.parametrize("seed", range(3))
def test_b20_another_content_under_a_used_id_replaces_nothing_and_stays_visible(
    history: HistoryWriter, seed: int
) -> None:
    first = event_row("e-1", 1, digest=900)
    later = event_row("e-1", 2, digest=5, received_at_ms=TEN_O_CLOCK + 41, occurred_at_ms=TEN_O_CLOCK - 40 * 86_400_000)
    writes = [first, later, first, later, event_row("e-2", 3)]
    random.Random(seed).shuffle(writes)

    for row in writes:
        history.write([row])

    kept = history.engine.query("SELECT digest, items_total_minor FROM events WHERE event_id = 'e-1'").rows
    assert kept == [[900, 10_499]]
    assert one(history, f"SELECT count() FROM events WHERE occurred_at_ms < {TEN_O_CLOCK}") == 0
    columns = "tenant, event_id, digest, kept, source, position, received_at_ms"
    conflicts = history.engine.query(f"SELECT {columns} FROM event_conflicts ORDER BY position").rows
    assert conflicts == [
        ["default", "e-1", 900, 1, "channel.web/3", 1, TEN_O_CLOCK + 40],
        ["default", "e-1", 5, 0, "channel.web/3", 2, TEN_O_CLOCK + 41],
    ]


def test_two_tenants_with_the_same_ids_stay_apart(history: HistoryWriter) -> None:
    history.write([event_row("e-1", 1), event_row("e-1", 2, tenant="acme", digest=8, items=(Item("x", 1, 7),))])

    per_tenant = "SELECT tenant, count(), sum(items_total_minor) FROM events GROUP BY tenant ORDER BY tenant"
    assert history.engine.query(per_tenant).rows == [["acme", 1, 7], ["default", 1, 10_499]]
    assert one(history, "SELECT count() FROM event_conflicts") == 0


def test_revenue_is_exact_by_the_sum_and_line_by_line(history: HistoryWriter) -> None:
    price = 9_007_199_254_740_993  # 2**53 + 1: a double would lose it
    history.write([event_row("e-1", 1, items=(Item("a", 1, price), Item("b", 3, 333), Item("c", 5)))])
    history.write([event_row("e-2", 2, event_type="product_viewed")])

    where = "FROM events WHERE event_type = 'order_completed'"
    assert one(history, f"SELECT sum(items_total_minor) {where}") == price + 999
    lines = "arraySum(arrayMap((q, p) -> q * p, items.quantity, items.unit_price_minor))"
    assert one(history, f"SELECT sum({lines}) {where}") == price + 999


def test_revenue_is_what_customers_spent_an_order_told_twice_once(history: HistoryWriter) -> None:
    history.write(
        [
            event_row("e-1", 1, order_id="o-1", amount_minor=9_999, currency="EUR"),  # less a voucher
            event_row("e-2", 2, order_id="o-1", amount_minor=9_999, currency="EUR"),
            event_row("e-3", 3, order_id="o-2", items=(Item("a", 2, 100, "USD"),)),
            event_row("e-4", 4, event_type="cart_updated", amount_minor=7),
        ]
    )

    orders = "SELECT * FROM events WHERE event_type = 'order_completed' LIMIT 1 BY tenant, customer_id, order_id"
    sums = "SELECT order_currency, sum(order_amount_minor)"
    revenue = f"{sums} FROM ({orders}) GROUP BY order_currency ORDER BY order_currency"
    assert history.engine.query(revenue).rows == [["EUR", 9_999], ["USD", 200]]


def test_a_revoke_is_a_row_beside_its_trigger(history: HistoryWriter) -> None:
    fired, revoked = TRIGGER, type(TRIGGER)(**{**_fields(TRIGGER), "status": "revoked"})
    for record in (fired, revoked, fired):
        history.write([Row(Kind.TRIGGER, record, "triggers.cart_reminder/0", 1, ORIGIN)])

    assert history.engine.query("SELECT status FROM triggers ORDER BY status").rows == [["fired"], ["revoked"]]


def test_a_row_that_no_database_can_store_is_a_dead_letter_and_its_neighbours_are_rows(history: HistoryWriter) -> None:
    rows = [event_row(f"e-{number}", number) for number in range(9)]
    for number in (4, 6):  # of one and the same envelope
        rows[number] = event_row(f"e-{number}", number, order_id="half a character: \ud83d", tenant="acme")

    refused = history.write(rows)

    assert (refused, one(history, "SELECT count() FROM events")) == (2, 7)
    letters = "SELECT tenant, topic, partition, offset, reason, appended_at_ms FROM dead_letters"
    assert (
        history.engine.query(letters).rows == [["acme", "customer.inbox", 2, 9, "not_storable", TEN_O_CLOCK + 60]] * 2
    )


def test_events_carry_the_channel_group_of_their_campaign(history: HistoryWriter) -> None:
    history.write([ONE_OF_EACH[0], event_row("e-2", 2)])

    groups = "SELECT event_id, channel_group FROM events ORDER BY event_id"
    assert history.engine.query(groups).rows == [["e-2", ""], ["e-full", "Paid Search"]]


def test_a_row_that_the_database_itself_refuses_is_found_and_is_a_dead_letter_and_the_others_are_rows(
    history: HistoryWriter,
) -> None:
    history.engine.execute("CREATE TABLE numbers (order_id Int64) ENGINE = MergeTree ORDER BY order_id")
    history.engine.execute(
        "CREATE MATERIALIZED VIEW numbers_feed TO numbers AS SELECT toInt64(decision_id) AS order_id FROM decisions_log"
    )
    ids = ["x" if number == 31 else str(number) for number in range(50)]
    rows = [
        Row(Kind.DECISION, replace(DECISION, decision_id=each), "decisions/0", number, ORIGIN)
        for number, each in enumerate(ids)
    ]

    assert history.write(rows) == 1

    assert one(history, "SELECT count() FROM numbers") >= 49
    assert one(history, "SELECT uniqExact(order_id) FROM numbers") == 49
    assert history.engine.query("SELECT reason, detail LIKE 'decision 31 of%' FROM dead_letters").rows == [
        ["not_storable", 1]
    ]


def test_an_entry_that_is_refused_again_in_other_words_is_one_dead_letter_and_its_neighbour_another(
    history: HistoryWriter,
) -> None:
    origin = Origin("customer.inbox", 2, 9, TEN_O_CLOCK)
    said = (("entry 4: too short", b"a"), ("entry 4: it is too short", b"a"), ("entry 5: too short", b"b"))

    history.write([refusal(origin, InvalidReason.UNDECODABLE, detail, value) for detail, value in said])

    letters = "SELECT detail, unhex(value_hex) FROM dead_letters ORDER BY detail"
    assert history.engine.query(letters).rows == [["entry 4: it is too short", "a"], ["entry 5: too short", "b"]]
    assert one(history, "SELECT count() FROM dead_letters") == 2


def test_a_row_that_the_embedded_engine_refuses_again_is_the_same_dead_letter(tmp_path: Path) -> None:
    history = open_history(tmp_path / "history")
    history.engine.execute("ALTER TABLE decisions_log MODIFY COLUMN caused_by Int64")
    row = Row(Kind.DECISION, DECISION, "decisions/0", 31, ORIGIN)  # caused by "e-1"

    assert history.write([row]) == 1
    with Path("/dev/null").open("rb"):  # what else is open changes between two runs
        assert history.write([row]) == 1

    ((reason, detail),) = history.engine.query("SELECT reason, detail FROM dead_letters").rows
    assert reason == "not_storable"
    assert "e-1" in detail
    assert "version" not in detail
    history.close()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELEC 1", "yntax error"),
        ("SELECT nothing FROM events", "nothing"),
        ("SELECT 1; SELECT 2", "statement"),
        ("DROP TABLE events_log", "readonly"),
        ("INSERT INTO decisions_log (tenant) VALUES ('x')", "readonly"),
        ("SET readonly = 0", "readonly"),
    ],
)
def test_a_wrong_or_a_changing_statement_is_refused_in_the_databases_words(
    history: HistoryWriter, statement: str, said: str
) -> None:
    with pytest.raises(QueryRefused, match=said) as refused:
        history.engine.query(statement)

    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
    history.write(ONE_OF_EACH)  # the writer is none the worse for it
    assert one(history, "SELECT count() FROM decisions") == 1


def test_values_of_every_type_are_json(history: HistoryWriter) -> None:
    sql = """SELECT toUInt64(18446744073709551615) AS u, toDateTime(0, 'UTC') AS t, toDate('2026-11-24') AS d, 0/0 AS n,
        [1, 2] AS a, CAST(NULL AS Nullable(Int64)) AS z, 0.5 AS f, toFixedString('ab', 2) AS s,
        toDecimal64('1.10', 2) AS m"""
    (row,) = history.engine.query(sql).rows

    assert row == [18446744073709551615, "1970-01-01 00:00:00", "2026-11-24", None, [1, 2], None, 0.5, "ab", "1.1"]


def test_texts_of_any_kind_survive(history: HistoryWriter) -> None:
    nasty = "a'b\"c\\d\n\t\x00 – 日本 🛒 %s {x} ${y} @word --;"
    history.write([event_row(nasty, 1, order_id=nasty, properties={nasty: nasty})])

    ((event_id, order_id),) = history.engine.query("SELECT event_id, order_id FROM events").rows
    assert event_id == order_id == nasty


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def test_a_server_that_is_not_there_is_named_with_its_password_hidden() -> None:
    settings = load_settings(environ={}, clickhouse_url="clickhouse://omni:secret@127.0.0.1:1/omni")

    with pytest.raises(HistoryUnavailable, match=r"127\.0\.0\.1:1") as away:
        open_history(settings)

    assert "secret" not in str(away.value)

"""All that the history holds of one customer, on the embedded engine and on a real server."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.history.migrations import migrations, statements_for
from pipeline.history.one_customer import OneCustomer
from pipeline.history.rows import Kind, Row
from pipeline.history.stored_events import event_of
from pipeline.history.writer import HistoryWriter
from tests.history_rows import CHANGE, DECISION, ORIGIN, TEN_O_CLOCK, TRIGGER, event_row

pytestmark = pytest.mark.clickhouse


def event(event_id: str, customer_id: str, second: int = 0, **fields: Any) -> Row:
    return event_row(event_id, second, customer_id=customer_id, occurred_at_ms=TEN_O_CLOCK + second * 1_000, **fields)


def decision(decision_id: str, customer_id: str, second: int = 0, **fields: Any) -> Row:
    at_ms = TEN_O_CLOCK + second * 1_000
    given = replace(DECISION, decision_id=decision_id, customer_id=customer_id, decided_at_ms=at_ms, **fields)
    return Row(Kind.DECISION, given, "decisions/0", second, ORIGIN)


def trigger(customer_id: str, **fields: Any) -> Row:
    return Row(Kind.TRIGGER, replace(TRIGGER, customer_id=customer_id, **fields), "triggers.cart/0", 0, ORIGIN)


def change(change_id: str, what: Any, customer_id: str, second: int = 0, **fields: Any) -> Row:
    at_ms = TEN_O_CLOCK + second * 1_000
    given = replace(CHANGE, change_id=change_id, change=what, customer_id=customer_id, occurred_at_ms=at_ms, **fields)
    return Row(Kind.IDENTITY_CHANGE, given, "identity.changes/0", second, ORIGIN)


def told(history: HistoryWriter, customer_id: str, *span: int | None, limit: int = 100) -> tuple[list[str], list[str]]:
    """Return the ids of a customer's events and of its decisions, latest first."""
    since_ms, before_ms = span or (None, None)
    records = OneCustomer(history.engine, "default").records(customer_id, since_ms, before_ms, limit)
    assert records is not None
    return [event.event_id for _, event in records.events], [decision.decision_id for decision in records.decisions]


def test_a_customer_has_its_events_decisions_and_messages_and_nobody_elses(history: HistoryWriter) -> None:
    history.write([
        event("e-1", "a", 1), event("e-2", "a", 2), event("e-3", "b"), event("e-4", "a", tenant="other"),
        decision("d-1", "a", 3, trigger_id="t-1", outcome="fired"), decision("d-2", "b", trigger_id="t-2"),
        trigger("a"), trigger("b", trigger_id="t-2"),
    ])  # fmt: skip

    assert told(history, "a") == (["e-2", "e-1"], ["d-1"])
    records = OneCustomer(history.engine, "default").records("a", None, None, 100)
    assert records is not None
    assert records.triggers == [replace(TRIGGER, customer_id="a")]
    assert records.decisions == [
        replace(
            DECISION, decision_id="d-1", customer_id="a", decided_at_ms=TEN_O_CLOCK + 3_000, trigger_id="t-1",
            outcome="fired",
        )
    ]  # fmt: skip
    assert records.events[0][0] == TEN_O_CLOCK + 40, "when it was received"
    assert not records.cut


def test_a_customer_has_what_was_told_of_those_that_became_part_of_it_until_that_is_undone(
    history: HistoryWriter,
) -> None:
    history.write([
        event("e-1", "a", 1), event("e-2", "b", 2), event("e-3", "a", 3, part="b"),
        decision("d-1", "b", trigger_id="t-1"), trigger("b"),
        change("i-1", "merged", "a", 2, other_customer_id="b", parts={"b": 1}),
    ])  # fmt: skip
    one = OneCustomer(history.engine, "default")

    assert (one.current("b"), one.current("a"), one.current("nobody")) == ("a", "a", "nobody")
    assert told(history, "a") == (["e-3", "e-2", "e-1"], ["d-1"])

    history.write([change("i-2", "unmerged", "a", 9, other_customer_id="b", parts={"b": 2})])

    assert one.current("b") == "b"
    assert told(history, "a") == (["e-1"], [])
    assert told(history, "b") == (["e-3", "e-2"], ["d-1"])


def test_an_event_whose_id_another_customer_used_before_is_not_shown(history: HistoryWriter) -> None:
    history.write([
        event("e-1", "a", 1, received_at_ms=TEN_O_CLOCK + 900, digest=8), event("e-2", "a"),
        event("e-1", "b", 2, received_at_ms=TEN_O_CLOCK + 100),
    ])  # fmt: skip

    assert told(history, "a") == (["e-2"], [])


def test_a_span_and_a_limit_keep_the_latest_and_say_that_there_are_earlier_ones(history: HistoryWriter) -> None:
    history.write([event(f"e-{second}", "a", second) for second in range(6)])
    history.write([decision(f"d-{second}", "a", second) for second in (1, 4)])
    one = OneCustomer(history.engine, "default")

    assert told(history, "a", TEN_O_CLOCK + 1_000, TEN_O_CLOCK + 4_000) == (["e-3", "e-2", "e-1"], ["d-1"])
    assert told(history, "a", limit=2) == (["e-5", "e-4"], ["d-4", "d-1"])
    cuts = [one.records("a", None, None, limit) for limit in (5, 6)]
    assert [records is not None and records.cut for records in cuts] == [True, False]
    assert told(history, "a", TEN_O_CLOCK + 60_000, None) == ([], []), "a known customer of whom nothing is there"


def test_of_a_customer_that_was_never_seen_nothing_is_known(history: HistoryWriter) -> None:
    history.write([event("e-1", "a")])

    assert OneCustomer(history.engine, "default").records("it's nobody", None, None, 100) is None
    assert OneCustomer(history.engine, "other").records("a", None, None, 100) is None


def test_an_identifier_is_of_whom_it_was_given_to_last_or_of_whom_that_one_has_become_part(
    history: HistoryWriter,
) -> None:
    hashed = "sha256:973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
    history.write([
        change("i-1", "created", "a", 1, kind="cookie", value="c-9"),
        change("i-2", "moved", "b", 2, kind="cookie", value="c-9"),
        change("i-3", "refused", "c", 3, kind="cookie", value="c-9"),
        change("i-4", "created", "c", 1, kind="email", value=hashed),
        change("i-5", "merged", "d", 5, kind="cookie", value="c-1", other_customer_id="b", parts={"b": 1}),
    ])  # fmt: skip
    one = OneCustomer(history.engine, "default")

    assert one.owner_of(("cookie", "c-9")) == "d"
    assert one.owner_of(("email", "test@example.com")) == "c", "known by its hash alone"
    assert one.owner_of(("cookie", "c-1")) is None
    assert OneCustomer(history.engine, "other").owner_of(("cookie", "c-9")) is None


CUSTOMERS = "abcdef"


def life(chance: random.Random) -> list[Row]:
    """Rows in which ids, parts, merges and their undoing, later contents and repetitions meet by chance."""
    rows: list[Row] = []
    for second in range(60):
        part, owner = chance.choice(CUSTOMERS), chance.choice(CUSTOMERS)
        came = {"part": part, "received_at_ms": TEN_O_CLOCK + second, "hops": chance.randrange(2)}
        name, at = f"e-{chance.randrange(40)}", chance.randrange(1_000)
        rows.append(event(name, chance.choice([part, owner]), at, digest=chance.randrange(3), **came))
    for number in range(30):
        outcome = chance.choice(["held", "fired"])
        whose = CUSTOMERS[number % 6]  # a decision's id is made of its customer's, among others
        rows.append(decision(f"d-{number % 18}", whose, number % 18, outcome=outcome))
    for moves in range(1, 13):
        one, other = chance.sample(CUSTOMERS, 2)
        what = chance.choice(["merged", "unmerged"])
        rows.append(change(f"i-{moves}", what, one, moves, other_customer_id=other, parts={other: moves}))
    chance.shuffle(rows)
    return rows + chance.sample(rows, 30)


def shown(history: HistoryWriter, customer_id: str) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Return what the views, which are read whole, have of a customer: its events and its decisions, by time."""
    whose = f"WHERE tenant = 'default' AND customer_id = '{customer_id}'"
    events = history.engine.query(f"SELECT * FROM events {whose}").objects()
    decisions = history.engine.query(f"SELECT * FROM decisions {whose}").objects()
    return (
        {row["event_id"]: (row["received_at_ms"], event_of(row)) for row in events},
        {(row["decision_id"], row["outcome"]): row["decided_at_ms"] for row in decisions},
    )


def assert_a_timeline_is_what_the_views_show(history: HistoryWriter) -> None:
    for customer_id in CUSTOMERS:
        events, decisions = shown(history, customer_id)
        times = sorted((event.occurred_at_ms for _, event in events.values()), reverse=True)
        of_a_span = [at_ms for at_ms in times if TEN_O_CLOCK + 300_000 <= at_ms < TEN_O_CLOCK + 700_000]
        one = OneCustomer(history.engine, "default")

        all_records = one.records(customer_id, None, None, 1_000)
        assert (all_records is None) == (not events and not decisions)
        if all_records is None:
            continue
        assert len(all_records.events) == len(events)
        assert {event.event_id: (at_ms, event) for at_ms, event in all_records.events} == events
        assert len(all_records.decisions) == len(decisions)
        assert {(each.decision_id, each.outcome): each.decided_at_ms for each in all_records.decisions} == decisions
        assert {each.customer_id for each in all_records.decisions} <= {customer_id}
        for limit in (1, 3, 8):
            latest = one.records(customer_id, None, None, limit)
            assert latest is not None
            assert [event.occurred_at_ms for _, event in latest.events] == times[:limit]
            assert latest.cut == (len(events) > limit or len(decisions) > limit)
        span = one.records(customer_id, TEN_O_CLOCK + 300_000, TEN_O_CLOCK + 700_000, 1_000)
        assert ([event.occurred_at_ms for _, event in span.events] if span else []) == of_a_span


@pytest.mark.parametrize("seed", range(3))
def test_a_timeline_is_what_the_views_show_through_merges_their_undoing_replays_and_other_contents(
    history: HistoryWriter, seed: int
) -> None:
    chance = random.Random(seed)
    rows = life(chance)
    for start in range(0, len(rows), 44):
        history.write(rows[start : start + 44])
        assert_a_timeline_is_what_the_views_show(history)

    for table in ("customer_events_log", "customer_decisions_log", "events_log"):
        history.engine.execute(f"OPTIMIZE TABLE {table} FINAL")
        assert_a_timeline_is_what_the_views_show(history)


def test_what_was_stored_before_there_was_a_table_by_customer_is_in_the_timeline_however_often_it_is_filled(
    history: HistoryWriter,
) -> None:
    by_customer = next(each for each in migrations() if each.name == "0006_by_customer.sql")
    statements = statements_for(by_customer, history.engine.target())
    for name in ("customer_events_feed", "customer_decisions_feed", "customer_events_log", "customer_decisions_log"):
        history.engine.execute(f"DROP TABLE {name}")
    history.write(life(random.Random(7)))

    for _ in range(2):
        for statement in statements:
            history.engine.execute(statement)
        assert_a_timeline_is_what_the_views_show(history)

"""B1 and B8 in history: what was written follows its customer through merges and their undoing, on both engines."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.actor import founded_by
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.records import IdentityChange
from pipeline.domain.rules.in_force import Rules
from pipeline.history.recorder import Recorder
from pipeline.history.rows import Kind, Row
from pipeline.history.writer import HistoryWriter
from pipeline.settings import load_settings
from pipeline.simulation import Conditions, Simulation
from tests.history_rows import CHANGE, DECISION, ORIGIN, TEN_O_CLOCK, TRIGGER, event_row

pytestmark = pytest.mark.clickhouse

A_JOINS_B = replace(
    CHANGE, change_id="i-1", change="merged", customer_id="b", other_customer_id="a", merge_id="m-1", parts={"a": 1}
)
B_JOINS_C = replace(
    A_JOINS_B, change_id="i-2", customer_id="c", other_customer_id="b", merge_id="m-2", parts={"a": 2, "b": 1}
)
B_LEAVES_C = replace(B_JOINS_C, change_id="i-3", change="unmerged", parts={"a": 3, "b": 2})
A_LEAVES_B = replace(A_JOINS_B, change_id="i-4", change="unmerged", parts={"a": 4})
CHAIN = (A_JOINS_B, B_JOINS_C, B_LEAVES_C, A_LEAVES_B)
VIEWS = {"events": "event_id", "triggers": "trigger_id", "decisions": "decision_id"}


def told(*changes: IdentityChange) -> list[Row]:
    return [Row(Kind.IDENTITY_CHANGE, change, "identity.changes/0", 0, ORIGIN) for change in changes]


def written_for(*customer_ids: str, tenant: str = "default") -> list[Row]:
    """An event, a trigger and a decision of each customer, before any merge; their ids are the customer's."""
    rows = []
    for name in customer_ids:
        trigger = replace(TRIGGER, trigger_id=name, customer_id=name, tenant=tenant)
        decision = replace(DECISION, decision_id=name, customer_id=name, tenant=tenant)
        rows.append(event_row(name, customer_id=name, tenant=tenant))
        rows.append(Row(Kind.TRIGGER, trigger, "triggers.cart_reminder/0", 0, ORIGIN))
        rows.append(Row(Kind.DECISION, decision, "decisions/0", 0, ORIGIN))
    return rows


def owners(history: HistoryWriter, tenant: str = "default") -> dict[str, str]:
    """The customers of what was written for "a", "b" and "c": the same in every view, or the test fails."""
    found = []
    for view, name in VIEWS.items():
        rows = history.engine.query(f"SELECT {name}, customer_id FROM {view} WHERE tenant = '{tenant}'").rows
        assert len(rows) == len(dict(rows)), view
        found.append(dict(rows))
    assert found[0] == found[1] == found[2]
    return found[0]


def seen_on(event_id: str, at_ms: int, event_type: str, identifiers: Mapping[str, Any]) -> ChannelEvent:
    return ChannelEvent(
        event_id=event_id, event_type=event_type, channel="web", occurred_at_ms=at_ms, identifiers=dict(identifiers)
    )


def play(history: HistoryWriter, told: Sequence[tuple[str, dict[str, str]]]) -> dict[str, str]:
    """Play events (type and identifiers; e-1, e-2, … a minute apart) into the history; return the customer of each."""
    recorder = Recorder(history)
    simulation = Simulation(
        load_settings(environ={}), Rules("1", []), IdentityConfig(), None, recorder.published, recorder.arrived
    )
    for minute, (event_type, identifiers) in enumerate(told):
        event = seen_on(f"e-{minute + 1}", TEN_O_CLOCK + minute * 60_000, event_type, identifiers)
        simulation.play([simulation.read(event)])
    recorder.rows()
    return dict(history.engine.query("SELECT event_id, customer_id FROM events").rows)


def customer(kind: str, value: str) -> str:
    return founded_by("default", (kind, value))


def test_b1_what_an_anonymous_visitor_did_is_the_customers_once_he_logs_in(history: HistoryWriter) -> None:
    seen = ("page_viewed", {"cookie": "a1"})

    shown = play(history, [seen, seen, seen, ("page_viewed", {"cookie": "a1", "account": "u1"})])

    visitor, one = customer("cookie", "a1"), customer("account", "u1")
    assert shown == {"e-1": one, "e-2": one, "e-3": one, "e-4": one}
    written = history.engine.query("SELECT part_id, written_customer_id FROM events ORDER BY event_id").rows
    assert written == [[visitor, visitor]] * 3 + [[one, one]]


def test_b8_what_was_merged_is_told_apart_again_once_the_merge_is_undone(history: HistoryWriter) -> None:
    shown = play(
        history,
        [
            ("page_viewed", {"email": "m1@example.com"}),
            ("page_viewed", {"loyalty": "l1"}),
            ("page_viewed", {"loyalty": "l1", "email": "m1@example.com"}),
            ("page_viewed", {"email": "m1@example.com"}),
            ("merge_undone", {"email": "m1@example.com"}),
            ("page_viewed", {"email": "m1@example.com"}),
            ("page_viewed", {"loyalty": "l1"}),
        ],
    )

    mail, card = customer("email", "m1@example.com"), customer("loyalty", "l1")
    del shown["e-5"]  # the operator's own
    assert shown == {"e-1": mail, "e-2": card, "e-3": card, "e-4": mail, "e-6": mail, "e-7": card}


def test_b8_history_follows_a_chain_of_merges_and_their_undoing_step_by_step(history: HistoryWriter) -> None:
    history.write(written_for("a", "b", "c"))

    steps = []
    for change in CHAIN:
        history.write(told(change))
        steps.append(owners(history))

    assert steps == [
        {"a": "b", "b": "b", "c": "c"},
        {"a": "c", "b": "c", "c": "c"},
        {"a": "b", "b": "b", "c": "c"},
        {"a": "a", "b": "b", "c": "c"},
    ]
    for view, name in VIEWS.items():
        assert history.engine.query(f"SELECT count() FROM {view} WHERE {name} = written_customer_id").rows == [[3]]


@pytest.mark.parametrize("steps", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_b8_changes_told_twice_and_in_any_order_end_the_same(history: HistoryWriter, steps: int, seed: int) -> None:
    rows = told(*CHAIN[:steps]) * 2
    random.Random(seed).shuffle(rows)
    rows += told(CHAIN[0])  # the oldest once more, as the last
    history.write(written_for("a", "b", "c"))

    for row in rows:
        history.write([row])

    expected = {2: "c", 3: "b", 4: "a"}[steps], {2: "c", 3: "b", 4: "b"}[steps], "c"
    for squashed in (False, True):
        if squashed:
            history.engine.execute("OPTIMIZE TABLE customer_overrides_log FINAL")
        assert owners(history) == dict(zip("abc", expected, strict=True))
        overrides = "SELECT part_id, customer_id, moves FROM customer_overrides ORDER BY part_id"
        moves = {"a": steps, "b": min(steps, 3) - 1}
        assert history.engine.query(overrides).rows == [
            ["a", expected[0], moves["a"]],
            ["b", expected[1], moves["b"]],
        ]
    assert history.engine.query("SELECT count() FROM identity_changes").rows == [[steps]]


def test_an_event_that_came_by_way_of_the_winner_is_its_parts_once_they_part(history: HistoryWriter) -> None:
    history.write([event_row("e-1", customer_id="b", part="a")])
    before = history.engine.query("SELECT customer_id FROM events").rows  # word of the merge is yet to come

    history.write(told(A_JOINS_B))
    merged = history.engine.query("SELECT customer_id FROM events").rows
    history.write(told(replace(A_LEAVES_B, parts={"a": 2})))
    parted = history.engine.query("SELECT customer_id, written_customer_id FROM events").rows

    assert (before, merged, parted) == ([["b"]], [["b"]], [["a", "b"]])


def test_a_merge_at_one_tenant_moves_nothing_of_another(history: HistoryWriter) -> None:
    history.write(written_for("a", "b"))
    history.write(written_for("a", "b", tenant="acme"))

    history.write(told(replace(A_JOINS_B, tenant="acme")))

    assert owners(history, "acme") == {"a": "b", "b": "b"}
    assert owners(history) == {"a": "a", "b": "b"}


def test_contents_in_conflict_are_shown_under_the_customer_of_today(history: HistoryWriter) -> None:
    history.write([event_row("e-1", 1, customer_id="a"), event_row("e-1", 2, customer_id="a", digest=8)])

    history.write(told(A_JOINS_B))

    assert history.engine.query("SELECT DISTINCT customer_id FROM event_conflicts").rows == [["b"]]


def test_customers_without_a_merge_are_who_they_were(history: HistoryWriter) -> None:
    history.write(written_for("a", "b"))
    changes: list[Any] = ["created", "attached", "moved", "refused", "blocked"]

    history.write(told(*(replace(CHANGE, change_id=change, change=change, customer_id="b") for change in changes)))

    assert owners(history) == {"a": "a", "b": "b"}
    assert history.engine.query("SELECT count() FROM customer_overrides").rows == [[0]]


def test_b2_an_event_of_a_device_is_the_customers_with_whom_the_device_went(history: HistoryWriter) -> None:
    stayed, sent_on = event_row(customer_id="u-1", part="u-1"), event_row(customer_id="u-2", part="u-2", hops=1)

    history.write([sent_on])
    history.write([stayed])

    assert history.engine.query("SELECT event_id, customer_id FROM events").rows == [["e-1", "u-2"]]
    assert history.engine.query("SELECT count() FROM event_conflicts").rows == [[0]]


@pytest.mark.parametrize("seed", range(4))
def test_history_and_state_agree_on_how_many_events_each_customer_has_however_rows_come(
    history: HistoryWriter, seed: int
) -> None:
    """Visitors log in, share devices and accounts, all at once on four partitions, delivered twice and shuffled."""
    chance = random.Random(seed)
    rows: list[Row] = []
    simulation = Simulation(
        load_settings(environ={}),
        Rules("1", []),
        IdentityConfig(),
        Conditions(4, seed=seed, duplicate=0.2, shuffle=5),
        lambda record: rows.extend(told(record) if isinstance(record, IdentityChange) else ()),
        lambda source, position, arrived: rows.append(Row(Kind.EVENT, arrived, source, position, ORIGIN)),
    )
    events = []
    for number in range(120):
        identifiers = {"cookie": f"c{chance.randrange(4)}"}
        if chance.random() < 0.3:
            identifiers["account"] = f"u{chance.randrange(3)}"
        if chance.random() < 0.2:
            identifiers["email"] = f"m{chance.randrange(3)}@example.com"
        events.append(simulation.read(seen_on(f"e-{number}", TEN_O_CLOCK + number, "page_viewed", identifiers)))
    simulation.play(events)
    chance.shuffle(rows)

    history.write(rows)

    state = {each["customer_id"]: each["events"] for each in map(json.loads, simulation.customer_lines())}
    shown = history.engine.query("SELECT customer_id, count() FROM events GROUP BY customer_id").rows
    assert dict(shown) == {customer_id: events for customer_id, events in state.items() if events}
    assert {change.change for change in simulation.identity_changes()} >= {"merged", "moved"}

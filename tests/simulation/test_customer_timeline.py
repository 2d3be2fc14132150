"""`omni customer --timeline` from the history alone, as an agent would ask: no Kafka is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Finished, Omni

pytestmark = pytest.mark.clickhouse

RULES = "rules: [{name: cart_reminder, kind: abandoned_cart, delay: 30m, channels: [email]}]\n"
TEN = 1_795_514_400_000  # 2026-11-24T10:00:00Z


def event(minute: int, event_type: str, channel: str, **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"e-{minute}",
        "event_type": event_type,
        "channel": channel,
        "occurred_at": TEN + minute * 60_000,
        **more,
    }


EVENTS = [
    event(0, "product_viewed", "web", identifiers={"cookie": "c-9"}, items=[{"sku": "SKU-1"}]),
    event(1, "identified", "web", identifiers={"cookie": "c-9", "account": "u-1", "email": "Anna@example.com"}),
    event(2, "product_added", "web", identifiers={"cookie": "c-9"}, cart_id="c1", items=[{"sku": "SKU-1"}]),
    event(40, "store_entered", "store_sensor", identifiers={"account": "u-1"}, store_id="7"),
    event(50, "chat_started", "call_center", identifiers={"email": "anna@example.com"}, properties={"topic": "size"}),
    event(55, "product_added", "app", identifiers={"account": "u-1"}, cart_id="c2", items=[{"sku": "SKU-2"}]),
    event(60, "order_completed", "pos", identifiers={"account": "u-1"}, order_id="o-1", cart_id="c2"),
    event(70, "page_viewed", "web", identifiers={"account": "somebody else"}),
]


@pytest.fixture
def asked(tmp_path: Path, omni: Omni) -> Any:
    """Ask `omni customer … --timeline` of a history of the events above."""
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(each) + "\n" for each in EVENTS))
    done = omni("simulate", "events.jsonl", "--rules", "rules.yaml", "--history", "h")
    assert done.code == 0, done.stderr

    def ask(who: str, *words: object) -> Finished:
        return omni("customer", who, "--timeline", "--history", "h", *words)

    return ask


def test_orders_chats_and_store_visits_stand_in_one_list_with_why_each_message_was_sent_or_not(asked: Any) -> None:
    done = asked("account:u-1")

    assert (done.code, done.stderr) == (0, "")
    first, *told = done.stdout.splitlines()
    assert first.startswith("Customer ")
    assert told == [
        "2026-11-24",
        "  10:00  web: a product was looked at: SKU-1",
        "  10:01  web: somebody said who they are",
        "  10:02  web: a product was put into a cart: SKU-1",
        "  10:32  cart_reminder sent by email to anna@example.com: Cart c1 with 1 item, untouched for 30 min",
        "  10:40  store_sensor: somebody came into a store: store 7",
        "  10:50  call_center: a chat began: size",
        "  10:55  app: a product was put into a cart: SKU-2",
        "  11:00  pos: an order was placed, in any channel: o-1",
        "  11:00  cart_reminder not sent: it was bought",
    ]


def test_whatever_the_customer_is_asked_for_by_the_timeline_is_the_same(asked: Any) -> None:
    by_account = asked("account:u-1").stdout
    customer_id = by_account.split()[1].rstrip(".")

    for who in ("cookie:c-9", "email: ANNA@example.com", customer_id):
        assert asked(who).stdout == by_account


def test_machines_get_every_record_and_are_told_that_what_only_kafka_knows_is_left_out(asked: Any) -> None:
    done = asked("account:u-1", "--json")

    said = json.loads(done.stdout)
    assert done.code == 0
    assert set(said) == {"customer_id", "timeline", "timeline_cut"}
    assert [entry["what"] for entry in said["timeline"]].count("event") == 7
    (sent,) = (entry for entry in said["timeline"] if entry.get("outcome") == "fired")
    assert (sent["trigger"]["address"], sent["decided_at"]) == ("anna@example.com", "2026-11-24T10:32:00.000Z")
    assert "what is known of the customer now is left out: No Kafka is named." in done.stderr


def test_a_broker_that_is_away_takes_no_half_minute_to_be_found_away(asked: Any) -> None:
    done = asked("account:u-1", "--json", "--bootstrap", "127.0.0.1:1")

    assert (done.code, len(json.loads(done.stdout)["timeline"])) == (0, 9)
    assert "Kafka does not answer at 127.0.0.1:1" in done.stderr


def test_a_span_and_a_limit_keep_the_newest_and_say_so(asked: Any) -> None:
    newest = asked("account:u-1", "--limit", 2)
    span = asked("account:u-1", "--from", TEN + 40 * 60_000, "--to", TEN + 55 * 60_000)
    empty = asked("account:u-1", "--from", "2027-01-01T00:00:00Z")

    assert newest.stdout.splitlines()[1:] == [
        "Earlier ones are left out: these are the newest 2. See --limit, --from, --to.",
        "2026-11-24",
        "  11:00  pos: an order was placed, in any channel: o-1",
        "  11:00  cart_reminder not sent: it was bought",
    ]
    assert [line.split()[0] for line in span.stdout.splitlines()[2:]] == ["10:40", "10:50"]
    assert (empty.code, empty.stdout.splitlines()[1:]) == (0, ["Nothing happened in this span."])


def test_who_is_neither_in_the_history_nor_to_be_asked_for_in_kafka_is_said_to_be_so(asked: Any) -> None:
    done = asked("account:nobody")

    assert (done.code, done.stdout) == (3, "")
    assert "the history does not know account:nobody" in done.stderr
    assert "No Kafka is named." in done.stderr


def test_without_any_history_and_without_kafka_both_are_named(omni: Omni) -> None:
    done = omni("customer", "account:u-1", "--timeline")

    assert (done.code, done.stdout) == (3, "")
    assert "there is no history in" in done.stderr
    assert "No Kafka is named." in done.stderr

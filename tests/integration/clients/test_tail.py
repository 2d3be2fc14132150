"""`omni tail`, and what else follows topics, on a real broker."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

from kafka import KafkaProducer

from pipeline.clients.lookup import decisions_of, events_of
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages.keys import customer_key
from pipeline.domain.messages.to_customer import Arrived
from pipeline.domain.records import Decision, Trigger
from pipeline.settings import Settings
from pipeline.streaming.envelope import Entry, Envelope
from pipeline.streaming.envelope import encode as encode_envelope
from pipeline.streaming.partition import shard
from pipeline.topics import DECISIONS, inbox_topic, prefixed, trigger_topic
from pipeline.wire.json_event import to_object
from pipeline.wire.records import encode_record, to_json
from tests.conftest import Omni
from tests.integration.clients.records import (
    DECISION,
    PARTITIONS,
    START_MS,
    jsonl,
    lines,
    produce,
)

TRIGGER = Trigger(
    "t-1", "fired", "cart_reminder", "abandoned_cart", "1", "default", "cu-1", "email", "a@example.com", "e-1",
    START_MS, START_MS, None, (Item("A", 1, 100, "EUR"),), None, {"lines": 1}, None, "left behind",
)  # fmt: skip


def str_id(event: dict[str, object]) -> tuple[str, str]:
    return str(event["event_id"]), str(event.get("sent_at"))


def test_tail_gives_back_the_events_as_they_were_published(
    omni: Omni, env: dict[str, str], events: list[ChannelEvent], tmp_path: Path
) -> None:
    omni("publish", jsonl(tmp_path / "events.jsonl", events[:100]), "--end-of-stream", "2026-11-25T00:00:00Z", env=env)

    done = omni("tail", "events", "--from-start", "--until-end", env=env)

    published = sorted((to_object(event) for event in events[:100]), key=str_id)
    assert sorted(lines(done.stdout), key=str_id) == published
    account = next(event.identifiers["account"] for event in events if "account" in event.identifiers)
    of_one = lines(
        omni("tail", "events", "--from-start", "--until-end", "--customer", f"account:{account}", env=env).stdout
    )
    assert len(of_one) == sum(event.identifiers.get("account") == account for event in events[:100])


def test_tail_filters_by_rule_and_customer(omni: Omni, env: dict[str, str], settings: Settings) -> None:
    omni("topics", "create", env=env)
    produce(settings, trigger_topic(settings, "cart_reminder"), {b"cu-1": encode_record(TRIGGER), b"x": b"damaged"})
    produce(settings, prefixed(settings, DECISIONS), {b"cu-1": encode_record(DECISION)})

    def tail(*words: str) -> list[dict[str, object]]:
        return lines(omni("tail", *words, "--from-start", "--until-end", env=env).stdout)

    assert tail("triggers") == [to_json(TRIGGER)]
    assert tail("triggers", "--rule", "cart_reminder", "--customer", "cu-1") == [to_json(TRIGGER)]
    assert tail("triggers", "--rule", "cross_sell") == tail("triggers", "--customer", "cu-2") == []
    assert tail("decisions") == [to_json(DECISION)]
    assert tail("identity") == []
    assert "not a trigger: it starts with" in omni("tail", "triggers", "--from-start", "--until-end", env=env).stderr
    assert omni("tail", "events", "--rule", "x", env=env).code == 2


def test_a_customer_is_found_whatever_number_of_partitions_is_configured_and_past_what_cannot_be_read(
    omni: Omni, env: dict[str, str], settings: Settings
) -> None:
    omni("topics", "create", env=env)
    inbox, customers = inbox_topic(settings, "customer"), [f"cu-{number}" for number in range(6)]
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap)
    for customer in customers:
        key = customer_key("default", customer)
        partition = shard(key, PARTITIONS)
        event = ChannelEvent(f"e-{customer}", "page_viewed", "web", START_MS, {"account": customer})
        arrived = Arrived("default", customer, (("account", customer),), START_MS, 7, event)
        envelope = encode_envelope(Envelope("channel.web/0", 0, 0, [Entry(1, key, 0, arrived)]))
        decided = Decision(f"d-{customer}", "default", customer, "r", "fired", "due", None, START_MS, "1", "e-1")
        for value in (b'{"foreign": 1}', b"", envelope):
            producer.send(inbox, value, partition=partition)
        for value in (b"damaged", encode_record(decided)):
            producer.send(prefixed(settings, DECISIONS), value, key=customer.encode())
    producer.flush()
    producer.close()
    elsewhere = settings.replace(partitions=12)

    for customer in customers:
        assert [event.event_id for _, event in events_of(elsewhere, "default", customer)] == [f"e-{customer}"]
        decisions = [decision.decision_id for decision in decisions_of(elsewhere, "default", customer)]
        assert decisions == [f"d-{customer}"]


def test_a_registry_that_is_away_ends_tail_with_status_3(omni: Omni, env: dict[str, str], settings: Settings) -> None:
    omni("topics", "create", env=env)
    produce(settings, prefixed(settings, "channel.web"), {b"k": b"\x00\x00\x00\x00\x07 framed"})

    done = omni(
        *("tail", "events", "--from-start", "--until-end"), env=env | {"PIPELINE_REGISTRY_URL": "http://127.0.0.1:9"}
    )

    assert (done.code, done.stdout) == (3, "")
    assert done.stderr.startswith("omni: registry at http://127.0.0.1:9 is not reachable")


def test_tail_follows_what_comes_after_it_began(
    omni: Omni, env: dict[str, str], environment: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    omni("topics", "create", env=env)
    topic = prefixed(settings, DECISIONS)
    produce(settings, topic, {b"old": encode_record(DECISION)})
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "tail", "decisions"],
        cwd=tmp_path, env=environment | env, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    heard, number, deadline = "", 0, time.monotonic() + 30
    reading = process.stdout.fileno()
    while not heard and time.monotonic() < deadline:  # it began when it hears the first that came after
        number += 1
        later = Decision(f"d-new-{number}", "default", "cu-1", "r", "fired", "due", None, START_MS, "1", "e")
        produce(settings, topic, {b"new": encode_record(later)})
        if select.select([reading], [], [], 0.1)[0]:
            heard = os.read(reading, 65_536).decode()
    process.terminate()
    process.wait(timeout=10)

    assert heard
    assert all(str(line["decision_id"]).startswith("d-new-") for line in lines(heard))

"""The topics `customers` and `audiences` on a real Kafka, with workers that are killed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.customer.audiences import memberships
from pipeline.domain.customer.record import customer_record
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.event_types import END_OF_STREAM, STREAM_TIME
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.records import AudienceMember, Customer
from pipeline.topics import AUDIENCES, CUSTOMERS, prefixed, topics
from pipeline.wire.records import decode_record, to_json
from tests.conftest import Omni
from tests.harness.fixtures import Install
from tests.harness.installation import Installation
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(200)]

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
SECOND, MINUTE = 1_000, 60_000
PEOPLE, UNKNOWN = 60, 20
"""People, and in how many different rounds their phones are first seen."""

RULES = """version: test
audiences:
  - {name: carts, condition: {cart_worth: EUR, at_least: 20}, for_at_least: 5m}
  - {name: active, condition: {last_seen: {less_than: 1h}}}
rules: []
"""


def events(rounds: range) -> Iterator[ChannelEvent]:
    """What people do, a few seconds apart: fill carts, look, order, log in on a phone that was unknown before."""
    for number in rounds:
        for person in range(PEOPLE):
            at_ms = TEN + number * 7 * SECOND + person * 50
            kind = ("product_added", "page_viewed", "order_completed")[(number + person) % 3 if number % 5 else 1]
            identifiers = {"account": f"u-{person}"}
            if number == person % UNKNOWN:
                identifiers = {"device": f"d-{person}"}
            elif number > person % UNKNOWN + 2:
                identifiers |= {"device": f"d-{person}", "email": f"{person}@example.com"}
            yield ChannelEvent(
                f"e-{number}-{person}", kind, "web", at_ms, identifiers, items=(Item("A", 1, 2_500, "EUR"),),
                order_id=f"o-{number}-{person}" if kind == "order_completed" else None,
                consent={"ads": False} if number == 20 and person % 10 == 0 else None,
            )  # fmt: skip


def last_of_each_key(installation: Installation, topic: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for record in installation.records(prefixed(installation.settings, topic)):
        assert record.key is not None
        assert record.value is not None
        assert set(record.headers) == {"tenant", "schema", "trace", "emitted_at"}
        found[record.key.decode()] = record.value
    return found


def states(installation: Installation) -> list[CustomerState]:
    return installation.customers.refresh().states()


def test_after_workers_were_killed_the_last_record_of_each_key_is_what_is_known(install: Install) -> None:
    installation = install(RULES, customers_every_ms="10000", clock="event")
    workers = [installation.start(), installation.start()]
    installation.flowing(*workers)
    news = installation.reader(prefixed(installation.settings, CUSTOMERS))
    for part in range(3):
        installation.publish(events(range(part * 10, part * 10 + 10)))
        installation.control(STREAM_TIME, TEN + (part * 10 + 9) * 7 * SECOND + 3 * SECOND)
        wait_until(lambda: any(news.news()), "customers are told of")  # so that the kill falls into work
        if part < 2:
            workers[part].kill()
            workers.append(installation.start())
    installation.control(END_OF_STREAM, TEN + 30 * MINUTE)
    installation.settle(TEN + 30 * MINUTE)

    known = states(installation)
    customers = last_of_each_key(installation, CUSTOMERS)
    assert len(known) == PEOPLE
    for state in known:
        record = decode_record(Customer, customers.pop(state.customer_id))
        assert to_json(record) == to_json(customer_record(state, record.updated_at_ms))
    assert len(customers) == PEOPLE, "each phone was a customer of its own before the login"
    assert {decode_record(Customer, value).merged_into for value in customers.values()} == {
        state.customer_id for state in known
    }

    told = [decode_record(AudienceMember, value) for value in last_of_each_key(installation, AUDIENCES).values()]
    members = {(each.audience, each.customer_id) for each in told if each.member}
    assert members == {
        (name.removeprefix("audience:"), each.customer_id) for each in known for name in memberships(each)
    }
    assert {reason for each in told if not each.member and (reason := each.reason)} >= {"consent", "merged"}
    assert len([each for each in told if each.audience == "active" and each.member]) == PEOPLE - PEOPLE // 10
    assert all(len(each.addresses["email"]) == 1 for each in told if each.member)


def test_tail_shows_both_feeds_decoded_and_both_topics_are_compacted(install: Install, omni: Omni) -> None:
    installation = install(RULES, customers_every_ms="50")
    installation.flowing(installation.start())
    now_ms = int(time.time() * 1000)
    installation.publish(
        [ChannelEvent("e-1", "page_viewed", "web", now_ms, {"account": "u-1"}, consent={"email": True})]
    )
    installation.settle(now_ms + MINUTE)

    def tail(what: str, *words: str) -> list[dict[str, Any]]:
        done = omni("tail", what, "--from-start", "--until-end", *words, env=installation.environment)
        assert done.code == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    (state,) = states(installation)
    (customer,) = tail("customers")
    assert (customer["customer_id"], customer["identifiers"]) == (state.customer_id, {"account": ["u-1"]})
    assert (customer["consent"], customer["details"]["events"]) == ({"email": True}, 1)
    (member,) = tail("audiences", "--customer", state.customer_id)
    assert (member["audience"], member["member"], member["reason"]) == ("active", True, "condition")
    assert tail("audiences", "--customer", "nobody") == []

    declared = {topic.name: topic.configs["cleanup.policy"] for topic in topics(installation.settings)}
    names = [prefixed(installation.settings, topic) for topic in (CUSTOMERS, AUDIENCES)]
    assert [declared[name] for name in names] == ["compact", "compact"]
    assert omni("topics", "check", env=installation.environment).code == 0, "as declared"


def test_a_worker_that_is_started_again_publishes_nothing_anew(install: Install) -> None:
    installation = install(RULES, customers_every_ms="10000", clock="event")
    worker = installation.start()
    installation.flowing(worker)
    installation.publish(events(range(4)))
    installation.control(END_OF_STREAM, TEN + 30 * MINUTE)
    installation.settle(TEN + 30 * MINUTE)
    readers = [installation.reader(prefixed(installation.settings, topic)) for topic in (CUSTOMERS, AUDIENCES)]
    before = [len(list(reader.news())) for reader in readers]
    assert min(before) > 0

    assert worker.stop() == 0
    installation.flowing(installation.start())
    installation.publish([ChannelEvent("e-new", "page_viewed", "web", TEN + 31 * MINUTE, {"account": "u-new"})])
    installation.control(END_OF_STREAM, TEN + 32 * MINUTE)
    installation.settle(TEN + 32 * MINUTE)

    assert [len(list(reader.news())) for reader in readers] == [1, 1], "the new customer's alone"


def test_an_audience_is_exported_as_the_list_of_a_platform(install: Install, omni: Omni, tmp_path: Path) -> None:
    rules = "version: test\naudiences:\n  - {name: ads, condition: {shows: [viewed], within: 7d}}\nrules: []\n"
    installation = install(rules)
    installation.flowing(installation.start())
    now_ms = int(time.time() * 1000)
    mary, john = {"email": "mary@example.com"}, {"email": "john@example.com"}
    events = [
        ChannelEvent("e-1", "product_viewed", "web", now_ms - 3, mary, items=(Item("A"),)),
        ChannelEvent("e-2", "product_viewed", "web", now_ms - 2, john, items=(Item("A"),)),
        ChannelEvent("e-3", "page_viewed", "web", now_ms - 1, john, consent={"ads": False}),
    ]
    installation.publish(events)
    installation.settle(now_ms + MINUTE)

    words = ("audiences", "export", "ads", "--format", "meta", "--out", "list.csv")
    done = omni(*words, "--json", env=installation.environment)

    assert done.code == 0, done.stderr
    assert (tmp_path / "list.csv").read_text(encoding="utf-8") == (
        "email\nf1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79\n"
    )
    assert json.loads(done.stdout)["members"] == 1

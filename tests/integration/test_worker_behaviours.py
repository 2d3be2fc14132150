"""The rules of behaviour through a real worker and a real Kafka, on both transports.

All stories are played together, on event time, by customers of their own: today, with a restart of the worker, what
comes late, and a day after. Then each test looks at what became of its customer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from pipeline.broker.local import LocalKafka
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.event_types import END_OF_STREAM, STREAM_TIME
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.records import DeadLetter, Decision, Trigger
from pipeline.topics import DEADLETTER, DECISIONS, prefixed
from pipeline.wire.channel_event import encode
from pipeline.wire.json_event import encode as encode_json
from pipeline.wire.records import decode_record
from tests.harness.environment import clean_environment
from tests.harness.fixtures import carts
from tests.harness.installation import Installation, Worker
from tests.harness.reading import contradictions

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
MINUTE = 60_000
DAY = 24 * 60 * MINUTE
SHIRT, SHOES = Item("shirt", 1, 1_999, "EUR"), Item("shoes", 1, 8_999, "EUR")
NOT_AN_EVENT = b"\xc3\x01 what a pity"
MANY = 999


def told(account: str, minute: int, event_type: str, **fields: Any) -> ChannelEvent:
    """Return an event of a customer at a minute after ten."""
    known = {"event_id": f"{account}-{event_type}-{minute}", "channel": "web", "identifiers": {"account": account}}
    return ChannelEvent(event_type=event_type, occurred_at_ms=TEN + minute * MINUTE, **(known | fields))


def cart(account: str, minute: int, *items: Item, **fields: Any) -> ChannelEvent:
    return told(account, minute, "cart_updated", **({"cart_id": "c1", "items": items or (SHIRT,)} | fields))


def order(account: str, minute: int, **fields: Any) -> ChannelEvent:
    known: dict[str, Any] = {"channel": "app", "order_id": f"o-{account}-{minute}", "items": (SHIRT,)}
    return told(account, minute, "order_completed", **(known | fields))


TODAY = [
    cart("b10", 0, SHIRT),
    cart("b10", 10, SHIRT, SHOES),
    cart("b10", 25, SHOES),
    cart("b11", 0),
    cart("b11", 24),
    order("b11", 83, cart_id="c1"),
    cart("b12", 0, cart_id="c1"),
    cart("b12", 0, SHOES, cart_id="c2", event_id="b12-second"),
    order("b12", 30, cart_id="c1"),
    cart("b13", 0),
    order("b14", 20, cart_id="c1"),
    cart("b16", 0),
    told("b16", 30, "cart_emptied", cart_id="c1"),
    cart("b19", 0, event_id="b19-cart"),
    cart("b19", 0, event_id="b19-cart"),
    cart("b20", 0, SHIRT, event_id="b20-cart"),
    cart("b20", 5, SHOES, event_id="b20-cart", cart_id="c2"),
    cart("b37", 0, tenant="north", identifiers={"account": "b37", "cookie": "one"}),
    order("b37", 20, tenant="south", identifiers={"account": "b37", "cookie": "one"}),
]
LATE = [
    order("b13", 40, cart_id="c1"),
    cart("b14", 10),
    cart("b19", 0, event_id="b19-cart"),
]
A_DAY_AFTER = [cart("b19", 0, event_id="b19-cart"), told("b19", 24 * 60, "page_viewed")]


@dataclass
class Outcome:
    """What stands on the topics and in the table when all is over."""

    installation: Installation
    customers: list[CustomerState]
    triggers: list[Trigger]
    decisions: list[Decision]
    dead_letters: list[DeadLetter]
    broken_at: int
    counted: dict[str, float] = field(default_factory=dict)

    def customer(self, account: str, tenant: str = "default") -> CustomerState:
        (found,) = [s for s in self.customers if s.tenant == tenant and account in s.identifiers.get("account", ())]
        return found

    def fired(self, account: str, tenant: str = "default") -> list[tuple[str, float, list[str]]]:
        """Status, minute after ten and contents of the triggers of a customer."""
        customer_id = self.customer(account, tenant).customer_id
        return [
            (trigger.status, (trigger.fired_at_ms - TEN) / MINUTE, [item.sku for item in trigger.items])
            for trigger in self.triggers
            if trigger.customer_id == customer_id and trigger.tenant == tenant
        ]

    def dropped(self, account: str) -> list[str]:
        customer_id = self.customer(account).customer_id
        return [d.reason for d in self.decisions if d.customer_id == customer_id and d.outcome == "dropped"]


def publish_in_order(installation: Installation, events: list[ChannelEvent]) -> None:
    installation.publish(sorted(events, key=lambda event: event.occurred_at_ms))


def publish_badly(installation: Installation) -> int:
    """Send 999 good records and one bad in the middle, then odd ones; return where the bad one stands."""
    for number in range(MANY):
        if number == MANY // 2:
            installation.send_bytes("web", 1, NOT_AN_EVENT)
        installation.send_bytes("web", 1, encode(told("b21", 0, "page_viewed", event_id=f"b21-{number}")))
    known = json.loads(encode_json(told("b22", 0, "page_viewed")))
    installation.send_bytes("web", 1, json.dumps(known | {"a_field_of_next_year": {"x": [1]}}).encode())
    installation.send_bytes("web", 1, json.dumps(known | {"event_id": 7}).encode())
    installation.flush()
    return MANY // 2


def counted(workers: list[Worker]) -> dict[str, float]:
    totals: dict[str, float] = {}
    for worker in workers:
        for what, number in worker.counted().items():
            totals[what] = totals.get(what, 0) + number
    return totals


@pytest.fixture(scope="module", params=["batch", "stock"])
def outcome(
    request: pytest.FixtureRequest, kafka: LocalKafka, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outcome]:
    """Play every story, with the worker started again in between."""
    transport: str = request.param
    folder = tmp_path_factory.mktemp(transport)
    prefix = f"behaviours-{transport}-{uuid4().hex[:8]}."
    installation = Installation(
        kafka.bootstrap, prefix, folder, clean_environment(), carts("60m"), partitions="2", clock="event"
    )
    worker = installation.start("--transport", transport)
    try:
        broken_at = publish_badly(installation)
        publish_in_order(installation, TODAY)
        installation.control(STREAM_TIME, TEN + 100 * MINUTE)
        installation.settle(TEN + 100 * MINUTE)
        before = counted([worker])
        assert worker.stop() == 0

        worker = installation.start("--transport", transport)
        publish_in_order(installation, LATE)
        installation.control(STREAM_TIME, TEN + 200 * MINUTE)
        installation.settle(TEN + 200 * MINUTE)
        publish_in_order(installation, A_DAY_AFTER)
        installation.control(END_OF_STREAM, TEN + 2 * DAY)
        installation.settle(TEN + 2 * DAY)
        after = counted([worker])

        sent = installation.triggers()
        assert contradictions(sent) == []
        values = {name: installation.records(prefixed(installation.settings, name)) for name in (DECISIONS, DEADLETTER)}
        yield Outcome(
            installation,
            installation.customers.refresh().states(),
            list({(s.trigger.trigger_id, s.trigger.status): s.trigger for s in sent}.values()),
            list(
                {reading.value: decode_record(Decision, reading.value or b"") for reading in values[DECISIONS]}.values()
            ),
            [decode_record(DeadLetter, reading.value or b"") for reading in values[DEADLETTER]],
            broken_at,
            {what: before.get(what, 0) + after.get(what, 0) for what in {*before, *after}},
        )
    finally:
        installation.close()


def test_b10_one_reminder_an_hour_after_the_last_change_with_the_last_contents(outcome: Outcome) -> None:
    assert outcome.fired("b10") == [("fired", 85, ["shoes"])]


def test_b11_an_order_in_another_channel_a_minute_before_cancels_and_says_why(outcome: Outcome) -> None:
    assert outcome.fired("b11") == []
    assert outcome.dropped("b11") == ["bought"]


def test_b12_of_two_carts_the_one_not_bought_is_reminded_of(outcome: Outcome) -> None:
    assert outcome.fired("b12") == [("fired", 60, ["shoes"])]


def test_b13_an_order_learnt_of_after_the_reminder_takes_it_back_under_its_own_id(outcome: Outcome) -> None:
    assert sorted(status for status, _, _ in outcome.fired("b13")) == ["fired", "revoked"]
    customer_id = outcome.customer("b13").customer_id
    assert len({t.trigger_id for t in outcome.triggers if t.customer_id == customer_id}) == 1


def test_b14_a_cart_change_older_than_the_order_reopens_nothing(outcome: Outcome) -> None:
    assert outcome.fired("b14") == []
    assert [each.is_open for each in outcome.customer("b14").carts.values()] == [False]


def test_b16_an_emptied_cart_is_not_reminded_of(outcome: Outcome) -> None:
    assert outcome.fired("b16") == []
    assert outcome.dropped("b16") == ["cart_emptied"]


def test_b19_an_event_told_again_at_once_after_a_restart_and_after_a_day_counts_once(outcome: Outcome) -> None:
    assert outcome.fired("b19") == [("fired", 60, ["shirt"])]
    assert outcome.customer("b19").events == 2  # the cart and the page of the next day
    assert outcome.counted["duplicates"] == 3


def test_b20_a_used_event_id_with_other_contents_is_flagged_and_changes_nothing(outcome: Outcome) -> None:
    assert outcome.fired("b20") == [("fired", 60, ["shirt"])]
    assert outcome.counted["event_conflicts"] == 1


def test_b21_one_bad_record_of_a_thousand_is_kept_with_its_reason_and_place_and_the_others_count(
    outcome: Outcome,
) -> None:
    assert outcome.customer("b21").events == MANY
    (letter,) = [letter for letter in outcome.dead_letters if letter.value == NOT_AN_EVENT]
    assert letter.topic == outcome.installation.settings.topic_prefix + "channel.web"
    assert (letter.partition, letter.offset) == (1, outcome.broken_at)
    assert letter.reason == "unknown_schema"
    assert letter.detail


def test_b22_an_unknown_field_is_tolerated_and_a_wrong_type_is_refused(outcome: Outcome) -> None:
    assert outcome.customer("b22").events == 1
    (letter,) = [letter for letter in outcome.dead_letters if letter.value != NOT_AN_EVENT]
    assert letter.reason == "wrong_type"
    assert "event_id" in letter.detail


def test_b24_no_good_record_shares_the_fate_of_a_bad_one(outcome: Outcome) -> None:
    assert len(outcome.dead_letters) == 2
    assert outcome.counted["dead_letters"] == 2


def test_b37_tenants_with_equal_identifiers_stay_apart(outcome: Outcome) -> None:
    north, south = outcome.customer("b37", "north"), outcome.customer("b37", "south")

    assert north.customer_id != south.customer_id
    assert (north.events, north.orders_counted) == (1, 0)
    assert (south.events, south.orders_counted) == (1, 1)
    assert outcome.fired("b37", "north") == [("fired", 60, ["shirt"])]
    assert outcome.fired("b37", "south") == []

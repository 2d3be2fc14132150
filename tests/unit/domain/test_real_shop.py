"""The abandoned-cart rule against a real shop's stream, where the data is at hand, and its figures by hand."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import pytest

from pipeline.domain.customer import CustomerActor, CustomerState
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages import Arrived, Publish
from pipeline.domain.records import Trigger
from pipeline.domain.rules import Rules
from tests.unit.domain.story import abandoned_cart

REES46 = Path(__file__).parents[4] / "shared" / "data" / "rees46" / "events_dev.csv"
END_MS = int(datetime(2019, 10, 1, 2, 50, tzinfo=UTC).timestamp() * 1000)
TYPES = {"view": "product_viewed", "cart": "product_added", "purchase": "order_completed"}


def arrivals() -> Iterator[Arrived]:
    with REES46.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = ",".join(row.values())
            event_id = f"rees46-{crc32(text.encode()):08x}-{row['user_session'][:8]}"
            price = round(float(row["price"]) * 100)
            at_ms = int(datetime.fromisoformat(row["event_time"].replace(" UTC", "+00:00")).timestamp() * 1000)
            event = ChannelEvent(
                event_id,
                TYPES[row["event_type"]],
                "web",
                at_ms,
                {"account": row["user_id"]},
                items=(Item(row["product_id"], 1, price, "USD"),),
            )
            customer = f"customer-{row['user_id']}"
            yield Arrived("default", customer, (("account", row["user_id"]),), at_ms, crc32(text.encode()), event)


@pytest.mark.skipif(not REES46.exists() and not os.environ.get("CI"), reason=f"no sample at {REES46}")
@pytest.mark.parametrize(("minutes", "expected"), [(5, 22), (10, 14), (20, 6)])
def test_a_real_shops_morning_gives_the_abandoned_carts_counted_by_hand(minutes: int, expected: int) -> None:
    actor = CustomerActor(Rules("test", (abandoned_cart(f"{minutes}m"),)), "event")
    states: dict[str, CustomerState] = {}
    for message in arrivals():
        state, _ = actor.handle(states.get(message.customer_id), message, message.event.occurred_at_ms)
        assert state is not None
        states[message.customer_id] = state

    triggers: list[Trigger] = []
    spend = events = duplicates = 0
    for waiting in states.values():
        woken, effects = actor.wake(waiting, END_MS)
        assert woken is not None
        triggers += [e.record for e in effects if isinstance(e, Publish) and isinstance(e.record, Trigger)]
        duplicates += sum(1 for e in effects if getattr(e, "counter", "") == "duplicates")
        spend += woken.spend_minor.get("USD", 0)
        events += woken.events

    assert len(triggers) == len({trigger.trigger_id for trigger in triggers}) == expected
    assert (events, duplicates, spend) == (8_743, 3, 2_831_224)

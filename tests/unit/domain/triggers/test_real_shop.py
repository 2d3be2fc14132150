"""The abandoned-cart rule against a real shop's stream, where the data is at hand, and its figures by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from pipeline.domain.customer.actor import CustomerActor, CustomerState
from pipeline.domain.messages.effects import Effect, Publish
from pipeline.domain.messages.to_customer import Arrived
from pipeline.domain.records import Trigger
from pipeline.domain.rules.in_force import Rules
from pipeline.sources import Read, find_source
from tests.harness.rees46 import ABANDONED, DISTINCT, END_MS, EVENTS, REVENUE_MINOR
from tests.unit.domain.triggers.story import abandoned_cart


def arrivals(sample: Path) -> Iterator[Arrived]:
    for line in find_source("rees46").read(sample):
        assert isinstance(line, Read)
        event = line.event
        account = event.identifiers["account"]
        digest = crc32(event.event_id.encode())
        customer = f"customer-{account}"
        yield Arrived("default", customer, (("account", account),), event.occurred_at_ms, digest, event)


@pytest.mark.parametrize(("minutes", "expected"), ABANDONED.items())
def test_a_real_shops_morning_gives_the_abandoned_carts_counted_by_hand(
    rees46_sample: Path, minutes: int, expected: int
) -> None:
    actor = CustomerActor(Rules("test", (abandoned_cart(f"{minutes}m"),)), "event")
    states: dict[str, CustomerState] = {}
    for message in arrivals(rees46_sample):
        state, _ = actor.handle(states.get(message.customer_id), message, message.event.occurred_at_ms)
        assert state is not None
        states[message.customer_id] = state

    triggers: list[Trigger] = []
    spend = events = duplicates = 0
    for waiting in states.values():
        woken: CustomerState | None = waiting
        effects: list[Effect] = []
        while woken is not None and (actor.wakes_at(woken) or END_MS + 1) <= END_MS:
            woken, more = actor.wake(woken, END_MS)
            effects += more
        assert woken is not None
        triggers += [e.record for e in effects if isinstance(e, Publish) and isinstance(e.record, Trigger)]
        duplicates += sum(1 for e in effects if getattr(e, "counter", "") == "duplicates")
        spend += woken.spend_minor.get("USD", 0)
        events += woken.events

    assert len(triggers) == len({trigger.trigger_id for trigger in triggers}) == expected
    assert (events, duplicates, spend) == (DISTINCT, EVENTS - DISTINCT, REVENUE_MINOR)

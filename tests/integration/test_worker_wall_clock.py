"""A real worker on the time of day: events whose own time cannot be believed."""

from __future__ import annotations

import time

import pytest

from pipeline.domain.events import ChannelEvent, Item
from tests.harness.fixtures import Install, carts

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(200)]

DAY_MS = 86_400_000


@pytest.mark.parametrize("transport", ["batch", "stock"])
def test_b23_two_days_ahead_or_thirty_days_old_is_stored_and_counted_and_starts_nothing(
    install: Install, transport: str
) -> None:
    installation = install(carts("1s"), partitions="2")
    worker = installation.start("--transport", transport)
    now_ms = int(time.time() * 1000)
    times = {"ahead": now_ms + 2 * DAY_MS, "old": now_ms - 30 * DAY_MS, "now": now_ms}

    installation.publish(
        ChannelEvent(account, "product_added", "web", at_ms, {"account": account}, items=(Item("A"),), cart_id="c1")
        for account, at_ms in times.items()
    )
    installation.settle()

    assert [each.trigger.caused_by for each in installation.triggers()] == ["now"]
    customers = installation.customers.by_account()
    assert {account: customers[account].events for account in times} == dict.fromkeys(times, 1)
    assert worker.counted()["events_out_of_time"] == 2
    received_ms = customers["old"].last_received_at_ms
    assert customers["old"].last_seen_at_ms == times["old"]
    assert received_ms is not None
    assert abs(received_ms - now_ms) < DAY_MS


HELLO = """version: 1
rules:
  - {name: hello, kind: welcome, on: identified, channels: [email]}
"""


def test_who_signs_up_is_welcomed_at_the_address_that_came_along_unless_it_is_an_old_friends_who_declined(
    install: Install,
) -> None:
    installation = install(HELLO, partitions="4")
    installation.flowing(installation.start(), installation.start())
    now_ms = int(time.time() * 1000)

    def told(number: int, event_type: str, consent: dict[str, bool] | None, **known: str) -> ChannelEvent:
        return ChannelEvent(f"{event_type}-{number}", event_type, "web", now_ms, known, consent=consent)

    installation.publish(
        told(number, "consent_denied", {"email": False}, email=f"{number}@example.com") for number in range(0, 40, 2)
    )
    installation.settle()
    installation.publish(
        told(number, "identified", None, account=f"u-{number}", email=f"{number}@example.com") for number in range(40)
    )
    installation.settle()

    addresses = sorted(str(each.trigger.address) for each in installation.triggers())
    assert addresses == sorted(f"{number}@example.com" for number in range(1, 40, 2))

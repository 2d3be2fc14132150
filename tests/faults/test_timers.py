"""Timers outlive their worker, and an outage does not make them fire too soon."""

from __future__ import annotations

import time

import pytest

from pipeline.domain.events import ChannelEvent, Item
from tests.harness.fixtures import Install, carts
from tests.harness.installation import Installation, report
from tests.harness.reading import contradictions

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

TIMERS = 10_000
BOUGHT, KEPT = 200, 100
BROWSED = 30_000


def happened(event_id: str, event_type: str, account: str, channel: str = "web", **fields: object) -> ChannelEvent:
    """Return an event of this very moment."""
    now_ms = int(time.time() * 1000)
    return ChannelEvent(event_id, event_type, channel, now_ms, {"account": account}, **fields)  # type: ignore[arg-type]


def cart(account: str) -> ChannelEvent:
    return happened(f"cart-{account}", "product_added", account, cart_id="c1", items=(Item("A", 1, 999, "EUR"),))


def fill(installation: Installation) -> None:
    installation.publish(cart(f"u-{number}") for number in range(TIMERS))


def test_b17_ten_thousand_pending_timers_fire_once_each_and_none_early_though_workers_die_and_join(
    install: Install,
) -> None:
    installation = install(carts("25s"))
    doomed, other = installation.start(), installation.start()
    installation.flowing(doomed, other)
    fill(installation)
    installation.settle(until_ms=0)  # handled, and every one of them waits

    doomed.kill()
    third = installation.start()
    installation.flowing(third)
    installation.settle()

    sent = installation.triggers()
    lateness = sorted(each.emitted_at_ms - each.trigger.due_at_ms for each in sent)
    report(f"{TIMERS} timers late by {lateness[TIMERS // 2]} ms (median), {lateness[-1]} ms (most)")
    assert contradictions(sent) == []
    assert sorted({each.trigger.caused_by for each in sent}) == sorted(f"cart-u-{n}" for n in range(TIMERS))
    assert len({each.trigger.trigger_id for each in sent}) == TIMERS
    assert lateness[0] >= 0
    assert lateness[-1] <= 30_000


def test_b18_after_an_outage_the_orders_in_the_backlog_cancel_their_carts_before_any_reminder(
    install: Install,
) -> None:
    installation = install(carts("4s"))
    before = installation.start()
    installation.flowing(before)
    installation.publish([cart("earlier")])
    installation.settle()
    assert before.stop() == 0

    accounts = [f"u-{number}" for number in range(BOUGHT + KEPT)]
    installation.publish(cart(account) for account in accounts)
    time.sleep(1.0)
    installation.publish(happened(f"b-{n}", "page_viewed", f"v-{n % 500}", "app") for n in range(BROWSED))
    orders = (
        happened(f"order-{account}", "order_completed", account, "app", order_id=account, cart_id="c1")
        for account in accounts[:BOUGHT]
    )
    installation.publish(orders)
    time.sleep(10.5)  # longer than the ten seconds up to which a standstill counts as no outage
    installation.start()
    installation.settle()

    reminded = {each.trigger.caused_by for each in installation.triggers()}
    assert reminded == {f"cart-{account}" for account in [*accounts[BOUGHT:], "earlier"]}

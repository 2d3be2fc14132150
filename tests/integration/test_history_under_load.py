"""`omni history` while rows come all the time: it is killed, its database is killed, a past day is played again."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent, Item
from pipeline.settings import Settings
from pipeline.topics import prefixed, trigger_topic
from pipeline.wire.records import encode_record
from tests.clickhouse_server import ClickhouseServer
from tests.harness.fixtures import Install, carts
from tests.harness.history import history_process
from tests.harness.history_shop import ORDERS, Shop, StartHistory, asked, until
from tests.harness.waiting import wait_until
from tests.history_rows import CHANGE, DECISION, TRIGGER

KILLS = 30
DOWN_SECONDS = int(os.environ.get("TEST_DOWN_SECONDS", "20"))
"""How long the database is away; `make soak` has it away for ten minutes."""
pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.timeout(300 + DOWN_SECONDS)]

DAY_MS = 86_400_000
HELD_MIB = 64
"""What a sink whose database is away may grow by: it takes in no more than the poll it was at."""
SOON = {"PIPELINE_SESSION_TIMEOUT_MS": "1500", "PIPELINE_HEARTBEAT_MS": "300"}
"""The broker gives the partitions of a killed sink to the next one after a second and a half."""
ONCE = "SELECT count() - uniqExact(tenant, event_id) FROM events"


class Load:
    """A thread that sends orders and one record of each other kind, until it is stopped."""

    def __init__(self, shop: Shop) -> None:
        self.others = 0
        self._shop = shop
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        settings = self._shop.settings
        while not self.lasts(0.05):
            self._shop.events(100)
            number = self.others
            self._shop.record(
                trigger_topic(settings, "cart_reminder"), encode_record(replace(TRIGGER, trigger_id=f"t-{number}"))
            )
            self._shop.record(
                prefixed(settings, "decisions"), encode_record(replace(DECISION, decision_id=f"d-{number}"))
            )
            self._shop.record(
                prefixed(settings, "identity.changes"), encode_record(replace(CHANGE, change_id=f"i-{number}"))
            )
            self.others += 1

    def lasts(self, seconds: float) -> bool:
        """Wait so long; whether it was stopped meanwhile."""
        return self._stopping.wait(seconds)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()


@pytest.fixture
def load(shop: Shop) -> Iterator[Load]:
    load = Load(shop)
    yield load
    load.stop()


def number_of(settings: Settings, sql: str) -> int:
    """The only value of an answer; 0 while there is no such table."""
    found = asked(settings, sql)
    return int(found[0][0]) if found else 0


def assert_exact(settings: Settings, shop: Shop, load: Load) -> None:
    """Every row is there once, whatever table one asks."""
    load.stop()
    until(settings, ORDERS, [[shop.sent, shop.sent * 10_499]])
    for view in ("triggers", "decisions", "identity_changes"):
        until(settings, f"SELECT count() FROM {view}", [[load.others]])
    assert asked(settings, ONCE) == [[0]]
    assert asked(settings, "SELECT count() FROM event_conflicts") == [[0]]
    assert asked(settings, "SELECT count() FROM dead_letters") == [[0]]


def test_b38_killed_thirty_times_under_load_it_loses_nothing_and_never_shows_a_row_twice(
    settings: Settings, shop: Shop, load: Load, start_history: StartHistory, clickhouse: ClickhouseServer, prefix: str
) -> None:
    url = clickhouse.url("killed_" + prefix.rstrip(".").rpartition("-")[2])
    there = settings.replace(clickhouse_url=url)
    chance = random.Random(30)
    for kill in range(KILLS):
        before = number_of(there, "SELECT count() FROM events_log")
        history = start_history(PIPELINE_CLICKHOUSE_URL=url, **SOON)
        if kill % 3 == 0:  # about to write, or just after it; else at any moment since it was started
            wait_until(
                lambda before=before: number_of(there, "SELECT count() FROM events_log") > before,  # type: ignore[misc]
                "it writes",
            )
            load.lasts(chance.uniform(0.0, 1.2))
        else:
            load.lasts(chance.uniform(0.5, 3.0))
        history.kill()
        history.wait()
        assert number_of(there, ONCE) == 0
    start_history(PIPELINE_CLICKHOUSE_URL=url, **SOON)

    assert_exact(there, shop, load)


def test_b35_a_database_killed_under_load_costs_delay_and_neither_rows_nor_memory(
    settings: Settings, shop: Shop, load: Load, start_history: StartHistory, tmp_path: Path
) -> None:
    folder = tmp_path / "clickhouse"
    folder.mkdir()
    server = ClickhouseServer(folder)
    there = settings.replace(clickhouse_url=server.url("omni"))
    try:
        history = start_history(PIPELINE_CLICKHOUSE_URL=server.url("omni"))
        wait_until(lambda: number_of(there, "SELECT count() FROM events") > 5_000, "history writes")

        server.kill()
        before = shop.sent
        load.lasts(2.0)
        at_first = resident_mib(history.pid)
        load.lasts(DOWN_SECONDS)
        assert resident_mib(history.pid) < at_first + HELD_MIB
        assert shop.sent > before + DOWN_SECONDS * 100, "the load went on"
        assert history.poll() is None
        server.start()

        assert_exact(there, shop, load)
    finally:
        server.kill()


def resident_mib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS"))


def test_b33_a_past_day_played_again_changes_no_count_and_no_sum_and_sends_nothing(
    install: Install, clickhouse: ClickhouseServer, prefix: str, tmp_path: Path
) -> None:
    url = clickhouse.url("day_" + prefix.rstrip(".").rpartition("-")[2])
    installation = install(carts("1s"), clickhouse_url=url)
    there = installation.settings
    day = list(past_day(int(time.time() * 1000) - DAY_MS))
    worker = installation.start()
    installation.flowing(worker)
    with history_process(installation.environment, tmp_path / "history.log"):
        installation.publish(day)
        installation.settle()
        until(there, "SELECT count() FROM events", [[len(day)]])
        sent = {each.trigger.trigger_id for each in installation.triggers()}
        until(there, "SELECT count() FROM triggers", [[len(sent)]])
        first = everything(there)
        records = len(installation.triggers())

        installation.publish(day)
        installation.publish(day[:1])
        installation.settle()
        installation.publish([ChannelEvent("e-last", "page_viewed", "web", int(time.time() * 1000), {"cookie": "c-z"})])
        installation.settle()
        until(there, "SELECT count() FROM events WHERE event_id = 'e-last'", [[1]])

        assert everything(there) == first
        assert len(installation.triggers()) == records
        assert sent


def past_day(from_ms: int) -> Iterator[ChannelEvent]:
    """Carts all through the day, every other one bought."""
    for number in range(120):
        at_ms = from_ms + number * DAY_MS // 240
        who = {"account": f"u-{number % 40}"}
        items = (Item(f"sku-{number % 7}", 1 + number % 3, 1_999, "EUR"),)
        yield ChannelEvent(f"c-{number}", "product_added", "web", at_ms, who, cart_id=f"k-{number}", items=items)
        if number % 2:
            yield ChannelEvent(
                f"o-{number}", "order_completed", "app", at_ms + 60_000, who, order_id=f"o-{number}", items=items
            )


def everything(settings: Settings) -> list[Any]:
    """Counts and sums of all that the day left."""
    that_day = "WHERE event_id != 'e-last'"
    asks = (
        f"SELECT event_type, count(), sum(items_total_minor), sum(order_amount_minor) FROM events {that_day} "
        "GROUP BY event_type ORDER BY event_type",
        f"SELECT customer_id, count(), max(received_at_ms) FROM events {that_day} GROUP BY customer_id "
        "ORDER BY customer_id",
        "SELECT rule, status, count() FROM triggers GROUP BY rule, status ORDER BY rule, status",
        "SELECT rule, outcome, reason, count() FROM decisions GROUP BY rule, outcome, reason "
        "ORDER BY rule, outcome, reason",
        "SELECT count() FROM event_conflicts",
        "SELECT count() FROM dead_letters",
    )
    return [asked(settings, sql) for sql in asks]

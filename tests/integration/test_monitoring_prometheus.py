"""The PromQL of every panel, asked of a real Prometheus that scrapes workers and history at work."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

from pipeline.broker.ready import free_ports
from pipeline.domain.events import ChannelEvent, Item
from pipeline.monitoring.dashboards import DASHBOARDS
from pipeline.topics import ACTORS, CATALOG_PRODUCTS, CATALOG_STOCK
from tests.harness.fixtures import Install, carts
from tests.harness.history import history_process
from tests.harness.installation import Installation
from tests.harness.prometheus import Prometheus, prometheus
from tests.harness.waiting import PATIENCE_SECONDS

ASKED = [
    (f"{board.uid}: {panel.title}", query.text)
    for board in DASHBOARDS
    for panel in board.panels
    for query in panel.queries
    if not query.is_sql
]


class Shop:
    """Publishes a little of everything that is measured: carts, merges, refusals, repetitions, rubbish."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._numbers = count()

    def wave(self) -> None:
        number = next(self._numbers)
        named = {"account": f"u-{number}", "cookie": f"c-{number}"}
        self._tell(f"seen-{number}", "page_viewed", {"cookie": f"c-{number}"})
        self._tell(f"cart-{number}", "product_added", named, cart_id="c", items=(Item("A", 1, 999, "EUR"),))
        self._tell(f"cart-{number}", "product_added", named, cart_id="c", items=(Item("A", 1, 999, "EUR"),))
        self._tell(f"shared-{number}", "page_viewed", {"account": f"u-{number}", "email": "info@example.com"})
        self._tell(f"odd-{number}", "page_veiwed", {"account": f"u-{number}"})
        self._installation.send_bytes("web", 0, b"rubbish")
        self._installation.flush()

    def _tell(self, event_id: str, event_type: str, identifiers: dict[str, str], **fields: object) -> None:
        at_ms = int(time.time() * 1000)
        self._installation.send(ChannelEvent(event_id, event_type, "web", at_ms, identifiers, **fields))  # type: ignore[arg-type]


def unanswered(server: Prometheus, asked: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(title, expression) for title, expression in asked if not server.query(expression)]


def test_every_panel_has_an_answer_while_workers_and_history_run(install: Install, tmp_path: Path) -> None:
    installation = install(carts("1s"))
    workers = [installation.start(fuse_min_records="1000000") for _ in range(2)]
    installation.flowing(*workers)
    shop = Shop(installation)
    (port,) = free_ports(1)
    environment = installation.environment | {"PIPELINE_HISTORY_PORT": str(port)}
    ports = {"omni-worker": [worker.port for worker in workers], "omni-history": [port]}

    with (
        history_process(environment, tmp_path / "history.log"),
        prometheus(tmp_path / "prometheus", ports) as server,
    ):
        left = ASKED
        deadline = time.monotonic() + PATIENCE_SECONDS
        while left and time.monotonic() < deadline:  # rates need what is counted to go on
            shop.wave()
            left = unanswered(server, left)
        assert left == []
        assert server.query("sum(up)") == [3]
        assert server.trouble() == []

        keys = server.query('sum(omni_table_keys{actor="customer"})')
        assert server.query('sum(omni_table_bytes{actor="customer"})')[0] > 50 * keys[0] > 0
        followed = (*installation.settings.channels, CATALOG_PRODUCTS, CATALOG_STOCK, *ACTORS)
        places = len(followed) * installation.partitions
        assert server.query("count(count by (topic, partition) (omni_lag_records))") == [places]
        assert server.query('sum(omni_occurred_to_ingested_seconds_count{channel="web"})')[0] > 0
        assert server.query('sum(omni_cause_to_trigger_seconds_count{rule="cart_reminder"})')[0] > 0
        assert server.query("histogram_quantile(0.5, sum by (le) (omni_occurred_to_stored_seconds_bucket))")[0] < 30
        for metric in ("omni_unit_messages", "omni_history_insert_rows", "omni_trigger_to_stored_seconds"):
            assert server.query(f"sum({metric}_count)")[0] > 0, metric

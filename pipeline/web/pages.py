"""Pages for machines: `/metrics` for Prometheus, `/health` (live) and `/ready` (recovered, assigned, rules known).

`/v1/products/SKU?tenant=T` tells a product from the worker's copy of `catalog.view`.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from pipeline import metrics
from pipeline.catalog_copy import CatalogCopy
from pipeline.domain.rules.in_force import Rules
from pipeline.rules_log.following import RulesFollower
from pipeline.streaming.clock import InstallationClock
from pipeline.streaming.lanes import Lanes
from pipeline.streaming.partition import ActorPartition
from pipeline.wire.records import to_json


def add_pages(app: Any, lanes: Lanes, clock: InstallationClock, rules: RulesFollower, copy: CatalogCopy) -> None:
    """Serve the pages from the web server of `app`."""

    def in_force() -> Rules | None:
        now_ms = clock.reached_ms or 0 if clock.is_event_time else int(time.time() * 1000)
        return rules.in_force(now_ms)

    @app.page("/metrics")  # type: ignore[untyped-decorator]
    async def metrics_page(web: Any, request: Any) -> Any:
        observe(lanes, clock, in_force())
        metrics.CATALOG_PRODUCTS.set(len(copy))
        metrics.CATALOG_BYTES.set(copy.bytes)
        return web.bytes(generate_latest(), content_type=CONTENT_TYPE_LATEST.partition(";")[0])

    @app.page("/health")  # type: ignore[untyped-decorator]
    async def health(web: Any, request: Any) -> Any:
        return web.json({"live": True})

    @app.page("/ready")  # type: ignore[untyped-decorator]
    async def ready(web: Any, request: Any) -> Any:
        is_ready = bool(app.tables.actives_ready) and not app.rebalancing and rules.is_fresh
        held = in_force()
        answer = {
            "ready": is_ready,
            "partitions": sorted(lane.name for lane in lanes),
            "rules": None if held is None else {"number": held.number, "version": held.version},
            "catalog": {"loaded": copy.is_loaded, "products": len(copy)},
        }
        return web.json(answer, status=200 if is_ready else 503)

    @app.page("/v1/products/{sku}")  # type: ignore[untyped-decorator]
    async def product(web: Any, request: Any, sku: str) -> Any:
        tenant = request.query.get("tenant", "default")
        view = copy.get(tenant, sku)
        if view is not None:
            return web.json(to_json(view))
        answer = {"error": f"no product {sku} of tenant {tenant} in this worker's copy", "loaded": copy.is_loaded}
        return web.json(answer, status=404)


def observe(lanes: Lanes, clock: InstallationClock, rules: Rules | None) -> None:
    """Set the gauges: what is true now, of what this worker owns."""
    metrics.show(metrics.RULES_NUMBER, {} if rules is None else {(rules.version,): rules.number})
    now_ms = int(time.time() * 1000)
    lag: dict[tuple[str, ...], float] = {}
    keys: Counter[tuple[str, ...]] = Counter()
    sizes: Counter[tuple[str, ...]] = Counter()
    timers: Counter[tuple[str, ...]] = Counter()
    late: dict[tuple[str, ...], float] = {}
    for lane in lanes:
        lag[lane.place.topic, str(lane.place.partition)] = lanes.lag(lane)
        engine = lane.engine
        if isinstance(engine, ActorPartition):
            actor = (engine.actor.name,)
            keys[actor] += engine.keys
            sizes[actor] += engine.bytes
            timers[actor] += engine.timers
            due = engine.next_wake()
            late[actor] = max(late.get(actor, 0), 0 if due is None else (now_ms - due) / 1000)
    metrics.show(metrics.LAG, lag)
    metrics.show(metrics.KEYS, keys)
    metrics.show(metrics.TABLE_BYTES, sizes)
    metrics.show(metrics.TIMERS, timers)
    metrics.show(metrics.TIMER_LATENESS_SECONDS, late)
    reached = clock.reached_ms
    metrics.CLOCK_LAG_SECONDS.set(-1 if reached is None else max(0, now_ms - reached) / 1000)

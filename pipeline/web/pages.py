"""Pages for machines: `/metrics` for Prometheus, `/health` (live) and `/ready` (recovered and assigned)."""

from __future__ import annotations

import time
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from pipeline import metrics
from pipeline.streaming.clock import InstallationClock
from pipeline.streaming.lanes import Lanes
from pipeline.streaming.partition import ActorPartition


def add_pages(app: Any, lanes: Lanes, clock: InstallationClock) -> None:
    """Serve the pages from the web server of `app`."""

    @app.page("/metrics")  # type: ignore[untyped-decorator]
    async def metrics_page(web: Any, request: Any) -> Any:
        observe(lanes, clock)
        return web.bytes(generate_latest(), content_type=CONTENT_TYPE_LATEST.partition(";")[0])

    @app.page("/health")  # type: ignore[untyped-decorator]
    async def health(web: Any, request: Any) -> Any:
        return web.json({"live": True})

    @app.page("/ready")  # type: ignore[untyped-decorator]
    async def ready(web: Any, request: Any) -> Any:
        is_ready = bool(app.tables.actives_ready) and not app.rebalancing
        answer = {"ready": is_ready, "partitions": sorted(lane.name for lane in lanes)}
        return web.json(answer, status=200 if is_ready else 503)


def observe(lanes: Lanes, clock: InstallationClock) -> None:
    """Set the gauges: what is true now, of what this worker owns."""
    now_ms = int(time.time() * 1000)
    lag: dict[str, int] = {}
    keys: dict[str, int] = {}
    timers: dict[str, int] = {}
    late_ms: dict[str, int] = {}
    for lane in lanes:
        topic = lane.place.topic
        lag[topic] = lag.get(topic, 0) + lanes.lag(lane)
        engine = lane.engine
        if isinstance(engine, ActorPartition):
            actor = engine.actor.name
            keys[actor] = keys.get(actor, 0) + engine.keys
            timers[actor] = timers.get(actor, 0) + engine.timers
            due = engine.next_wake()
            late_ms[actor] = max(late_ms.get(actor, 0), now_ms - due if due is not None else 0)
    for gauge, values in ((metrics.LAG, lag), (metrics.KEYS, keys), (metrics.TIMERS, timers)):
        gauge.clear()
        for label, value in values.items():
            gauge.labels(label).set(value)
    metrics.TIMER_LATENESS_SECONDS.clear()
    for actor, late in late_ms.items():
        metrics.TIMER_LATENESS_SECONDS.labels(actor).set(late / 1000)
    reached = clock.reached_ms
    metrics.CLOCK_LAG_SECONDS.set(-1 if reached is None else max(0, now_ms - reached) / 1000)

"""Pages for machines: `/metrics` for Prometheus, `/health` (live) and `/ready` (recovered, assigned, rules known)."""

from __future__ import annotations

import time
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from pipeline import metrics
from pipeline.domain.rules import Rules
from pipeline.rules_log.following import RulesFollower
from pipeline.streaming.clock import InstallationClock
from pipeline.streaming.lanes import Lanes
from pipeline.streaming.partition import ActorPartition


def add_pages(app: Any, lanes: Lanes, clock: InstallationClock, rules: RulesFollower) -> None:
    """Serve the pages from the web server of `app`."""

    def in_force() -> Rules | None:
        now_ms = clock.reached_ms or 0 if clock.is_event_time else int(time.time() * 1000)
        return rules.in_force(now_ms)

    @app.page("/metrics")  # type: ignore[untyped-decorator]
    async def metrics_page(web: Any, request: Any) -> Any:
        observe(lanes, clock, in_force())
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
        }
        return web.json(answer, status=200 if is_ready else 503)


def observe(lanes: Lanes, clock: InstallationClock, rules: Rules | None) -> None:
    """Set the gauges: what is true now, of what this worker owns."""
    metrics.RULES_NUMBER.clear()
    if rules is not None:
        metrics.RULES_NUMBER.labels(rules.version).set(rules.number)
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

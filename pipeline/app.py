"""The one place that wires the parts: settings in, a Faust application out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faust
from faust.types.transports import TransportT

from pipeline import metrics
from pipeline.agents import ActorStage, IngestStage, add_agent
from pipeline.catalog_copy import CatalogCopy
from pipeline.catalog_reader import CatalogReader
from pipeline.channel_reader import ChannelReader
from pipeline.domain.actor import Actor
from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.identity.actor import IdentityActor
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.rules.book import RuleBook
from pipeline.domain.rules.in_force import Rules
from pipeline.identity_file import load_identity
from pipeline.rules_log.following import RulesFollower
from pipeline.settings import Settings
from pipeline.streaming.changelogs import ActorTables
from pipeline.streaming.clock import InstallationClock
from pipeline.streaming.delivery import MAX_BATCH_BYTES, Delivery
from pipeline.streaming.ingest import Fuse, IngestPartition
from pipeline.streaming.lane import Engine
from pipeline.streaming.lanes import Lanes
from pipeline.streaming.lease import Lease
from pipeline.streaming.stock import StockTransport
from pipeline.streaming.table import ActorTable
from pipeline.streaming.transport import BatchSchema, BatchTransport
from pipeline.streaming.units import Unit
from pipeline.topics import BIG_MESSAGE_BYTES, CATALOG_PRODUCTS, CATALOG_STOCK, channel_topic, inbox_topic, prefixed
from pipeline.topology import InstallationTopology
from pipeline.web.pages import add_pages
from pipeline.wire.catalog import product_decoder, stock_decoder
from pipeline.wire.channel_event import Decoder

LEASE_SHARE = 0.8
"""Share of the session timeout that a worker may stand still: the group gives its partitions away after the whole."""


class OmniApp(faust.App):
    """Faust application on the batch transport, or on Faust's own."""

    def __init__(self, *args: Any, settings: Settings, **kwargs: Any) -> None:
        """Remember our settings beside Faust's."""
        self.omni = settings
        self.lanes: Lanes | None = None
        self.lease = Lease(settings.session_timeout_ms / 1000 * LEASE_SHARE)
        super().__init__(*args, **kwargs)

    def _new_transport(self) -> TransportT:
        if self.omni.transport == "stock":
            return StockTransport(self.conf.broker_consumer, self, loop=self.loop)
        return BatchTransport(self.conf.broker_consumer, self, loop=self.loop)

    def _new_consumer(self) -> Any:
        consumer = super()._new_consumer()
        if self.lanes is not None:
            (self.lanes.attach if self.omni.transport == "batch" else self.lanes.attach_stock)(consumer)
        return consumer

    async def stop(self) -> None:
        """Finish units under way and commit them before anything they need is stopped."""
        if self.lanes is not None and not self.should_stop:
            await self.lanes.stop()
            if self._consumer is not None:
                await self._consumer.commit_now()  # type: ignore[attr-defined]
        await super().stop()


def create_app(settings: Settings, actors: Sequence[Actor[Any, Any]], folder: Path, rules: RulesFollower) -> OmniApp:
    """Build the application of one worker: ingest and `actors`, each with inbox, table and agent.

    Customers wait while `rules` cannot tell what holds. `folder` is this worker's own: no other process uses it.
    """
    app = _faust_app(settings, folder)
    topology = InstallationTopology(settings)
    event_clock = settings.clock == "event"
    reader = ChannelReader(Decoder(settings.registry_url), load_identity(settings.identity_file), event_clock)
    channels = tuple(channel_topic(settings, channel) for channel in settings.channels)
    catalog = {
        prefixed(settings, CATALOG_PRODUCTS): CatalogReader(product_decoder(settings.registry_url).decode, event_clock),
        prefixed(settings, CATALOG_STOCK): CatalogReader(stock_decoder(settings.registry_url).decode, event_clock),
    }
    sources = (*channels, *catalog)

    def ingest_engine(topic: str, partition: int) -> Engine:
        fuse = Fuse(settings.fuse_invalid_ratio, settings.fuse_min_records)
        read = catalog.get(topic, reader)
        return IngestPartition(topic, partition, read, topology.dead_letter, topology, fuse, event_clock)

    stages: list[Any] = [IngestStage(frozenset(sources), ingest_engine)]
    for actor in actors:
        table = _table(app, settings, actor.name, folder)
        stages.append(ActorStage(actor, frozenset({inbox_topic(settings, actor.name)}), table, topology))

    clock = InstallationClock(
        settings.bootstrap or "",
        app.conf.id,
        channels,
        [
            [inbox_topic(settings, "identity"), *(catalog if event_clock else ())],
            [inbox_topic(settings, "customer"), *([inbox_topic(settings, "product")] if event_clock else ())],
        ],
        settings.partitions,
        settings.clock,
    )
    names = dict.fromkeys(sources, "ingest") | {inbox_topic(settings, a.name): a.name for a in actors}
    lanes = Lanes(
        stages,
        lambda: Delivery(app.producer._producer, settings.send_timeout_ms / 1000),  # type: ignore[attr-defined]
        clock.now,
        lambda lane, unit, seconds: measure(names[lane.place.topic], lane.place.topic, unit, seconds, settings),
        lambda error: _fail(app, error),
        settings.tick_ms / 1000,
        app.lease,
        not event_clock,
        lambda topic: names[topic] != "customer" or rules.is_fresh,
    )
    app.lanes = lanes
    add_agent(app, lanes, "ingest", sources)
    for actor in actors:
        add_agent(app, lanes, actor.name, (inbox_topic(settings, actor.name),))

    copy = CatalogCopy(settings)
    add_pages(app, lanes, clock, rules, copy)

    @app.task  # type: ignore[untyped-decorator]
    async def follow_clock() -> None:
        await clock.run()

    @app.task  # type: ignore[untyped-decorator]
    async def follow_rules() -> None:
        await rules.run()

    @app.task  # type: ignore[untyped-decorator]
    async def follow_catalog() -> None:
        if settings.products_every_ms:
            await copy.run()

    @app.task  # type: ignore[untyped-decorator]
    async def watch_rules_file() -> None:
        if not event_clock:  # where in a replay a change is to hold, nobody has said
            await rules.watch_file()

    return app


def default_actors(settings: Settings, rules: RuleBook | Rules) -> list[Actor[Any, Any]]:
    """Build the actors of the product under `rules` and the configured identity rules."""
    identity = load_identity(settings.identity_file)
    return [
        IdentityActor(identity),
        CustomerActor(rules, settings.clock, identity, settings.customers_every_ms, settings.products_every_ms > 0),
        ProductActor(settings.clock, settings.complements_half_life_days, settings.products_every_ms),
    ]


def _faust_app(settings: Settings, folder: Path) -> OmniApp:
    broker = ";".join(f"kafka://{address}" for address in (settings.bootstrap or "").split(","))
    return OmniApp(
        settings.topic_prefix + settings.app_id,
        settings=settings,
        broker=broker,
        store="memory://",
        TableManager=ActorTables,
        datadir=str(folder / "faust"),
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        topic_disable_leader=True,
        table_standby_replicas=0,
        stream_recovery_delay=0.0,
        stream_wait_empty=False,
        stream_buffer_maxsize=1024,
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.heartbeat_ms / 1000,
        broker_commit_interval=settings.commit_interval_ms / 1000,
        broker_max_poll_records=settings.batch_max_records,
        producer_acks=-1,
        producer_max_batch_size=MAX_BATCH_BYTES,
        producer_max_request_size=BIG_MESSAGE_BYTES,
        web_port=settings.web_port,
        web_bind="0.0.0.0",
        web_enabled=True,
        web_tables_enabled=False,
        web_router_enabled=False,
        logging_config=None,
    )


def _table(app: OmniApp, settings: Settings, actor: str, folder: Path) -> ActorTable:
    in_memory = settings.store == "memory"
    table = ActorTable(
        app,
        name=actor,
        partitions=settings.partitions,
        schema=BatchSchema(),
        recovery_buffer_size=2,
        folder=folder / ("checkpoints" if in_memory else "tables") / app.conf.id / actor,
        in_memory=in_memory,
    )
    app.tables.add(table)
    return table


def measure(actor: str, topic: str, unit: Unit, seconds: float, settings: Settings) -> None:
    """Count a durable unit of `actor`, read from `topic`, and how long it and what it carries took.

    On an event clock only the unit's own time is real: when its events occurred tells nothing of this worker.
    """
    metrics.MESSAGES.labels(actor).inc(unit.handled)
    metrics.OUTPUTS.labels(actor).inc(len(unit.outputs))
    metrics.CHANGES.labels(actor).inc(len(unit.changes))
    metrics.UNIT_SECONDS.labels(actor).observe(seconds)
    if unit.handled:
        metrics.UNIT_MESSAGES.labels(actor).observe(unit.handled)
    if settings.clock == "wall":
        now = time.time()
        if unit.occurred_ms:
            channel = topic.removeprefix(channel_topic(settings, ""))
            metrics.OCCURRED_TO_INGESTED_SECONDS.labels(channel).observe(max(0.0, now - unit.occurred_ms / 1000))
        if actor == "customer" and unit.handled:
            metrics.END_TO_END_SECONDS.observe(max(0.0, now - unit.earliest_ms / 1000))
        if unit.due_ms:
            metrics.TIMER_DELAY_SECONDS.labels(actor).observe(max(0.0, now - unit.due_ms / 1000))
        for rule, fired_ms in unit.fired_ms.items():
            metrics.CAUSE_TO_TRIGGER_SECONDS.labels(rule).observe(max(0.0, now - fired_ms / 1000))
    for (what, reason), number in unit.counts.items():
        metrics.count(what, reason, number, settings.channels)


def _fail(app: OmniApp, error: BaseException) -> None:
    """A lane died: stop the worker. What it had not made durable is read again by the next owner."""
    asyncio.ensure_future(app.crash(error))  # noqa: RUF006 - the application ends with it

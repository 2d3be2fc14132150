"""The same slice as one would write it in stock Faust: an agent per stage, an event at a time, tables, topic sends.

The same actors, codecs and public records; memory tables that hold the structs themselves (the changelog is their
only encoding), uvloop, buffers raised as its users advise. At least once: what a crash repeats is counted again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import faust
import msgspec
import uvloop
from faust.serializers import codecs

from pipeline.app import default_actors
from pipeline.broker.ready import free_ports
from pipeline.channel_reader import ChannelReader
from pipeline.domain.actor import Actor
from pipeline.domain.errors import InvalidEvent
from pipeline.domain.messages.effects import Effect, Publish, Send
from pipeline.identity_file import load_identity
from pipeline.rules_file import load_rules
from pipeline.settings import Settings, load_settings
from pipeline.streaming.envelope import Entry
from pipeline.streaming.units import Output, Record
from pipeline.topics import ACTORS, channel_topic, inbox_topic
from pipeline.topology import InstallationTopology
from pipeline.wire.channel_event import Decoder
from tests.bench.contenders.interpreter import tune

_encode = msgspec.msgpack.Encoder().encode


class Structs(codecs.Codec):
    """Msgpack of one struct."""

    def __init__(self, kind: Any) -> None:
        """`kind` is what the bytes decode to."""
        super().__init__()
        self._decode = msgspec.msgpack.Decoder(kind).decode

    def _dumps(self, obj: Any) -> bytes:
        return _encode(obj)

    def _loads(self, s: bytes) -> Any:
        return self._decode(s)


def create_app(settings: Settings) -> faust.App:
    """Build the application."""
    app = faust.App(
        settings.topic_prefix + settings.app_id,
        broker=f"kafka://{settings.bootstrap}",
        store="memory://",
        datadir=str(settings.data_dir / "faust"),
        topic_partitions=settings.partitions,
        topic_disable_leader=True,
        table_standby_replicas=0,
        stream_recovery_delay=0.0,
        stream_wait_empty=False,
        stream_buffer_maxsize=65_536,
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.heartbeat_ms / 1000,
        broker_commit_interval=settings.commit_interval_ms / 1000,
        producer_linger=0.005,
        producer_max_batch_size=262_144,
        web_port=free_ports(1)[0],
    )
    topology = InstallationTopology(settings)
    raw = partial(app.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    actors: dict[str, Actor[Any, Any]] = {a.name: a for a in default_actors(settings, load_rules(settings.rules_file))}
    inboxes = {actor: raw(inbox_topic(settings, actor)) for actor in ACTORS}
    public: dict[str, Any] = {}

    async def publish(output: Output) -> None:
        topic = public.get(output.topic)
        if topic is None:
            topic = public[output.topic] = raw(output.topic)
        await topic.send(key=output.key, value=output.value, headers=list(output.headers))

    async def carry_out(effects: Any, at_ms: int) -> None:
        effect: Effect
        for effect in effects:
            if isinstance(effect, Send):
                entry: Entry[Any] = Entry(0, effect.key, at_ms, effect.message)
                await inboxes[effect.actor].send(key=effect.key.encode(), value=_encode(entry))
            elif isinstance(effect, Publish):
                await publish(topology.record(effect))

    _ingest(app, settings, raw(*(channel_topic(settings, channel) for channel in settings.channels)), inboxes, publish)
    for name, actor in actors.items():
        codecs.register(f"{name}_state", Structs(actor.state_type))
        table: Any = app.Table(name, partitions=settings.partitions, key_type=bytes)
        table.value_serializer = f"{name}_state"  # a table takes it from a faust.Record alone, which would cost more
        decode = msgspec.msgpack.Decoder(Entry[actor.message_type]).decode  # type: ignore[name-defined]
        _actor(app, actor, inboxes[name], table, decode, carry_out)

    async def raise_the_buffer() -> None:
        app.producer.buffer.max_messages = 10_000

    app.task(raise_the_buffer)
    return app


def _ingest(app: Any, settings: Settings, channels: Any, inboxes: Any, publish: Callable[[Output], Any]) -> None:
    read = ChannelReader(Decoder(), load_identity(settings.identity_file), False)
    topology = InstallationTopology(settings)

    async def ingest(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            record = Record(message.offset, int(message.timestamp * 1000), message.key, message.value)
            try:
                read_event = read(record)
            except InvalidEvent as error:
                await publish(
                    topology.dead_letter(message.topic, message.partition, record, error.reason, error.detail)
                )
                continue
            entry: Entry[Any] = Entry(0, read_event.key, read_event.at_ms, read_event.message)
            await inboxes["identity"].send(key=read_event.key.encode(), value=_encode(entry))

    app.agent(channels, name="ingest")(ingest)


def _actor(app: Any, actor: Actor[Any, Any], inbox: Any, table: Any, decode: Any, carry_out: Any) -> None:
    async def agent(stream: Any) -> None:
        async for value in stream:
            entry = decode(value)
            key = entry.key.encode()
            before = table.get(key)
            state, effects = actor.handle(before, entry.message, entry.at_ms)
            if state is not before:
                table[key] = state
            await carry_out(effects, entry.at_ms)

    app.agent(inbox, name=actor.name)(agent)


def main() -> None:
    """Run until SIGTERM."""
    uvloop.install()
    tune()
    app = create_app(load_settings())
    worker = app.Worker(loglevel="WARNING", redirect_stdouts=False, quiet=True)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()

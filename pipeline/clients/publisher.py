"""Puts channel events onto their topics, those of one customer in order, and control events onto every partition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from pipeline.broker import BrokerError
from pipeline.clients.connection import CHANNEL, bootstrap_of, cluster_and_topics, create_channel_topics
from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import ChannelEvent
from pipeline.domain.messages import Identifier
from pipeline.settings import Settings
from pipeline.topics import channel_topic, prefixed
from pipeline.wire.channel_event import encode

GIVE_UP_AFTER_MS: Final = 30_000
LINGER_MS: Final = 20
"""Long enough to fill batches, too short to be noticed at the end of a file."""
BATCH_BYTES: Final = 256 * 1024


class UnknownTopic(LookupError):
    """All events were to go to a topic that is not there."""


class Publisher:
    """A producer that waits for every replica (acks=all) and never reorders a partition.

    `topic` (without the prefix) takes all events, whatever their channel. Use as a context manager.
    """

    def __init__(self, settings: Settings, topic: str | None = None) -> None:
        """Connect, and create the channel topics that are missing. Raises BrokerError if none answers, UnknownTopic."""
        self._settings = settings
        self.cluster, names = cluster_and_topics(settings)
        wanted = {channel_topic(settings, channel) for channel in settings.channels}
        if topic is not None:
            self._all_to: str | None = prefixed(settings, topic)
            wanted.add(self._all_to)
        else:
            self._all_to = None
        if not wanted <= set(names):
            create_channel_topics(settings)
            self.cluster, names = cluster_and_topics(settings)
        self._topics = {name for name in names if name.startswith(settings.topic_prefix + CHANNEL)}
        if self._all_to is not None and self._all_to not in names:
            raise UnknownTopic(
                f"There is no topic {self._all_to}. Topics are created by: omni topics create; "
                "a channel of your own is added with PIPELINE_CHANNELS."
            )
        self._failure: Exception | None = None
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap_of(settings),
                acks="all",
                linger_ms=LINGER_MS,
                batch_size=BATCH_BYTES,
                compression_type="lz4",
                delivery_timeout_ms=GIVE_UP_AFTER_MS,
                request_timeout_ms=GIVE_UP_AFTER_MS // 3,
                max_block_ms=GIVE_UP_AFTER_MS,
                retry_backoff_ms=20,  # also the pause between two looks at the topics: one for each of them
            )
        except (KafkaError, OSError, ValueError) as error:
            raise self._unreachable(error) from error

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.close(timeout=GIVE_UP_AFTER_MS / 1000)

    def send(self, event: ChannelEvent, identifiers: tuple[Identifier, ...]) -> None:
        """Send one event; its strongest identifier is the key. Raises InvalidEvent if its channel has no topic."""
        topic = self._all_to or channel_topic(self._settings, event.channel)
        if self._all_to is None and topic not in self._topics:
            raise InvalidEvent(
                InvalidReason.BAD_VALUE,
                f"channel: {event.channel!r} has no topic {topic}. Known are {', '.join(self._settings.channels)}; add "
                "it with PIPELINE_CHANNELS and omni topics create",
            )
        kind, value = identifiers[0]
        self._put(topic, event, key=f"{kind}:{value}".encode())

    def control(self, event_type: str, at_ms: int) -> None:
        """Send a control event to every partition of every channel topic, behind everything sent so far."""
        self.flush()
        for topic in sorted(self._topics):
            channel = topic.removeprefix(self._settings.topic_prefix + CHANNEL)
            for partition in sorted(self._partitions(topic)):
                event_id = f"{event_type}-{at_ms}-{channel}-{partition}"
                self._put(topic, ChannelEvent(event_id, event_type, channel, at_ms, {}), partition=partition)
        self.flush()

    def flush(self) -> None:
        """Wait until the broker has everything. Raises BrokerError if it does not take it."""
        try:
            self._producer.flush(timeout=GIVE_UP_AFTER_MS / 1000)
        except KafkaError as error:
            raise self._unreachable(error) from error
        if self._failure is not None:
            raise self._unreachable(self._failure)

    def _partitions(self, topic: str) -> Iterable[int]:
        try:
            partitions: Iterable[int] | None = self._producer.partitions_for(topic)
        except KafkaError as error:
            raise self._unreachable(error) from error
        return partitions or ()

    def _put(self, topic: str, event: ChannelEvent, key: bytes | None = None, partition: int | None = None) -> None:
        headers = [("tenant", event.tenant.encode()), ("schema", b"channel_event"), ("trace", event.event_id.encode())]
        try:
            sent = self._producer.send(topic, encode(event), key=key, partition=partition, headers=headers)
        except KafkaError as error:
            raise self._unreachable(error) from error
        sent.add_errback(self._failed)

    def _failed(self, error: Exception) -> None:
        self._failure = self._failure or error

    def _unreachable(self, error: Exception) -> BrokerError:
        bootstrap = self._settings.bootstrap
        return BrokerError(
            f"Kafka at {bootstrap} did not take the events: {error or type(error).__name__}. When it is back (omni "
            "doctor tells), run the same command again: it goes on where it stopped."
        )

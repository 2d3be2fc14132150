"""A bare confluent-kafka loop: one process, one hop, everything known in dicts.

Consume 500, decode and normalise, let the actors work on objects, then per batch one changelog record per touched
key, the public records, and the commit once the broker has them. It cannot share its keys with a second process: an
upper bound of what a single core can do with this job, not an alternative.
"""

from __future__ import annotations

import signal
import threading

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer

from pipeline.domain.messages.effects import Publish
from pipeline.rules_file import load_rules
from pipeline.settings import load_settings
from pipeline.streaming.units import Output, Record
from pipeline.topics import changelog_topic, channel_topic
from pipeline.topology import InstallationTopology
from tests.bench.contenders.actors_in_process import InProcess
from tests.bench.contenders.interpreter import tune

BATCH = 500
POLL_SECONDS = 0.1


def main() -> None:
    """Run until SIGTERM."""
    tune()
    settings = load_settings()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    producer = Producer(
        {"bootstrap.servers": settings.bootstrap, "acks": "all", "linger.ms": 1, "batch.size": 1_000_000}
    )
    consumer = Consumer(
        {
            "bootstrap.servers": settings.bootstrap,
            "group.id": settings.topic_prefix + settings.app_id,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": settings.session_timeout_ms,
        }
    )
    consumer.subscribe([channel_topic(settings, channel) for channel in settings.channels])
    topology = InstallationTopology(settings)
    changelogs = {actor: changelog_topic(settings, actor) for actor in ("identity", "customer", "product")}
    encode = msgspec.msgpack.Encoder().encode

    def send(output: Output) -> None:
        producer.produce(output.topic, output.value, output.key, headers=list(output.headers))

    def publish(public: Publish) -> None:
        send(topology.record(public))

    actors = InProcess(settings, load_rules(settings.rules_file), publish)
    while not stop.is_set():
        messages = consumer.consume(BATCH, POLL_SECONDS)
        if not messages:
            continue
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            value, appended_ms = message.value(), message.timestamp()[1]
            if not actors.take(value, appended_ms):
                topic, partition = message.topic() or "", message.partition() or 0
                refused = Record(message.offset() or 0, appended_ms, message.key(), value)
                send(topology.dead_letter(topic, partition, refused, "undecodable", "refused"))
        for actor, key in actors.touched:
            producer.produce(changelogs[actor], encode(actors.states[actor, key]), key)
        actors.touched.clear()
        if producer.flush(30):
            raise RuntimeError("the broker did not take a batch within 30 s")
        consumer.commit(asynchronous=True)
    consumer.close()


if __name__ == "__main__":
    main()

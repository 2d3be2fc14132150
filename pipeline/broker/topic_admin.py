"""Creates topics and compares what a broker has with what `pipeline/topics.py` declares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from msgspec import Struct

from pipeline.broker import BrokerError
from pipeline.topics import Topic

TOPIC_EXISTS: Final = 36
TIMEOUT_MS: Final = 30_000
VISIBLE_WITHIN_MS: Final = 30_000


class Difference(Struct, frozen=True):
    """One way in which a topic is not as declared: `what` is topic, partitions, replication, or a config's name."""

    topic: str
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} is {self.found}, declared is {self.expected}"


@contextmanager
def connected(bootstrap: str) -> Iterator[Any]:
    """Yield an admin client for `bootstrap`. Raises `BrokerError` if nothing answers there."""
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    remedy = "Is it running, and is the address right? A local one: omni kafka start"
    try:
        client = KafkaAdminClient(
            bootstrap_servers=bootstrap.split(","), request_timeout_ms=TIMEOUT_MS, bootstrap_timeout_ms=5000
        )
    except (KafkaError, OSError, ValueError) as error:
        raise BrokerError(f"Kafka does not answer at {bootstrap} ({error}). {remedy}") from None
    try:
        yield client
    except (KafkaError, OSError) as error:
        raise BrokerError(f"Kafka at {bootstrap} failed: {error}") from error
    finally:
        client.close()


def create_topics(bootstrap: str, topics: Sequence[Topic]) -> list[str]:
    """Create those of `topics` that are missing and return their names, once the broker knows them all.

    Existing ones are left as they are (`differences` tells how they differ). Raises `BrokerError`.
    """
    from kafka.admin import NewTopic

    with connected(bootstrap) as client:
        wanted = [
            NewTopic(
                name=topic.name,
                num_partitions=topic.partitions,
                replication_factor=topic.replication,
                topic_configs=topic.configs,
            )
            for topic in topics
        ]
        answers = client.create_topics(wanted, raise_errors=False)["topics"] if wanted else []
        created = []
        for answer in answers:
            if answer["error_code"] == 0:
                created.append(answer["name"])
            elif answer["error_code"] != TOPIC_EXISTS:
                raise BrokerError(f"Kafka refused to create {answer['name']}: {answer['error_message']}")
        if created:
            client.wait_for_topics(created, timeout_ms=VISIBLE_WITHIN_MS)
    return created


def differences(bootstrap: str, topics: Sequence[Topic]) -> list[Difference]:
    """Return where the broker's topics differ from `topics`; configs that are not declared are not looked at."""
    from kafka.admin import ConfigResource, ConfigResourceType

    with connected(bootstrap) as client:
        described = {topic["name"]: topic for topic in client.describe_topics([topic.name for topic in topics])}
        present = [topic for topic in topics if described[topic.name]["error_code"] == 0]
        resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in present]
        configs = client.describe_configs(resources, config_filter="all")["topic"] if present else {}
    found = [Difference(topic.name, "topic", "present", "missing") for topic in topics if topic not in present]
    for topic in present:
        partitions = len(described[topic.name]["partitions"])
        if partitions != topic.partitions:
            found.append(Difference(topic.name, "partitions", str(topic.partitions), str(partitions)))
        replication = min((len(each["replica_nodes"]) for each in described[topic.name]["partitions"]), default=0)
        if replication != topic.replication:
            found.append(Difference(topic.name, "replication", str(topic.replication), str(replication)))
        values = {name: str(entry["value"]) for name, entry in configs[topic.name].items()}
        found += [
            Difference(topic.name, name, expected, values.get(name, "unknown to this broker"))
            for name, expected in topic.configs.items()
            if values.get(name) != expected
        ]
    return found


def topic_ids(bootstrap: str, names: Sequence[str]) -> dict[str, str]:
    """Return the id that each topic was given when it was made, once the broker knows them all. Raises `BrokerError`.

    A topic that is deleted and made anew gets another one. Empty from brokers before 2.8.
    """
    with connected(bootstrap) as client:
        client.wait_for_topics(list(names), timeout_ms=VISIBLE_WITHIN_MS)
        return {topic["name"]: str(topic.get("topic_id", "")) for topic in client.describe_topics(list(names))}


def broker_facts(bootstrap: str) -> dict[str, object]:
    """Return `{"cluster_id", "brokers", "version", "topics"}` of what answers. Raises `BrokerError`."""
    with connected(bootstrap) as client:
        cluster = client.describe_cluster()
        brokers = cluster["brokers"]
        version = client.get_broker_version_data(brokers[0]["broker_id"]).broker_version if brokers else ()
        names = client.list_topics()
    return {
        "cluster_id": cluster["cluster_id"],
        "brokers": len(brokers),
        "version": ".".join(map(str, version)),
        "topics": len(names),
    }

"""Who of a consumer group owns what."""

from __future__ import annotations

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

ANSWER_SECONDS = 3.0


def members(bootstrap: str, group: str) -> dict[str, set[tuple[str, int]]]:
    """Return topic and partition of all that each member of the group owns; empty while the group is not at rest."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})  # it must outlive its answer
    try:
        described = admin.describe_consumer_groups([group])[group].result(ANSWER_SECONDS)
    except (KafkaException, TimeoutError):  # the group, or its coordinator, is only just being made
        return {}
    if described.state.name != "STABLE":
        return {}
    return {
        member.member_id: {(place.topic, place.partition) for place in member.assignment.topic_partitions}
        for member in described.members
    }

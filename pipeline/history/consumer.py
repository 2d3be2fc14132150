"""The consumer of history's group: what it reads, and how it joins."""

from __future__ import annotations

import re
from typing import Final

from kafka import KafkaConsumer

from pipeline.history.intake import Intake
from pipeline.settings import Settings

FETCH_BYTES: Final = 8 << 20
POLL_MESSAGES: Final = 200
POLL_MS: Final = 200  # how soon a stop is noticed
BOOTSTRAP_TIMEOUT_MS: Final = 5_000
RECONNECT_MS: Final = 1_000  # at most this long between two looks for a broker that has gone
NEW_TOPICS_MS: Final = 5_000  # a new rule's topic is found within this
JOIN_MS: Final = 10_000  # the longest that a settling group holds up a stop; it settles within a heartbeat or two


def consumer_for(settings: Settings) -> KafkaConsumer:
    """Return the group's consumer, subscribed to all that history keeps. Raises KafkaError: no broker answers."""
    intake = Intake(settings)
    consumer = KafkaConsumer(
        bootstrap_servers=(settings.bootstrap or "").split(","),
        group_id=f"{settings.topic_prefix}{settings.app_id}-history",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.heartbeat_ms,
        fetch_max_bytes=FETCH_BYTES,
        max_poll_records=POLL_MESSAGES,
        metadata_max_age_ms=NEW_TOPICS_MS,
        bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
        fetch_max_wait_ms=POLL_MS,
        reconnect_backoff_max_ms=RECONNECT_MS,
    )
    exact = (intake.inbox, intake.decisions, intake.identity_changes, intake.dead_letters)
    names = [re.escape(name) for name in exact] + [re.escape(intake.triggers) + ".+"]
    consumer.subscribe(pattern=f"^(?:{'|'.join(names)})$")
    _finish_joining(consumer)
    return consumer


def _finish_joining(consumer: KafkaConsumer) -> None:
    """Let the consumer finish a join that it has begun, however short the polls are.

    kafka-python 3.0.12 takes the group for joined as soon as the leader has sent its assignment. If the poll that began
    the join has run out of time by then, no later one looks at the answer: the consumer stays with its old partitions,
    sends no more heartbeats, and never sees the new topic that was the reason to join again.
    """
    coordinator = consumer._coordinator
    need_rejoin, ensure_active_group = coordinator.need_rejoin, coordinator.ensure_active_group
    coordinator.need_rejoin = lambda: coordinator.rejoining or need_rejoin()
    coordinator.ensure_active_group = lambda timeout_ms=None: ensure_active_group(JOIN_MS)

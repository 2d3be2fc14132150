"""Which broker, which topics it has, and what to say if it does not answer."""

from __future__ import annotations

from contextlib import suppress
from socket import create_connection
from typing import Final

from pipeline.broker import BrokerError, bootstrap_of
from pipeline.broker.topic_admin import connected
from pipeline.settings import Settings
from pipeline.topics import CATALOG_PRODUCTS, CATALOG_STOCK, Topic, channel_topic, prefixed, topics

CHANNEL = "channel."
LISTENING_SECONDS: Final = 1.0
"""Enough to any broker that a person would wait for."""


def cluster_and_topics(settings: Settings) -> tuple[str, list[str]]:
    """Return the cluster's id and the names of its topics that have our prefix, sorted. Raises BrokerError."""
    with connected(bootstrap_of(settings)) as admin:
        cluster = str(admin.describe_cluster()["cluster_id"])
        names = [str(name) for name in admin.list_topics()]
    return cluster, sorted(name for name in names if name.startswith(settings.topic_prefix))


def producers_topics(settings: Settings) -> list[Topic]:
    """Return the topics that producers write to: those of the channels, and of the catalogue."""
    names = {channel_topic(settings, channel) for channel in settings.channels}
    names |= {prefixed(settings, CATALOG_PRODUCTS), prefixed(settings, CATALOG_STOCK)}
    return [topic for topic in topics(settings) if topic.name in names]


def check_listening(settings: Settings) -> None:
    """Raise BrokerError at once where nobody listens: a client would try for half a minute."""
    bootstrap = bootstrap_of(settings)
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        with suppress(OSError, ValueError), create_connection((host.strip("[]"), int(port)), LISTENING_SECONDS):
            return
    raise BrokerError(f"Kafka does not answer at {bootstrap}. A local one: omni kafka start")

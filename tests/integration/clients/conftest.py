"""An installation with three partitions and six channels, as the client commands find it."""

from __future__ import annotations

import pytest

from pipeline.broker.local import LocalKafka
from pipeline.domain.events import ChannelEvent
from pipeline.settings import Settings, load_settings
from pipeline.sources.shop import shop
from tests.integration.clients.records import (
    CHANNELS,
    PARTITIONS,
    START_MS,
)


@pytest.fixture
def settings(kafka: LocalKafka, prefix: str) -> Settings:
    return load_settings(
        environ={}, bootstrap=kafka.bootstrap, topic_prefix=prefix, partitions=PARTITIONS, channels=CHANNELS
    )


@pytest.fixture
def env(settings: Settings) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP": str(settings.bootstrap),
        "PIPELINE_TOPIC_PREFIX": settings.topic_prefix,
        "PIPELINE_PARTITIONS": str(PARTITIONS),
        "PIPELINE_CHANNELS": ",".join(CHANNELS),
    }


@pytest.fixture(scope="package")
def events() -> list[ChannelEvent]:
    return list(shop(3, 60, START_MS, 4))

"""What `omni topics check` sees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pipeline.broker import topic_admin
from pipeline.broker.topic_admin import Difference, differences
from pipeline.topics import Topic

DECISIONS = Topic("decisions", "customer id", "Decision", 2, 3, {}, "actors")


class Client:
    """A broker whose second partition has lost two replicas."""

    def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        partitions = [{"replica_nodes": [1, 2, 3]}, {"replica_nodes": [1]}]
        return [{"name": name, "error_code": 0, "partitions": partitions} for name in names]

    def describe_configs(self, resources: Any, config_filter: str) -> dict[str, Any]:
        return {"topic": {"decisions": {}}}


def test_a_topic_with_fewer_replicas_than_declared_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def connected(bootstrap: str) -> Iterator[Client]:
        yield Client()

    monkeypatch.setattr(topic_admin, "connected", connected)

    assert differences("there:9092", [DECISIONS]) == [Difference("decisions", "replication", "3", "1")]

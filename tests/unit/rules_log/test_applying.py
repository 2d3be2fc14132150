"""Where a replay stands when rules are applied to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, KafkaError

from pipeline.broker import BrokerError
from pipeline.rules_log import applying
from pipeline.settings import Settings


class Broker:
    """Knows of no commits for the first `misses` questions, as one does that was started a moment ago."""

    def __init__(self, misses: int) -> None:
        self.misses = misses

    def list_group_offsets(self, groups: dict[str, None]) -> dict[str, dict[str, Any]]:
        if self.misses:
            self.misses -= 1
            raise CoordinatorNotAvailableError if self.misses > 1 else CoordinatorLoadInProgressError
        return {group: {"web-0": SimpleNamespace(metadata="41")} for group in groups}


def on(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def connected(bootstrap: str) -> Iterator[Broker]:
        try:
            yield broker
        except KafkaError as error:
            raise BrokerError(str(error)) from error

    monkeypatch.setattr(applying, "connected", connected)
    monkeypatch.setattr(applying, "COORDINATOR_RETRY_SECONDS", 0.0)


def test_a_broker_that_has_only_just_started_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    on(Broker(misses=3), monkeypatch)

    assert applying._stands_at(Settings(bootstrap="127.0.0.1:9")) == 42


def test_a_broker_that_never_knows_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    on(Broker(misses=1_000_000), monkeypatch)
    monkeypatch.setattr(applying, "COORDINATOR_SECONDS", 0.01)

    with pytest.raises(BrokerError):
        applying._stands_at(Settings(bootstrap="127.0.0.1:9"))

"""Ingest of one channel partition: when its source counts as handled."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.streaming.ingest import Fuse, Ingested, IngestPartition
from pipeline.streaming.units import Record

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""


@pytest.mark.parametrize(("event_clock", "reached_ms"), [(True, TEN), (False, TEN + 5)])
def test_the_source_has_come_so_far_only_when_what_it_caused_is_delivered(event_clock: bool, reached_ms: int) -> None:
    unused: Any = None
    topology: Any = type("Topology", (), {"inbox": None})()
    partition = IngestPartition(
        "channel.web", 0, lambda record: Ingested("", TEN, None, TEN), unused, topology, Fuse(0.5, 1_000), event_clock
    )

    (unit,) = partition.apply([Record(0, TEN + 5, None, b"")])
    assert partition.watermark is None

    partition.durable(unit, -1)
    assert partition.watermark == reached_ms

"""The unit that flows through agents: records of one topic partition, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.streaming.units import Record


@dataclass(slots=True, frozen=True)
class Batch:
    """Records of one partition, offsets ascending; none of them for a tick.

    `now_ms` is the wall clock when the batch was handed over, `caught_up` whether its last record was the last of
    the partition at that moment. Batches of an `epoch` before the last rebalance or seek are void.
    """

    topic: str
    partition: int
    records: Sequence[Record]
    now_ms: int
    caught_up: bool
    epoch: int = 0

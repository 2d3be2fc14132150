"""The endurance run: how far production may be ahead, and what is sampled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.bench import endurance
from tests.bench.dataset import Sample, Spec
from tests.bench.endurance import _play
from tests.bench.processes import UNPINNED
from tests.bench.race import Track

MIB = 2**20


class Story:
    """Installation and process in one; `log` is what happened, in order."""

    running = True

    def __init__(self, *resident_mib: int) -> None:
        self.log: list[str] = []
        self._resident = iter(resident_mib)

    def produce(self, samples: Iterable[Sample]) -> int:
        number = len(list(samples))
        self.log.append(f"{number} produced")
        return number

    def wait_drained(self, alive: Callable[[], None], timeout_seconds: float) -> float:
        alive()
        alive()
        self.log.append("all handled")
        return 0.0

    def resident_bytes(self) -> int:
        return next(self._resident) * MIB


def test_no_event_is_produced_before_all_of_the_portion_before_it_are_handled_and_the_greatest_memory_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(endurance, "PORTION", 40)
    story: Any = Story(100, 130, 120, 121, 122, 123, 124, 150, 125)
    track = Track("", tmp_path, UNPINNED, 1, lambda _: None)

    samples = list(_play(story, story, track, Spec(100, 10, 1_790_000_000_000)))

    assert story.log == [
        *("40 produced", "all handled"),
        *("40 produced", "all handled"),
        *("20 produced", "all handled"),
    ]
    assert samples == [(40, 130.0), (80, 123.0), (100, 150.0)]

"""When the keys of a partition want to wake: the earliest first, however often a key changes its time."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush

VOID_KEPT = 1_000
"""Void entries kept besides as many as there are keys. Every change of a cart moves its reminder an hour on; entries
left until their time would be an hour's changes, of 150 bytes each."""


class Wakes:
    """The time (ms) of each key that waits for one. A heap, whose entries are void where the key has another time."""

    def __init__(self, times: Mapping[str, int]) -> None:
        """Begin with `times`."""
        self._times = dict(times)
        self._tidy()

    def __len__(self) -> int:
        """Return the number of keys that wait."""
        return len(self._times)

    def next_ms(self) -> int | None:
        """Return the earliest time any key waits for."""
        heap, times = self._heap, self._times
        while heap and times.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def pop(self) -> str:
        """Remove and return the key that `next_ms` has just told the time of."""
        key = heappop(self._heap)[1]
        del self._times[key]
        return key

    def put(self, key: str, at_ms: int | None) -> None:
        """Let `key` wait for `at_ms`; None for nothing."""
        if at_ms is None:
            self._times.pop(key, None)
            return
        self._times[key] = at_ms
        heappush(self._heap, (at_ms, key))
        if len(self._heap) > 2 * len(self._times) + VOID_KEPT:
            self._tidy()

    def _tidy(self) -> None:
        self._heap = [(at_ms, key) for key, at_ms in self._times.items()]
        heapify(self._heap)

"""The lease: whether this process has run without a pause since the group gave it what it owns.

A process that stood still (stopped, swapped out, its machine asleep) may have lost its partitions and not know it yet.
The watch is a thread of its own, as the group's heartbeat is: however long the event loop sets up or computes, only a
standstill of the whole process counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BEATS = 10
"""Beats in the length of a lease: the watch notices a standstill to a tenth of it."""


class Replaced(RuntimeError):
    """Another worker has taken this partition while we still worked on it. It repeats what we had not finished."""


class Lease:
    """Beats as long as the process runs. Once it has missed its beat for too long it stays expired until renewed."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        """Expire after `seconds` without a beat."""
        self._seconds = seconds
        self._now = now
        self._alive_at = now()

    def renew(self) -> None:
        """Begin anew: the group has just given us partitions, joining it may have taken long."""
        self._alive_at = self._now()

    def beat(self) -> None:
        """Note that the process runs."""
        now = self._now()
        if now - self._alive_at <= self._seconds:
            self._alive_at = now

    def check(self) -> None:
        """Raise `Replaced` if the partitions may be another worker's by now."""
        stood_still = self._now() - self._alive_at
        if stood_still > self._seconds:
            raise Replaced(f"this process stood still for {stood_still:.1f} s; its partitions may be another's by now")

    def watch(self) -> None:
        """Beat in a thread, until the process ends."""
        threading.Thread(target=self._beat_always, name="lease", daemon=True).start()

    def _beat_always(self) -> None:
        while True:
            self.beat()
            time.sleep(self._seconds / BEATS)

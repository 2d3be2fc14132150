"""The pace of a replay: event time against wall time, and the stream's own clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from pipeline.domain.events import ChannelEvent

EVENTS_BETWEEN_TIMES: Final = 2_000
SECONDS_BETWEEN_TIMES: Final = 1.0


class Pace:
    """Called with each event before it is sent; waits and moves the clock as needed.

    `speed` is event seconds per second, None as fast as possible. `tell_time(ms)` says that the stream has come so
    far: at least every 2,000 events or every second. An event may share its millisecond with the next one, so what
    is told is the millisecond before.
    """

    def __init__(
        self,
        speed: float | None = None,
        tell_time: Callable[[int], None] | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the clock to pace by; tests give their own."""
        self._speed = speed
        self._tell_time = tell_time
        self._now = now
        self._sleep = sleep
        self._began = self._told_at = now()
        self._first_ms: int | None = None
        self._newest_ms = 0
        self._since_told = 0

    def __call__(self, event: ChannelEvent) -> None:
        """Wait until it is the event's turn."""
        at_ms = event.occurred_at_ms
        if self._first_ms is None:
            self._first_ms, self._began = at_ms, self._now()
        if self._speed is not None:
            self._wait_for(at_ms, self._first_ms, self._speed)
        self._newest_ms = max(self._newest_ms, at_ms)
        self._since_told += 1
        due = self._since_told >= EVENTS_BETWEEN_TIMES or self._now() - self._told_at >= SECONDS_BETWEEN_TIMES
        if self._tell_time is not None and due:
            self._tell(self._newest_ms - 1)

    def _wait_for(self, at_ms: int, first_ms: int, speed: float) -> None:
        """Sleep until the event's time, telling the time on the way if that takes long."""
        due = self._began + (at_ms - first_ms) / 1000 / speed
        while (left := due - self._now()) > 0:
            self._sleep(min(left, SECONDS_BETWEEN_TIMES))
            if self._tell_time is not None and due > self._now():
                passed_ms = first_ms + int((self._now() - self._began) * speed * 1000)
                self._tell(min(passed_ms, at_ms - 1))

    def _tell(self, at_ms: int) -> None:
        if self._tell_time is not None:
            self._tell_time(at_ms)
            self._told_at = self._now()
            self._since_told = 0

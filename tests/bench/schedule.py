"""Sending by the clock, whatever the receiver does, and what share of the waits is how long."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from confluent_kafka import Producer


def on_schedule(producer: Producer, rate: int, seconds: float) -> Iterator[tuple[int, float]]:
    """Yield `rate` numbers a second, each when it is due, with that moment (monotonic seconds): waits count from it."""
    began = time.monotonic() + 0.1
    for number in range(int(seconds * rate)):
        due = began + number / rate
        while (wait := due - time.monotonic()) > 0:
            producer.poll(0)
            time.sleep(min(wait, 0.001))
        yield number, due
    producer.flush(30)


def percentile(ascending: Sequence[float], share: float) -> float:
    """Return the value below which this share of them lies (nearest rank).

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5), percentile([7.0], 0.99)
    (3.0, 7.0)
    """
    return ascending[min(int(len(ascending) * share), len(ascending) - 1)]

"""The lease: a standstill of the process ends it, a long set-up does not."""

from __future__ import annotations

import threading

import pytest

from pipeline.streaming.lease import Lease, Replaced


class Clock:
    """A monotonic clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def beating(lease: Lease, clock: Clock, seconds: float) -> None:
    """Let time pass while the process runs."""
    for _ in range(int(seconds * 2)):
        clock.seconds += 0.5
        lease.beat()


def test_setting_up_for_longer_than_the_lease_does_not_end_it() -> None:
    clock = Clock()
    lease = Lease(5.0, clock)
    lease.renew()

    beating(lease, clock, 60.0)  # an engine scans a large table: the event loop stands, the process does not

    lease.check()


def test_a_standstill_ends_it_for_good_though_the_process_beats_again() -> None:
    clock = Clock()
    lease = Lease(5.0, clock)
    lease.renew()
    clock.seconds += 6.0
    beating(lease, clock, 1.0)

    with pytest.raises(Replaced, match=r"stood still for 7\.0 s"):
        lease.check()


def test_what_the_group_gives_anew_begins_a_new_lease() -> None:
    clock = Clock()
    lease = Lease(5.0, clock)
    clock.seconds += 60.0

    lease.renew()

    lease.check()


def test_the_watch_beats_in_a_thread_of_its_own() -> None:
    beaten = threading.Event()

    def now() -> float:
        if threading.current_thread().name == "lease":
            beaten.set()
        return 100.0

    Lease(5.0, now).watch()

    assert beaten.wait(10.0)

"""Which events are remembered, and what of them is forgotten when: B19, B20."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.customer.recent import (
    KEPT_ANYWAY,
    RECENT_KEPT,
    REMEMBERED_MS,
    Generation,
    event_key,
    remember,
    remembered_digest,
    united,
    united_generation,
)
from pipeline.domain.time import DAY_MS, HOUR_MS

BEGIN_MS = 1_790_000_000_000
ENTRY_BYTES = 12


class Memory:
    """What is remembered of one customer. Events are numbered; an event's number is its digest, too."""

    def __init__(self) -> None:
        self.recent, self.generation = b"", Generation()
        self.told_at_ms: list[int] = []

    def tell(self, at_ms: int) -> None:
        """Tell of a new event."""
        number = len(self.told_at_ms)
        key = event_key(f"e-{number}")
        self.recent, self.generation = remember(self.recent, self.generation, key, number, at_ms)
        self.told_at_ms.append(at_ms)

    def knows(self, number: int) -> bool:
        """Whether the event is remembered."""
        digest = remembered_digest(self.recent, event_key(f"e-{number}"))
        assert digest in (None, number)
        return digest is not None


def test_the_oldest_event_id_is_forgotten_first_and_a_key_across_two_entries_is_not_found() -> None:
    memory = Memory()
    for _ in range(RECENT_KEPT + 1):
        memory.tell(BEGIN_MS)

    assert not memory.knows(0)
    assert all(memory.knows(number) for number in range(1, RECENT_KEPT + 1))
    assert remembered_digest(memory.recent, memory.recent[5:13]) is None


@given(st.lists(st.integers(0, 3 * DAY_MS) | st.integers(0, HOUR_MS), max_size=150))
def test_b19_whatever_was_told_in_the_last_seven_days_is_remembered_and_so_are_the_latest_32(gaps: list[int]) -> None:
    memory, now_ms = Memory(), BEGIN_MS
    for gap in gaps:
        now_ms += gap
        memory.tell(now_ms)
        told = enumerate(memory.told_at_ms)
        wanted = [number for number, at_ms in told if now_ms - at_ms <= REMEMBERED_MS]
        wanted += range(max(0, len(memory.told_at_ms) - KEPT_ANYWAY), len(memory.told_at_ms))
        assert all(memory.knows(number) for number in wanted)


@pytest.mark.parametrize(("a_day", "events_kept"), [(0.1, 64), (3, 70), (20, 300), (70, 1_000), (1_000, 1_024)])
def test_a_customer_of_two_years_takes_what_two_weeks_of_events_take(a_day: float, events_kept: int) -> None:
    memory = Memory()
    most = 0
    for number in range(int(a_day * 730)):
        memory.tell(BEGIN_MS + int(number / a_day * DAY_MS))
        most = max(most, len(memory.recent))

    assert most <= events_kept * ENTRY_BYTES


def test_of_two_customers_that_become_one_every_event_of_the_last_seven_days_is_remembered() -> None:
    one, other = Memory(), Memory()
    for day in range(100):
        one.tell(BEGIN_MS + day * DAY_MS)
    for day in range(93, 100):
        other.told_at_ms += [0] * 1_000  # other numbers than the first one's
        other.tell(BEGIN_MS + day * DAY_MS)

    one.recent = united(one.recent, other.recent)
    one.generation = united_generation(one.generation, other.generation)
    theirs = [number for number, at_ms in enumerate(other.told_at_ms) if at_ms]
    one.told_at_ms += [0] * 10_000
    one.tell(BEGIN_MS + 100 * DAY_MS)

    assert all(one.knows(number) for number in [*range(93, 100), *theirs])

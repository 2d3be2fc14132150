"""Wake times: the earliest comes first, and what was changed leaves nothing behind."""

from __future__ import annotations

import tracemalloc

from pipeline.streaming.wakes import Wakes


def _all(wakes: Wakes) -> list[tuple[int | None, str]]:
    return [(wakes.next_ms(), wakes.pop()) for _ in range(len(wakes))]


def test_keys_wake_in_the_order_of_the_times_they_were_last_given() -> None:
    wakes = Wakes({"a": 30, "b": 10, "c": 20})

    wakes.put("b", 40)
    wakes.put("c", None)
    wakes.put("d", 35)
    wakes.put("d", 25)

    assert _all(wakes) == [(25, "d"), (30, "a"), (40, "b")]
    assert wakes.next_ms() is None


def test_times_that_are_moved_a_hundred_thousand_times_take_no_more_room_than_at_first() -> None:
    wakes = Wakes({f"key-{number}": number for number in range(100)})
    tracemalloc.start()
    try:
        for number in range(100_000):
            wakes.put(f"key-{number % 100}", 1_000 + number)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert grown < 400_000  # bytes; a hundred thousand entries are fifteen million
    assert _all(wakes) == [(100_900 + number, f"key-{number}") for number in range(100)]

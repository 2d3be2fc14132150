"""The cache of decoded states: what is used stays, what is not goes, within a bound of bytes."""

from __future__ import annotations

import pytest

from pipeline.streaming import cache
from pipeline.streaming.cache import Cache
from pipeline.streaming.step import Held


def used(states: Cache[str], key: str) -> bool:
    """Use a key as a partition does; return whether it was held."""
    held = states.get(key)
    if held is None:
        states.put(key, Held(key, size=1_000))
    states.tidy()
    return held is not None


def test_a_key_that_is_used_again_and_again_stays_while_ten_thousand_others_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache, "CACHED_BYTES", 400_000)
    states: Cache[str] = Cache()
    used(states, "regular")

    found = []
    for number in range(10_000):
        used(states, f"passer-by-{number}")
        if number % 100 == 0:
            found.append(used(states, "regular"))

    assert all(found)
    assert not used(states, "passer-by-0")


def test_what_is_held_is_bounded_by_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CACHED_BYTES", 100_000)
    states: Cache[str] = Cache()
    for number in range(1_000):
        used(states, f"key-{number}")

    held = [number for number in range(1_000) if states.get(f"key-{number}") is not None]

    assert 0 < len(held) <= 100
    assert held[-1] == 999


def test_nothing_goes_before_it_is_said_that_nothing_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CACHED_BYTES", 0)
    states: Cache[str] = Cache()
    for number in range(1_000):
        states.put(f"key-{number}", Held("changed, not yet written"))

    assert all(states.get(f"key-{number}") is not None for number in range(1_000))

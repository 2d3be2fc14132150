"""The cache of decoded states: who is used again stays, who passes by goes, both within a bound of bytes."""

from __future__ import annotations

import pytest

from pipeline.streaming import cache
from pipeline.streaming.cache import Cache
from pipeline.streaming.step import Held


def used(states: Cache[str], key: str) -> bool:
    """Use a key as a partition does, in a unit of its own; return whether it was held."""
    held = states.get(key)
    if held is None:
        states.put(key, Held(key, size=1_000))
    if states.is_full:
        states.tidy()
    return held is not None


def test_a_key_that_is_used_again_and_again_stays_while_ten_thousand_others_pass() -> None:
    states: Cache[str] = Cache()
    used(states, "regular")
    used(states, "regular")

    found = []
    for number in range(10_000):
        used(states, f"passer-by-{number}")
        if number % 100 == 0:
            found.append(used(states, "regular"))

    assert all(found)
    assert not used(states, "passer-by-0")


def test_a_regular_that_comes_no_more_goes_when_others_have_become_regulars() -> None:
    states: Cache[str] = Cache()
    for name in ("before", *(f"key-{number}" for number in range(2_000))):
        used(states, name)
        used(states, name)

    assert not used(states, "before")
    assert used(states, "key-1999")


@pytest.mark.parametrize("times", [1, 2])
def test_what_is_held_is_bounded_by_its_bytes(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    monkeypatch.setattr(cache, "PASSING_BYTES", 50_000)
    monkeypatch.setattr(cache, "REGULAR_BYTES", 100_000)
    states: Cache[str] = Cache()
    for number in range(1_000):
        for _ in range(times):
            used(states, f"key-{number}")

    held = [number for number in range(1_000) if states.get(f"key-{number}") is not None]

    assert 0 < len(held) <= 120
    assert held[-1] == 999


def test_nothing_goes_before_it_is_said_that_nothing_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "PASSING_BYTES", 0)
    states: Cache[str] = Cache()
    for number in range(1_000):
        states.put(f"key-{number}", Held("changed, not yet written"))

    assert all(states.get(f"key-{number}") is not None for number in range(1_000))


def test_when_passers_by_go_regulars_stay() -> None:
    states: Cache[str] = Cache()
    for name in ("regular", "regular", "passer-by"):
        if states.get(name) is None:
            states.put(name, Held(name))

    states.let_pass()

    assert states.get("regular") is not None
    assert states.get("passer-by") is None

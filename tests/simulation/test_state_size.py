"""Customers stay small: there are millions of them, and most are nobody special."""

from __future__ import annotations

import msgspec

from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.rules.in_force import Rules
from pipeline.settings import load_settings
from pipeline.simulation import Simulation
from pipeline.sources.shop import shop

NINE_MS = 1_795_510_800_000
"""2026-11-24T09:00:00Z."""
MEDIAN_BYTES = 1_536
TENTH_BYTES = 4_096


def test_half_of_a_shops_customers_take_at_most_one_and_a_half_kibibytes_and_nine_in_ten_four() -> None:
    simulation = Simulation(load_settings(environ={}), Rules("1", ()), IdentityConfig())
    simulation.play([simulation.read(event) for event in shop(7, 300, NINE_MS, 6)])

    states = [state for _, state in simulation.bus.states("customer") if not state.is_pointer]
    sizes = sorted(len(msgspec.msgpack.encode(state)) for state in states)
    assert len(sizes) > 200
    assert sizes[len(sizes) // 2] <= MEDIAN_BYTES
    assert sizes[len(sizes) * 9 // 10] <= TENTH_BYTES

"""How often the tests that live from chance (marked `soak`) are tried, each time with other seeds."""

from __future__ import annotations

import os

ROUNDS = int(os.environ.get("TEST_ROUNDS", "1"))
"""One, and the same seeds each time, unless TEST_ROUNDS says how many; `make soak` does."""

"""A real shop's morning (REES46): where the sample lies, and what its own README counts in it, from the file alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.settings import PROJECT_DIR

DATA = PROJECT_DIR.parent / "shared" / "data"
"""Beside the project, not part of it: the data is other people's."""
SAMPLE = DATA / "rees46" / "events_dev.csv"

END_MS = 1_569_898_200_000
"""2019-10-01T02:50:00Z, when all is over."""
EVENTS, DISTINCT, CUSTOMERS = 8_746, 8_743, 2_256
REVENUE_MINOR = 2_831_224
ABANDONED = {5: 22, 10: 14, 20: 6}
"""Carts that lay untouched for so many minutes."""


def sample(path: Path = SAMPLE) -> Path:
    """Return the sample. Where it is absent, the test is skipped, saying so; where CI runs, it fails."""
    if not path.is_file():
        missing = f"the sample data is not at {path}"
        if os.environ.get("CI"):
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    return path

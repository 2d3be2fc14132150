"""Every contender's interpreter is set up as the worker's is: the race is between designs, not between settings."""

from __future__ import annotations

import gc
import sys

from pipeline.worker import GC_THRESHOLDS, SWITCH_SECONDS


def tune() -> None:
    """Collect garbage and switch threads as the worker does."""
    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(SWITCH_SECONDS)

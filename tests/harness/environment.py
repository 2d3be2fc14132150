"""The environment of the processes under test."""

from __future__ import annotations

import os

from pipeline.settings import PROJECT_DIR


def clean_environment() -> dict[str, str]:
    """Return the environment of a process without the tester's own settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PIPELINE_") and k != "KAFKA_BOOTSTRAP"}
    return kept | {"PYTHONPATH": str(PROJECT_DIR), "PYTHONUTF8": "1"}

"""The broker of `deploy/compose.yaml`, for machines with Docker and without Java."""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

from pipeline.broker import BrokerError
from pipeline.settings import PROJECT_DIR

COMPOSE_FILE: Final = PROJECT_DIR / "deploy" / "compose.yaml"
BOOTSTRAP: Final = "localhost:9092"
ASK_TIMEOUT_SECONDS: Final = 10.0
START_TIMEOUT_SECONDS: Final = 900.0  # the first start fetches the image


def unavailable() -> str | None:
    """Return None if a Docker engine with compose answers, else what is missing."""
    if shutil.which("docker") is None:
        return "no docker command"
    if not _succeeds(["docker", "info"]):
        return "no Docker engine answers"
    return None if _succeeds(["docker", "compose", "version"]) else "docker has no compose plugin"


def running() -> bool:
    """Tell whether the kafka service is up."""
    done = _compose("ps", "--status", "running", "--services", timeout=ASK_TIMEOUT_SECONDS)
    return done.returncode == 0 and "kafka" in done.stdout.split()


def start() -> None:
    """Start the kafka service and wait until it is healthy. Raises `BrokerError`."""
    done = _compose("up", "--detach", "--wait", "kafka", timeout=START_TIMEOUT_SECONDS)
    if done.returncode != 0:
        raise BrokerError(f"docker compose could not start kafka:\n{done.stderr[-1500:]}")


def stop() -> None:
    """Stop the kafka service; its data stays in its volume."""
    _compose("stop", "kafka", timeout=60.0)


def _compose(*words: str, timeout: float) -> subprocess.CompletedProcess[str]:
    command = ["docker", "compose", "-f", str(COMPOSE_FILE), *words]
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise BrokerError(f"`{' '.join(command)}` did not end in {timeout:.0f} s.") from None


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ASK_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0

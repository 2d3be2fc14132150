"""Waits until a broker really answers, instead of guessing from an open port."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Final

POLL_SECONDS: Final = 0.1
ANSWER_TIMEOUT_MS: Final = 3000


def cluster_id(bootstrap: str) -> str | None:
    """Return the id of the cluster that answers at `bootstrap`, or None if nothing does."""
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap, request_timeout_ms=ANSWER_TIMEOUT_MS, bootstrap_timeout_ms=ANSWER_TIMEOUT_MS
        )
    except (KafkaError, OSError, ValueError):
        return None
    try:
        return str(admin.describe_cluster()["cluster_id"])
    except (KafkaError, OSError):
        return None
    finally:
        admin.close()


def wait_until_answered(port: int, expected_cluster: str, alive: Callable[[], bool], timeout_seconds: float) -> bool:
    """Wait until the cluster `expected_cluster` answers on local `port`.

    Returns False as soon as `alive` does, or when the time is over. A stranger on the same port is no answer.
    """
    deadline = time.monotonic() + timeout_seconds
    while alive() and time.monotonic() < deadline:
        if port_open(port) and cluster_id(f"127.0.0.1:{port}") == expected_cluster:
            return True
        time.sleep(POLL_SECONDS)
    return False


def port_open(port: int) -> bool:
    """Tell whether something listens on the local `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def port_free(port: int) -> bool:
    """Tell whether the local `port` could be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does: a restart need not wait a minute
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Return `count` different local ports that are free now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()

"""What a figure was measured on: without it a figure says nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import confluent_kafka

from pipeline.broker.jars import KAFKA_VERSION
from pipeline.settings import Settings

PACKAGES = ("faust-streaming", "mode-streaming", "aiokafka", "msgspec", "uvloop", "fastavro", "chdb")
SETTINGS = ("store", "clock", "transport", "tick_ms", "batch_max_records", "commit_interval_ms", "session_timeout_ms")


def describe() -> dict[str, str]:
    """Return machine and versions, as lines of a table."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    model = next(models, platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return {
        "machine": f"{len(os.sched_getaffinity(0))} cores of {model}, {memory:.0f} GiB, Linux {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": f"{packages}, confluent-kafka {version('confluent-kafka')} ({confluent_kafka.libversion()[0]})",
        "broker": f"Apache Kafka {KAFKA_VERSION}, one KRaft node, deploy/kafka/server.properties, acks=all",
    }


def load() -> float:
    """Return how many processes wanted a core in the last minute: above what runs here, others disturbed."""
    return round(os.getloadavg()[0], 1)


def settings_line(settings: Settings) -> str:
    """Return the settings that matter for speed."""
    return ", ".join(f"{name}={getattr(settings, name)}" for name in SETTINGS)

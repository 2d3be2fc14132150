"""Which bus the events take, in this order: a named broker; Java and Maven; Docker; memory – and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from pipeline.broker import docker
from pipeline.broker.jars import find_java, find_maven, jar_dir
from pipeline.broker.local import LocalKafka
from pipeline.settings import Settings


class Bus(Struct, frozen=True):
    """A choice: `bootstrap` is known for a named broker, else once `open_bus` has started it; memory has none.

    `sentence` tells people what is used, and what would change that; `lacking`, why there is no Kafka.
    """

    kind: Literal["named", "local", "docker", "memory"]
    sentence: str
    bootstrap: str | None = None
    lacking: str = ""


def choose_bus(settings: Settings) -> Bus:
    """Decide, without starting anything."""
    if settings.bootstrap is not None:
        origin = settings.origins.get("bootstrap", "the caller")
        return Bus("named", f"Kafka at {settings.bootstrap} ({origin}).", settings.bootstrap)
    missing = [] if find_java() else ["no Java (install default-jre-headless)"]
    if not jar_dir().is_dir() and not find_maven():
        missing.append("no Maven to fetch Kafka with (install maven)")
    if not missing:
        return Bus(
            "local", f"A local Apache Kafka, in {settings.data_dir / 'kafka'}. Another: KAFKA_BOOTSTRAP=host:port."
        )
    no_docker = docker.unavailable()
    if no_docker is None:
        return Bus("docker", f"Apache Kafka in Docker, because there is {' and '.join(missing)}.", docker.BOOTSTRAP)
    reasons = ", ".join([*missing, f"{no_docker} (start Docker)"])
    lacking = f"There is no Kafka to be had: {reasons}. Mend one of these, or set KAFKA_BOOTSTRAP=host:port."
    return Bus("memory", f"The in-memory bus. {lacking}", lacking=lacking)


@contextmanager
def open_bus(settings: Settings, bus: Bus | None = None) -> Iterator[Bus]:
    """Start what `bus` (default: `choose_bus`) needs and yield it with its address; stop at the end what was started.

    Raises `BrokerError` if the broker cannot be started.
    """
    bus = bus or choose_bus(settings)
    if bus.kind == "local":
        with LocalKafka(settings.data_dir) as local:
            yield replace(bus, bootstrap=local.bootstrap)
    elif bus.kind == "docker" and not docker.running():
        docker.start()
        try:
            yield bus
        finally:
            docker.stop()
    else:
        yield bus

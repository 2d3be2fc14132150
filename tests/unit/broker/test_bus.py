from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.broker import bus as bus_module
from pipeline.broker import docker
from pipeline.broker.bus import choose_bus, open_bus
from pipeline.settings import Settings, load_settings


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str | None]:
    """A machine with everything; a test takes away what it is about."""
    has: dict[str, str | None] = {"java": "/bin/java", "maven": "/bin/mvn", "docker": None}
    monkeypatch.setattr(bus_module, "find_java", lambda: has["java"])
    monkeypatch.setattr(bus_module, "find_maven", lambda: has["maven"])
    monkeypatch.setattr(bus_module, "jar_dir", lambda: tmp_path / "jars")
    monkeypatch.setattr(docker, "unavailable", lambda: has["docker"])
    return has


def test_a_named_broker_comes_first(machine: dict[str, str | None]) -> None:
    bus = choose_bus(load_settings(environ={"KAFKA_BOOTSTRAP": "there:9092"}))

    assert (bus.kind, bus.bootstrap) == ("named", "there:9092")
    assert bus.sentence == "Kafka at there:9092 ($KAFKA_BOOTSTRAP)."


def test_java_and_maven_come_before_docker(machine: dict[str, str | None]) -> None:
    assert choose_bus(Settings()).kind == "local"


def test_maven_is_not_needed_once_the_jars_are_there(machine: dict[str, str | None], tmp_path: Path) -> None:
    machine["maven"] = None
    (tmp_path / "jars").mkdir()

    assert choose_bus(Settings()).kind == "local"


@pytest.mark.parametrize(("missing", "named"), [("java", "no Java"), ("maven", "no Maven")])
def test_docker_stands_in_where_java_or_maven_is_missing(
    machine: dict[str, str | None], missing: str, named: str
) -> None:
    machine[missing] = None

    bus = choose_bus(Settings())

    assert (bus.kind, bus.bootstrap) == ("docker", "localhost:9092")
    assert named in bus.sentence


def test_memory_is_the_last_resort_and_says_what_would_change_that(machine: dict[str, str | None]) -> None:
    machine.update(java=None, maven=None, docker="no Docker engine answers")

    bus = choose_bus(Settings())

    assert (bus.kind, bus.bootstrap) == ("memory", None)
    for remedy in ("default-jre-headless", "install maven", "start Docker", "KAFKA_BOOTSTRAP=host:port"):
        assert remedy in bus.sentence
        assert remedy in bus.lacking
    assert bus.lacking.startswith("There is no Kafka to be had: no Java")


def test_opening_a_named_or_memory_bus_starts_nothing(machine: dict[str, str | None], tmp_path: Path) -> None:
    with open_bus(Settings(bootstrap="there:9092")) as bus:
        assert bus.bootstrap == "there:9092"
    machine.update(java=None, docker="no docker command")
    with open_bus(Settings(data_dir=tmp_path / "data")) as bus:
        assert bus.bootstrap is None
    assert not (tmp_path / "data").exists()


def test_docker_is_stopped_again_only_by_whoever_started_it(
    machine: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine["java"] = None
    calls: list[str] = []
    monkeypatch.setattr(docker, "start", lambda: calls.append("start"))
    monkeypatch.setattr(docker, "stop", lambda: calls.append("stop"))

    monkeypatch.setattr(docker, "running", lambda: True)
    with open_bus(Settings()):
        assert calls == []
    monkeypatch.setattr(docker, "running", lambda: False)
    with open_bus(Settings()):
        assert calls == ["start"]

    assert calls == ["start", "stop"]

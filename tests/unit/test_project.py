"""What the project promises about itself: locked packages, one Kafka version, a valid Docker installation."""

from __future__ import annotations

import re
import subprocess
import tomllib
from itertools import chain
from typing import Any

import pytest
import yaml

from pipeline.__main__ import main
from pipeline.broker import docker
from pipeline.broker.jars import KAFKA_DIR, KAFKA_VERSION
from pipeline.cli import COMMANDS
from pipeline.settings import PROJECT_DIR, load_settings
from pipeline.topics import BIG_MESSAGE_BYTES

LOCK = (PROJECT_DIR / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SERVICE_KEYS = {
    "build", "command", "configs", "depends_on", "environment", "healthcheck", "image", "ports", "restart",
    "stop_grace_period", "ulimits", "volumes",
}  # fmt: skip
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


def test_the_lock_file_names_no_address_and_pins_every_package_with_its_hash() -> None:
    assert "://" not in LOCK
    pins = re.findall(r"^[a-z0-9].*$", LOCK, re.MULTILINE)
    assert all("==" in pin and pin.endswith("\\") for pin in pins)


@pytest.mark.parametrize("pin", ["faust-streaming==0.15.3", "mode-streaming==0.7.1", "aiokafka==0.14.0"])
def test_the_chassis_is_pinned_exactly(pin: str) -> None:
    assert pin in PROJECT["dependencies"]
    assert f"\n{pin} " in LOCK


def test_every_declared_package_is_in_the_lock_file() -> None:
    for requirement in [*PROJECT["dependencies"], *chain.from_iterable(PROJECT["optional-dependencies"].values())]:
        name = re.split(r"[><=]", requirement)[0].lower()
        assert re.search(rf"^{re.escape(name)}==", LOCK, re.MULTILINE), name


def test_maven_fetches_the_version_that_the_code_speaks_of() -> None:
    pom = (KAFKA_DIR / "pom.xml").read_text(encoding="utf-8")

    assert f"<artifactId>kafka_2.13</artifactId>\n      <version>{KAFKA_VERSION}</version>" in pom


def test_the_local_broker_takes_what_topics_allow() -> None:
    lines = (KAFKA_DIR / "server.properties").read_text(encoding="utf-8").splitlines()
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    assert int(values["message.max.bytes"]) > BIG_MESSAGE_BYTES
    assert int(values["replica.fetch.max.bytes"]) > BIG_MESSAGE_BYTES
    assert values["auto.create.topics.enable"] == "false"


def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(docker.COMPOSE_FILE.read_text(encoding="utf-8"))
    return content


def test_compose_services_have_known_keys_and_an_image_or_a_build() -> None:
    for name, service in compose()["services"].items():
        assert set(service) <= SERVICE_KEYS, name
        assert "image" in service or "build" in service, name


def test_compose_services_wait_for_services_that_exist_and_can_be_waited_for() -> None:
    services = compose()["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services, name
            assert how["condition"] in CONDITIONS, name
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{name} waits for the health of {other}"


def test_compose_publishes_each_port_once_and_to_this_machine_alone() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]

    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)
    assert docker.BOOTSTRAP.replace("localhost", "127.0.0.1") + ":9092" in ports


def test_compose_volumes_are_declared_and_workers_share_none() -> None:
    content = compose()
    mounted = [
        volume.split(":")[0] for service in content["services"].values() for volume in service.get("volumes", [])
    ]
    folders = [name for name in mounted if name.startswith("./")]

    assert sorted(set(mounted) - set(folders)) == sorted(content["volumes"])
    assert len(mounted) == len(set(mounted))
    assert folders
    assert all((docker.COMPOSE_FILE.parent / folder).is_dir() for folder in folders)


def test_compose_configurations_are_files_and_are_all_given_to_a_service() -> None:
    content = compose()
    given = {each["source"] for service in content["services"].values() for each in service.get("configs", [])}

    assert set(content["configs"]) == given
    assert all((docker.COMPOSE_FILE.parent / each["file"]).is_file() for each in content["configs"].values())


def test_compose_gives_our_processes_commands_and_settings_that_exist() -> None:
    ours = {name: each for name, each in compose()["services"].items() if "build" in each}
    assert {"topics", "worker-1", "worker-2", "history"} == set(ours)
    for service in ours.values():
        assert service["command"][0] in COMMANDS
        environ = {key: re.sub(r"\$\{\w+:-(\w+)\}", r"\1", value) for key, value in service["environment"].items()}
        known = load_settings(environ=environ)
        assert len([name for name in known.origins if name != "bootstrap"]) == len(environ) - 1
        assert known.bootstrap == "kafka:19092"


def test_compose_runs_the_kafka_that_the_code_speaks_of() -> None:
    assert compose()["services"]["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_compose_builds_from_files_that_are_there() -> None:
    for service in compose()["services"].values():
        if "build" in service:
            context = (docker.COMPOSE_FILE.parent / service["build"]["context"]).resolve()
            assert context == PROJECT_DIR
            assert (context / service["build"]["dockerfile"]).is_file()


@pytest.mark.docker
def test_docker_itself_finds_the_compose_file_valid() -> None:
    done = subprocess.run(
        ["docker", "compose", "-f", str(docker.COMPOSE_FILE), "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_make_help_knows_every_target() -> None:
    makefile = (PROJECT_DIR / "Makefile").read_text(encoding="utf-8")
    shown = subprocess.run(["make", "help"], cwd=PROJECT_DIR, capture_output=True, text=True, check=True).stdout

    for target in re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split():
        assert f"make {target} " in shown


def test_the_installed_command_is_this_one() -> None:
    assert PROJECT["scripts"]["omni"] == f"{main.__module__}:main"

"""The checks of `omni doctor`: each looks at one thing, takes seconds at most, and never raises."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

from msgspec import Struct

from pipeline.broker import BrokerError, docker
from pipeline.broker.bus import choose_bus
from pipeline.broker.jars import KAFKA_VERSION, find_java, find_maven, jar_dir
from pipeline.broker.topic_admin import broker_facts, differences
from pipeline.domain.rules.book import UnreadableRules
from pipeline.domain.time import rfc3339
from pipeline.errors import OmniError
from pipeline.history.engine import HistoryUnavailable, QueryRefused
from pipeline.identity_file import load_identity
from pipeline.rules_file import RulesFileError, load_rules
from pipeline.rules_log.applying import read_log
from pipeline.settings import Settings, mask_url
from pipeline.topics import topics
from pipeline.wire.registry import Registry, RegistryNotReachable

IMPORT_TIMEOUT_SECONDS: Final = 60.0  # the embedded engine is a library of several hundred megabytes


class Finding(Struct, frozen=True):
    """What one check found. `needed`: without it this configuration does not work. `remedy`: what to do if not ok."""

    name: str
    ok: bool
    needed: bool
    found: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Return the findings of all checks, in the order in which one would mend things."""
    return [
        Finding("python", True, True, f"{sys.version.split()[0]}, faust-streaming {version('faust-streaming')}"),
        _data_dir(settings.data_dir),
        _file("rules", settings.rules_file, lambda path: load_rules(path).version),
        _file("identity", settings.identity_file, lambda path: load_identity(path).version),
        *_kafka(settings),
        _registry(settings.registry_url),
        _clickhouse(settings.clickhouse_url),
        _chdb(needed=settings.clickhouse_url is None),
        *_tools(),
    ]


def _data_dir(path: Path) -> Finding:
    existing = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
    ok = existing.is_dir() and os.access(existing, os.W_OK)
    remedy = f"Make {existing} a writable folder, or choose another: --data-dir"
    return Finding("data_dir", ok, True, f"{path} is {'' if ok else 'not '}writable", remedy)


def _file(name: str, path: Path, version_of: Callable[[Path], str]) -> Finding:
    try:
        found = f"{path}, version {version_of(path)}"
    except OmniError as error:
        return Finding(name, False, True, str(error), f"Mend it, or set {name}_file to another.")
    return Finding(name, True, True, found)


def _kafka(settings: Settings) -> Iterator[Finding]:
    bus = choose_bus(settings)
    if settings.bootstrap is None:
        remedy = {
            "local": "omni kafka start",
            "docker": f"docker compose -f {docker.COMPOSE_FILE} up --detach kafka, and set KAFKA_BOOTSTRAP.",
        }.get(bus.kind, "Install Java and Maven, or set KAFKA_BOOTSTRAP.")
        yield Finding("kafka", False, True, f"not running. To be had: {bus.sentence}", remedy)
        return
    try:
        facts = broker_facts(settings.bootstrap)
        found = f"{bus.sentence} {facts['version']}, {facts['brokers']} brokers, {facts['topics']} topics"
        yield Finding("kafka", True, True, found)
        yield _in_force(settings)
        rules = [rule.name for rule in load_rules(settings.rules_file).rules]
        missing = differences(settings.bootstrap, topics(settings, rules))
    except BrokerError as error:
        yield Finding("kafka", False, True, str(error), "omni kafka start, or name a running one: KAFKA_BOOTSTRAP")
    except RulesFileError:
        yield Finding("topics", False, False, "not compared: each rule has a topic", "Mend the rules file.")
    else:
        found = "; ".join(map(str, missing[:3])) + (f" … {len(missing)} differences" if len(missing) > 3 else "")
        yield Finding(
            "topics", not missing, False, found or "as declared", "omni topics create, then omni topics check"
        )


def _in_force(settings: Settings) -> Finding:
    """What the workers of this installation go by, whatever the file says by now."""
    log = read_log(settings)
    if log.latest is None:
        return Finding("in_force", True, False, "no rules yet: the first worker applies those of the file")
    now_ms = log.latest.from_ms if settings.clock == "event" else int(time.time() * 1000)
    try:
        held = log.book.at(now_ms)
    except UnreadableRules as error:
        return Finding("in_force", False, False, str(error), "omni rules apply FILE, or take the newer release.")
    found = f"rules version {held.version}, number {held.number}"
    if log.latest.from_ms > now_ms:
        found += f"; number {log.latest.number} from {rfc3339(log.latest.from_ms)} on"
    return Finding("in_force", True, False, found)


def _registry(url: str | None) -> Finding:
    if url is None:
        return Finding("registry", True, False, "none: single-object encoding, resolved from schemas/")
    try:
        Registry(url).check()
    except (RegistryNotReachable, ValueError) as error:
        return Finding("registry", False, True, str(error), "Start it, or unset registry_url.")
    return Finding("registry", True, True, f"{mask_url(url)} answers")


def _clickhouse(url: str | None) -> Finding:
    if url is None:
        return Finding("clickhouse", True, False, "none: history goes to the embedded engine")
    from clickhouse_driver.errors import ErrorCodes, ServerException

    from pipeline.history.server import Server

    server = Server(url)
    try:
        major, minor = server.target().version
    except (HistoryUnavailable, QueryRefused) as error:
        cause = error.__cause__
        if isinstance(cause, ServerException) and cause.code == ErrorCodes.UNKNOWN_DATABASE:
            return Finding("clickhouse", True, True, f"{mask_url(url)} answers; omni history makes the database")
        return Finding("clickhouse", False, True, str(error), "Start it, mend clickhouse_url, or unset it.")
    finally:
        server.close()
    return Finding("clickhouse", True, True, f"{mask_url(url)} answers, version {major}.{minor}")


def _chdb(*, needed: bool) -> Finding:
    # In a process of its own: a library that does not fit the machine may end the process that loads it.
    try:
        done = subprocess.run(
            [sys.executable, "-c", "import chdb; print(chdb.__version__)"],
            capture_output=True,
            text=True,
            timeout=IMPORT_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding("chdb", False, needed, f"did not load in {IMPORT_TIMEOUT_SECONDS:.0f} s", "Try again.")
    ok = done.returncode == 0
    last = (done.stdout if ok else done.stderr).strip().splitlines()[-1:]
    return Finding("chdb", ok, needed, " ".join(last) or "does not load", "pip install chdb, or set clickhouse_url.")


def _tools() -> Iterator[Finding]:
    java, maven, no_docker = find_java(), find_maven(), docker.unavailable()
    yield Finding("java", java is not None, False, java or "not found", "Install default-jre-headless.")
    fetched = f"Kafka {KAFKA_VERSION} is fetched already" if jar_dir().is_dir() else "Kafka is not fetched yet"
    yield Finding("maven", maven is not None, False, f"{maven or 'not found'}; {fetched}", "Install maven.")
    yield Finding(
        "docker", no_docker is None, False, no_docker or "engine and compose answer", "Only if there is no Java."
    )

"""Fixtures that every suite shares: a real broker, a topic prefix of one's own, the `omni` command."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest

from pipeline.broker.local import LocalKafka
from tests.harness import rees46
from tests.harness.environment import clean_environment


class Finished(NamedTuple):
    """What a command left: exit status and both streams as text."""

    code: int
    stdout: str
    stderr: str


Omni = Callable[..., Finished]


def pytest_configure() -> None:
    """Let the commands under test be interrupted, even where the suite was started with SIGINT ignored.

    A shell starts what it puts into the background so, and every child would inherit it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks for the broker is a kafka test, marked or not."""
    for item in items:
        if "kafka" in getattr(item, "fixturenames", ()):
            item.add_marker("kafka")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """One broker for the whole session (`kafka.bootstrap`); a test that kills brokers starts its own."""
    with LocalKafka(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="session")
def rees46_sample() -> Path:
    """The stream of a real shop's morning, its figures in `tests.harness.rees46`; see there what its absence means."""
    return rees46.sample()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A topic prefix that no other test has."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
    return f"{name}-{uuid4().hex[:8]}."


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a command: the tester's own settings do not reach it, its data goes to `tmp_path`."""
    return clean_environment() | {"PIPELINE_DATA_DIR": str(tmp_path / "data")}


@pytest.fixture
def omni(tmp_path: Path, environment: dict[str, str]) -> Omni:
    """Run `omni …` to its end: `omni("topics", "check", env={…}, stdin="…", timeout=60)`."""

    def run(*words: object, env: Mapping[str, str] | None = None, stdin: str = "", timeout: float = 60) -> Finished:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *map(str, words)],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment | dict(env or {}),
            timeout=timeout,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run

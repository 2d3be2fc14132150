"""Finds Java and Maven, and fetches the jars of Apache Kafka once per user and version."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.broker import BrokerError
from pipeline.errors import USAGE
from pipeline.settings import PROJECT_DIR

KAFKA_VERSION: Final = "4.1.1"
KAFKA_DIR: Final = PROJECT_DIR / "deploy" / "kafka"
FETCH_TIMEOUT_SECONDS: Final = 900.0  # about 120 MB on a slow line


def find_java() -> str | None:
    """Return the path of `java` (of $JAVA_HOME, else of $PATH), or None."""
    home = os.environ.get("JAVA_HOME")
    return (shutil.which("java", path=str(Path(home) / "bin")) if home else None) or shutil.which("java")


def find_maven() -> str | None:
    """Return the path of `mvn`, or None."""
    return shutil.which("mvn")


def jar_dir() -> Path:
    """Return the folder in the user's cache that holds, or will hold, the jars."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "omni" / f"kafka-{KAFKA_VERSION}"


def jars() -> Path:
    """Return the folder of the jars, fetching them first if they are not there. Raises `BrokerError`."""
    folder = jar_dir()
    if folder.is_dir():
        return folder
    writable(folder.parent, "choose another cache: XDG_CACHE_HOME")
    with locked(folder.parent / f"{folder.name}.lock"):
        if not folder.is_dir():  # another process may have fetched them while this one waited
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    maven = find_maven()
    if maven is None:
        raise BrokerError("The jars of Apache Kafka are fetched with Maven, and there is no mvn. Install maven.")
    sys.stderr.write(f"Fetching Apache Kafka {KAFKA_VERSION} with Maven, once (about 120 MB)…\n")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as scratch:
        libs = Path(scratch) / "libs"
        command = [maven, "-q", "-B", "-f", str(KAFKA_DIR / "pom.xml"), "dependency:copy-dependencies"]
        try:
            done = subprocess.run(
                [*command, f"-DoutputDirectory={libs}"],
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=FETCH_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BrokerError(
                f"Maven did not fetch Kafka in {FETCH_TIMEOUT_SECONDS:.0f} s. Is the network up?"
            ) from None
        if done.returncode != 0 or not libs.is_dir():
            raise BrokerError(f"Maven could not fetch Kafka. Its last words:\n{(done.stdout + done.stderr)[-1500:]}")
        libs.rename(folder)  # whole or not at all


def writable(folder: Path, remedy: str) -> None:
    """Make `folder` if need be. Raises `BrokerError` with the `remedy` if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError("not writable")
    except OSError as error:
        raise BrokerError(f"{folder}: {error.strerror or error}. Make it writable, or {remedy}", USAGE) from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` (made if need be); it ends with the process at the latest."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

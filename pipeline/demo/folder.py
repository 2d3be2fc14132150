"""The folder of one run: settings of its own, logs, history. What earlier runs left is cleared away."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from msgspec.structs import asdict, replace

from pipeline.broker.ready import free_ports
from pipeline.settings import Settings

FOLDER: Final = "demo"
CONFIG: Final = "omni.toml"
PARTITIONS: Final = 4


@contextmanager
def run_settings(settings: Settings, channels: tuple[str, ...]) -> Iterator[Settings]:
    """Make a folder below the data directory and yield settings that keep everything in it, under a topic prefix.

    It stays for questions to its history, until the next run.
    """
    above = (settings.data_dir / FOLDER).absolute()
    above.mkdir(parents=True, exist_ok=True)
    for earlier in above.iterdir():
        _clear(earlier)
    name = uuid4().hex[:6]
    folder = above / name
    folder.mkdir(mode=0o700)
    lock = _locked(folder)
    web_port, history_port = free_ports(2)
    try:
        yield replace(
            settings,
            topic_prefix=f"{settings.topic_prefix}demo-{name}.",
            partitions=settings.partitions if "partitions" in settings.origins else PARTITIONS,
            channels=channels,
            data_dir=folder,
            history_path=folder / "history",
            clickhouse_url=None,  # a demo has no business in a real database
            registry_url=None,
            clock="event",
            web_port=web_port,
            history_port=history_port,
            rules_file=settings.rules_file.absolute(),
            identity_file=settings.identity_file.absolute(),
            origins={**settings.origins, "web_port": "demo", "history_port": "demo"},
        )
    finally:
        for part in ("kafka", "workers"):
            shutil.rmtree(folder / part, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def write_config(settings: Settings) -> Path:
    """Write the settings down for `omni … --config`, and return the file."""
    path = settings.data_dir / CONFIG
    values = {name: value for name, value in asdict(settings).items() if name != "origins" and value is not None}
    lines = [f"{name} = {json.dumps(_plain(value))}" for name, value in values.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _clear(folder: Path) -> None:
    """Remove what a run left, unless it is still running."""
    lock = _locked(folder)
    if lock is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _locked(folder: Path) -> int | None:
    try:
        lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock

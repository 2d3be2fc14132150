"""The processes of a demo: started with a log each, watched, and never left behind, however the demo ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.broker import guard
from pipeline.errors import OmniError
from pipeline.settings import BOOTSTRAP_VARIABLE, ENV_PREFIX, PROJECT_DIR

LAST_WORDS: Final = 2_000
"""Characters of a log that are shown."""
STOP_SECONDS: Final = guard.GRACE_SECONDS + 5


class Fault(OmniError):
    """A part of the demo failed: the message says which, how, and shows the end of its log."""


class _Child(NamedTuple):
    name: str
    pid: int
    log: Path
    guard: subprocess.Popen[bytes]


class Children:
    """Runs `omni …` commands, each under a guard that stops it when this process ends. Use as a context manager."""

    def __init__(self, folder: Path, config: Path) -> None:
        """Logs go to `folder`; every command gets the settings of `config`, and no others."""
        self._folder = folder
        self._config = config
        self._running: list[_Child] = []

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, command: str) -> None:
        """Start `omni <command>`."""
        log = self._folder / f"{command}.log"
        words = [sys.executable, "-I", guard.__file__, str(log), sys.executable, "-m", "pipeline", command]
        process = subprocess.Popen(
            [*words, "--config", str(self._config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the demo, which then stops them in order
            env=_environment(os.environ),
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Fault(f"omni {command} could not be started.")
        self._running.append(_Child(command, int(line), log, process))

    def check(self) -> None:
        """Raise Fault if one has ended."""
        for child in self._running:
            code = child.guard.poll()
            if code is not None:
                signal = -code if code < 0 else 256 - code  # the guard passes -n on as 256 - n
                how = f"with status {code}" if 0 <= code < 128 else f"by signal {signal}"
                raise Fault(f"omni {child.name} (process {child.pid}) ended {how}. {last_words(child.log)}")

    def last_words(self) -> str:
        """Return the ends of all logs."""
        return "\n".join(last_words(child.log) for child in self._running)

    def stop(self) -> None:
        """Stop all, at the same time, gently at first."""
        children, self._running = self._running, []
        for child in children:
            assert child.guard.stdin is not None
            child.guard.stdin.close()
        for child in children:
            try:
                child.guard.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.guard.kill()  # Linux kills the process with it
                child.guard.wait()
            assert child.guard.stdout is not None
            child.guard.stdout.close()


def last_words(log: Path) -> str:
    """Return the end of a log, for people."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        text = ""
    return f"The end of {log}:\n{text[-LAST_WORDS:]}" if text else f"{log} is empty."


def _environment(outer: Mapping[str, str]) -> dict[str, str]:
    """The settings file says everything, so the caller's own settings must not reach the children."""
    kept = {name: value for name, value in outer.items() if not name.startswith(ENV_PREFIX)}
    kept.pop(BOOTSTRAP_VARIABLE, None)
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PROJECT_DIR), outer.get("PYTHONPATH", "")]))
    return kept

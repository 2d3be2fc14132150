"""Processes under measurement: pinned to a core, with their CPU time and memory read from /proc."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.settings import PROJECT_DIR

STOP_SECONDS = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Cores(NamedTuple):
    """Where things run: the one measured, and everything else (broker, producer, observer). None: no second core."""

    contender: int | None
    rest: int | None


UNPINNED = Cores(None, None)
"""For what needs all cores at once: broker, worker, producer and observer of a latency run take more than one."""


def cores() -> Cores:
    """Share out the cores this process may use."""
    mine = sorted(os.sched_getaffinity(0))
    return Cores(mine[-1], mine[0]) if len(mine) > 1 else Cores(None, None)


def pin(core: int | None) -> None:
    """Keep this process, and what it starts from now on, to one core."""
    if core is not None:
        os.sched_setaffinity(0, {core})


class Measured:
    """A child process. Its output goes to `log`; it is killed when the block ends, if it has not stopped."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path, core: int | None) -> None:
        """Start it, pinned to `core`."""
        self.log = log
        self.started = time.monotonic()
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                command,
                env=clean_environment() | dict(environment),
                cwd=PROJECT_DIR,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=lambda: pin(core),
            )
        self.pid = self._child.pid

    def __enter__(self) -> Measured:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    def cpu_seconds(self) -> float:
        """User and system time of all its threads, those that ended included."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_bytes(self) -> int:
        """Resident memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE

    def hold(self) -> None:
        """Let it stand still (SIGSTOP)."""
        self._child.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on (SIGCONT)."""
        self._child.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to end, and wait. RuntimeError if it does not, or not with status 0."""
        self._child.send_signal(signal.SIGTERM)
        try:
            code = self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"the process did not stop in {STOP_SECONDS:.0f} s. See {self.log}") from None
        if code != 0:
            raise RuntimeError(f"the process left with status {code}. The end of {self.log}:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-2000:]


def clean_environment() -> dict[str, str]:
    """Return the environment without the settings of whoever runs the benchmark."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PIPELINE_") and k != "KAFKA_BOOTSTRAP"}
    return kept | {"PYTHONPATH": str(PROJECT_DIR), "PYTHONUTF8": "1"}

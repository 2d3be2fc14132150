"""The worker process: the application on an event loop, until a signal or a failure."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import gc
import os
import sys
from pathlib import Path
from typing import Any

import faust
import uvloop

from pipeline.app import create_app, default_actors
from pipeline.ending import Ending
from pipeline.errors import USAGE, OmniError
from pipeline.rules_log.applying import FileStamp
from pipeline.rules_log.following import RulesFollower
from pipeline.settings import Settings
from pipeline.streaming.outage import sum_up_complaints

SLOTS = 64
"""Workers that may share one data directory."""
GC_THRESHOLDS = (50_000, 20, 50)
"""Python collects after 700 new objects; a batch of a thousand events makes far more, and that took a quarter of the
work."""
SWITCH_SECONDS = 0.001
"""How long one thread may hold the interpreter while another waits. Python's 5 ms would delay each fetch by that
much while a batch is in work."""


M_MMAP_THRESHOLD = -3
"""Of glibc's mallopt (mallopt(3)): blocks of this size and more are mapped, and unmapped when they are freed."""
MAPPED_FROM_BYTES = 128 * 1024
"""What glibc begins with. Left alone it raises it to the largest block freed, here batches and requests of a megabyte;
these then leave gaps in the heap, 25 MiB after half a million events and ever more."""


class WorkerFailed(RuntimeError):
    """The application ended, and nobody had told it to."""


class EndingWorker(faust.Worker):
    """Faust's worker, which tells how it is to end, and is told of signals by `Ending`."""

    ending: Ending

    def _install_signal_handlers_unix(self) -> None:
        self.ending.hand_to(lambda: self.loop.call_soon_threadsafe(self._on_sigterm))

    def _crash(self, reason: BaseException) -> None:
        self.ending.failed()
        super()._crash(reason)


def run_worker(settings: Settings, rules_file_seen: FileStamp, ending: Ending) -> int:
    """Run a worker; return 0 once it was told to stop. Raises what made it fail.

    The rules file has been applied as it was at `rules_file_seen`; later changes are the worker's to apply.
    """
    rules = RulesFollower(settings, rules_file_seen)
    actors, folder = default_actors(settings, rules.book), _slot(settings.data_dir / "workers")
    sum_up_complaints()
    uvloop.install()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*GC_THRESHOLDS)
    give_back_memory()
    app = create_app(settings, actors, folder, rules)
    app.lease.watch()
    worker: Any = EndingWorker(
        app,
        loglevel=settings.log_level.upper(),
        logging_config=None,
        override_logging=False,
        redirect_stdouts=False,
        quiet=True,
        workdir=Path.cwd(),
    )
    worker.ending = ending
    worker.spinner = None  # its escape codes do not belong in logs
    try:
        worker.execute_from_commandline()
    except (SystemExit, asyncio.CancelledError) as left:
        if isinstance(worker.crash_reason, OmniError):
            raise worker.crash_reason from left
        if not isinstance(left, SystemExit) or left.code not in (0, None):
            raise WorkerFailed(f"the worker left with {left!r}; the reason stands above") from left
    finally:
        ending.over()
    return 0


def give_back_memory() -> None:
    """Let large blocks go back to the system as soon as they are freed. Without glibc nothing happens."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)


def _slot(folder: Path) -> Path:
    """Take the first free of the numbered folders below `folder`, so that a worker that starts again finds its tables.

    The lock is the process's: it ends when the process does, however that happens. Raises OmniError.
    """
    for number in range(SLOTS):
        slot = folder / str(number)
        try:
            slot.mkdir(parents=True, exist_ok=True)
            lock = os.open(slot / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            problem = f"{slot}: cannot be written ({error.strerror}). Make it writable, or give another --data-dir."
            raise OmniError(problem, USAGE) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        return slot
    raise OmniError(f"{folder}: all {SLOTS} places are taken. Give another --data-dir.", USAGE)

"""Runs a process that must not outlive its parent: `python guard.py LOG COMMAND…`.

Prints the process's id, then waits. When standard input ends – the parent closed it, or died, however – the process
is stopped. Should the guard itself be killed, Linux kills the process with it. Standard library only, so that it
starts in no time and needs no path set.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

GRACE_SECONDS = 10.0
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent thread ends; elsewhere do nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def stop_when_alone(child: subprocess.Popen[bytes]) -> None:
    """Wait for the end of standard input, then stop `child`, gently at first."""
    while os.read(0, 4096):
        pass
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def main() -> int:
    """Return the exit status of the guarded process."""
    with Path(sys.argv[1]).open("ab") as log:
        child = subprocess.Popen(
            sys.argv[2:], stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent
        )
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    threading.Thread(target=stop_when_alone, args=(child,), daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())

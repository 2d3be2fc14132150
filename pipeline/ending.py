"""How a worker ends: soon after it was told to, or has failed, whoever does not answer meanwhile.

The Kafka client waits without limit for a broker that has gone: to take what is held for it, to let us leave the group.
Nothing is lost by not waiting, for nothing is committed before it is durable: the next start goes on from there, as
after a kill.
"""

from __future__ import annotations

import _thread
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from pipeline.errors import DONE

STOP_SECONDS: Final = 20.0
"""From the signal to the end of the process, at most. Kubernetes kills after 30 s unless told otherwise, as does
deploy/compose.yaml; a worker whose broker answers takes two or three."""
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger(__name__)


class Ending:
    """Notes a signal to stop, and sees to it that the process ends. Use as a context manager, in the main thread."""

    def __init__(self, start_again: Callable[[], None]) -> None:
        """`start_again` replaces the process by a fresh one, for a worker that failed and then does not end."""
        self.told = False
        self._start_again = start_again
        self._stop: Callable[[], object] | None = None
        self._failing: threading.Timer | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Ending:
        self._before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return self

    def __exit__(self, *_: object) -> None:
        self.over()
        for number, before in self._before.items():
            signal.signal(number, before)

    def hand_to(self, stop: Callable[[], object]) -> None:
        """Have a signal call `stop` (in the main thread, whatever it does just then). Otherwise it raises SystemExit.

        Not the event loop's own way: a worker that stops may be waiting for a thread, its event loop still.
        """
        self._stop = stop

    def failed(self) -> None:
        """Note that the worker has failed and begins to stop by itself."""
        if self._failing is None:
            self._failing = threading.Timer(STOP_SECONDS, self._not_ended)
            self._failing.daemon = True
            self._failing.start()

    def over(self) -> None:
        """Note that the worker has stopped."""
        self._stop = None
        if self._failing is not None:
            self._failing.cancel()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.told:
            return
        self.told = True
        # Without the locks of `threading`, which we may have interrupted.
        _thread.start_new_thread(self._end_in_time, ())
        if self._stop is None:
            raise SystemExit(DONE)
        self._stop()

    def _end_in_time(self) -> None:
        time.sleep(STOP_SECONDS)
        self._not_ended()

    def _not_ended(self) -> None:
        after = f"has not stopped within {STOP_SECONDS:.0f} s, most likely because Kafka is away"
        if self.told:
            log.warning("Told to stop, this worker %s. It ends now; the next start goes on from the last commit", after)
            os._exit(DONE)
        log.warning("This worker failed and %s", after)
        self._start_again()


def replace_process(program: str, arguments: list[str]) -> None:
    """Become another program. A signal to stop that comes before it listens waits for it (`Ending`)."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        os.execv(program, arguments)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

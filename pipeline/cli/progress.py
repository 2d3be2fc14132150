"""Progress of long work on standard error: one moving line on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TextIO

from pipeline.sources.files import STANDARD_INPUT

TERMINAL_SECONDS: Final = 0.2
LOG_SECONDS: Final = 5.0
BLOCK_BYTES: Final = 1 << 20


def lines_in(paths: Iterable[Path]) -> int | None:
    """Return how many lines the files have; None where only reading them tells: folders, pipes, gzipped files."""
    total = 0
    for path in paths:
        if path == STANDARD_INPUT or not path.is_file() or path.suffix == ".gz":
            return None
        try:
            with path.open("rb") as file:
                while block := file.read(BLOCK_BYTES):
                    total += block.count(b"\n")
        except OSError:
            return None  # whoever reads it says what is wrong
    return total


class Progress:
    """Told how much is done as often as you like; speaks rarely. `what` is the plural of what is counted."""

    def __init__(self, what: str, total: int | None = None, stream: TextIO | None = None) -> None:
        """`total` None: how much there is to do is not known."""
        self._what = what
        self._total = total
        self._stream = stream or sys.stderr
        self._moving = self._stream.isatty()
        self._started = self._spoke = time.monotonic()
        self._drawn = False

    def __call__(self, done: int) -> None:
        """Note that `done` are done."""
        now = time.monotonic()
        if now - self._spoke < (TERMINAL_SECONDS if self._moving else LOG_SECONDS):
            return
        self._spoke = now
        rate = done / (now - self._started)
        line = f"{done:,} {self._what}, {rate:,.0f} a second"
        if self._total is not None:
            left = max(self._total - done, 0)
            line += f", {left:,} left" + (f" (about {left / rate:,.0f} s)" if rate else "")
        self._stream.write(f"\r\x1b[K{line}" if self._moving else f"{line}\n")
        self._stream.flush()
        self._drawn = self._moving

    def say(self, line: str) -> None:
        """Write a line of its own."""
        self.close()
        self._stream.write(f"{line}\n")

    def close(self) -> None:
        """Clear the moving line."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = False

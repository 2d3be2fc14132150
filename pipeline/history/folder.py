"""The folder of an embedded history: who has it, and where its owner answers.

One process at a time can have the database open. It holds a lock on `owner.lock` for as long as it lives (a killed
process loses it at once) and listens on `owner.sock`, so that everybody else can still ask.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias

from pipeline.history.engine import MAX_QUERY_SECONDS, HistoryUnavailable

LOCK: Final = "owner.lock"
SOCKET: Final = "owner.sock"
DATABASE: Final = "chdb"
MAX_ADDRESS_BYTES: Final = 100  # the kernel's limit for the path of a socket is 104 to 108

Purpose: TypeAlias = Literal["write", "ask"]


class FolderInUse(HistoryUnavailable):
    """Another process has the folder."""


class Folder:
    """A history folder, owned or not."""

    def __init__(self, path: Path) -> None:
        """`path`: the folder; made when it is first owned."""
        self.path = path.absolute()
        self._lock: int | None = None

    @property
    def database(self) -> Path:
        """Where the engine keeps its files."""
        return self.path / DATABASE

    @property
    def exists(self) -> bool:
        """Whether anything was ever written here. Raises HistoryUnavailable where it may not be looked at."""
        try:
            return self.database.is_dir()
        except OSError as error:
            raise self._closed_to_us(error) from None

    def try_own(self, purpose: Purpose) -> bool:
        """Take the folder if nobody has it. Raises HistoryUnavailable if it cannot be written."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._closed_to_us(error) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} {purpose}".encode(), 0)
        self._lock = lock
        return True

    def own(self, purpose: Purpose, wait_seconds: float) -> None:
        """Take the folder. Who wants to write waits for a question as long as that may take. Raises FolderInUse."""
        began = time.monotonic()
        while not self.try_own(purpose):
            process, owners_purpose = self.owner()
            question = MAX_QUERY_SECONDS if (purpose, owners_purpose) == ("write", "ask") else 0
            if time.monotonic() - began >= wait_seconds + question:
                raise FolderInUse(
                    f"the history in {self.path} is in use by process {process}; an embedded history has one "
                    "writer. Stop that process, use another folder (--history), or set clickhouse_url."
                )
            time.sleep(0.05)

    def owner(self) -> tuple[str, str]:
        """Return process id and purpose of the owner, as it noted them."""
        try:
            process, _, purpose = (self.path / LOCK).read_text().partition(" ")
        except OSError:
            process = purpose = ""
        return process or "unknown", purpose

    def _closed_to_us(self, error: OSError) -> HistoryUnavailable:
        return HistoryUnavailable(
            f"the history in {self.path} cannot be opened: {error.strerror}. Is it yours, and may it be written? "
            "Another folder: --history."
        )

    def release(self) -> None:
        """Give the folder back."""
        if self._lock is not None:
            (self.path / SOCKET).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def listen(self) -> socket.socket:
        """Return the socket on which the owner answers; only this user can connect."""
        (self.path / SOCKET).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with self._address() as address:
            listener.bind(address)
        (self.path / SOCKET).chmod(0o600)
        listener.listen(16)
        return listener

    def connect(self) -> socket.socket | None:
        """Return a connection to the owner, or None if there is none that answers."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with self._address() as address:
                connection.connect(address)
        except OSError:
            connection.close()
            return None
        return connection

    @contextmanager
    def _address(self) -> Iterator[str]:
        """A path of the socket short enough for the kernel: through an open folder where the real one is long."""
        direct = str(self.path / SOCKET)
        if len(direct.encode()) <= MAX_ADDRESS_BYTES:
            yield direct
            return
        opened = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{opened}/{SOCKET}"
        finally:
            os.close(opened)

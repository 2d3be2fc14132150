"""`open_reader`: whoever asks gets an answer, also while another process writes the embedded history.

`needing_tables`: or hears what to do, where the history is older than the question.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.history.embedded import Embedded
from pipeline.history.engine import HistoryUnavailable, QueryRefused, Reader
from pipeline.history.folder import Folder, FolderInUse
from pipeline.history.migrations import migrations, unapplied
from pipeline.history.owner import RemoteReader
from pipeline.settings import Settings, SettingsError

WAIT_SECONDS: Final = 10.0


def open_reader(place: Settings | Path, wait_seconds: float = WAIT_SECONDS) -> Reader:
    """Return the server's reader, the owner's of the embedded folder, or the folder itself if nobody owns it.

    A path is an embedded history. Raises HistoryUnavailable, also where no history was ever written, and SettingsError
    where a file is named.
    """
    if not isinstance(place, Path) and place.clickhouse_url:
        from pipeline.history.server import Server

        return Server(place.clickhouse_url)
    folder = Folder(place if isinstance(place, Path) else place.history_path)
    if folder.path.is_file():
        raise SettingsError(f"history_path: {folder.path} is a file; an embedded history is a folder.")
    if not folder.exists:
        raise HistoryUnavailable(
            f"there is no history in {folder.path} yet. `omni history` writes it from Kafka, `omni simulate --history` "
            "from files; --history names another folder, --clickhouse-url a server."
        )
    deadline = time.monotonic() + wait_seconds
    while True:
        connection = folder.connect()
        if connection is not None:
            return RemoteReader(folder, connection)
        try:
            return Embedded(folder.path, "ask", wait_seconds=0)
        except FolderInUse:  # its owner is just opening or closing it
            if time.monotonic() >= deadline:
                raise HistoryUnavailable(
                    f"the history in {folder.path} is held by process {folder.owner()[0]}, which does not answer. "
                    "Stop it and ask again."
                ) from None
        time.sleep(0.05)


@contextmanager
def needing_tables(reader: Reader) -> Iterator[None]:
    """Raise HistoryUnavailable where the questions within are refused because the tables are not up to date."""
    try:
        yield
    except QueryRefused as error:
        try:
            missing = unapplied(reader)
        except QueryRefused:  # not even the database is there
            missing = migrations()
        if not missing:
            raise
        names = ", ".join(each.name for each in missing)
        raise HistoryUnavailable(
            "the tables of the history are not there yet, or are of an earlier version: `omni history --migrate` "
            f"brings them up to date, and so does `omni history` when it starts. Not applied: {names}."
        ) from error

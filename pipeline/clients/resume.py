"""Remembers how far files were published, so that a publishing that was cut short goes on where it stopped.

Once all files of a command were published they are forgotten: asked for again, they are sent again.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from pipeline.sources.files import STANDARD_INPUT

FOLDER: Final = "publish"


class _Progress(Struct):
    file: str
    done: int


class Bookmark:
    """How many lines of one file the broker has, for one destination (cluster, prefix, topic, source).

    A file that has changed since (size or time) is another file; standard input and pipes have no bookmark.
    """

    def __init__(self, data_dir: Path, path: Path, destination: tuple[str, ...]) -> None:
        """Find the bookmark of `path`, if there is one."""
        self._path: Path | None = None
        self._file = str(path)
        self.done = 0
        if path == STANDARD_INPUT or not (path.is_file() or path.is_dir()):
            return
        known = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in _files(path)]
        name = blake2b(repr((str(path.resolve()), known, destination)).encode(), digest_size=12).hexdigest()
        self._path = data_dir / FOLDER / f"{name}.json"
        if self._path.is_file():
            try:
                self.done = msgspec.json.decode(self._path.read_bytes(), type=_Progress).done
            except msgspec.DecodeError:
                self.done = 0  # cut short itself: the events are sent again, and are known by their ids

    def advance(self, done: int) -> None:
        """Note that the broker has the first `done` lines."""
        self.done = done
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_suffix(".new")
            draft.write_bytes(msgspec.json.encode(_Progress(self._file, done)))
            draft.replace(self._path)

    def forget(self) -> None:
        """Note that the whole command is through, or is to be begun again."""
        self.done = 0
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _files(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]

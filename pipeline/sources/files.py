"""Files as lines of bytes: plain, gzipped, standard input (`-`), or all files of a folder."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar
from zlib import error as ZlibError

from pipeline.domain.catalog import CatalogRecord
from pipeline.domain.errors import InvalidEvent
from pipeline.domain.events import ChannelEvent
from pipeline.sources import AnyLine, CatalogRead, Line, Read, Rejected, SourceError
from pipeline.wire.input_decoder import check_size

T = TypeVar("T")

STANDARD_INPUT: Final = Path("-")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def files_in(path: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return `path` itself, or the files with one of `suffixes` (or that and `.gz`) if it is a folder, by name."""
    if path != STANDARD_INPUT and not path.exists():
        raise SourceError(f"{path}: no such file. Check the name and the folder you are in.")
    if not path.is_dir():  # a file, or a pipe as in <(zcat events.jsonl.gz)
        return [path]
    wanted = tuple(suffixes) + tuple(f"{suffix}.gz" for suffix in suffixes)
    try:
        found = sorted(file for file in path.iterdir() if file.is_file() and file.name.endswith(wanted))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}.") from error
    if not found:
        raise SourceError(f"{path}: no files here that end in {' or '.join(suffixes)} (or that and .gz).")
    return found


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, line without its end) of one file. Raises SourceError if it cannot be read."""
    try:
        if path == STANDARD_INPUT:
            yield from _numbered(sys.stdin.buffer)
        else:
            with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as file:
                yield from _numbered(file)
    except (gzip.BadGzipFile, EOFError, ZlibError) as error:
        raise SourceError(f"{path}: is not a whole gzip file: {error}. Fetch or pack it again.") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}.") from error


def events_of(
    path: Path, lines: Iterable[tuple[int, bytes]], decode: Callable[[bytes], ChannelEvent]
) -> Iterator[Line]:
    """Decode each line that is not blank; what `decode` refuses (InvalidEvent) is a `Rejected` in its place.

    So is a line larger than the largest record, which no topic would take.
    """
    name = str(path)
    for found in decoded(path, lines, decode):
        yield found if isinstance(found, Rejected) else Read(name, *found)


def records_of(
    path: Path, lines: Iterable[tuple[int, bytes]], decode: Callable[[bytes], ChannelEvent | CatalogRecord]
) -> Iterator[AnyLine]:
    """Do the same for lines that are events or records of the catalogue."""
    name = str(path)
    for found in decoded(path, lines, decode):
        if isinstance(found, Rejected):
            yield found
            continue
        number, line, record = found
        if isinstance(record, ChannelEvent):
            yield Read(name, number, line, record)
        else:
            yield CatalogRead(name, number, line, record)


def decoded(
    path: Path, lines: Iterable[tuple[int, bytes]], decode: Callable[[bytes], T]
) -> Iterator[tuple[int, bytes, T] | Rejected]:
    """Do the same for lines that are not an event each: yield (number, line, what `decode` made of it)."""
    name = str(path)
    for number, line in lines:
        if not line or line.isspace():
            continue
        try:
            check_size(line)
            found = number, line, decode(line)
        except InvalidEvent as error:
            yield Rejected(name, number, error.reason, error.detail, line)
        else:
            yield found


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, 1):
        text = line.rstrip(b"\r\n")
        yield number, text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text

"""Tables in CSV whose columns are known beforehand: the header is checked, each cell read or refused by its name.

Times without a zone are read as UTC: their authors name none, and the days and gaps that matter hardly change.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.time import epoch_ms
from pipeline.sources import Line, Rejected, SourceError
from pipeline.sources.files import lines_of


def rows_of(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    """Yield the numbered lines under the header. Raises SourceError where the columns are others."""
    lines = lines_of(file)
    _, header = next(lines, (0, b""))
    if header != ",".join(columns).encode():
        found = header.decode(errors="replace")[:200]
        wanted = ",".join(columns)
        raise SourceError(f"{file}: its columns are {found!r}, not {wanted!r}. Is it of another source?")
    yield from lines


def cells_of(line: bytes, columns: Sequence[str]) -> list[str]:
    """Take a row apart. Raises InvalidEvent."""
    try:
        cells = next(csv.reader([line.decode()], strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidEvent(InvalidReason.UNDECODABLE, f"not a line of CSV: {error}") from error
    if len(cells) != len(columns):
        raise InvalidEvent(InvalidReason.UNDECODABLE, f"{len(cells)} columns, {len(columns)} are wanted")
    return cells


def number(column: str, text: str) -> Decimal:
    """Read a number, without a float on the way. Raises InvalidEvent."""
    found = _times(column, text, 1)
    if not _fits(found):
        raise InvalidEvent(InvalidReason.BAD_VALUE, f"{column}: {text!r} is beyond all measure")
    return found


def whole(column: str, text: str) -> int:
    """Read a whole number. Raises InvalidEvent."""
    return _exactly(column, text, 1, "a whole number")


def minor(column: str, text: str) -> int:
    """Read `33.20` as 3320 cents. Raises InvalidEvent."""
    return _exactly(column, text, 100, "a sum of whole cents")


def _exactly(column: str, text: str, factor: int, wanted: str) -> int:
    found = _times(column, text, factor)
    if not _fits(found) or found != found.to_integral_value():
        raise InvalidEvent(InvalidReason.BAD_VALUE, f"{column}: {text!r} is not {wanted}")
    return int(found)


def _times(column: str, text: str, factor: int) -> Decimal:
    try:
        return Decimal(text) * factor
    except ArithmeticError:  # no number, or one whose exponent is beyond all measure
        raise InvalidEvent(InvalidReason.WRONG_TYPE, f"{column}: expected a number, got {text!r}") from None


def _fits(found: Decimal) -> bool:
    return found.is_finite() and abs(found) < 2**63


def time_ms(column: str, text: str, form: str, example: str) -> int:
    """Read a time in the `form` of strptime as milliseconds, UTC. Raises InvalidEvent naming an `example`."""
    try:
        return _time_ms(text, form)
    except ValueError:
        raise InvalidEvent(InvalidReason.BAD_TIME, f"{column}: {text!r} is not like {example!r}") from None


@lru_cache(maxsize=1024)  # the lines of one basket have one time
def _time_ms(text: str, form: str) -> int:
    return epoch_ms(datetime.strptime(text, form).replace(tzinfo=UTC))


class RowIds:
    """Ids for rows that have none, made of the whole row and of how many equal ones came before.

    For tables where equal rows are several events, not one told twice.
    """

    def __init__(self) -> None:
        """Begin with no row seen."""
        self._seen: Counter[bytes] = Counter()

    def id_of(self, line: bytes) -> str:
        """Return the id of the next row."""
        repeat = self._seen[line]
        self._seen[line] += 1
        return row_id(b"%b\n%d" % (line, repeat) if repeat else line)


def row_id(line: bytes) -> str:
    """Return an id made of a row: the same row, the same id."""
    return blake2b(line, digest_size=16).hexdigest()


def in_time_order(lines: Iterable[Line]) -> list[Line]:
    """Sort the events of tables that stand by customer, as they happened; a rejection stays behind what it followed.

    Holds all lines at once, about 1 kB each.
    """
    timed: list[tuple[int, Line]] = []
    newest_ms = 0
    for line in lines:
        if not isinstance(line, Rejected):
            newest_ms = line.event.occurred_at_ms
        timed.append((newest_ms, line))
    timed.sort(key=lambda entry: entry[0])
    return [line for _, line in timed]

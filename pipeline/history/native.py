"""Blocks of rows in ClickHouse's Native format, which a server and the embedded engine take as it is.

The driver's own encoder looks at each value of each column by itself, which was half of what a row cost. Here a column
is joined at one go. A text with few different values goes as a plain String: the engine makes it `LowCardinality`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate, islice
from typing import Any, Final, NamedTuple, TypeAlias

from pipeline.history.engine import RowsRefused

Typed: TypeAlias = tuple[str, str]
"""A column's name and its type; `WORD` stands for a String that has few different values."""
Part: TypeAlias = tuple[bytes, bytes]
"""Some rows of a column: the marks of what is NULL or the ends of its arrays, if it has any, and the values."""

WORD: Final = "Word"
WORDS_KNOWN: Final = 100_000  # some 15 MB; then they are learnt anew
WORD_BYTES: Final = 128  # what is longer is encoded each time, or a hundred thousand of them would be 500 MB
_SHORT: Final = [chr(length) for length in range(128)]  # the length of a text of so many ASCII characters
_CODES: Final = {"Int64": "q", "UInt64": "Q", "UInt32": "I", "UInt8": "B", "Float64": "d"}


class Lists(NamedTuple):
    """An array column: how many values each row has, and all values one after the other."""

    sizes: list[int]
    values: list[Any]


Column: TypeAlias = list[Any] | Lists


class Block:
    """Rows of one table, encoded as they are added: some 300 bytes for an event that takes 3 KB as objects."""

    def __init__(self, table: str, columns: Sequence[Typed]) -> None:
        """`columns` may leave out some of the table's."""
        self.table = table
        self.rows = 0
        self._columns = columns
        self._parts: list[list[Part]] = [[] for _ in columns]
        self._ends = [0] * len(columns)  # of the arrays so far

    @property
    def names(self) -> str:
        """The columns' names, for an INSERT."""
        return ", ".join(f"`{name}`" for name, _ in self._columns)

    def add(self, columns: Sequence[Column]) -> None:
        """Add rows, all or none. Raises RowsRefused."""
        ends: dict[tuple[int, int], bytes] = {}  # nested columns share their sizes
        known: dict[int, Part] = {}  # some columns are the same list
        parts: list[Part] = []
        try:
            for (_, kind), values, start in zip(self._columns, columns, self._ends, strict=True):
                if isinstance(values, Lists):
                    key = id(values.sizes), start
                    if key not in ends:
                        ends[key] = _numbers("Q", list(islice(accumulate(values.sizes, initial=start), 1, None)))
                    parts.append((ends[key], _values(kind[len("Array(") : -1], values.values)[1]))
                else:
                    part = known.get(id(values))
                    if part is None:
                        part = known[id(values)] = _values(kind, values)
                    parts.append(part)
        except (ValueError, TypeError, AttributeError, OverflowError, struct.error) as error:
            raise RowsRefused(f"{self.table}: {error}") from error
        for number, (part, values) in enumerate(zip(parts, columns, strict=True)):
            self._parts[number].append(part)
            if isinstance(values, Lists):
                self._ends[number] += len(values.values)
        self.rows += len(columns[0].sizes if isinstance(columns[0], Lists) else columns[0])

    def native(self, custom_serialization: bool = False) -> bytes:
        """Return the block; servers of late expect a byte per column that says it is not serialised in a new way."""
        written = [_varint(len(self._columns)), _varint(self.rows)]
        for (name, kind), parts in zip(self._columns, self._parts, strict=True):
            written += [_text(name), _text("String" if kind == WORD else kind.replace(WORD, "String"))]
            if custom_serialization:
                written.append(b"\0")
            written += [head for head, _ in parts]
            written += [values for _, values in parts]
        return b"".join(written)


def _values(kind: str, values: list[Any]) -> Part:
    if kind == WORD:
        if not any(values):
            return b"", bytes(len(values))
        return b"", b"".join(map(_words.__getitem__, values))
    if kind == "String":
        return b"", _texts(values)
    if kind.startswith("Nullable("):
        return _nullable(_CODES[kind[len("Nullable(") : -1]], values)
    return b"", _numbers(_CODES[kind], values)


def _numbers(code: str, values: list[Any]) -> bytes:
    return struct.pack(f"<{len(values)}{code}", *values)


def _nullable(code: str, values: list[Any]) -> Part:
    if values.count(None) == len(values):
        return b"\1" * len(values), bytes(struct.calcsize(code) * len(values))
    marks = bytes([value is None for value in values])
    return marks, _numbers(code, [0 if value is None else value for value in values])


def _texts(values: list[Any]) -> bytes:
    if not any(values):
        return bytes(len(values))
    try:
        joined = "".join([_SHORT[len(value)] + value if value else "\0" for value in values])
    except IndexError:
        return b"".join(map(_text, values))
    return joined.encode() if joined.isascii() else b"".join(map(_text, values))


def _text(value: str | None) -> bytes:
    encoded = value.encode() if value else b""
    return _varint(len(encoded)) + encoded


def _varint(number: int) -> bytes:
    if number < 128:
        return bytes((number,))
    return bytes((number & 127 | 128,)) + _varint(number >> 7)


class _Words(dict[str | None, bytes]):
    """Texts seen before, encoded."""

    def __missing__(self, word: str | None) -> bytes:
        encoded = _text(word)
        if len(encoded) > WORD_BYTES:
            return encoded
        if len(self) >= WORDS_KNOWN:
            self.clear()
        self[word] = encoded
        return encoded


_words: Final = _Words()


def block_of(table: str, columns: Iterable[Typed], values: Sequence[Column]) -> Block:
    """Return a block of rows given as columns. Raises RowsRefused."""
    block = Block(table, tuple(columns))
    block.add(values)
    return block

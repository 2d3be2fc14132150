"""Tables with one line per product: the lines of one basket become one event, or a few.

The lines of a basket must follow each other, so that only the basket in hand is held, and the ids of those before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import ChannelEvent
from pipeline.sources import Line, Read, Rejected
from pipeline.sources.files import decoded

T = TypeVar("T")


def baskets_of(
    path: Path,
    lines: Iterable[tuple[int, bytes]],
    decode: Callable[[bytes], tuple[str, T]],
    events: Callable[[str, Sequence[T]], Iterable[ChannelEvent]],
) -> Iterator[Line]:
    """Yield the `events` of each basket, at its first line, then what was rejected of its lines.

    `decode` returns the id of the basket and what a line says. A line that comes when its basket is closed is rejected.
    """
    name = str(path)
    closed: set[str] = set()
    basket: str | None = None
    first, said, originals = 0, list[T](), list[bytes]()
    rejected: list[Rejected] = []

    def close() -> Iterator[Line]:
        if basket is not None:
            closed.add(basket)
            for event in events(basket, said):
                yield Read(name, first, b"\n".join(originals), event)
        yield from rejected
        rejected.clear()

    def one(line: bytes) -> tuple[str, T]:
        found = decode(line)
        if found[0] in closed:
            problem = f"the basket {found[0]!r} was closed before: its lines must follow each other, sort them by it"
            raise InvalidEvent(InvalidReason.BAD_VALUE, problem)
        return found

    for found in decoded(path, lines, one):
        if isinstance(found, Rejected):
            rejected.append(found)
            continue
        number, line, (of, what) = found
        if of != basket:
            yield from close()
            basket, first, said, originals = of, number, [], []
        said.append(what)
        originals.append(line)
    yield from close()

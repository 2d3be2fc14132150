"""What a facet is: one side of what we know of a customer, learnt from events, united when two customers become one.

Facts told twice or in any order give the same facet: the latest `occurred_at` wins, sums are sums, sets are sets; of
two facts of the same instant the greater wins. Every collection has a bound, the constant named like it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import ClassVar, Protocol, Self, TypeAlias, TypeVar

from pipeline.domain.events import ChannelEvent, Scalar
from pipeline.domain.time import epoch_ms

Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | int | float | bool | None"

Known: TypeAlias = tuple[Scalar, int]
"""A value, and when it was true (event time, ms)."""

V = TypeVar("V")


class Facet(Protocol):
    """A frozen struct with these. One that knows nothing yet is `None` in a customer's state."""

    EVENTS: ClassVar[frozenset[str] | None]
    """Event types it learns from; None: from all."""

    def learn(self, event: ChannelEvent, at_ms: int) -> Self:
        """Return the facet after one event, which counts at `at_ms`; itself if it learnt nothing."""

    def united(self, other: Self) -> Self:
        """Return what both together know; the order of the two does not matter."""

    def json(self) -> Json:
        """Return it for people and machines, keys sorted, times as RFC 3339."""


def newer(known: Known | None, value: Scalar, at_ms: int) -> bool:
    """Whether `value`, true at `at_ms`, is news: later, or of the same instant and greater."""
    if known is None:
        return True
    old, old_ms = known
    return at_ms > old_ms or (at_ms == old_ms and str(value) > str(old))


def latest_of(a: Mapping[str, Known], b: Mapping[str, Known]) -> dict[str, Known]:
    """Unite two tables of known values: of each name the later."""
    both = dict(a)
    for name, (value, at_ms) in b.items():
        if newer(both.get(name), value, at_ms):
            both[name] = (value, at_ms)
    return dict(sorted(both.items()))


def newest(entries: dict[str, V], most: int, time_of: Callable[[V], int]) -> dict[str, V]:
    """Return the `most` entries with the greatest times; ties go by name."""
    over = len(entries) - most
    if over <= 0:
        return entries
    ages = [(time_of(entry), name) for name, entry in entries.items()]
    kept = dict(entries)
    for _, name in (min(ages),) if over == 1 else sorted(ages)[:over]:
        del kept[name]
    return kept


_LATEST_MS = 7_258_118_400_000  # 2200-01-01, as with the times of events

TEXT_KEPT = 256
"""Characters of a text taken from properties, which nobody checks."""


def text_of(event: ChannelEvent, *names: str) -> str | None:
    """Return the first of the properties `names` that is a text or a whole number, as text."""
    for name in names:
        value = event.properties.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)[:TEXT_KEPT]
    return None


def number_of(event: ChannelEvent, name: str) -> int | float | None:
    """Return a property that is a number, or a text that reads as one."""
    value = event.properties.get(name)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > 2**53:
        return None
    return value


def whole_number_of(event: ChannelEvent, name: str) -> int | None:
    """Return a property that is a number as a whole one, rounded towards zero."""
    value = number_of(event, name)
    return None if value is None else int(value)


def moment_of(event: ChannelEvent, *names: str) -> int | None:
    """Return the first of the properties `names` that is a time, in ms: RFC 3339 text (UTC without a zone) or ms.

    What lies before 1970 or after 2199 is a default of some form, or told in microseconds: nobody waits for it.
    """
    for name in names:
        value = event.properties.get(name)
        if isinstance(value, str):
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                continue
            value = epoch_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LATEST_MS:
            return value
    return None

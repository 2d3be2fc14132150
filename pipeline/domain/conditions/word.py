"""What every condition of the vocabulary is: a struct whose first field names it.

`{did: order_completed, at_least: 3, within: 90d}` is the struct whose first field is `did`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from msgspec import Struct

from pipeline.domain.money import money_text
from pipeline.domain.time import duration_text
from pipeline.domain.triggers.view import CustomerView


class Word(Struct, frozen=True):
    """A condition. Subclasses say when it holds, and the moments at which time alone may change that."""

    EXAMPLE: ClassVar[str]
    """How it is written in a rules file."""

    @property
    def text(self) -> str:
        """Itself in words, as the rest of a sentence: "only if …"."""
        raise NotImplementedError

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it holds at `at_ms`."""
        raise NotImplementedError

    def moments(self, customer: CustomerView) -> Iterable[int]:
        """Return every time at which it may begin or cease to hold without an event; some of them may be past."""
        return ()

    def changes_at(self, customer: CustomerView, at_ms: int, *, now: bool) -> int | None:
        """Return the first time after `at_ms` at which it will, without an event, hold no longer or hold at last.

        `now` is whether it holds at `at_ms`, which the caller knows.
        """
        later = sorted({moment for moment in self.moments(customer) if moment > at_ms})
        return next((moment for moment in later if self.holds(customer, moment) is not now), None)


class Lately(Word, frozen=True, kw_only=True):
    """A condition on when something was last: within this time, or ever. Its name comes first, before `within`."""

    within_ms: int | None = None

    def last_ms(self, customer: CustomerView) -> int | None:
        """Return when it was last; None: never."""
        raise NotImplementedError

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it was that lately."""
        return lately(self.last_ms(customer), self.within_ms, at_ms)

    def moments(self, customer: CustomerView) -> Iterable[int]:
        """Return when it will be too long ago."""
        return lately_ends(self.last_ms(customer), self.within_ms)


class Numbers(Struct, frozen=True):
    """Bounds of a number, both included."""

    at_least: int | None = None
    at_most: int | None = None

    def __post_init__(self) -> None:
        check_bounds(self.at_least, self.at_most)

    def hold(self, number: float) -> bool:
        """Whether the number is within."""
        return between(number, self.at_least, self.at_most)

    @property
    def text(self) -> str:
        """The bounds in words."""
        return bounds_text(self.at_least, self.at_most)


class Ago(Struct, frozen=True):
    """How long ago something was: `more_than` includes its very end, `less_than` does not."""

    more_than_ms: int | None = None
    less_than_ms: int | None = None

    def __post_init__(self) -> None:
        if self.more_than_ms is None and self.less_than_ms is None:
            raise ValueError("say more_than or less_than, as in {more_than: 30d}")
        if None not in (self.more_than_ms, self.less_than_ms) and not self._begins_ms < self._ends_ms:
            raise ValueError("more_than must be shorter than less_than, or it never holds")

    @property
    def _begins_ms(self) -> int:
        return self.more_than_ms or 0

    @property
    def _ends_ms(self) -> int:
        return self.less_than_ms or 0

    def hold(self, then_ms: int | None, at_ms: int) -> bool:
        """Whether `then_ms` is that long ago at `at_ms`; what never was is not."""
        if then_ms is None:
            return False
        if self.more_than_ms is not None and at_ms < then_ms + self.more_than_ms:
            return False
        return self.less_than_ms is None or at_ms < then_ms + self.less_than_ms

    def moments(self, then_ms: int | None) -> Iterable[int]:
        """Return when that changes."""
        if then_ms is None:
            return ()
        return [then_ms + edge for edge in (self.more_than_ms, self.less_than_ms) if edge is not None]

    @property
    def text(self) -> str:
        """The times in words."""
        more = f"more than {duration_text(self._begins_ms)} ago" if self.more_than_ms else ""
        less = f"less than {duration_text(self._ends_ms)} ago" if self.less_than_ms else ""
        return " and ".join(filter(None, (more, less)))


def lately(last_ms: int | None, within_ms: int | None, at_ms: int) -> bool:
    """Whether something that was last at `last_ms` was within that time; None: ever."""
    return last_ms is not None and (within_ms is None or at_ms < last_ms + within_ms)


def lately_ends(last_ms: int | None, within_ms: int | None) -> Iterable[int]:
    """Return when `lately` changes."""
    return () if last_ms is None or within_ms is None else (last_ms + within_ms,)


def within_text(within_ms: int | None) -> str:
    """Return the window in words, to stand behind something."""
    return "" if within_ms is None else f" within {duration_text(within_ms)}"


def between(number: float, at_least: float | None, at_most: float | None) -> bool:
    """Whether a number is within bounds, both included."""
    return (at_least is None or number >= at_least) and (at_most is None or number <= at_most)


def check_bounds(at_least: float | None, at_most: float | None) -> None:
    """Refuse bounds that say nothing, or that nothing is within."""
    if at_least is None and at_most is None:
        raise ValueError("say at_least or at_most, as in {at_least: 2}")
    if at_least is not None and at_most is not None and at_least > at_most:
        raise ValueError(f"at_least ({at_least:g}) is more than at_most ({at_most:g}), so it never holds")


def bounds_text(at_least: float | None, at_most: float | None) -> str:
    """Return bounds in words.

    >>> bounds_text(2, None), bounds_text(None, 5), bounds_text(2, 5), bounds_text(3, 3)
    ('at least 2', 'at most 5', '2 to 5', 'exactly 3')
    """
    if at_least is None or at_most is None:
        return f"at most {at_most:g}" if at_least is None else f"at least {at_least:g}"
    return f"exactly {at_least:g}" if at_least == at_most else f"{at_least:g} to {at_most:g}"


def money_bounds_text(at_least_minor: int | None, at_most_minor: int | None, currency: str) -> str:
    """Return bounds of an amount in words."""
    least = "" if at_least_minor is None else f"at least {money_text(at_least_minor, currency)}"
    most = "" if at_most_minor is None else f"at most {money_text(at_most_minor, currency)}"
    return " and ".join(filter(None, (least, most)))


def any_of_text(words: Iterable[str]) -> str:
    """Return alternatives in words.

    >>> any_of_text(["DE"]), any_of_text(["DE", "AT", "CH"])
    ('DE', 'DE, AT or CH')
    """
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last

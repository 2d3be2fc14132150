"""Conditions made of conditions: all of them, any of them, not this one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar

from msgspec import Meta

from pipeline.domain.conditions.word import Word
from pipeline.domain.triggers.view import CustomerView

Words = Annotated[tuple[Word, ...], Meta(min_length=1)]


class AllOf(Word, frozen=True):
    """All of these hold."""

    EXAMPLE: ClassVar[str] = "{all: [{tier: [gold]}, {has: open_cart}]}"

    all: Words

    @property
    def text(self) -> str:
        """The parts, joined."""
        return " and ".join(_part(word) for word in self.all)

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether every part holds."""
        return all(word.holds(customer, at_ms) for word in self.all)

    def moments(self, customer: CustomerView) -> Iterable[int]:
        """Return those of every part."""
        return (moment for word in self.all for moment in word.moments(customer))


class AnyOf(Word, frozen=True):
    """At least one of these holds."""

    EXAMPLE: ClassVar[str] = "{any: [{stage: consideration}, {viewed: A-1, within: 7d}]}"

    any: Words

    @property
    def text(self) -> str:
        """The parts, joined."""
        return " or ".join(_part(word) for word in self.any)

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether a part holds."""
        return any(word.holds(customer, at_ms) for word in self.any)

    def moments(self, customer: CustomerView) -> Iterable[int]:
        """Return those of every part."""
        return (moment for word in self.any for moment in word.moments(customer))


class Not(Word, frozen=True):
    """This does not hold."""

    EXAMPLE: ClassVar[str] = "{not: {has: open_case}}"

    not_: Word

    @property
    def text(self) -> str:
        """The opposite."""
        return f"not ({self.not_.text})"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether the part does not hold."""
        return not self.not_.holds(customer, at_ms)

    def moments(self, customer: CustomerView) -> Iterable[int]:
        """Return those of the part."""
        return self.not_.moments(customer)


def _part(word: Word) -> str:
    return f"({word.text})" if isinstance(word, AllOf | AnyOf) else word.text

"""Every version of the rules and the time from which it holds, so that a rule may change while events come in.

Which version holds for a message is decided by the message's own logical time, never by the moment somebody looks:
a replay after a crash, on whichever worker, decides alike.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable
from functools import cache
from typing import Self

from pipeline.domain.rules.in_force import Rules

Load = Callable[[], Rules | None]


class UnreadableRules(RuntimeError):
    """The rules that hold cannot be read by this release: one more recent has applied them."""


class RuleBook:
    """Answers: which rules hold at a time, and which judge what was begun under an earlier version?

    Versions are numbered in the order in which they were applied. The one that began last holds; of two that begin
    together, the one applied later. Before the first, the first holds.

    >>> book = RuleBook.of_one(Rules("monday", ()))
    >>> book.put(Rules("tuesday", (), number=2), 1_000)
    >>> book.at(999).version, book.at(1_000).version, book.at(9_999_999).version
    ('monday', 'tuesday', 'tuesday')
    """

    def __init__(self) -> None:
        """Begin with no version; nobody may ask before there is one."""
        self._begins: list[tuple[int, int]] = []
        self._load: dict[int, Load] = {}

    @classmethod
    def of_one(cls, rules: Rules) -> Self:
        """Return a book of rules that hold for ever."""
        book = cls()
        book.put(rules, 0)
        return book

    def put(self, rules: Rules, from_ms: int) -> None:
        """Let rules hold from `from_ms` on."""
        self.add(rules.number, from_ms, lambda: rules)

    def add(self, number: int, from_ms: int, load: Load) -> None:
        """Let a version hold from `from_ms` on. `load` reads it when it is needed, once; None: it is unreadable."""
        insort(self._begins, (from_ms, number))
        self._load[number] = cache(load)

    def at(self, at_ms: int) -> Rules:
        """Return the rules in force. Raises `UnreadableRules`."""
        after = bisect_right(self._begins, at_ms, key=lambda begin: begin[0])
        _, number = self._begins[max(0, after - 1)]
        rules = self._load[number]()
        if rules is None:
            raise UnreadableRules(f"number {number} of the rules cannot be read by this release. Upgrade this worker.")
        return rules

    def judge(self, rule: str, number: int, at_ms: int) -> Rules:
        """Return the rules that decide at `at_ms` about what `rule` began under the version `number`.

        That version, as long as there is such a rule: one that was taken out of the rules begins and ends nothing
        any more. Where that version is not known, the rules in force judge.
        """
        in_force = self.at(at_ms)
        load = self._load.get(number)
        begun = None if load is None or rule not in in_force.by_name else load()
        return in_force if begun is None else begun

    def __len__(self) -> int:
        """Return how many versions there are."""
        return len(self._begins)

"""What came out, counted, and the triggers told as they come."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from pipeline.demo.words import Words
from pipeline.domain.records import DeadLetter, Decision, IdentityChange, Trigger
from pipeline.domain.rules.in_force import Rules

Published: TypeAlias = Trigger | Decision | IdentityChange | DeadLetter

LINE_EVERY_SECONDS: Final = 0.4
"""Of each rule: as much as a reader can follow. The others are counted."""


class Summary(Struct, frozen=True):
    """The answer of `omni demo --json`.

    `events` are those counted in customers, each once; `merges` how often one customer became part of another;
    `published` is what was sent, repeats included; `rejected` are lines of a file that are no events.
    """

    bus: str
    broker: str | None
    events: int
    customers: int
    merges: int
    triggers: dict[str, int]
    decisions: dict[str, int]
    dead_letters: int
    history_rows: dict[str, int]
    seconds: float
    published: int
    rejected: int


class Tally:
    """Counts each record once, however often it is delivered, and tells of triggers by `say(line)`."""

    def __init__(self, rules: Rules, words: Words, say: Callable[[str], None]) -> None:
        self._words = words
        self._say = say
        self._seen: set[tuple[type, str]] = set()
        self._told_at: dict[str, float] = {}
        self._fired = Counter({rule.name: 0 for rule in rules.rules})
        self._outcomes: Counter[str] = Counter()
        self.merges = 0
        self.dead_letters = 0
        self.untold = 0
        #: The customer of the last trigger told.
        self.told_of: str | None = None

    def note(self, record: Published) -> None:
        """Take in one record."""
        name = _name(record)
        if name in self._seen:
            return
        self._seen.add(name)
        match record:
            case Trigger():
                self._fired[record.rule] += record.status == "fired"
                self._tell(record)
            case Decision():
                self._outcomes[record.outcome] += 1
            case IdentityChange():
                self.merges += record.change == "merged"
                self._words.learn(record)
            case DeadLetter():
                self.dead_letters += 1

    @property
    def triggers(self) -> dict[str, int]:
        """Triggers fired, by rule."""
        return dict(self._fired)

    @property
    def decisions(self) -> dict[str, int]:
        """Decisions, by outcome."""
        return dict(sorted(self._outcomes.items()))

    def _tell(self, trigger: Trigger) -> None:
        now = time.monotonic()
        if now - self._told_at.get(trigger.rule, 0.0) < LINE_EVERY_SECONDS:
            self.untold += 1
            return
        self._told_at[trigger.rule] = now
        self.told_of = trigger.customer_id
        self._say(self._words.line(trigger))


def _name(record: Published) -> tuple[type, str]:
    match record:
        case Trigger():
            return Trigger, f"{record.trigger_id}/{record.status}"
        case Decision():
            return Decision, record.decision_id
        case IdentityChange():
            return IdentityChange, record.change_id
        case DeadLetter():
            return DeadLetter, record.dead_letter_id

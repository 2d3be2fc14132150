"""What a record of the topic `rules` means: a whole rules file, and the time from which it holds.

The value is the file as it was written. Headers: `by`, who applied it (`file`: a worker, out of its rules file;
`command`: `omni rules apply`), and `from`, where a time was given (ms).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from pipeline.domain.rules.book import RuleBook
from pipeline.domain.rules.in_force import Rules
from pipeline.rules_file import RulesFileError, rules_of

log = logging.getLogger(__name__)

LEAD_MS: Final = 5_000
"""So long after the broker took them, rules hold: time for every worker to read them before the first message that
falls under them. See `following.FRESH_SECONDS`."""

By: TypeAlias = Literal["file", "command"]


class Applied(Struct, frozen=True):
    """One version: its number (one more than its offset), the time from which it holds, the text of its file."""

    number: int
    from_ms: int
    text: str

    def rules(self) -> Rules:
        """Read the rules. Raises RulesFileError where this release knows less than the one that applied them."""
        return rules_of(self.text, f"rules number {self.number}", self.number)


class RulesLog:
    """All records, taken in their order; `book` has the versions among them.

    A record that says nothing new is no version: several workers that see the same change of their file at once, or
    start together, apply it once.
    """

    def __init__(self, event_clock: bool) -> None:
        """Start empty."""
        self.book = RuleBook()
        #: The version applied last, which may hold later than others.
        self.latest: Applied | None = None
        #: What a rules file said last. A worker whose file says the same has nothing to apply.
        self.file_text: str | None = None
        #: Versions by the offset of every record, also of one that said nothing new.
        self.by_offset: dict[int, Applied] = {}
        self._event_clock = event_clock

    def take(
        self, offset: int, appended_at_ms: int, value: bytes | None, headers: Iterable[tuple[str, bytes]]
    ) -> Applied:
        """Take one record; return the version that it is, or repeats. What is no rules file is one nobody can read."""
        said = dict(headers)
        text = _text(value or b"")
        if said.get("by") == b"file":
            self.file_text = text
        from_ms = self._from(_given_ms(said), appended_at_ms)
        if self.latest is None or not self.says(text, from_ms):
            self.latest = Applied(offset + 1, from_ms, text)
            self.book.add(self.latest.number, from_ms, partial(_readable, self.latest))
        self.by_offset[offset] = self.latest
        return self.latest

    def says(self, text: str, from_ms: int) -> bool:
        """Whether the version applied last is these rules already, from no later time on."""
        return self.latest is not None and self.latest.text == text and self.latest.from_ms <= from_ms

    def _from(self, given_ms: int | None, appended_at_ms: int) -> int:
        """Return from when a record's rules hold: the first ones always, for without rules nothing is handled."""
        if self.latest is None:
            return 0
        if self._event_clock and given_ms is not None:
            return given_ms
        return max(given_ms or 0, appended_at_ms + LEAD_MS)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:  # nobody can read it, like an empty file
        return ""


def _given_ms(said: Mapping[str, bytes]) -> int | None:
    try:
        return int(said["from"])
    except (KeyError, ValueError):  # `omni rules apply` writes a number; whoever wrote another thing gave no time
        return None


def _readable(applied: Applied) -> Rules | None:
    try:
        return applied.rules()
    except RulesFileError as error:
        log.warning("%s", error)
        return None

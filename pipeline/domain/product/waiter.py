"""One customer in a waiting list of a product: what they want of it, and what came of that."""

from __future__ import annotations

from msgspec import Struct

from pipeline.domain.messages.waves import NOTHING_WANTED, AskWaiters, Want, Wanted


class Waiter(Struct, frozen=True, array_like=True, gc=False):
    """One customer: what they said last, at `at_ms`, and what came of it.

    `told_ms`: when they were offered a piece last (0: not since they asked), kept in `kept_size` until `until_ms`.
    `later`: quiet hours hold the word back. `passed_ms`: when they were offered one and could not be told.
    """

    at_ms: int
    wanted: Wanted = NOTHING_WANTED
    told_ms: int = 0
    until_ms: int = 0
    kept_size: str = ""
    passed_ms: int = 0
    later: bool = False
    number: int = 0

    @property
    def is_waiting(self) -> bool:
        """Whether they wait for word of a price, or of stock and were not told since they asked."""
        return self.wanted.price or (self.wanted.rank > 0 and self.told_ms < self.wanted.asked_ms)

    def may_be_told(self, of_ms: int, at_ms: int) -> bool:
        """Whether a piece that is there since `of_ms` (0: not known) may be offered at `at_ms`.

        Once per asking. A wish, a cart or a view of what is there already asks for nothing, before it is gone; an
        alert does.
        """
        alert_ms = self.wanted.since_ms if self.wanted.rank == Want.STOCK_ALERT else 0
        asks_ms = max(of_ms, alert_ms)
        if not self.wanted.rank or self.until_ms > at_ms or (self.passed_ms and self.passed_ms >= asks_ms):
            return False
        if self.told_ms and self.told_ms >= min(self.wanted.asked_ms, asks_ms):
            return False
        return alert_ms > 0 or self.wanted.since_ms <= of_ms

    def may_take(self, ask: AskWaiters) -> bool:
        """Whether one of the free pieces may be offered."""
        if self.wanted.size is None:
            return self.may_be_told(ask.whole_ms, ask.at_ms)
        size = self.wanted.size if self.wanted.size in ask.free else ""
        return size in ask.free and self.may_be_told(ask.since.get(size, 0), ask.at_ms)


def eagerness(entry: tuple[str, Waiter]) -> tuple[int, int, str]:
    """Order by who is to be told first."""
    name, waiter = entry
    return -waiter.wanted.rank, waiter.wanted.since_ms, name


def worth(name: str, waiter: Waiter, at_ms: int) -> tuple[bool, int, int, str]:
    """Order by who stays, where there is no room for all."""
    return waiter.until_ms > at_ms, waiter.wanted.rank, -waiter.wanted.since_ms, name


def pieces_for(size: str | None, pieces: dict[str, int]) -> int:
    """Return how many pieces there are for who wants this size (None: any)."""
    if size is None:
        return sum(max(0, count) for count in pieces.values())
    return pieces[size] if size in pieces else pieces.get("", 0)


def is_of_few(before: int, now: int, low_at: int) -> bool:
    """Whether it is news to who is to hear of few pieces: fewer are left, or more again where few were.

    >>> is_of_few(9, 3, 3), is_of_few(2, 0, 3), is_of_few(3, 9, 3), is_of_few(0, 9, 3), is_of_few(9, 4, 3)
    (True, True, True, False, False)
    """
    return low_at > 0 and now != before and (now <= low_at if now < before else 0 < before <= low_at)

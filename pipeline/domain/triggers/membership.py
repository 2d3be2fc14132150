"""Whether a customer is what a condition describes, kept over time: what segments and audiences share.

Two marks (see `Mark`) under the name it is kept by: since when the condition holds, and since when the customer counts
as a member.
"""

from __future__ import annotations

from msgspec import Struct

from pipeline.domain.triggers.steps import Mark
from pipeline.domain.triggers.view import Condition, CustomerView

MEMBER, SINCE = "member", "since"


class Judged(Struct, frozen=True):
    """What changed at one look: True entered, False left, None neither; what to mark; when time alone may change it."""

    entered: bool | None
    marks: tuple[Mark, ...]
    next_ms: int | None


def judge(name: str, condition: Condition, for_ms: int, now_ms: int, customer: CustomerView) -> Judged:
    """Look as of `now_ms`. Who fits becomes a member once the condition has held for `for_ms` without a break."""
    marks: list[Mark] = []
    holds = condition.holds(customer, now_ms)
    since_ms = customer.mark(name, SINCE)
    member = customer.mark(name, MEMBER) is not None
    times = [condition.changes_at(customer, now_ms, now=holds)]
    entered: bool | None = None
    if holds and since_ms is None:
        since_ms = now_ms
        marks.append(Mark(SINCE, now_ms))
    elif not holds and since_ms is not None:
        marks.append(Mark(SINCE, None))
    if holds and not member and since_ms is not None:
        if now_ms >= since_ms + for_ms:
            entered = True
            marks.append(Mark(MEMBER, now_ms))
        else:
            times.append(since_ms + for_ms)
    elif not holds and member:
        entered = False
        marks.append(Mark(MEMBER, None))
    return Judged(entered, tuple(marks), min((time for time in times if time is not None), default=None))

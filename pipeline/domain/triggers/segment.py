"""Segments: a customer begins, or ceases, to be what a condition describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta

from pipeline.domain.reasons import DropReason
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.membership import MEMBER, judge
from pipeline.domain.triggers.steps import Change, Proposal, Step, Timer, WakeAt
from pipeline.domain.triggers.view import Condition, CustomerView


class Nobody(kind.Config, frozen=True):
    """A condition that never holds."""

    @property
    def text(self) -> str:
        """Itself in words."""
        return "nobody is meant"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it holds: no."""
        return False

    def changes_at(self, customer: CustomerView, at_ms: int, *, now: bool) -> int | None:
        """Return when that changes: never."""
        return None


class Config(kind.Config, frozen=True):
    """`condition`: who belongs to it; `for_at_least_ms`: how long it must have held (0: at once)."""

    condition: Condition = Nobody()
    for_at_least_ms: Annotated[int, Meta(ge=0)] = 0


class Segment(kind.Kind):
    """Keeps whether a customer is a member, by events and by time alone; subclasses tell of one of the changes."""

    config_type = Config
    events = None
    watches = True
    tells_entry: ClassVar[bool]

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its condition."""
        super().__init__(rule, config)
        self._condition, self._for_ms = config.condition, config.for_at_least_ms

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Look again after each event, as of the latest one."""
        now_ms = max(change.at_ms, customer.last_seen_at_ms or 0)
        return self._look(now_ms, change.event.event_id, customer)

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Look again when time alone may have changed it."""
        return self._look(timer.due_at_ms, timer.caused_by, customer)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not tell what has ceased to be so meanwhile."""
        is_member = customer.mark(self.rule, MEMBER) is not None
        return None if is_member == self.tells_entry else DropReason.NOT_SO

    def _look(self, now_ms: int, cause: str, customer: CustomerView) -> Sequence[Step]:
        judged = judge(self.rule, self._condition, self._for_ms, now_ms, customer)
        steps: list[Step] = [*judged.marks]
        if judged.entered is not None:
            steps += self._told(judged.entered, now_ms, cause)
        waits_ms = customer.waits_until(self.rule, "")  # looking again too early costs less than moving the time always
        if judged.next_ms is not None and (waits_ms is None or judged.next_ms < waits_ms):
            steps.append(WakeAt("", judged.next_ms, now_ms, by_event=True))
        return steps

    def _told(self, entered: bool, now_ms: int, cause: str) -> list[Step]:
        if entered != self.tells_entry:
            return []
        reason = f"{'Entered' if entered else 'Left'} the segment {self.rule}"
        generation = f"{now_ms}/{cause}"
        # Not "", which time is waited for under: to wait anew would end what is held about it.
        return [Proposal(MEMBER, generation, now_ms, "", now_ms, cause, (), {"segment": self.rule}, reason)]


class SegmentEntered(Segment):
    """Fires when a customer begins to be what `condition` describes, and has been for `for_at_least`.

    Unless it ceases to hold before. At most once each time that it begins, and per `cooldown` if the rule has one.
    """

    tells_entry = True


class SegmentLeft(Segment):
    """Fires when a customer ceases to be what `condition` describes, after having been for `for_at_least`.

    Unless it had not held that long. At most once each time that it ceases, and per `cooldown` if the rule has one.
    """

    tells_entry = False

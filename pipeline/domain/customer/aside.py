"""What waited for one part of a merged customer and was ended or replaced by another: set aside, should they be parted.

Nothing comes of it while they are one. It is forgotten once its time has come, or the part itself ends or replaces it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from pipeline.domain.customer.draft import Draft
from pipeline.domain.identity.merge_fields import Sides
from pipeline.domain.triggers.steps import Aside, Timer

ASIDE_KEPT = 16
"""Timers set aside: two people seldom do as much within the hours most rules wait. What is due first goes first."""


def put(draft: Draft, timers: Iterable[Timer], at_ms: int) -> None:
    """Set timers aside that the part whose event is at hand has ended or replaced; not its own."""
    new = [Aside(timer, draft.part) for timer in timers if timer.part != draft.part]
    if new:
        draft.aside = (*draft.aside, *new)
        bound(draft, at_ms)


def bound(draft: Draft, at_ms: int) -> None:
    """Keep what waits no longer and is due after `at_ms`: of each rule, subject and part the latest."""
    if not draft.aside:
        return
    latest = {
        (each.timer.rule, each.timer.subject, each.timer.part): each
        for each in sorted(draft.aside, key=lambda each: (each.timer.due_at_ms, each.timer.generation))
        if each.timer.due_at_ms > at_ms and each.timer not in draft.timers
    }
    if len(latest) > ASIDE_KEPT:
        draft.evicted("aside")
    in_order = sorted(latest.items(), key=lambda entry: (entry[1].timer.due_at_ms, entry[0]))
    draft.aside = tuple(each for _, each in in_order[-ASIDE_KEPT:])


def forget(draft: Draft, rule: str, subject: str | None) -> None:
    """Forget what was set aside of the part whose event is at hand, about a subject (None: any)."""
    if not draft.aside:
        return

    def is_over(timer: Timer) -> bool:
        return timer.rule == rule and timer.part == draft.part and subject in (None, timer.subject)

    draft.aside = tuple(each for each in draft.aside if not is_over(each.timer))


def of_both(draft: Draft, theirs: Iterable[Timer], sides: Sides) -> tuple[Aside, ...]:
    """Return all that waits for either of two customers that become one: `bound` leaves what then waits no longer."""
    of_us = (Aside(timer, sides.loser) for timer in draft.timers)
    return (*draft.aside, *of_us, *(Aside(sides.timer(timer), "") for timer in theirs))


def parted(
    draft: Draft, is_here: Callable[[str], bool], tag: Callable[[str], str], cause: tuple[str, int]
) -> tuple[tuple[Timer, ...], tuple[Aside, ...]]:
    """Return what waits for one side of a parted customer, and what is still set aside there, its parts named anew.

    What the other side had ended or replaced waits again, if its time is still to come; behind what a third part waits
    for instead it stays aside. `cause` is the event that parts them, and its time: what comes of waiting again goes
    back to it, for that the first waiting ended is recorded.
    """
    event_id, at_ms = cause

    def tagged(timer: Timer) -> Timer:
        return replace(timer, part=tag(timer.part))

    ours = [each for each in draft.aside if is_here(each.timer.part)]
    still = [each for each in ours if is_here(each.by)]
    waiting = {(timer.rule, timer.subject): timer for timer in draft.timers if is_here(timer.part)}
    back = (each.timer for each in ours if not is_here(each.by) and each.timer.due_at_ms > at_ms)
    for timer in sorted(back, key=lambda timer: (timer.due_at_ms, timer.generation), reverse=True):
        anew = replace(timer, caused_by=event_id, by_event=True)
        goes_on = waiting.setdefault((timer.rule, timer.subject), anew)
        if goes_on is not anew:
            still.append(Aside(timer, goes_on.part))
    in_order = sorted(map(tagged, waiting.values()), key=lambda timer: (timer.due_at_ms, timer.rule, timer.subject))
    return tuple(in_order), tuple(Aside(tagged(each.timer), tag(each.by)) for each in still)

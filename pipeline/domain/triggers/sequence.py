"""The sequence: several messages, with waits between them and turns by what happened, until a goal is reached."""

from __future__ import annotations

from collections.abc import Sequence as Steps
from typing import Annotated

from msgspec import Meta, Struct

from pipeline.domain.customer.orders import Order
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import DAY_MS
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import not_any_more
from pipeline.domain.triggers.steps import Cancel, Change, Drop, Fired, Mark, OfferPolicy, Proposal, Step, Timer, WakeAt
from pipeline.domain.triggers.view import Condition, CustomerView

MOST_STEPS = 100
"""Steps of a sequence, those of its branches included: more is a program, not a series of messages."""


class Part(Struct, frozen=True):
    """One step: wait, then, if `when` holds (or is not given), send and go on with `then`; else with `otherwise`.

    `send` names the message. Every part of a step may be left out.
    """

    wait_ms: Annotated[int, Meta(ge=1)] | None = None
    when: Condition | None = None
    send: str | None = None
    offer: OfferPolicy | None = None
    then: tuple[Part, ...] = ()
    otherwise: tuple[Part, ...] = ()


class Config(kind.Config, frozen=True):
    """`start`: event types that begin it, `goal`: those that end it at once. `steps`: what is done in between.

    `restart`: a further start begins anew while it runs; else it goes on. `again_after_ms`: not begun again before
    that much time since it was begun last.
    """

    start: tuple[str, ...] = ("product_added",)
    goal: tuple[str, ...] = ("order_completed",)
    steps: tuple[Part, ...] = (Part(wait_ms=DAY_MS, send="reminder"),)
    restart: bool = False
    again_after_ms: Annotated[int, Meta(ge=0)] = 7 * DAY_MS

    def __post_init__(self) -> None:
        """Refuse what is too long or begins and ends with the same event. Raises ValueError."""
        if len(_compiled(self.steps)) > MOST_STEPS * 4:
            raise ValueError(f"more than {MOST_STEPS} steps")
        both = sorted(set(self.start) & set(self.goal))
        if both:
            raise ValueError(f"{both[0]} is both start and goal")


_MESSAGE = "message"
"""Subject of its messages, of which one that waits for the morning gives way to the next; "" is that of the waits."""


class Instruction(Struct, frozen=True, gc=False):
    """One of: wait so long; go on at `jump` unless `when` holds (always, without one); send."""

    wait_ms: int | None = None
    when: Condition | None = None
    jump: int | None = None
    send: str | None = None
    offer: OfferPolicy | None = None


class Sequence(kind.Kind):
    """Fires when it is the turn of each of its messages, from a `start` event on, by its `steps`.

    Unless a `goal` event comes: then it ends at once. Of messages held over a night or a cap, the latest is sent. At
    most once per message and run; a run begins anew no sooner than `again_after`. Of two runs that turn out to be of
    one customer, the one further on goes on. Where an order is a goal, one we learn of too late takes back what was
    sent after it.
    """

    config_type = Config

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and compile its steps."""
        super().__init__(rule, config)
        self._config = config
        self._start, self._goal = frozenset(config.start), frozenset(config.goal)
        self._program = _compiled(config.steps)
        self.events = self._start | self._goal

    def on_event(self, change: Change, customer: CustomerView) -> Steps[Step]:
        """Begin, begin anew, or end."""
        begun_ms = customer.mark(self.rule, "")
        if change.event.event_type in self._goal:
            was_before = begun_ms is not None and change.at_ms < begun_ms
            return () if was_before else (Cancel(None, DropReason.GOAL_REACHED),)
        if self._reached_since(change.at_ms, customer):
            return ()
        if customer.waits_until(self.rule, "") is not None:
            if not self._config.restart or (begun_ms is not None and change.at_ms <= begun_ms):
                return ()
        elif begun_ms is not None and change.at_ms < begun_ms + max(self._config.again_after_ms, 1):
            return ()
        run = Timer(self.rule, "", change.at_ms, change.at_ms, change.event.event_id, by_event=True)
        of_the_run_before = Cancel(_MESSAGE, DropReason.SUPERSEDED)
        return [of_the_run_before, Mark("", change.at_ms), *self._from(0, run, customer)]

    def taken_back(self, fired: Fired, order: Order) -> str | None:
        """Take back what was sent to one who had ordered, where that was the goal."""
        return "An order was placed before the message was due" if "order_completed" in self._goal else None

    def on_time(self, timer: Timer, customer: CustomerView) -> Steps[Step]:
        """Go on after a wait."""
        place = _place(timer)
        if place is None:
            return (not_any_more(timer, DropReason.RULE_REMOVED),)
        if self._reached_since(timer.since_ms, customer):  # told late, after a merge brought a later start
            return (not_any_more(timer, DropReason.GOAL_REACHED),)
        return self._from(place, timer, customer)

    def goes_on(self, one: Timer, other: Timer) -> Timer:
        """Return the run that is further on: what it has yet to send, neither has sent. To `restart`, the later."""
        if self._config.restart:
            return max(one, other, key=lambda run: (run.since_ms, run.generation))
        return max(one, other, key=lambda run: (_place(run) or 0, run.due_at_ms, run.generation))

    def end(self, subject: str, since_ms: int, customer: CustomerView) -> DropReason | None:
        """End what had its goal reached, be it on the other side of a merge."""
        return DropReason.GOAL_REACHED if self._reached_since(since_ms, customer) else None

    def _reached_since(self, at_ms: int, customer: CustomerView) -> bool:
        activity = customer.facets.activity
        times = () if activity is None else (activity.last_at_ms(event_type) for event_type in self._goal)
        return any(reached_ms is not None and reached_ms >= at_ms for reached_ms in times)

    def _from(self, place: int, timer: Timer, customer: CustomerView) -> list[Step]:
        """Carry out instructions from `place` on, until one waits."""
        steps: list[Step] = []
        while place < len(self._program):
            at = self._program[place]
            place += 1
            if at.wait_ms is not None:
                due_at_ms = timer.due_at_ms + at.wait_ms
                steps.append(WakeAt("", due_at_ms, timer.since_ms, by_event=True, note=str(place)))
                break
            if at.jump is not None:
                if at.when is None or not at.when.holds(customer, timer.due_at_ms):
                    place = at.jump
            elif at.send is not None:
                message = self._message(at.send, at.offer, place, timer)
                steps.append(_not_again(message) if self._was_sent(place, timer, customer) else message)
        return steps

    def _was_sent(self, place: int, run: Timer, customer: CustomerView) -> bool:
        """Whether another run has sent this message, which would not have been begun had it been known of this one.

        That is one of the other side of a merge.
        """
        apart_ms = max(self._config.again_after_ms, 1)
        return not self._config.restart and any(
            fired.rule == self.rule
            and fired.generation.endswith(f"/{place}")
            and not fired.generation.startswith(f"{run.generation}/")
            and abs(fired.since_ms - run.since_ms) < apart_ms
            for fired in customer.fired
        )

    def _message(self, send: str, offer: OfferPolicy | None, place: int, timer: Timer) -> Proposal:
        return Proposal(
            subject=_MESSAGE,
            generation=f"{timer.generation}/{place}",
            due_at_ms=timer.due_at_ms,
            about="",
            since_ms=timer.since_ms,
            caused_by=timer.caused_by,
            items=(),
            context={"step": send},
            reason=f"It is the turn of {send}",
            offer=offer,
        )


def _place(run: Timer) -> int | None:
    """Return where a run goes on; None if the timer was armed by a rule of this name but of another kind."""
    return int(run.note) if run.note.isdecimal() else None


def _not_again(message: Proposal) -> Drop:
    return Drop(message.subject, message.generation, message.due_at_ms, message.caused_by, DropReason.COOLDOWN)


def _compiled(parts: tuple[Part, ...], start: int = 0) -> tuple[Instruction, ...]:
    """Lay out steps and their branches as one list, whose places begin at `start`."""
    program: list[Instruction] = []
    for part in parts:
        if part.wait_ms is not None:
            program.append(Instruction(wait_ms=part.wait_ms))
        here = start + len(program)
        message = [] if part.send is None else [Instruction(send=part.send, offer=part.offer)]
        if part.when is None:
            program += message
            program += _compiled(part.then, start + len(program))
            continue
        then = [*message, *_compiled(part.then, here + 1 + len(message))]
        otherwise_at = here + 1 + len(then) + 1
        otherwise = _compiled(part.otherwise, otherwise_at)
        program.append(Instruction(when=part.when, jump=otherwise_at))
        program += [*then, Instruction(jump=otherwise_at + len(otherwise)), *otherwise]
    return tuple(program)

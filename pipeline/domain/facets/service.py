"""Support cases, calls, appointments, feedback, and steps done that nobody should be asked for again (S13, S21)."""

from __future__ import annotations

from typing import ClassVar, Self, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets.facet import Json, moment_of, newest, number_of, text_of
from pipeline.domain.time import DAY_MS, rfc3339

CASES_KEPT = 20
"""Support cases that have an id. A closed one goes before an open one, then the one touched longest ago."""
CONTACTS_KEPT = 10
"""Calls and chats, the newest."""
APPOINTMENTS_KEPT = 20
"""Appointments. The one told longest ago goes first."""
FEEDBACK_KEPT = 20
"""Opinions, the newest."""
BAD_BELOW = 0.4
"""Scores below are bad: one or two stars of five, detractors of a net promoter score up to 3."""
UPSET_MS = 3 * DAY_MS
"""How long bad feedback speaks against marketing: time for somebody to open a case, which then does."""

STEPS_KEPT = 32
"""Steps of forms and flows that were done. The one done longest ago goes first."""

SCALES = {"nps": (0.0, 10.0), "csat": (1.0, 5.0), "stars": (1.0, 5.0)}
"""Property of a score → its worst and best. `score` itself is from 0 to 1, `rating` is of stars."""

_OPEN_FOR_EVER = 2**62

E = TypeVar("E")


class Case(Struct, frozen=True, array_like=True, gc=False):
    """A support case: opened and closed (ms, 0: not told), in which channel, about what."""

    opened_at_ms: int = 0
    closed_at_ms: int = 0
    channel: str = ""
    topic: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it was opened and not closed since."""
        return self.opened_at_ms > self.closed_at_ms

    def closed_by(self, at_ms: int) -> Case:
        """Return it as it is if all were closed at `at_ms`: an open one ends then."""
        return replace(self, closed_at_ms=max(self.closed_at_ms, at_ms)) if self.is_open else self


class Contact(Struct, frozen=True, array_like=True, gc=False):
    """A call or chat begun or ended: when, in which channel, about what, with which outcome."""

    at_ms: int
    channel: str
    topic: str | None = None
    outcome: str | None = None


class Appointment(Struct, frozen=True, array_like=True, gc=False):
    """An appointment at `at_ms` (0: not told), its `state` (booked, done or cancelled) as said at `told_at_ms`.

    `since_ms` is when its time, its store and its topic were said: each holds until it is said anew.
    """

    at_ms: int
    told_at_ms: int
    state: str = "booked"
    store_id: str | None = None
    topic: str | None = None
    since_ms: tuple[int, int, int] = (0, 0, 0)


class Feedback(Struct, frozen=True, array_like=True, gc=False):
    """An opinion: when, `score` from 0 (bad) to 1 (good), in which channel, about which touchpoint."""

    at_ms: int
    score: float
    channel: str
    touchpoint: str | None = None


class Service(Struct, frozen=True, array_like=True, gc=False):
    """`cases` and `appointments` by id, `contacts` and `feedback` oldest first, `steps` by name with when (ms).

    A `case_closed` that names no case closes all that were opened before: the case without an id holds when.
    """

    EVENTS: ClassVar[frozenset[str] | None] = frozenset(
        {
            "case_opened", "case_closed", "call_started", "call_ended", "chat_started", "chat_ended",
            "appointment_booked", "appointment_done", "appointment_cancelled", "feedback_given", "product_reviewed",
            "checkout_step_completed", "step_completed",
        }
    )  # fmt: skip

    cases: dict[str, Case] = {}
    contacts: tuple[Contact, ...] = ()
    appointments: dict[str, Appointment] = {}
    feedback: tuple[Feedback, ...] = ()
    steps: dict[str, int] = {}

    @property
    def has_open_case(self) -> bool:
        """Whether a case is open."""
        return any(case.is_open for case in self._as_closed().values())

    def is_upset(self, at_ms: int) -> bool:
        """Whether the latest opinion is bad, not long ago, and no case was closed since."""
        if not self.feedback:
            return False
        latest = self.feedback[-1]
        if latest.score >= BAD_BELOW or not 0 <= at_ms - latest.at_ms < UPSET_MS:
            return False
        return all(case.closed_at_ms < latest.at_ms for case in self.cases.values())

    def learn(self, event: ChannelEvent, at_ms: int) -> Self:
        """Take over what the event says."""
        event_type, topic = event.event_type, text_of(event, "topic", "subject", "reason")
        news = type(self)()
        if event_type in ("case_opened", "case_closed"):
            case_id = text_of(event, "case_id", "id") or ""
            opened = event_type == "case_opened"
            case = Case(at_ms, 0, event.channel, topic) if opened else Case(0, at_ms)
            news = replace(news, cases={case_id: case})
        elif event_type.startswith(("call_", "chat_")):
            contact = Contact(at_ms, event.channel, topic, text_of(event, "outcome", "result"))
            news = replace(news, contacts=(contact,))
        elif event_type.startswith("appointment_"):
            appointment_id = text_of(event, "appointment_id", "id") or ""
            state = event_type.removeprefix("appointment_")
            starts_at_ms = moment_of(event, "starts_at", "at") or 0
            appointment = Appointment(starts_at_ms, at_ms, state, event.store_id, topic, (at_ms, at_ms, at_ms))
            news = replace(news, appointments={appointment_id: appointment})
        elif event_type in ("checkout_step_completed", "step_completed"):
            step = text_of(event, "step", "name")
            if step is not None:
                news = replace(news, steps={step: at_ms})
        elif (score := _score(event)) is not None:
            touchpoint = text_of(event, "touchpoint") or event_type
            news = replace(news, feedback=(Feedback(at_ms, score, event.channel, touchpoint),))
        return self if news == type(self)() else self.united(news)

    def united(self, other: Self) -> Self:
        """All of both; of one id the later word."""
        cases = dict(self.cases)
        for case_id, theirs in other.cases.items():
            ours = cases.get(case_id, Case())
            opened = max(ours, theirs, key=lambda case: (case.opened_at_ms, case.channel, case.topic or ""))
            cases[case_id] = replace(opened, closed_at_ms=max(ours.closed_at_ms, theirs.closed_at_ms))
        unnamed = {"": cases.pop("")} if "" in cases else {}  # kept, or what it closed would be open again
        appointments = dict(self.appointments)
        for appointment_id, told in other.appointments.items():
            known = appointments.get(appointment_id)
            appointments[appointment_id] = told if known is None else _later(known, told)
        steps = {name: max(self.steps.get(name, 0), at_ms) for name, at_ms in other.steps.items()}
        return type(self)(
            unnamed | newest(dict(sorted(cases.items())), CASES_KEPT, _case_age),
            _newest((*self.contacts, *other.contacts), CONTACTS_KEPT),
            newest(dict(sorted(appointments.items())), APPOINTMENTS_KEPT, lambda each: each.told_at_ms),
            _newest((*self.feedback, *other.feedback), FEEDBACK_KEPT),
            newest(dict(sorted({**self.steps, **steps}.items())), STEPS_KEPT, lambda at_ms: at_ms),
        )

    def _as_closed(self) -> dict[str, Case]:
        """Return the cases, closed also by a word that named none."""
        closed_at_ms = self.cases.get("", Case()).closed_at_ms
        return {case_id: case.closed_by(closed_at_ms) for case_id, case in self.cases.items()}

    def json(self) -> Json:
        """Return all, by name."""
        return {
            "appointments": {
                appointment_id: {"at": _time(each.at_ms), "state": each.state, "store_id": each.store_id}
                for appointment_id, each in sorted(self.appointments.items())
            },
            "cases": {
                case_id: {
                    "channel": case.channel,
                    "closed_at": _time(case.closed_at_ms),
                    "open": case.is_open,
                    "opened_at": _time(case.opened_at_ms),
                    "topic": case.topic,
                }
                for case_id, case in sorted(self._as_closed().items())
            },
            "contacts": [
                {"at": rfc3339(each.at_ms), "channel": each.channel, "outcome": each.outcome, "topic": each.topic}
                for each in self.contacts
            ],
            "feedback": [
                {"at": rfc3339(each.at_ms), "channel": each.channel, "score": each.score, "touchpoint": each.touchpoint}
                for each in self.feedback
            ],
            "steps": {name: rfc3339(at_ms) for name, at_ms in sorted(self.steps.items())},
        }


def _later(a: Appointment, b: Appointment) -> Appointment:
    """Return the later word on each; what is not said is as it was."""
    told_at_ms, state = max((a.told_at_ms, a.state), (b.told_at_ms, b.state))
    start = max(a, b, key=lambda each: (each.at_ms > 0, each.since_ms[0], each.at_ms))
    store = max(a, b, key=lambda each: (each.store_id is not None, each.since_ms[1], each.store_id or ""))
    topic = max(a, b, key=lambda each: (each.topic is not None, each.since_ms[2], each.topic or ""))
    since_ms = (start.since_ms[0], store.since_ms[1], topic.since_ms[2])
    return Appointment(start.at_ms, told_at_ms, state, store.store_id, topic.topic, since_ms)


def _score(event: ChannelEvent) -> float | None:
    """Return what an opinion says from 0 (bad) to 1 (good), None where it says nothing."""
    score = number_of(event, "score")
    if score is not None and 0 <= score <= 1:
        return float(score)
    for name, (worst, best) in (*SCALES.items(), ("rating", SCALES["stars"])):
        told = number_of(event, name)
        if told is not None:
            return round(min(max((told - worst) / (best - worst), 0.0), 1.0), 4)
    return None


def _case_age(case: Case) -> int:
    """Order by what may go first: closed ones, by when they were touched last."""
    return (_OPEN_FOR_EVER if case.is_open else 0) + max(case.opened_at_ms, case.closed_at_ms)


def _newest(entries: tuple[E, ...], most: int) -> tuple[E, ...]:
    return tuple(sorted(set(entries), key=_order)[-most:])


def _order(entry: object) -> tuple[int, str]:
    return getattr(entry, "at_ms", 0), repr(entry)


def _time(at_ms: int) -> str | None:
    return rfc3339(at_ms) if at_ms else None

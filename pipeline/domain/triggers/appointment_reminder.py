"""The appointment reminder: fittings, collections, repairs, style advice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from pipeline.domain.facets.service import Appointment, Service
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import DAY_MS, rfc3339
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import in_time, not_any_more, wait, was_sent
from pipeline.domain.triggers.steps import Cancel, Change, Step, Timer
from pipeline.domain.triggers.view import CustomerView


class Config(kind.Config, frozen=True):
    """`ahead_ms`: how long before the appointment."""

    ahead_ms: Annotated[int, Meta(ge=1)] = DAY_MS


class AppointmentReminder(kind.Kind):
    """Fires when an appointment is `ahead` away.

    Unless it was called off, has been kept, or has begun; moved, it is reminded of at its new time. At most once per
    appointment and time.
    """

    config_type = Config
    events = frozenset({"appointment_booked", "appointment_cancelled", "appointment_done"})

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its parameters."""
        super().__init__(rule, config)
        self._ahead_ms = config.ahead_ms

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Wait for the time before each appointment that is another now; late word of it changes nothing."""
        now, before = customer.facets.service or Service(), customer.facets_before.service or Service()
        steps: list[Step] = []
        for appointment_id, appointment in now.appointments.items():
            known = before.appointments.get(appointment_id)
            if known is not None and (known.at_ms, known.state) == (appointment.at_ms, appointment.state):
                continue
            if known is not None:
                subject = _subject(appointment_id, known)
                end = self.end(subject, 0, customer)
                steps += [] if end is None else [Cancel(subject, end)]
            due_at_ms = appointment.at_ms - self._ahead_ms
            if appointment.state == "booked" and due_at_ms > change.at_ms:
                steps.append(wait(_subject(appointment_id, appointment), due_at_ms, change))
        return steps

    def on_merge(self, timer: Timer, customer: CustomerView) -> DropReason | None:
        """Stop waiting if it was called off, kept, moved or reminded of on the other side."""
        if was_sent(self.rule, timer.subject, customer):
            return DropReason.DONE
        return self.end(timer.subject, timer.since_ms, customer)

    def end(self, subject: str, since_ms: int, customer: CustomerView) -> DropReason | None:
        """Say why an appointment need not be reminded of at the time that was waited for; None if it must."""
        appointment_id, appointment = _found(subject, customer)
        if appointment.state != "booked":
            return DropReason.DONE if appointment.state == "done" else DropReason.CALLED_OFF
        return None if _subject(appointment_id, appointment) == subject else DropReason.NOT_SO

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Propose the reminder."""
        end = self.end(timer.subject, timer.since_ms, customer)
        if end is not None:
            return (not_any_more(timer, end),)
        appointment_id, appointment = _found(timer.subject, customer)
        context = {
            "appointment_id": appointment_id,
            "at": rfc3339(appointment.at_ms),
            "store_id": appointment.store_id,
            "topic": appointment.topic,
        }
        reason = f"An appointment is at {rfc3339(appointment.at_ms)}"
        return (in_time(timer, reason, context=context, until_ms=appointment.at_ms),)


def _subject(appointment_id: str, appointment: Appointment) -> str:
    """Return what is waited for: an appointment at a time, so that a merge keeps apart two times of one appointment."""
    return f"{appointment_id}/{appointment.at_ms}"


def _found(subject: str, customer: CustomerView) -> tuple[str, Appointment]:
    """Return the appointment as it is known now; one never told where it is forgotten."""
    appointment_id = subject.rpartition("/")[0]
    service = customer.facets.service or Service()
    return appointment_id, service.appointments.get(appointment_id, Appointment(0, 0))

"""What one part of a customer ended or replaced for another: set aside, bounded, forgotten in time."""

from __future__ import annotations

from pipeline.domain.customer import aside
from pipeline.domain.customer.aside import ASIDE_KEPT
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.messages.effects import Count
from pipeline.domain.triggers.steps import Timer


def timer(subject: str, due_at_ms: int, part: str = "mia") -> Timer:
    return Timer("it", subject, due_at_ms, 0, "e-1", part=part)


def subjects(draft: Draft) -> list[str]:
    return [each.timer.subject for each in draft.aside]


def test_only_what_is_due_later_and_is_not_of_the_part_itself_is_set_aside() -> None:
    draft = Draft(CustomerState("default", "c"))

    aside.put(draft, (timer("due", 10), timer("later", 11), timer("own", 12, part="")), 10)

    assert subjects(draft) == ["later"]


def test_beyond_the_bound_what_is_due_first_goes_and_is_counted() -> None:
    draft = Draft(CustomerState("default", "c"))

    aside.put(draft, [timer(f"s-{number}", 100 + number) for number in range(ASIDE_KEPT + 1)], 10)

    assert subjects(draft) == [f"s-{number}" for number in range(1, ASIDE_KEPT + 1)]
    assert draft.effects == [Count("evictions", "aside")]


def test_what_a_part_ends_itself_does_not_wait_again() -> None:
    draft = Draft(CustomerState("default", "c"))
    aside.put(draft, (timer("x", 20), timer("y", 20)), 10)

    draft.part = "mia"
    aside.forget(draft, "it", "x")

    assert subjects(draft) == ["y"]


def test_what_another_part_ended_waits_again_only_where_those_two_are_parted() -> None:
    draft = Draft(CustomerState("default", "c"))
    aside.put(draft, (timer("x", 20),), 10)

    timers, still = aside.parted(draft, {"mia"}.__contains__, str, ("e-9", 15))
    with_the_other, kept = aside.parted(draft, {"", "mia"}.__contains__, str, ("e-9", 15))

    assert ([(each.subject, each.caused_by) for each in timers], still) == ([("x", "e-9")], ())
    assert (with_the_other, kept) == ((), draft.aside)
    assert aside.parted(draft, {"mia"}.__contains__, str, ("e-9", 20)) == ((), ())

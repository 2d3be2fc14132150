"""Which triggers a customer is remembered to have been sent: the latest, whatever order they became known in."""

from __future__ import annotations

import itertools

from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import FIRED_KEPT, CustomerState
from pipeline.domain.time import DAY_MS
from pipeline.domain.triggers.steps import Fired

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""


def fired(trigger_id: str, due_at_ms: int) -> Fired:
    return Fired(trigger_id, "cross", "cross_sell", "test", "A", "1", "A", 0, due_at_ms, None, None, None, "e-1")


def remembered(*told: Fired) -> list[str]:
    draft = Draft(CustomerState("customer-1", "default"))
    for each in told:
        draft.put_fired(each)
    return [each.trigger_id for each in draft.state().fired]


def test_of_too_many_the_same_ones_are_forgotten_in_whatever_order_answers_came() -> None:
    first, second, third = fired("a", TEN), fired("b", TEN), fired("c", TEN + 1)
    later = [fired(f"later-{number:02d}", TEN + 10 + number) for number in range(FIRED_KEPT - 2)]

    for order in itertools.permutations((first, second, third)):
        assert remembered(*order, *later) == ["b", "c", *(each.trigger_id for each in later)]


def test_a_week_counts_from_the_latest_trigger_even_if_an_older_one_is_told_after_it() -> None:
    old, new = fired("old", TEN), fired("new", TEN + 7 * DAY_MS + 1)

    assert remembered(old, new) == remembered(new, old) == ["new"]

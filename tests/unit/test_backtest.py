"""What counts in a backtest, and how two runs are set side by side."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from pipeline.backtest import Span, Tally, document
from pipeline.domain.records import Decision, IdentityChange, Trigger
from tests.history_rows import CHANGE, DECISION, TEN_O_CLOCK, TRIGGER

HOUR_MS = 3_600_000
RULES = ["cart_reminder"]
NOTHING = {"fired": 0, "held_out": 0, "held": 0, "deferred": 0, "revoked": 0, "dropped": 0, "reasons": {}}


def sent(trigger_id: str, hour: float, customer_id: str = "customer-1", **fields: Any) -> Trigger:
    at_ms = TEN_O_CLOCK + round(hour * HOUR_MS)
    return replace(TRIGGER, trigger_id=trigger_id, fired_at_ms=at_ms, customer_id=customer_id, **fields)


def decided(outcome: str, reason: str, hour: float = 0, rule: str = "cart_reminder") -> Decision:
    fields: dict[str, Any] = {"outcome": outcome, "reason": reason, "rule": rule}
    return replace(DECISION, decided_at_ms=TEN_O_CLOCK + round(hour * HOUR_MS), **fields)


def merged(part: str, into: str, moves: int, **fields: Any) -> IdentityChange:
    change = replace(CHANGE, change="merged", customer_id=into, other_customer_id=part, parts={part: moves})
    return replace(change, **fields)


def tally(*records: Trigger | Decision | IdentityChange, span: Span | None = None) -> Tally:
    counted = Tally(span or Span())
    for record in records:
        counted.take(record)
    return counted


def test_each_outcome_counts_by_rule_and_day_and_each_reason_but_that_of_sending() -> None:
    new = tally(
        decided("fired", "sent"),
        decided("dropped", "bought"),
        decided("dropped", "bought", hour=14),
        decided("dropped", "cooldown"),
        decided("held_out", "rule_holdout"),
        decided("revoked", "bought"),
    )

    said = document(new, None, RULES, 0)

    (rule,) = said["rules"]
    assert rule["rule"] == "cart_reminder"
    assert rule["old"] is None
    assert rule["new"] == NOTHING | {
        "fired": 1,
        "dropped": 3,
        "held_out": 1,
        "revoked": 1,
        "reasons": {
            "dropped": {"bought": 2, "cooldown": 1},
            "held_out": {"rule_holdout": 1},
            "revoked": {"bought": 1},
        },
    }
    assert [(day["day"], day["rule"], day["new"]["dropped"]) for day in said["days"]] == [
        ("2026-11-24", "cart_reminder", 2),
        ("2026-11-25", "cart_reminder", 1),
    ]


def test_only_what_is_decided_in_the_span_counts_its_start_included_and_its_end_not() -> None:
    span = Span(TEN_O_CLOCK, TEN_O_CLOCK + HOUR_MS)
    at = (-0.001, 0, 0.999, 1)

    records = [record for hour in at for record in (decided("fired", "sent", hour), sent(f"t{hour}", hour))]
    counted = tally(*records, span=span)

    assert counted.decided.total() == 2
    assert list(counted.sent) == ["t0", "t0.999"]


def test_a_message_that_was_taken_back_counts_as_sent_once() -> None:
    assert len(tally(sent("t-1", 0), sent("t-1", 1, status="revoked")).sent) == 1


def test_a_rule_without_any_decision_is_shown_with_zeros_on_both_sides_and_one_of_the_old_file_alone_as_well() -> None:
    said = document(tally(), tally(decided("fired", "sent", rule="gone")), ["cart_reminder", "quiet"], 0)

    assert [(rule["rule"], rule["new"]["fired"], rule["old"]["fired"]) for rule in said["rules"]] == [
        ("cart_reminder", 0, 0),
        ("quiet", 0, 0),
        ("gone", 0, 1),
    ]
    assert said["rules"][0]["new"] == NOTHING
    assert [(day["rule"], day["new"], day["old"]["fired"]) for day in said["days"]] == [("gone", NOTHING, 1)]


def test_messages_of_customers_who_became_one_count_as_of_one() -> None:
    messages = [sent("t-1", 0, "a"), sent("t-2", 1, "b"), sent("t-3", 2, "b"), sent("t-4", 3, "c")]

    said = document(tally(*messages, merged("a", into="b", moves=1)), None, RULES, 0)

    assert (said["new"]["messages"], said["new"]["customers"]) == (4, 2)
    assert said["new"]["messages_per_customer"] == {"median": 2, "max": 3}


def test_of_two_words_about_a_customer_the_one_that_moved_it_last_holds_whatever_comes_first() -> None:
    undone = merged("a", into="b", moves=2, change="unmerged", customer_id="b", other_customer_id="a")

    assert tally(undone, merged("a", into="b", moves=1)).owner("a") == "a"
    assert tally(merged("a", into="b", moves=1), undone).owner("a") == "a"


def test_the_same_message_at_another_time_is_moved_and_the_others_are_on_one_side_only() -> None:
    new = tally(sent("same", 0), sent("moved", 1), sent("added", 2))
    old = tally(sent("same", 0), sent("moved", 1.5), sent("lost", 3), sent("lost-too", 4))

    said = document(new, old, RULES, 10)

    assert said["compared"] == {"in_both": 2, "moved": 1, "only_new": 1, "only_old": 2}
    assert [example["trigger_id"] for example in said["examples"]["only_old"]] == ["lost", "lost-too"]
    assert said["examples"]["only_new"] == [
        {
            "trigger_id": "added",
            "tenant": "default",
            "customer_id": "customer-1",
            "rule": "cart_reminder",
            "channel": "email",
            "fired_at": "2026-11-24T12:00:00.000Z",
            "reason": "cart left for an hour",
        }
    ]


def test_examples_are_the_first_message_of_as_many_customers_as_there_are_before_anybodys_second() -> None:
    new = tally(sent("a1", 0, "a"), sent("a2", 1, "a"), sent("b1", 2, "b"), sent("c1", 3, "c"))

    examples = document(new, None, RULES, 3)["examples"]["only_new"]

    assert [example["trigger_id"] for example in examples] == ["a1", "b1", "c1"]


def test_the_digest_does_not_depend_on_the_order_and_changes_with_anything_counted() -> None:
    records: list[Trigger | Decision | IdentityChange] = [
        sent("t-1", 0),
        sent("t-2", 1),
        decided("fired", "sent"),
        decided("dropped", "bought"),
    ]

    assert tally(*records).digest() == tally(*reversed(records)).digest()
    assert len({tally(*records[:n]).digest() for n in range(5)}) == 5

"""Segments: entered and left, by events and by time alone."""

from __future__ import annotations

from msgspec import Struct

from pipeline.domain.arbiter.policy import Policy
from pipeline.domain.rules.in_force import Rule
from pipeline.domain.time import DAY_MS, HOUR_MS
from pipeline.domain.triggers.segment import Config
from pipeline.domain.triggers.view import CustomerView
from tests.unit.domain.triggers.story import Story, at_ms, event, hours, order_completed


class Quiet(Struct, frozen=True):
    """A condition: nothing seen for a day."""

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        return customer.last_seen_at_ms is not None and at_ms - customer.last_seen_at_ms >= DAY_MS

    def changes_at(self, customer: CustomerView, at_ms: int, *, now: bool) -> int | None:
        due_at_ms = (customer.last_seen_at_ms or 0) + DAY_MS
        return due_at_ms if due_at_ms > at_ms else None


class Bought(Struct, frozen=True):
    """A condition: two orders placed and kept within a day."""

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        recent = [order for order in customer.orders.values() if order.is_kept and at_ms - order.at_ms < DAY_MS]
        return len(recent) >= 2

    def changes_at(self, customer: CustomerView, at_ms: int, *, now: bool) -> int | None:
        ends = [order.at_ms + DAY_MS for order in customer.orders.values() if order.at_ms + DAY_MS > at_ms]
        return min(ends, default=None)


def entered(condition: Struct, for_at_least_ms: int = 0) -> Rule:
    return Rule("in", "segment_entered", Config(condition, for_at_least_ms))  # type: ignore[arg-type]


def left(condition: Struct, for_at_least_ms: int = 0) -> Rule:
    return Rule("out", "segment_left", Config(condition, for_at_least_ms))  # type: ignore[arg-type]


def test_an_event_brings_a_customer_in_once() -> None:
    story = Story(entered(Bought())).at("10:00", order_completed("A")).at("11:00", order_completed("B"))
    story.at("12:00", order_completed("C"))

    assert story.fired == [("11:00", "in")]


def test_time_alone_brings_a_customer_in_and_an_event_out() -> None:
    story = Story(entered(Quiet()), left(Quiet())).at("10:00", event("page_viewed")).at("1d 12:00")
    story.at("1d 15:00", event("page_viewed"))

    assert story.fired == [("1d 10:00", "in"), ("1d 15:00", "out")]


def test_time_alone_takes_a_customer_out() -> None:
    story = Story(left(Bought())).at("10:00", order_completed("A")).at("11:00", order_completed("B")).at("3d 00:00")

    assert story.fired == [("1d 10:00", "out")]


def test_who_comes_back_enters_again() -> None:
    story = Story(entered(Quiet())).at("10:00", event("page_viewed")).at("2d 00:00")
    story.at("3d 10:00", event("page_viewed")).at("9d 00:00")

    assert story.fired == [("1d 10:00", "in"), ("4d 10:00", "in")]
    assert len({trigger.trigger_id for trigger in story.triggers}) == 2


def test_what_must_hold_for_a_while_fires_only_then() -> None:
    story = Story(entered(Bought(), 3 * HOUR_MS)).at("10:00", order_completed("A"))
    story.at("11:00", order_completed("B")).at("20:00")

    assert story.fired == [("14:00", "in")]


def test_what_ceases_before_has_never_been() -> None:
    story = Story(entered(Bought(), 3 * HOUR_MS), left(Bought(), 3 * HOUR_MS))
    story.at("10:00", order_completed("A", order="o1")).at("11:00", order_completed("B", order="o2"))
    story.at("12:00", event("order_cancelled", order_id="o2")).at("3d 00:00")

    assert story.fired == []
    assert story.customer["timers"] == []


def test_an_event_told_late_is_judged_as_of_now() -> None:
    story = Story(entered(Quiet())).at("2d 10:00", event("page_viewed"))
    story.at("10:00", event("page_viewed"), arriving="2d 10:05").at("2d 20:00")

    assert story.fired == []


def test_the_reason_names_the_segment() -> None:
    story = Story(entered(Quiet())).at("10:00", event("page_viewed")).at("2d 00:00")

    (trigger,) = story.triggers
    assert (trigger.reason, trigger.context, trigger.due_at_ms) == (
        "Entered the segment in",
        {"segment": "in"},
        at_ms("1d 10:00"),
    )


def test_two_who_become_one_and_belong_only_together_enter_with_the_next_event() -> None:
    other = Story(entered(Bought()), customer_id="customer-2").at("10:00", order_completed("A", order="o1"))
    story = Story(entered(Bought())).at("10:30", order_completed("B", order="o2")).joined_by(other, "11:00")
    story.at("12:00", event("page_viewed"))

    assert story.fired == [("12:00", "in")]


def test_two_members_who_become_one_do_not_enter_again() -> None:
    other = Story(entered(Bought()), customer_id="customer-2")
    other.at("10:00", order_completed("A", order="o1"), order_completed("A", order="o2"))
    story = Story(entered(Bought())).at("10:30", order_completed("B", order="o3")).joined_by(other, "11:00")
    story.at("12:00", order_completed("B", order="o4"))

    assert story.fired == []


def test_b19_what_is_told_twice_enters_once() -> None:
    story = Story(entered(Bought())).at("10:00", order_completed("A", order="o1"))
    second = order_completed("B", order="o2", event_id="e-9")
    story.at("11:00", second).again(second, "11:00", "11:05")

    assert story.fired == [("11:00", "in")]


def held_over_night(condition: Struct, tells: str = "segment_entered") -> Rule:
    return Rule("in", tells, Config(condition), quiet_hours=hours("22:00-08:00"))  # type: ignore[arg-type]


def test_a_word_held_over_night_is_sent_in_the_morning_though_time_alone_is_looked_at_meanwhile() -> None:
    story = Story(held_over_night(Bought())).at("05:00", order_completed("A"))
    story.at("23:00", order_completed("B")).at("23:10", order_completed("C")).at("1d 05:00").at("1d 08:00")

    assert story.fired == [("1d 08:00", "in")]


def test_a_word_held_over_night_is_dropped_where_what_it_says_has_ceased_by_the_morning() -> None:
    story = Story(held_over_night(Bought())).at("05:00", order_completed("A")).at("23:00", order_completed("B"))
    story.at("1d 05:00").at("1d 08:00")

    assert story.fired == []
    assert story.decisions == [("23:00", "held", "quiet_hours"), ("1d 08:00", "dropped", "not_so")]


def test_of_two_words_held_over_night_the_later_is_sent() -> None:
    story = Story(held_over_night(Bought())).at("05:00", order_completed("A")).at("23:00", order_completed("B"))
    story.at("1d 06:00", order_completed("C")).at("1d 08:00")

    assert story.fired == [("1d 08:00", "in")]
    assert [outcome for _, outcome, _ in story.decisions] == ["held", "held", "dropped", "fired"]


def test_who_entered_by_an_event_told_too_late_to_be_news_leaves_by_time_alone_all_the_same() -> None:
    story = Story(entered(Bought()), left(Bought()), policy=Policy(late_ms={"pos": HOUR_MS}))
    story.at("10:00", order_completed("A", channel="pos"), arriving="12:00")
    story.at("11:00", order_completed("B", channel="pos"), arriving="13:00").at("3d 00:00")

    assert [rule for _, rule in story.fired] == ["out"]

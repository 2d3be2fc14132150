"""Several messages in turn: an onboarding, a series about a cart."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.arbiter.policy import QuietHours
from pipeline.domain.rules.in_force import Rule
from pipeline.domain.time import DAY_MS, HOUR_MS
from pipeline.domain.triggers.sequence import Config, Part, Sequence
from pipeline.domain.triggers.steps import OfferPolicy
from pipeline.domain.triggers.view import CustomerView
from tests.unit.domain.triggers.story import Story, abandoned_cart, event, hours, order_completed, product_added


class Opened(Struct, frozen=True):
    """A condition: an e-mail was opened."""

    text = "an e-mail was opened"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        return customer.channels.get("email") is not None

    def changes_at(self, customer: CustomerView, at_ms: int, *, now: bool) -> int | None:
        return None


THREE = (
    Part(wait_ms=HOUR_MS, send="first"),
    Part(wait_ms=DAY_MS, send="second"),
    Part(wait_ms=2 * DAY_MS, send="third", offer=OfferPolicy("LAST", 15)),
)


def series(*steps: Part, **fields: object) -> Rule:
    return Rule("series", "sequence", Config(steps=steps or THREE, **fields))  # type: ignore[arg-type]


def sent(story: Story) -> list[tuple[str, object]]:
    return [(clock, trigger.context["step"]) for (clock, _), trigger in zip(story.fired, story.triggers, strict=True)]


def test_each_message_has_its_turn_after_its_wait() -> None:
    story = Story(series()).at("10:00", product_added("A")).at("5d 00:00")

    assert sent(story) == [("11:00", "first"), ("1d 11:00", "second"), ("3d 11:00", "third")]
    assert len({trigger.trigger_id for trigger in story.triggers}) == 3


def test_the_last_message_has_an_offer_of_its_own() -> None:
    story = Story(series()).at("10:00", product_added("A")).at("5d 00:00")

    codes = [trigger.offer.code[:4] if trigger.offer else None for trigger in story.triggers]
    assert codes == [None, None, "LAST"]


def test_a_message_without_a_wait_goes_at_once() -> None:
    story = Story(series(Part(send="hello"), Part(wait_ms=HOUR_MS, send="later"), start=("identified",)))
    story.at("10:00", event("identified")).at("12:00")

    assert sent(story) == [("10:00", "hello"), ("11:00", "later")]


def test_the_goal_ends_it_at_once_and_says_so() -> None:
    story = Story(series()).at("10:00", product_added("A")).at("12:00", order_completed("A")).at("9d 00:00")

    assert sent(story) == [("11:00", "first")]
    assert story.decisions[-1] == ("12:00", "dropped", "goal_reached")


def test_a_further_start_goes_on_with_the_run_under_way() -> None:
    story = Story(series()).at("10:00", product_added("A")).at("10:30", product_added("B")).at("12:00")

    assert sent(story) == [("11:00", "first")]


def test_a_further_start_begins_anew_where_the_rule_says_restart() -> None:
    story = Story(series(restart=True)).at("10:00", product_added("A")).at("10:30", product_added("B")).at("12:00")

    assert sent(story) == [("11:30", "first")]


def test_it_does_not_begin_again_too_soon_after_it_was_begun() -> None:
    story = Story(series(Part(send="hello"), again_after_ms=2 * DAY_MS))
    story.at("10:00", product_added("A")).at("11:00", product_added("B")).at("2d 10:00", product_added("C"))

    assert sent(story) == [("10:00", "hello"), ("2d 10:00", "hello")]


def branching() -> Rule:
    return series(
        Part(wait_ms=HOUR_MS, send="first"),
        Part(wait_ms=HOUR_MS, when=Opened(), send="opened", then=(Part(wait_ms=HOUR_MS, send="more"),),
             otherwise=(Part(send="again"),)),
        Part(wait_ms=HOUR_MS, send="last"),
    )  # fmt: skip


def test_who_opened_goes_the_one_way() -> None:
    story = Story(branching()).at("10:00", product_added("A"))
    story.at("11:30", event("email_opened", channel="email")).at("20:00")

    assert sent(story) == [("11:00", "first"), ("12:00", "opened"), ("13:00", "more"), ("14:00", "last")]


def test_who_did_not_goes_the_other() -> None:
    story = Story(branching()).at("10:00", product_added("A")).at("20:00")

    assert sent(story) == [("11:00", "first"), ("12:00", "again"), ("13:00", "last")]


def test_a_start_told_twice_or_late_starts_nothing_more() -> None:
    story = Story(series()).at("10:00", product_added("A", event_id="e-x"))
    story.again(product_added("A", event_id="e-x"), "10:00", "10:05")
    story.at("09:00", product_added("B"), arriving="10:10").at("12:00")

    assert sent(story) == [("11:00", "first")]


def test_start_and_goal_must_differ() -> None:
    try:
        Config(start=("product_added",), goal=("product_added",))
    except ValueError as error:
        assert str(error) == "product_added is both start and goal"
    else:
        raise AssertionError


def test_the_kind_listens_to_its_own_start_and_goal() -> None:
    assert Sequence("r", Config(start=("a",), goal=("b",))).events == frozenset({"a", "b"})


def test_a_goal_reached_before_the_start_but_told_late_ends_nothing() -> None:
    story = Story(series()).at("10:00", product_added("A"))
    story.at("09:00", order_completed("B", order="o1", cart="c2"), arriving="10:30").at("12:00")

    assert sent(story) == [("11:00", "first")]


def test_a_start_told_late_after_the_goal_was_reached_starts_nothing() -> None:
    story = Story(series(start=("subscribed",))).at("10:00", order_completed("A"))
    story.at("09:00", event("subscribed"), arriving="10:30").at("5d 00:00")

    assert sent(story) == []


def test_b15_two_who_become_one_of_whom_one_has_reached_the_goal_get_no_more() -> None:
    rule = series(start=("subscribed",))
    other = Story(rule, customer_id="customer-2").at("10:30", order_completed("A"))
    story = Story(rule).at("10:00", event("subscribed")).joined_by(other, "10:45").at("5d 00:00")

    assert sent(story) == []
    assert story.decisions == [("10:45", "dropped", "goal_reached")]


def test_two_who_become_one_go_through_it_once() -> None:
    rule = series(start=("subscribed",))
    other = Story(rule, customer_id="customer-2").at("10:20", event("subscribed"))
    story = Story(rule).at("10:00", event("subscribed")).joined_by(other, "10:45").at("5d 00:00")

    assert sent(story) == [("11:20", "first"), ("1d 11:20", "second"), ("3d 11:20", "third")]


def test_a_timer_of_a_rule_that_was_of_another_kind_comes_to_nothing() -> None:
    story = Story(abandoned_cart(name="series")).at("10:00", product_added("A", cart="c1"))
    story.actor = Story(series()).actor
    story.at("12:00")

    assert story.decisions == [("11:00", "dropped", "rule_removed")]


def test_b15_a_message_held_over_night_is_dropped_when_the_goal_was_reached_on_the_other_side() -> None:
    rule = replace(series(Part(send="hello"), start=("subscribed",)), quiet_hours=hours("22:00-08:00"))
    other = Story(rule, customer_id="customer-2").at("23:30", order_completed("A"))
    story = Story(rule).at("23:00", event("subscribed")).joined_by(other, "23:45").at("1d 09:00")

    assert sent(story) == []
    assert story.decisions[-1][1:] == ("dropped", "goal_reached")


def test_of_a_series_held_over_night_the_latest_message_is_sent_in_the_morning_and_goes_on_from_there() -> None:
    first, second = Part(wait_ms=HOUR_MS, send="first"), Part(wait_ms=HOUR_MS, send="second")
    third = Part(wait_ms=DAY_MS, send="third")
    rule = replace(series(first, second, third), quiet_hours=QuietHours(22 * 60, 8 * 60))
    story = Story(rule).at("21:30", product_added("A"))
    for clock in ("22:30", "23:30", "1d 08:00", "1d 23:30", "2d 08:00", "5d 00:00"):
        story.at(clock)

    assert sent(story) == [("1d 08:00", "second"), ("2d 08:00", "third")]
    assert ("23:30", "dropped", "superseded") in story.decisions


def test_a_goal_reached_at_night_takes_back_the_message_that_waits_for_the_morning() -> None:
    rule = replace(series(Part(wait_ms=HOUR_MS, send="first")), quiet_hours=QuietHours(22 * 60, 8 * 60))
    story = Story(rule).at("21:30", product_added("A")).at("22:30").at("23:00", order_completed("A")).at("1d 09:00")

    assert sent(story) == []
    assert ("22:30", "held", "quiet_hours") in story.decisions
    assert story.decisions[-1] == ("23:00", "dropped", "goal_reached")


def test_a_message_due_at_the_end_of_the_night_is_sent_instead_of_the_one_held_over_it() -> None:
    steps = Part(send="one"), Part(wait_ms=10 * HOUR_MS, send="two")
    rule = replace(series(*steps, start=("subscribed",)), quiet_hours=QuietHours(22 * 60, 8 * 60))
    story = Story(rule).at("22:00", event("subscribed")).at("1d 08:00").at("5d 00:00")

    assert sent(story) == [("1d 08:00", "two")]
    assert story.decisions == [
        ("22:00", "held", "quiet_hours"),
        ("1d 08:00", "dropped", "superseded"),
        ("1d 08:00", "fired", "sent"),
    ]


def test_a_run_that_begins_anew_sends_nothing_that_the_run_before_held_over_night() -> None:
    steps = Part(wait_ms=HOUR_MS, send="one"), Part(wait_ms=HOUR_MS, send="two"), Part(wait_ms=DAY_MS, send="three")
    rule = replace(series(*steps, start=("subscribed",), restart=True), quiet_hours=QuietHours(22 * 60, 8 * 60))
    story = Story(rule).at("21:30", event("subscribed")).at("22:30").at("23:30")
    story.at("1d 07:00", event("subscribed")).at("1d 08:00").at("1d 09:00").at("1d 12:00")

    assert sent(story) == [("1d 08:00", "one"), ("1d 09:00", "two")]
    assert ("1d 07:00", "dropped", "superseded") in story.decisions


def test_b13_an_order_learned_of_too_late_takes_back_what_was_sent_after_it_where_it_is_the_goal() -> None:
    story = Story(series()).at("10:00", product_added("A")).at("11:00").at("1d 11:00").at("1d 12:00")
    story.at("20:00", order_completed("A", channel="pos"), arriving="1d 12:01").at("9d 00:00")

    assert [(trigger.status, trigger.context.get("step")) for trigger in story.triggers] == [
        ("fired", "first"),
        ("fired", "second"),
        ("revoked", None),
    ]
    assert story.revoked[0].trigger_id == story.triggers[1].trigger_id
    assert story.revoked[0].reason == "An order was placed before the message was due"


def test_an_order_that_is_no_goal_takes_no_message_of_a_sequence_back() -> None:
    story = Story(series(goal=("unsubscribed",))).at("10:00", product_added("A")).at("11:00")

    assert story.at("10:30", order_completed("A"), arriving="11:30").revoked == []

"""Quiet hours: what falls into the customer's night is held, and judged again in the morning. B26."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.arbiter.policy import Policy
from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.state import HELD_KEPT
from pipeline.domain.customer.waiting import EFFECTS_PER_WAKE
from pipeline.domain.events import Context
from pipeline.domain.facets.permissions import Consent, Permissions
from pipeline.domain.facets.situation import Situation
from pipeline.domain.messages.effects import Publish
from pipeline.domain.records import Decision, Trigger
from pipeline.domain.rules.in_force import Rules
from pipeline.domain.time import HOUR_MS
from tests.unit.domain.triggers.story import (
    Story,
    abandoned_cart,
    at_ms,
    cart_emptied,
    cross_sell,
    event,
    order_completed,
    product_added,
)

NIGHT = "22:00-08:00"


def night(**fields: Any) -> Story:
    """A cart left at 22:30, due at 23:30: it waits for 08:00."""
    return Story(abandoned_cart(quiet_hours=NIGHT, **fields)).at("22:30", product_added("A")).at("23:31")


def test_b26_what_is_due_in_quiet_hours_is_held_until_they_end_and_then_sent() -> None:
    story = night()
    assert story.decisions == [("23:30", "held", "quiet_hours")]
    assert story.fired == []
    assert story.customer["held"] == [
        {"release_at": "2026-11-25T08:00:00.000Z", "rule": "abandoned_cart", "subject": ""}
    ]

    story.at("1d 08:00")

    assert story.fired == [("1d 08:00", "abandoned_cart")]
    assert story.decisions[1:] == [("1d 08:00", "fired", "sent")]
    (trigger,) = story.triggers
    assert (trigger.due_at_ms, trigger.fired_at_ms) == (at_ms("23:30"), at_ms("1d 08:00"))


@pytest.mark.parametrize(
    ("due_after", "sent_at"), [("21:59", "21:59"), ("22:00", "1d 08:00"), ("1d 08:00", "1d 08:00")]
)
def test_b26_quiet_hours_begin_with_their_first_minute_and_end_before_their_last(due_after: str, sent_at: str) -> None:
    story = Story(abandoned_cart("1h", quiet_hours=NIGHT))
    hour, _, minute = due_after.rpartition(" ")[2].partition(":")
    day = due_after.rpartition(" ")[0]
    story.at(f"{day} {int(hour) - 1:02d}:{minute}".strip(), product_added("A")).at(due_after).at("1d 08:00")

    assert story.fired == [(sent_at, "abandoned_cart")]


@pytest.mark.parametrize(
    ("known", "sent_at"),
    [
        ({"time_zone": "Europe/Berlin"}, "1d 07:00"),
        ({"country": "DE"}, "1d 07:00"),
        ({"time_zone": "Asia/Kolkata"}, "11:30"),
        ({"time_zone": "America/Los_Angeles"}, "23:30"),
        ({}, "1d 06:00"),
    ],
)
def test_b26_it_is_the_customers_night_that_counts(known: dict[str, str], sent_at: str) -> None:
    story = Story(abandoned_cart("1h", quiet_hours=NIGHT), policy=Policy(time_zone="Europe/Helsinki"))
    story.at("10:00", event("product_viewed"))
    story.knows(situation=Situation(replace(Context(), **known)))
    story.at("10:30" if sent_at == "11:30" else "22:30", product_added("A"))
    story.at("11:30").at("23:30").at("1d 12:00")

    assert story.fired == [(sent_at, "abandoned_cart")]


def test_b26_the_nights_of_both_clock_changes_end_at_eight_on_the_customers_clock() -> None:
    for summer_or_winter, eight in (("124d", "06:00"), ("-30d", "07:00")):  # 28 March 2027, 25 October 2026
        story = Story(abandoned_cart("1h", quiet_hours=NIGHT), policy=Policy(time_zone="Europe/Berlin"))
        story.at(f"{summer_or_winter} 00:10", product_added("A")).at(f"{summer_or_winter} 01:10")
        day = summer_or_winter
        assert story.at(f"{day} 12:00").fired == [(f"{day} {eight}", "abandoned_cart")]


def test_b26_bought_in_the_night_the_held_message_is_dropped_at_once() -> None:
    story = night().at("1d 03:00", order_completed("A", event_id="e-order"))
    assert story.decisions == [("23:30", "held", "quiet_hours"), ("1d 03:00", "dropped", "bought")]
    assert story.records[-1].caused_by == "e-order"

    assert story.at("1d 12:00").fired == []


def test_b26_emptied_in_the_night_the_held_message_is_dropped() -> None:
    assert night().at("1d 03:00", cart_emptied()).decisions[1:] == [("1d 03:00", "dropped", "cart_emptied")]


def test_b26_expired_by_the_morning_it_is_dropped() -> None:
    assert night(expires_after="8h").at("1d 08:00").decisions[1:] == [("1d 08:00", "dropped", "expired")]
    assert night(expires_after="9h").at("1d 08:00").decisions[1:] == [("1d 08:00", "fired", "sent")]


def test_b26_consent_withdrawn_in_the_night_nothing_is_sent_in_the_morning() -> None:
    story = night().knows(permissions=Permissions({"marketing": Consent(False, at_ms("1d 02:00"))}))

    assert story.at("1d 08:00").decisions[1:] == [("1d 08:00", "dropped", "no_consent")]


def test_a_cart_touched_in_the_night_is_waited_for_anew_and_its_held_message_superseded() -> None:
    story = night().at("1d 01:00", product_added("B")).at("1d 02:00").at("1d 09:00")

    assert story.decisions == [
        ("23:30", "held", "quiet_hours"),
        ("1d 01:00", "dropped", "superseded"),
        ("1d 02:00", "held", "quiet_hours"),
        ("1d 08:00", "fired", "sent"),
    ]
    assert [item.sku for item in story.triggers[0].items] == ["A", "B"]


def test_what_was_held_competes_in_the_morning_by_priority_with_what_is_due_then() -> None:
    low, high = (abandoned_cart(name=name, priority=p, quiet_hours=NIGHT) for name, p in (("low", 1), ("high", 9)))
    once = abandoned_cart("9h", name="once", priority=5)
    story = Story(low, high, once).at("23:00", product_added("A")).at("1d 00:00").at("1d 08:00")

    assert story.fired == [("1d 08:00", "high"), ("1d 08:00", "once"), ("1d 08:00", "low")]


def test_two_carts_held_under_a_cooldown_give_one_message_in_the_morning() -> None:
    story = Story(abandoned_cart(quiet_hours=NIGHT, cooldown="1d"))
    story.at("22:30", product_added("A", cart="c1"), product_added("B", cart="c2")).at("23:30").at("1d 08:00")

    assert [d for d in story.decisions if d[1] != "held"] == [
        ("1d 08:00", "fired", "sent"),
        ("1d 08:00", "dropped", "cooldown"),
    ]


def test_after_an_outage_the_wall_clock_says_whether_it_is_night_not_the_time_it_was_due() -> None:
    late = Story(abandoned_cart("1h", quiet_hours=NIGHT)).at("19:00", product_added("A")).at("23:00")
    assert late.decisions == [("20:00", "held", "quiet_hours")]
    assert late.at("1d 08:00").fired == [("1d 08:00", "abandoned_cart")]

    slept = Story(abandoned_cart("1h", quiet_hours=NIGHT)).at("22:00", product_added("A")).at("1d 09:00")
    assert slept.fired == [("23:00", "abandoned_cart")]

    down_all_day = night().at("1d 23:00")
    assert down_all_day.decisions[1:] == [("1d 08:00", "held", "quiet_hours")]
    assert down_all_day.at("2d 08:00").fired == [("2d 08:00", "abandoned_cart")]


def test_on_the_event_clock_a_leap_over_the_night_changes_nothing() -> None:
    story = Story(abandoned_cart("1h", quiet_hours=NIGHT), clock="event").at("22:30", product_added("A"))
    story.at("9d 23:00")

    assert story.decisions == [("23:30", "held", "quiet_hours"), ("1d 08:00", "fired", "sent")]


def test_each_time_a_message_is_held_is_a_decision_of_its_own() -> None:
    story = night().at("1d 23:00").at("2d 08:00")

    ids = [record.decision_id for record in story.records if isinstance(record, Decision)]
    assert len(ids) == len(set(ids)) == 3


def test_b13_a_purchase_before_the_morning_that_is_told_after_it_takes_the_message_back() -> None:
    story = night().at("1d 08:00").at("1d 07:00", order_completed("A"), arriving="1d 09:00")

    (revoked,) = story.revoked
    (fired,) = [trigger for trigger in story.triggers if trigger.status == "fired"]
    assert revoked.trigger_id == fired.trigger_id
    assert (revoked.due_at_ms, revoked.fired_at_ms) == (at_ms("23:30"), at_ms("1d 08:00"))


def test_an_offer_of_what_was_put_into_a_cart_in_the_night_is_dropped_in_the_morning() -> None:
    story = Story(cross_sell(quiet_hours=NIGHT)).trained("A", "B", orders=5).at("23:00", product_added("A"))
    story.at("1d 02:00", product_added("B", cart="c2")).at("1d 08:00")

    assert story.decisions[:1] == [("23:00", "held", "quiet_hours")]
    assert ("1d 08:00", "dropped", "in_cart") in story.decisions


def test_one_event_is_answered_once_by_a_rule_though_its_answer_is_held() -> None:
    story = Story(cross_sell(quiet_hours=NIGHT)).trained("A", "X", orders=5).trained("B", "Y", orders=5)
    story.at("23:00", product_added("A", "B")).at("1d 09:00")

    assert [decision[1:] for decision in story.decisions] == [
        ("held", "quiet_hours"),
        ("dropped", "once_per_event"),
        ("fired", "sent"),
    ]


def test_held_answers_to_two_events_about_nothing_in_common_are_both_sent_in_the_morning() -> None:
    """Only what is about the same subject, as one product, is superseded by what comes later."""
    story = Story(cross_sell(quiet_hours=NIGHT)).trained("A", "X", orders=5).trained("B", "Y", orders=5)
    story.at("23:00", product_added("A")).at("23:10", product_added("B")).at("23:20", product_added("A"))
    story.at("1d 08:00")

    assert [(t.context["goes_with"], t.caused_by) for t in story.triggers] == [("A", "e-3"), ("B", "e-2")]
    assert ("23:20", "dropped", "superseded") in story.decisions


def test_a_held_message_whose_rule_is_gone_from_the_file_is_dropped_with_its_reason() -> None:
    story = night()
    story.actor = CustomerActor(Rules("next", ()))

    assert story.at("1d 08:00").decisions[1:] == [("1d 08:00", "dropped", "rule_removed")]


def test_more_than_can_be_held_drops_the_lowest_priority_with_its_reason_and_never_without_one() -> None:
    count = HELD_KEPT + 5
    rules = [abandoned_cart(name=f"r{n:02d}", priority=n, quiet_hours=NIGHT) for n in range(count)]
    story = Story(*rules).at("22:30", product_added("A")).at("23:30").at("1d 08:00")

    dropped = [r.rule for r in story.records if isinstance(r, Decision) and r.reason == "too_many_held"]
    assert dropped == [f"r{n:02d}" for n in (4, 3, 2, 1, 0)]
    assert story.fired == [("1d 08:00", f"r{n:02d}") for n in range(count - 1, 4, -1)]
    assert story.counted("evictions") == ["held"] * 5 + ["fired"] * (HELD_KEPT - 16)


def test_a_wake_stops_between_two_instants_when_much_has_come_of_it_and_goes_on_where_it_stopped() -> None:
    rules = [abandoned_cart("1h", name=f"r{n}", quiet_hours="02:00-03:00") for n in range(3)]
    story = Story(*rules, clock="event")
    for number in range(200):
        happened_at_ms = at_ms("00:00") + number * 2 * HOUR_MS
        story.tell(replace(product_added("A", cart="c1"), event_id=f"e-{number}", occurred_at_ms=happened_at_ms), 0)
    state, clock_ms, records, wakes = story.state, at_ms("40d 00:00"), 0, 0
    while state is not None and (due := story.actor.wakes_at(state)) is not None and due <= clock_ms:
        state, effects = story.actor.wake(state, clock_ms)
        assert len(effects) < 2 * EFFECTS_PER_WAKE
        records += sum(1 for e in effects if isinstance(e, Publish) and isinstance(e.record, Trigger))
        wakes += 1

    assert wakes > 3
    assert records == 3 * 200

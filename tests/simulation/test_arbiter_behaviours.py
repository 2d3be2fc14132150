"""B25 to B29 through the whole pipeline: when a message goes out, and why it does not.

Rules are written as in `rules.yaml`, times are those on the walls in Berlin.
"""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.records import Trigger
from tests.simulation.days import CART, MIA, NIA, NIGHT, ONE_A_DAY, Days, Message

THANKS = (
    "  - {name: thanks, kind: post_purchase, class: transactional, after: order_completed, delay: 10m, "
    "channels: [email]}\n"
)


# --- B25, B26: caps and quiet hours -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "low"),
    [
        ("", [("11:00", "low", "dropped", "capped")]),
        (
            ", when_capped: defer, expires_after: 3d",
            [("11:00", "low", "deferred", "capped"), ("+1d 11:00", "low", "fired", "sent")],
        ),
        (", when_capped: defer, expires_after: 20h", [("11:00", "low", "dropped", "capped")]),
    ],
)
def test_b25_of_two_ready_at_once_the_higher_priority_is_sent_and_the_other_recorded_as_its_rule_says(
    rule: str, low: list[tuple[str, str, str, str]]
) -> None:
    days = Days(
        f"{ONE_A_DAY}rules:\n"
        "  - {name: high, kind: abandoned_cart, delay: 1h, channels: [email], priority: 90}\n"
        f"  - {{name: low, kind: abandoned_cart, delay: 1h, channels: [email], priority: 10{rule}}}\n"
    )
    days.at("10:00", "product_added", email=MIA, cart_id="c1", items=["A"]).until("+5d 12:00")

    assert days.decided("high") == [("11:00", "high", "fired", "sent")]
    assert days.decided("low") == low


def test_b25_the_cap_counts_what_either_side_was_sent_before_they_were_one_to_the_minute() -> None:
    rules = ONE_A_DAY + CART.replace("1h,", "1h, when_capped: defer, expires_after: 3d,")
    days = Days(rules).at("09:00", "product_added", email=MIA, cart_id="c1", items=["A"])
    days.at("09:30", "product_added", account="u1", email=NIA, cart_id="c2", items=["B"])
    days.at("10:15", account="u1", email=MIA).until("+4d 12:00")

    assert days.decided() == [
        ("10:00", "cart", "fired", "sent"),
        ("10:30", "cart", "deferred", "capped"),
        ("+1d 10:00", "cart", "fired", "sent"),
    ]


ABROAD: dict[str, Any] = {"context": {"time_zone": "America/New_York"}}


@pytest.mark.parametrize(
    ("left", "known", "sent"),
    [
        ("21:30", {}, "+1d 08:00"),  # no known zone: that of the file
        ("21:30", {"context": {"country": "JP"}}, "+1d 00:00"),
        ("21:30", ABROAD, "22:30"),
        ("+123d 23:30", {}, "+124d 08:00"),  # the clock goes forward on 28 March 2027 at two
        ("+340d 23:30", {}, "+341d 08:00"),  # and back on 31 October at three
    ],
)
def test_b26_what_is_due_in_the_night_goes_out_at_eight_on_the_customers_clock(
    left: str, known: dict[str, object], sent: str
) -> None:
    days = Days(NIGHT).at(left, "product_added", email=MIA, cart_id="c1", items=["A"], **known).until("+345d 12:00")

    assert days.messages() == [(sent, "cart", MIA)]


def test_b26_held_at_home_and_met_abroad_in_the_night_it_waits_for_eight_where_the_customer_is_now() -> None:
    days = Days(NIGHT).at("21:30", "product_added", email=MIA, cart_id="c1", items=["A"])
    days.at("+1d 06:00", email=MIA, **ABROAD).until("+2d 12:00")

    assert days.decided() == [
        ("22:30", "cart", "held", "quiet_hours"),
        ("+1d 08:00", "cart", "held", "quiet_hours"),
        ("+1d 14:00", "cart", "fired", "sent"),
    ]


@pytest.mark.parametrize(
    ("rule", "meanwhile", "reason"),
    [
        (NIGHT.replace("1h,", "1h, expires_after: 9h,"), None, ("+1d 08:00", "cart", "dropped", "expired")),
        (NIGHT, ("order_completed", {"order_id": "o-1", "cart_id": "c1"}), ("+1d 03:00", "cart", "dropped", "bought")),
        (NIGHT, ("cart_emptied", {"cart_id": "c1"}), ("+1d 03:00", "cart", "dropped", "cart_emptied")),
        (NIGHT, ("unsubscribed", {}), ("+1d 08:00", "cart", "dropped", "no_consent")),
    ],
)
def test_b26_checked_again_at_eight_it_is_dropped_if_expired_or_bought_or_no_longer_allowed(
    rule: str, meanwhile: tuple[str, dict[str, str]] | None, reason: tuple[str, str, str, str]
) -> None:
    days = Days(rule).at("21:30", "product_added", email=MIA, cart_id="c1", items=["A"])
    if meanwhile is not None:
        event_type, fields = meanwhile
        days.at("+1d 03:00", event_type, email=MIA, **fields)
    days.until("+2d 12:00")

    assert days.decided() == [("22:30", "cart", "held", "quiet_hours"), reason]


def test_a_merge_in_the_night_abroad_with_a_cap_nearly_used_up_and_a_purchase_told_late() -> None:
    rules = "caps: [{channel: email, class: marketing, at_most: 2, per: 24h}]\n" + NIGHT.replace(
        "1h,", "1h, when_capped: defer, expires_after: 3d,"
    )
    days = Days(rules).at("08:00", "product_added", email=MIA, cart_id="c0", items=["Z"])  # sent at nine: one of two
    days.at("21:20", account="u1", email=NIA)
    for number, minute in enumerate((21, 22, 23), start=1):
        who = {"email": MIA} if number < 3 else {"account": "u1"}
        days.at(f"21:{minute}", "product_added", cart_id=f"c{number}", items=[f"S-{number}"], **who)
    days.at("+1d 01:00", account="u1", email=MIA, **ABROAD)  # eight in New York is two in the afternoon here
    days.at("+1d 10:00", account="u1", **ABROAD)
    days.at("23:00", "order_completed", account="u1", order_id="o-1", cart_id="c1", items=["S-1"]).until("+5d 12:00")

    assert days.messages() == [("09:00", "cart", MIA), ("+1d 14:00", "cart", MIA), ("+1d 14:00", "cart", MIA)]
    assert sorted(days.contents()[1:]) == [["S-2"], ["S-3"]]
    assert [each for each in days.decided() if each[2] == "dropped"] == [("23:00", "cart", "dropped", "bought")]


# --- B27, B28 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    [
        ("unsubscribed", {}),
        ("consent_denied", {"properties": {"channel": "email"}}),
        ("consent_denied", {"properties": {"purpose": "marketing"}}),
        ("page_viewed", {"consent": {"email": False}}),
    ],
)
def test_b27_consent_withdrawn_between_scheduling_and_sending_stops_marketing_and_not_the_transactional_class(
    word: tuple[str, dict[str, object]],
) -> None:
    days = Days(CART + THANKS).at("10:00", "product_added", email=MIA, cart_id="c1", items=["A"])
    days.at("10:55", "order_completed", email=MIA, order_id="o-1", cart_id="c2", items=["B"])
    event_type, fields = word
    days.at("10:59", event_type, email=MIA, **fields).until("12:00")

    assert days.messages() == [("11:05", "thanks", MIA)]
    assert days.decided("cart") == [("11:00", "cart", "dropped", "no_consent")]


HOLDOUT = "holdout: {percent: 10}\n"


def held_out_of(days: Days) -> set[str]:
    return {each.customer_id for each in days.simulation.decisions() if each.outcome == "held_out"}


def five_hundred(days: Days) -> Days:
    for number in range(500):
        days.at(
            "10:00", "product_added", account=f"u{number}", email=f"m{number}@example.com", cart_id="c1", items=["A"]
        )
    return days.until("12:00")


def test_b28_a_tenth_is_held_out_recorded_and_not_sent_and_it_is_the_same_ones_after_crashes_and_in_a_replay() -> None:
    once, again = (five_hundred(Days(HOLDOUT + CART, crash=crash)) for crash in (0.0, 0.2))

    held_out = held_out_of(once)
    assert 30 <= len(held_out) <= 70
    assert held_out_of(again) == held_out
    assert {trigger.customer_id for trigger in once.triggers()} == {c["customer_id"] for c in once.customers} - held_out
    assert {reason for _, _, outcome, reason in once.decided() if outcome == "held_out"} == {"global_holdout"}


def test_b28_whoever_joins_an_account_is_held_out_as_the_account_is_before_and_after() -> None:
    days = five_hundred(Days(HOLDOUT + CART))
    before = held_out_of(days)
    for number in range(500):
        days.at("13:00", "product_added", cookie=f"c{number}", account=f"u{number}", cart_id="c2", items=["B"])
    days.until("15:00")

    second = [each for each in days.simulation.decisions() if each.decided_at_ms > days.events[500].occurred_at_ms]
    assert {each.customer_id for each in second if each.outcome == "held_out"} == before
    assert len(second) == 500


# --- B29: rules that change -------------------------------------------------------------------------------------------

SERIES = (
    "rules:\n  - {{name: series, kind: sequence, start: [subscribed], goal: [order_completed], "
    "steps: [{{wait: {wait}, send: one}}, {{wait: {wait}, send: two}}]}}\n"
)


def test_b29_a_sequence_in_flight_keeps_its_waits_when_the_rules_change_and_a_new_one_takes_the_new() -> None:
    days = Days(SERIES.format(wait="1h")).rules_from("11:30", SERIES.format(wait="3h"))
    days.at("10:00", "subscribed", account="u1").at("11:31", "subscribed", account="u2").until("+1d 12:00")

    assert [(at, each.context["step"], each.rules_version) for (at, _, _), each in _told(days)] == [
        ("11:00", "one", "test-1"),
        ("12:00", "two", "test-1"),
        ("14:31", "one", "test-2"),
        ("17:31", "two", "test-2"),
    ]


def test_b29_a_message_held_over_night_keeps_its_version_whatever_the_new_rules_say_of_the_morning() -> None:
    days = Days(NIGHT).rules_from("23:00", CART.replace("1h", "5h"))
    days.at("21:30", "product_added", email=MIA, cart_id="c1", items=["A"])
    days.at("23:30", "product_added", account="u2", email=NIA, cart_id="c1", items=["A"]).until("+1d 12:00")

    assert [(at, to, each.rules_version) for (at, _, to), each in _told(days)] == [
        ("+1d 04:30", NIA, "test-2"),
        ("+1d 08:00", MIA, "test-1"),
    ]


def _told(days: Days) -> list[tuple[Message, Trigger]]:
    return list(zip(days.messages(), days.triggers(), strict=True))

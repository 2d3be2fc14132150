"""The arbiter: every proposal becomes exactly one decision, with its reason."""

from __future__ import annotations

import pytest

from pipeline.domain.channels import ADDRESS_KIND
from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.state import COOLDOWNS_KEPT, FIRED_KEPT
from pipeline.domain.reasons import DropReason, HoldoutReason, WaitReason
from pipeline.domain.records import Decision
from pipeline.domain.rules.in_force import Rules
from pipeline.domain.time import HOUR_MS
from pipeline.domain.triggers.steps import OfferPolicy
from tests.unit.domain.triggers.story import Story, abandoned_cart, at_ms, cross_sell, event, product_added


def test_a_rule_bound_to_no_channel_needs_no_address() -> None:
    (trigger,) = Story(abandoned_cart()).at("10:00", product_added("A", identifiers={})).at("11:00").triggers

    assert (trigger.channel, trigger.address) == (None, None)


def test_the_first_channel_with_an_address_is_used() -> None:
    story = Story(abandoned_cart(channels=("email", "push", "sms")))
    story.at("10:00", product_added("A", identifiers={"cookie": "c-9", "device": "d-1", "phone": "+491701234567"}))

    (trigger,) = story.at("11:00").triggers
    assert (trigger.channel, trigger.address) == ("push", "d-1")


def test_of_several_addresses_the_one_seen_last_is_used() -> None:
    story = Story(abandoned_cart(channels=("email",)))
    seen = {"10:00": "a@example.com", "10:01": "b@example.com", "10:02": "a@example.com"}
    for clock, address in seen.items():
        story.at(clock, event("identified", identifiers={"email": address}))

    assert story.at("10:03", product_added("A")).at("11:03").triggers[0].address == "a@example.com"


def test_without_an_address_nothing_is_sent_and_the_reason_is_kept() -> None:
    story = Story(abandoned_cart(channels=("email", "push"))).at("10:00", product_added("A")).at("11:00")

    assert story.fired == []
    assert story.decisions == [("11:00", "dropped", "no_address")]


def test_within_the_cooldown_a_rule_fires_once_and_after_it_again() -> None:
    story = Story(abandoned_cart("30m", cooldown="4h"))
    for time in ("10:00", "12:00", "13:59", "14:00"):
        story.at(time, product_added("A", cart=f"c-{time}"))
    story.at("20:00")

    assert story.decisions == [
        ("10:30", "fired", "sent"),
        ("12:30", "dropped", "cooldown"),
        ("14:29", "dropped", "cooldown"),
        ("14:30", "fired", "sent"),
    ]


def test_cooldowns_and_triggers_beyond_what_is_kept_are_counted_by_timers_and_answers_alike() -> None:
    reminders = [abandoned_cart("1h", name=f"reminder-{number:02d}", cooldown="1d") for number in range(40)]
    offers = [cross_sell(name=f"offer-{number:02d}", cooldown="1d", min_baskets=1) for number in range(40)]
    for offered in ("09:10", "10:30"):  # before the reminders of 10:10, after those of 10:00
        story = Story(*reminders, *offers).trained("A", "B", orders=1)
        story.at("09:00", product_added("C", cart="c1")).at(offered, product_added("A", cart="c1")).at("10:30")

        assert len(story.fired) == 80
        assert story.counted("evictions").count("cooldowns") == 80 - COOLDOWNS_KEPT
        assert story.counted("evictions").count("fired") == 80 - FIRED_KEPT


def test_a_drop_starts_no_cooldown() -> None:
    story = Story(abandoned_cart("30m", cooldown="4h", channels=("email",))).at("10:00", product_added("A"))
    story.at("10:40", event("identified", identifiers={"email": "a@example.com"}), product_added("A")).at("12:00")

    assert story.decisions == [("10:30", "dropped", "no_address"), ("11:10", "fired", "sent")]


def test_at_the_same_instant_the_higher_priority_goes_first() -> None:
    rules = [
        abandoned_cart(name=name, priority=priority) for name, priority in (("low", 10), ("high", 90), ("mid", 50))
    ]
    story = Story(*rules).at("10:00", product_added("A")).at("11:00")

    assert story.fired == [("11:00", "high"), ("11:00", "mid"), ("11:00", "low")]


def test_after_an_outage_longer_than_its_expiry_a_trigger_is_not_sent_at_all() -> None:
    story = Story(abandoned_cart("1h", expires_after="4h")).at("10:00", product_added("A")).at("15:00")
    assert story.decisions == [("11:00", "dropped", "expired")]

    story = Story(abandoned_cart("1h", expires_after="4h")).at("10:00", product_added("A")).at("14:59")
    assert story.triggers[0].expires_at_ms == at_ms("15:00")
    assert story.fired == [("11:00", "abandoned_cart")]


def test_on_the_event_clock_a_leap_of_the_clock_is_no_outage() -> None:
    story = (
        Story(abandoned_cart("1h", expires_after="4h"), clock="event").at("10:00", product_added("A")).at("9d 10:00")
    )

    assert story.fired == [("11:00", "abandoned_cart")]


def test_an_offer_has_a_code_of_its_own_for_each_trigger_and_always_the_same() -> None:
    rule = abandoned_cart(offer=OfferPolicy("BACK", 10, 48 * HOUR_MS))
    codes = []
    for cart in ("c1", "c1", "c2"):
        (trigger,) = Story(rule).at("10:00", product_added("A", cart=cart)).at("11:00").triggers
        assert trigger.offer is not None
        assert (trigger.offer.percent, trigger.offer.valid_until_ms) == (10, at_ms("2d 11:00"))
        codes.append(trigger.offer.code)

    assert codes[0] == codes[1] != codes[2]
    assert all(code.startswith("BACK") and len(code) == 12 for code in codes)


def test_decisions_are_counted_by_outcome_and_reason() -> None:
    story = Story(abandoned_cart(), abandoned_cart(name="by_mail", channels=("email",)))
    story.at("10:00", product_added("A")).at("11:00")

    assert story.counted("decisions") == ["fired_sent", "dropped_no_address"]


def test_an_offer_that_would_come_too_late_for_its_event_is_not_made() -> None:
    story = Story(cross_sell(expires_after="24h")).trained("A", "B", orders=5)
    story.at("-2d 10:00", product_added("A"), arriving="10:00")

    assert story.decisions == [("-2d 10:00", "dropped", "expired")]


def test_a_timer_whose_rule_is_gone_from_the_file_is_dropped_with_its_reason() -> None:
    story = Story(abandoned_cart()).at("10:00", product_added("A"))
    story.actor = CustomerActor(Rules("next", ()))

    assert story.at("11:00").decisions == [("11:00", "dropped", "rule_removed")]


def test_each_decision_has_an_id_of_its_own_and_names_what_it_is_about() -> None:
    story = Story(abandoned_cart()).at("10:00", product_added("A", event_id="e-cart")).at("11:00")
    story.at("10:30", event("order_completed", event_id="e-order"), arriving="11:10")

    fired, revoked = [record for record in story.records if isinstance(record, Decision)]
    assert fired.decision_id != revoked.decision_id
    assert fired.trigger_id == revoked.trigger_id == story.triggers[0].trigger_id
    assert (fired.caused_by, revoked.caused_by) == ("e-cart", "e-order")
    assert (fired.rules_version, fired.tenant, fired.customer_id) == ("test", "default", "customer-1")


def test_b37_two_tenants_with_equal_customers_and_carts_never_share_an_id() -> None:
    ids: set[str | None] = set()
    for tenant in ("north", "south"):
        story = Story(abandoned_cart()).at("10:00", product_added("A", tenant=tenant)).at("11:00")
        (decision,) = [record for record in story.records if isinstance(record, Decision)]
        ids |= {decision.decision_id, decision.trigger_id}
        assert {record.tenant for record in story.records} == {tenant}

    assert len(ids) == 4


@pytest.mark.parametrize("channel", sorted(ADDRESS_KIND))
def test_every_channel_a_rule_may_use_is_reached_by_its_kind_of_identifier(channel: str) -> None:
    identifiers = {ADDRESS_KIND[channel]: "it"}
    story = Story(abandoned_cart(channels=(channel,))).at("10:00", product_added("A", identifiers=identifiers))

    assert story.at("11:00").triggers[0].address == "it"


def test_reasons_are_words_that_never_change_their_spelling() -> None:
    assert {str(reason) for reason in DropReason} == {
        "bought",
        "cart_emptied",
        "cart_forgotten",
        "too_many_timers",
        "cooldown",
        "once_per_event",
        "already_owned",
        "in_cart",
        "no_address",
        "expired",
        "carted",
        "found",
        "called_off",
        "done",
        "refilled",
        "came_back",
        "goal_reached",
        "sold_out",
        "not_so",
        "rule_removed",
        "condition",
        "open_case",
        "bad_feedback",
        "suppressed",
        "no_consent",
        "capped",
        "superseded",
        "too_many_held",
    }
    assert {str(reason) for reason in WaitReason} == {"quiet_hours", "capped"}
    assert {str(reason) for reason in HoldoutReason} == {"global_holdout", "rule_holdout"}

"""What is held when two customers become one, and when a kind proposes again. B15, B26."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from pipeline.domain.arbiter.policy import Policy
from pipeline.domain.customer.state import HELD_KEPT, SENT_KEPT, TIMERS_KEPT
from pipeline.domain.messages.to_customer import Handover, Merge
from pipeline.domain.records import Decision
from tests.unit.domain.triggers.story import Story, a_cap, abandoned_cart, at_ms, order_completed, product_added

NIGHT = "22:00-08:00"


def joined(winner: Story, loser: Story, clock: str) -> Story:
    """The loser's state comes to the winner."""
    merge = Merge("m-1", loser.customer_id, winner.customer_id, "cookie", ("email", "a@b.c"), "e-login", at_ms(clock))
    state = Raw(msgspec.msgpack.encode(loser.state))
    winner.deliver(Handover("default", winner.customer_id, merge, state), at_ms(clock))
    return winner


def night(*rules: object, customer: str, cart: str, sku: str = "A") -> Story:
    story = Story(*(rules or (abandoned_cart(quiet_hours=NIGHT),)), customer_id=customer)  # type: ignore[arg-type]
    return story.at("22:30", product_added(sku, cart=cart)).at("23:30")


def test_b15_what_a_merge_shows_to_be_bought_is_not_sent_in_the_morning() -> None:
    winner = Story(abandoned_cart(quiet_hours=NIGHT), customer_id="winner").at("23:35", order_completed("A"))
    joined(winner, night(customer="loser", cart="c1"), "1d 01:00").at("1d 08:00")

    assert winner.fired == []
    assert winner.decisions == [("1d 01:00", "dropped", "bought")]
    assert winner.records[-1].caused_by == "e-login"


def test_b26_what_both_sides_hold_is_released_under_the_winner() -> None:
    winner = night(customer="winner", cart="c1")
    joined(winner, night(customer="loser", cart="c2"), "1d 01:00").at("1d 08:00")

    assert [trigger.context["cart_id"] for trigger in winner.triggers] == ["c1", "c2"]
    assert {trigger.customer_id for trigger in winner.triggers} == {"winner"}


def test_of_two_held_about_one_cart_the_later_is_sent_and_the_other_recorded() -> None:
    winner = night(customer="winner", cart="c1")
    loser = Story(abandoned_cart(quiet_hours=NIGHT), customer_id="loser")
    loser.at("22:50", product_added("B", cart="c1")).at("23:50")

    joined(winner, loser, "1d 01:00").at("1d 08:00")

    assert winner.decisions == [
        ("23:30", "held", "quiet_hours"),
        ("1d 01:00", "dropped", "superseded"),
        ("1d 08:00", "fired", "sent"),
    ]
    assert winner.triggers[0].due_at_ms == at_ms("23:50")


def test_more_held_by_both_than_one_may_hold_is_dropped_with_its_decision() -> None:
    rules = [abandoned_cart(name=f"r{number:02d}", priority=number, quiet_hours=NIGHT) for number in range(20)]
    winner = night(*rules, customer="winner", cart="c1")
    joined(winner, night(*rules, customer="loser", cart="c2"), "1d 01:00")
    too_many = [r.rule for r in winner.records if isinstance(r, Decision) and r.reason == "too_many_held"]

    assert too_many == ["r00", "r00", "r01", "r01", "r02", "r02", "r03", "r03"]
    assert winner.state is not None
    assert len(winner.state.held) == HELD_KEPT


def test_b25_the_caps_of_both_sides_add_up() -> None:
    policy = Policy(caps=(a_cap(2, "24h"),))
    winner, loser = (Story(abandoned_cart(), policy=policy, customer_id=customer) for customer in ("winner", "loser"))
    for side, cart in ((winner, "c1"), (loser, "c2")):
        side.at("10:00", product_added("A", cart=cart, event_id=f"e-{cart}")).at("11:00")
    joined(winner, loser, "12:00")
    winner.at("12:00", product_added("A", cart="c3")).at("13:00")

    assert winner.decisions == [("11:00", "fired", "sent"), ("13:00", "dropped", "capped")]


def test_b25_a_merge_forgets_nothing_a_cap_needs_however_much_was_sent() -> None:
    policy = Policy(caps=(a_cap(1, "30d", rule_class="transactional"),))
    rules = (
        abandoned_cart(name="bill", rule_class="transactional", when_capped="drop"),
        abandoned_cart(name="ad"),
    )
    winner, loser = (Story(*rules, policy=policy, customer_id=customer) for customer in ("winner", "loser"))
    for number in range(40):
        for side in (winner, loser):
            told = product_added("A", cart=f"c{number}", event_id=f"{side.customer_id}-{number}")
            side.at(f"{number // 20}d {number % 20:02d}:00", told)
    joined(winner, loser, "2d 10:00").at("2d 12:00", product_added("A", cart="c99")).at("2d 13:00")

    assert [rule for clock, rule in winner.fired if clock == "2d 13:00"] == ["ad"]
    assert winner.state is not None
    assert len(winner.state.sent) == SENT_KEPT


def test_more_timers_of_both_than_one_may_have_are_dropped_with_their_decisions() -> None:
    rules = [abandoned_cart(name=f"r{number}", delay="5h") for number in range(4)]
    both = [Story(*rules, customer_id=name) for name in ("winner", "loser")]
    for story, prefix in zip(both, "wl", strict=True):
        for number in range(9):
            story.at(f"10:0{number}", product_added("A", cart=f"{prefix}{number}"))
    winner, loser = both
    winner.joined_by(loser, "11:00")
    dropped = [reason for _, outcome, reason in winner.decisions if outcome == "dropped"]

    assert dropped == ["too_many_timers"] * (4 * 18 - TIMERS_KEPT)

"""Holdouts: a fixed share of the customers gets nothing, all else being equal. B28."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.domain.arbiter.holdout import held_out
from pipeline.domain.arbiter.policy import Policy
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.rules.in_force import Rule
from tests.unit.domain.triggers.story import Story, a_cap, abandoned_cart, cross_sell, product_added

CUSTOMERS = [f"customer-{number}" for number in range(2_000)]
TENTH = abandoned_cart(holdout_percent=10.0)


def out(rule: Rule, policy: Policy | None = None, tenant: str = "default") -> set[str]:
    """Those of the customers that are held out."""
    return {id_ for id_ in CUSTOMERS if held_out(rule, Draft(CustomerState(tenant, id_)), policy or Policy())}


IN, OUT = min(set(CUSTOMERS) - out(TENTH)), min(out(TENTH))


def test_b28_a_tenth_of_the_customers_is_held_out_and_it_is_always_the_same_ones() -> None:
    held = out(TENTH)

    assert 160 <= len(held) <= 240  # 200 ± 3 standard deviations
    assert held == out(TENTH)
    assert held < out(abandoned_cart(holdout_percent=20.0))
    assert out(abandoned_cart(holdout_percent=0.0)) == set()
    assert out(abandoned_cart(holdout_percent=100.0)) == set(CUSTOMERS)


def test_b28_rules_tenants_and_the_holdout_of_all_marketing_draw_each_for_themselves() -> None:
    tenth, everything = out(TENTH), out(abandoned_cart(), Policy(holdout_percent=10.0))

    others = (
        out(abandoned_cart(name="other", holdout_percent=10.0)),
        out(TENTH, tenant="another"),
        everything,
    )
    for other in others:
        assert 5 <= len(tenth & other) <= 40  # a tenth of a tenth: 20
    assert out(cross_sell(), Policy(holdout_percent=10.0)) == everything


def test_b28_held_out_is_recorded_once_and_not_sent() -> None:
    for customer, decision in ((OUT, ("11:00", "held_out", "rule_holdout")), (IN, ("11:00", "fired", "sent"))):
        story = Story(TENTH, customer_id=customer).at("10:00", product_added("A")).at("11:00").at("9d 11:00")
        assert story.decisions == [decision]
        assert len(story.fired) == (customer == IN)


def test_b28_who_gets_no_marketing_at_all_still_gets_what_is_transactional() -> None:
    rules = abandoned_cart(name="ad"), abandoned_cart(name="bill", rule_class="transactional", holdout_percent=100.0)
    story = Story(*rules, policy=Policy(holdout_percent=100.0)).at("10:00", product_added("A")).at("11:00")

    assert story.fired == [("11:00", "bill")]
    assert ("11:00", "held_out", "global_holdout") in story.decisions


@pytest.mark.parametrize("limit", [{"cooldown": "1d"}, {"at_most": [a_cap(1, "24h")]}])
def test_b28_both_sides_meet_the_same_limits_so_their_counts_compare(limit: dict[str, object]) -> None:
    counts = []
    for percent, outcome in ((100.0, "held_out"), (0.0, "fired")):
        story = Story(abandoned_cart("30m", holdout_percent=percent, **limit))
        for hour in (8, 10, 12):
            story.at(f"{hour:02d}:00", product_added("A", cart=f"c{hour}"))
        counts.append([when for when, what, _ in story.at("1d 09:00").decisions if what == outcome])

    assert counts[0] == counts[1] == ["08:30"]


def test_b28_one_event_is_held_out_once_as_it_would_be_sent_once() -> None:
    story = Story(cross_sell(holdout_percent=100.0)).trained("A", "X", orders=5).trained("B", "Y", orders=5)

    assert [d[1:] for d in story.at("10:00", product_added("A", "B")).decisions] == [
        ("held_out", "rule_holdout"),
        ("dropped", "once_per_event"),
    ]


def test_b28_a_rule_that_is_held_out_leaves_the_room_under_the_caps_to_the_others() -> None:
    rules = abandoned_cart(name="high", priority=9, holdout_percent=100.0), abandoned_cart(name="low", priority=1)
    story = Story(*rules, policy=Policy(caps=(a_cap(1, "24h"),))).at("10:00", product_added("A")).at("11:00")

    assert story.decisions == [("11:00", "held_out", "rule_holdout"), ("11:00", "fired", "sent")]


def test_b28_who_is_held_out_of_all_marketing_would_have_met_its_caps_which_bind_nothing_else() -> None:
    rules = (
        abandoned_cart(name="high", priority=9),
        abandoned_cart(name="low", priority=5),
        abandoned_cart(name="bill", priority=1, rule_class="transactional"),
    )
    policy = Policy(caps=(a_cap(1, "24h"),), holdout_percent=100.0)
    story = Story(*rules, policy=policy).at("10:00", product_added("A")).at("11:00")

    assert [decision[1:] for decision in story.decisions] == [
        ("held_out", "global_holdout"),
        ("dropped", "capped"),
        ("fired", "sent"),
    ]


def test_b28_what_is_refused_anyway_is_not_counted_as_held_out() -> None:
    story = Story(abandoned_cart(holdout_percent=100.0, channels=("email",))).at("10:00", product_added("A"))

    assert story.at("11:00").decisions == [("11:00", "dropped", "no_address")]


def test_b28_after_a_merge_the_elders_side_holds() -> None:
    """A state that was folded into another's lives under that id, and so on that side."""
    story = Story(TENTH, customer_id=OUT).at("10:00", product_added("A"))
    assert story.state is not None
    merged = msgspec.structs.replace(story.state, customer_id=IN)

    for _ in range(2):  # and again after a restart
        restarted = msgspec.msgpack.decode(msgspec.msgpack.encode(merged), type=CustomerState)
        elder = Story(TENTH, customer_id=IN)
        elder.state = restarted
        assert elder.at("11:00").decisions == [("11:00", "fired", "sent")]

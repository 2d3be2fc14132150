"""B7, B8, B10, B13, B15, B19 through the whole pipeline: whom a merge, and its undoing, lets be written to.

Rules are written as in `rules.yaml`, times are those on the walls in Berlin.
"""

from __future__ import annotations

from pipeline.domain.events import ChannelEvent, Item
from tests.scenarios.scenario import clock_ms
from tests.simulation.days import CART, MIA, NIA, NIGHT, ONE_A_DAY, Days

# --- B7: whose consent counts -----------------------------------------------------------------------------------------


def denied_and_merged() -> Days:
    """A visitor who allows, with a cart; an account that denied earlier. They become one before the reminder is due."""
    days = Days(CART).at("09:00", account="u1", consent={"email": False})
    days.at("10:00", "product_added", email=MIA, cart_id="c1", items=["A"], consent={"email": True})
    return days.at("10:10", account="u1", email=MIA)


def test_b7_whom_a_merge_joins_with_one_who_denied_is_not_written_to() -> None:
    days = denied_and_merged().until("12:00")

    assert days.decided() == [("11:00", "cart", "dropped", "no_consent")]


def test_b7_a_newer_explicit_grant_of_either_lets_messages_go_out_again() -> None:
    days = denied_and_merged().at("10:20", "consent_granted", email=MIA, properties={"channel": "email"}).until("12:00")

    assert days.messages() == [("11:00", "cart", MIA)]


def test_b7_a_grant_given_before_the_denial_and_told_after_the_merge_lifts_nothing() -> None:
    days = denied_and_merged().at("08:30", account="u1", consent={"email": True}).until("12:00")

    assert days.decided() == [("11:00", "cart", "dropped", "no_consent")]


# --- B13, B15: what was bought ----------------------------------------------------------------------------------------


def test_b13_an_order_of_one_device_told_late_takes_back_what_was_sent_to_another_before_they_were_one() -> None:
    days = Days(CART).at("10:00", "product_added", email=MIA, cart_id="c1", items=["A"]).until("11:30")
    days.at("11:40", account="u1", email=MIA)
    days.at("10:30", "order_completed", account="u1", order_id="o-1", cart_id="c1", items=["A"]).until("14:00")

    assert sorted(days.messages()) == [("11:00", "-cart", MIA), ("11:00", "cart", MIA)]
    assert len({trigger.trigger_id for trigger in days.triggers()}) == 1


def test_b15_what_the_other_side_bought_is_not_named_in_the_morning_to_whom_a_merge_joined_in_the_night() -> None:
    days = Days(NIGHT).at("21:30", "product_added", email=MIA, cart_id="c1", items=["A", "B"])
    days.at("23:00", "order_completed", account="u1", order_id="o-1", cart_id="c9", items=["A"])
    days.at("+1d 02:00", account="u1", email=MIA).until("+1d 12:00")

    assert days.messages() == [("+1d 08:00", "cart", MIA)]
    assert days.contents() == [["B"]]


def test_what_was_bought_in_the_night_in_a_store_is_not_named_in_the_morning() -> None:
    days = Days(NIGHT).at("21:30", "product_added", email=MIA, cart_id="c1", items=["A", "B"])
    days.at("+1d 07:00", "order_completed", email=MIA, channel="pos", order_id="o-1", cart_id="till", items=["A"])
    days.until("+1d 12:00")

    (reminder,) = days.triggers()
    assert [item.sku for item in reminder.items] == ["B"]
    assert (reminder.context["pieces"], reminder.reason) == (1, "Cart c1 with 1 item, untouched for 60 min")


def test_help_with_a_checkout_names_in_the_morning_what_is_in_the_cart_by_then() -> None:
    rules = 'rules:\n  - {name: help, kind: abandoned_checkout, delay: 30m, quiet_hours: "22:00-08:00"}\n'
    days = Days(rules).at("22:00", "product_added", account="u1", cart_id="c1", items=["A"])
    days.at("22:10", "checkout_started", account="u1", cart_id="c1")
    days.at("23:00", "product_added", account="u1", cart_id="c1", items=["B"]).until("+1d 12:00")

    assert days.contents() == [["A", "B"]]


def test_b10_a_cart_touched_by_the_event_that_joins_two_customers_is_reminded_of_once_an_hour_after_it() -> None:
    days = Days(NIGHT).at("21:30", "product_added", email=MIA, cart_id="c1", items=["A"])
    days.at("+1d 07:30", "product_added", account="u1", email=MIA, cart_id="c1", items=["B"]).until("+2d 12:00")

    assert days.messages() == [("+1d 08:30", "cart", MIA)]
    assert days.contents() == [["A", "B"]]
    assert ("+1d 07:30", "cart", "dropped", "superseded") in days.decided()


def test_two_who_each_left_the_cart_without_a_name_and_become_one_in_the_night_are_reminded_once_of_all_of_it() -> None:
    days = Days(NIGHT).at("21:20", "product_added", email=MIA, items=["A"])
    days.at("21:40", "product_added", account="u1", email=NIA, items=["B"])
    days.at("23:00", account="u1", email=MIA).until("+2d 12:00")

    assert days.messages() == [("+1d 08:00", "cart", MIA)]
    assert days.contents() == [["A", "B"]]
    assert [each[2:] for each in days.decided()].count(("dropped", "superseded")) == 1


def test_what_an_account_without_an_address_left_is_named_in_the_message_to_the_visitor_it_becomes_one_with() -> None:
    days = Days(NIGHT).at("21:20", "product_added", email=MIA, items=["A"])
    days.at("21:40", "product_added", account="u1", items=["B"])
    days.at("23:00", account="u1", email=MIA).until("+2d 12:00")

    assert days.messages() == [("+1d 08:00", "cart", MIA)]
    assert days.contents() == [["A", "B"]]


# --- B19: once --------------------------------------------------------------------------------------------------------


def test_b19_an_event_of_a_device_told_again_after_another_has_logged_in_there_counts_once_and_reminds_nobody() -> None:
    days = Days(CART).at("10:00", "product_added", cookie="a1", cart_id="c1", items=["A"])
    days.at("10:01", cookie="a1", account="u1", email=MIA).at("10:30", cookie="a1", account="u2", email=NIA)

    days.until("12:00").tell(days.events[0]).until("+1d 12:00")

    assert days.messages() == [("11:00", "cart", MIA)]
    assert (days.of(account="u1")["events"], days.of(account="u2")["events"]) == (2, 1)
    assert days.simulation.duplicates() == 1


def test_b19_an_event_told_again_after_a_merge_and_after_its_undoing_counts_once_for_whom_it_is_of() -> None:
    days = Days(CART).at("10:00", "product_added", email=MIA, cart_id="c1", items=["A"])
    days.at("10:01", account="u1").at("10:02", account="u1", email=MIA).tell(days.events[0]).until("12:00")
    days.at("12:10", "merge_undone", email=MIA).tell(days.events[0]).until("+1d 12:00")

    assert days.messages() == [("11:00", "cart", MIA)]
    assert (days.of(email=MIA)["events"], days.of(account="u1")["events"]) == (1, 2)
    assert days.simulation.duplicates() == 2


# --- B8: a merge taken back in the night ------------------------------------------------------------------------------


def joined_in_the_night() -> Days:
    """Two carts, each held until eight; their owners are made one at eleven by mistake."""
    days = Days(ONE_A_DAY + NIGHT).at("21:30", "product_added", email=MIA, cart_id="c1", items=["A"])
    days.at("21:31", "product_added", account="u1", email=NIA, cart_id="c2", items=["B"])
    return days.at("23:00", account="u1", email=MIA)


def test_b25_what_two_hold_who_become_one_in_the_night_is_under_one_cap_in_the_morning() -> None:
    days = joined_in_the_night().until("+3d 12:00")

    morning = [("+1d 08:00", "cart", "dropped", "capped"), ("+1d 08:00", "cart", "fired", "sent")]
    assert sorted(days.decided()[2:]) == morning


def test_b8_a_merge_taken_back_in_the_night_gives_each_what_it_held_to_its_own_address() -> None:
    days = joined_in_the_night().at("23:50", "merge_undone", email=MIA).until("+3d 12:00")

    assert sorted((address, skus) for (_, _, address), skus in zip(days.messages(), days.contents(), strict=True)) == [
        (MIA, ["A"]),
        (NIA, ["B"]),
    ]
    assert [outcome for _, _, outcome, _ in days.decided()] == ["held", "held", "fired", "fired"]


def test_b8_what_one_side_buys_after_the_undoing_drops_its_own_message_and_leaves_the_others() -> None:
    days = joined_in_the_night().at("23:50", "merge_undone", email=MIA)
    days.at("+1d 00:10", "order_completed", email=MIA, order_id="o-1", cart_id="c1", items=["A"]).until("+3d 12:00")

    assert days.messages() == [("+1d 08:00", "cart", NIA)]
    assert ("+1d 00:10", "cart", "dropped", "bought") in days.decided()


def test_b8_the_denial_of_one_side_keeps_the_other_quiet_only_as_long_as_they_are_one() -> None:
    days = Days(NIGHT).at("21:30", "product_added", email=MIA, cart_id="c1", items=["A"])
    days.at("21:40", account="u1", consent={"email": False}).at("23:00", account="u1", email=MIA)

    assert days.at("+1d 07:00", "merge_undone", email=MIA).until("+1d 12:00").messages() == [("+1d 08:00", "cart", MIA)]
    assert days.of(account="u1")["consent"] == {"email": False}


def test_b8_of_what_both_did_at_one_instant_while_they_were_one_each_has_its_own_back() -> None:
    days = Days(CART).at("08:00", account="u1", email=NIA).at("08:01", email=MIA).at("08:10", account="u1", email=MIA)
    at_ms = clock_ms("08:20")
    together = [
        ChannelEvent(f"add-{sku}", "product_added", "web", at_ms, who, cart_id=f"cart-{sku}", items=(Item(sku),))
        for sku, who in (("A", {"email": MIA}), ("B", {"account": "u1"}))
    ]
    days.simulation.play([days.simulation.read(event) for event in together])

    days.at("08:30", "merge_undone", email=MIA).until("12:00")

    told = sorted(zip(days.messages(), days.contents(), strict=True))
    assert told == [(("09:20", "cart", MIA), ["A"]), (("09:20", "cart", NIA), ["B"])]

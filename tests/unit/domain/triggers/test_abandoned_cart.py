"""Carts and their timers: when a reminder goes out, and what keeps it back."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.events import Item
from pipeline.domain.records import Decision
from tests.unit.domain.triggers.story import (
    Story,
    abandoned_cart,
    at_ms,
    cart_emptied,
    cart_updated,
    event,
    item,
    order_completed,
    product_added,
    product_removed,
)


def test_a_cart_left_alone_is_reminded_of_once_when_the_delay_is_over() -> None:
    story = Story(abandoned_cart("30m")).at("10:00", cart_updated(total=80)).at("10:29").at("10:30").at("10:45")

    assert story.fired == [("10:30", "abandoned_cart")]
    assert story.decisions == [("10:30", "fired", "sent")]


def test_nothing_fires_before_the_delay_is_over() -> None:
    assert Story(abandoned_cart("30m")).at("10:00", cart_updated(total=80)).at("10:29").fired == []


def test_b10_cart_timer_restarts_on_each_change_and_fires_once_with_the_last_contents() -> None:
    story = Story(abandoned_cart("60m"))
    story.at("10:00", product_added("A", cart="c1", price=1999))
    story.at("10:10", product_added("B", cart="c1", price=3999))
    story.at("10:25", product_removed("A", cart="c1"))
    story.at("11:24").at("11:25").at("14:00")

    (trigger,) = story.triggers
    assert story.fired == [("11:25", "abandoned_cart")]
    assert trigger.items == (Item("B", 1, 3999, "EUR"),)


def test_the_reminder_says_in_a_sentence_what_lies_there() -> None:
    story = Story(abandoned_cart("60m")).at("10:00", product_added("A", "B", cart="c1", price=2999)).at("11:00")

    (trigger,) = story.triggers
    assert trigger.reason == "Cart c1 with 2 items, 59.98 EUR, untouched for 60 min"
    assert trigger.context == {"cart_id": "c1", "pieces": 2, "amount_minor": 5998, "currency": "EUR"}


def test_a_cart_told_without_prices_is_worth_what_it_was_said_to_be_worth() -> None:
    story = Story(abandoned_cart("60m")).at("10:00", cart_updated(item("A", 3), total=80, cart="c1")).at("11:00")

    assert story.triggers[0].reason == "Cart c1 with 3 items, 80.00 EUR, untouched for 60 min"


def test_b11_an_order_from_another_channel_a_minute_before_keeps_the_reminder_back() -> None:
    story = Story(abandoned_cart("85m")).at("10:00", product_added("A", cart="c1"))
    story.at("11:24", order_completed("A", cart="c1", channel="pos")).at("12:00")

    assert story.fired == []
    assert story.decisions == [("11:24", "dropped", "bought")]


def test_b12_of_two_carts_only_the_one_not_bought_is_reminded_of() -> None:
    story = Story(abandoned_cart("1h"))
    story.at("10:00", product_added("A", cart="c1"), product_added("B", cart="c2"))
    story.at("10:30", order_completed("A", cart="c1")).at("12:00")

    assert [trigger.context["cart_id"] for trigger in story.triggers] == ["c2"]
    assert story.decisions == [("10:30", "dropped", "bought"), ("11:00", "fired", "sent")]


def test_an_order_that_names_no_cart_closes_every_cart_changed_at_or_before_it() -> None:
    story = Story(abandoned_cart("1h"))
    story.at("10:00", product_added("A", cart="c1")).at("10:20", product_added("B", cart="c2"))
    story.at("10:30", product_added("C", cart="c3"))
    story.at("10:20", order_completed("A", "B"), arriving="10:40").at("12:00")

    assert [trigger.context["cart_id"] for trigger in story.triggers] == ["c3"]


def test_what_was_removed_before_an_order_that_names_no_cart_takes_nothing_out_of_the_cart_after_it() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_removed("A", cart="c1"))
    story.at("10:10", order_completed("B")).at("10:20", product_added("A", cart="c1")).at("12:00")

    (trigger,) = story.triggers
    assert [(item.sku, item.quantity) for item in trigger.items] == [("A", 1)]


def test_b13_an_order_learned_of_after_the_reminder_takes_it_back_under_the_same_id() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_added("A", cart="c1")).at("11:00")
    story.at("10:50", order_completed("A", cart="c1", channel="pos"), arriving="11:05").at("13:00")

    fired, revoked = story.triggers
    assert (fired.status, revoked.status) == ("fired", "revoked")
    assert revoked.trigger_id == fired.trigger_id
    assert revoked.reason == "Cart c1 was bought before the reminder was due"
    assert story.decisions == [("11:00", "fired", "sent"), ("10:50", "revoked", "bought")]


def test_b13_an_order_of_another_cart_takes_the_reminder_back_if_it_has_all_that_was_named() -> None:
    for bought, revoked in ((("A", "B", "C"), 1), (("A",), 0)):
        story = Story(abandoned_cart("1h")).at("10:00", product_added("A", "B", cart="c1")).at("11:00")
        story.at("10:50", order_completed(*bought, cart="till-5", channel="pos"), arriving="11:05")

        assert len(story.revoked) == revoked


def test_b13_an_order_of_another_cart_leaves_the_reminder_of_a_cart_told_without_its_lines() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", cart_updated(total=80, cart="c1")).at("11:00")

    assert story.at("10:50", order_completed("A", cart="till-5"), arriving="11:05").revoked == []


def test_b13_an_order_told_twice_takes_the_reminder_back_once() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_added("A")).at("11:00")
    story.at("10:50", order_completed("A", order="o-1"), arriving="11:05")
    story.at("10:50", order_completed("A", order="o-1", channel="pos"), arriving="11:06")

    assert len(story.revoked) == 1


def test_an_order_after_the_reminder_takes_nothing_back_it_is_what_was_hoped_for() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_added("A", cart="c1")).at("11:00")
    story.at("11:10", order_completed("A", cart="c1"))

    assert story.revoked == []


def test_an_order_older_than_the_cart_takes_nothing_back() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_added("A", cart="c1")).at("11:00")
    story.at("09:00", order_completed("A"), arriving="11:10")

    assert story.revoked == []


def test_b14_a_cart_change_older_than_the_purchase_reopens_nothing() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_added("A", cart="c1"))
    story.at("10:30", order_completed("A", cart="c1"))
    story.at("10:29", product_added("B", cart="c1"), arriving="10:31").at("13:00")

    assert story.fired == []
    assert story.counted("cart_changes_ignored") == ["closed"]


def test_b14_holds_for_a_cart_never_heard_of_before_its_purchase() -> None:
    for named in ("c1", None):
        story = Story(abandoned_cart("1h")).at("10:30", order_completed("A", cart=named))
        story.at("10:10", product_added("A", cart="c1"), arriving="10:31").at("13:00")
        assert story.fired == []


def test_what_is_put_into_a_cart_after_the_purchase_is_a_new_cart() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_added("A", cart="c1"))
    story.at("10:30", order_completed("A", cart="c1")).at("10:40", product_added("B", cart="c1")).at("12:00")

    (trigger,) = story.triggers
    assert story.fired == [("11:40", "abandoned_cart")]
    assert [line.sku for line in trigger.items] == ["B"]


def test_a_late_order_takes_out_what_was_in_the_cart_and_leaves_what_came_after_it() -> None:
    story = Story(abandoned_cart("1h"))
    story.at("10:00", product_added("A", cart="c1")).at("10:40", product_added("B", cart="c1"))
    story.at("10:30", order_completed("A", cart="c1"), arriving="10:45").at("12:00")

    assert story.fired == [("11:40", "abandoned_cart")]
    assert [line.sku for line in story.triggers[0].items] == ["B"]


def test_b16_emptying_the_cart_drops_the_timer() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_added("A", cart="c1"))
    story.at("10:20", cart_emptied("c1")).at("12:00")

    assert story.fired == []
    assert story.decisions == [("10:20", "dropped", "cart_emptied")]


def test_b16_removing_the_last_product_empties_the_cart_too() -> None:
    for emptying in (product_removed("A", cart="c1"), cart_updated(cart="c1")):
        story = Story(abandoned_cart("1h")).at("10:00", product_added("A", cart="c1")).at("10:20", emptying)
        assert story.decisions == [("10:20", "dropped", "cart_emptied")]


def test_a_product_exchanged_for_another_within_the_same_second_is_reminded_of() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_added("A", cart="c1"))
    story.at("10:30", product_removed("A", cart="c1"), product_added("B", cart="c1")).at("12:00")

    assert story.decisions == [("10:30", "dropped", "cart_emptied"), ("11:30", "fired", "sent")]
    assert [line.sku for line in story.triggers[0].items] == ["B"]


def test_an_addition_learned_of_after_the_cart_seemed_empty_is_reminded_of() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_added("A", cart="c1"))
    story.at("10:20", product_removed("A", cart="c1")).at("10:10", product_added("B", cart="c1"), arriving="10:21")
    story.at("12:00")

    assert story.decisions == [("10:20", "dropped", "cart_emptied"), ("11:20", "fired", "sent")]
    assert [line.sku for line in story.triggers[0].items] == ["B"]


def test_a_purchase_that_overtook_an_addition_learned_of_late_takes_its_reminder_back() -> None:
    for bought, revoked in (("10:05", 0), ("10:15", 1)):
        story = Story(abandoned_cart("1h")).at("10:20", product_removed("A", cart="c1"))
        story.at("10:10", product_added("B", cart="c1"), arriving="10:21").at("11:20")
        story.at(bought, order_completed("B", cart="c1"), arriving="11:30")

        assert len(story.revoked) == revoked


def test_a_cart_filled_and_emptied_again_and_again_in_one_instant_has_an_id_for_each_decision() -> None:
    for clock in ("wall", "event"):
        story = Story(abandoned_cart("1h"), clock=clock)
        for _ in range(3):
            story.at("10:00", product_added("A", cart="c1"), product_removed("A", cart="c1"))
        story.at("10:00", product_added("A", cart="c1")).at("11:00")
        story.at("10:00", cart_emptied("c1"), product_added("B", cart="c1"), arriving="11:10").at("12:00")

        decided = [record for record in story.records if isinstance(record, Decision)]
        assert [decision.outcome for decision in decided] == ["dropped"] * 3 + ["fired"] * 2
        assert len({decision.decision_id for decision in decided}) == 5
        assert len({trigger.trigger_id for trigger in story.triggers}) == 2


def test_beginning_the_checkout_restarts_the_wait() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_added("A", cart="c1"))
    story.at("10:30", event("checkout_started", cart_id="c1")).at("12:00")

    assert story.fired == [("11:30", "abandoned_cart")]


def test_a_checkout_of_nothing_waits_for_nothing() -> None:
    story = Story(abandoned_cart("1h")).at("10:30", event("checkout_started", cart_id="c1")).at("12:00")

    assert story.records == []


def test_a_late_change_changes_the_contents_but_not_the_wait() -> None:
    story = Story(abandoned_cart("1h")).at("10:20", product_added("A", cart="c1"))
    story.at("10:10", product_added("B", cart="c1"), arriving="10:30").at("12:00")

    assert story.fired == [("11:20", "abandoned_cart")]
    assert [line.sku for line in story.triggers[0].items] == ["A", "B"]


def test_a_removal_that_overtakes_its_addition_still_removes() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_added("A", cart="c1"))
    story.at("10:20", product_removed("B", cart="c1"))
    story.at("10:10", product_added("B", cart="c1"), arriving="10:21").at("12:00")

    assert [line.sku for line in story.triggers[0].items] == ["A"]


def test_whole_contents_replace_what_is_older_and_leave_what_is_later() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_added("A", cart="c1"))
    story.at("10:20", product_added("C", cart="c1"))
    story.at("10:10", cart_updated(item("B", 2), cart="c1"), arriving="10:21")
    story.at("10:05", cart_updated(item("D"), cart="c1"), arriving="10:22").at("12:00")

    assert [(line.sku, line.quantity) for line in story.triggers[0].items] == [("B", 2), ("C", 1)]
    assert story.counted("cart_changes_ignored") == ["superseded"]


def test_the_same_cart_history_gives_the_same_trigger_id_on_both_clocks() -> None:
    ids = {
        Story(abandoned_cart("1h"), clock=clock).at("10:00", product_added("A")).at("11:00").triggers[0].trigger_id
        for clock in ("wall", "event")
    }

    assert len(ids) == 1


def test_each_change_that_is_left_alone_is_reminded_of_under_an_id_of_its_own() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", product_added("A")).at("11:30", product_added("A")).at("13:00")

    assert story.fired == [("11:00", "abandoned_cart"), ("12:30", "abandoned_cart")]
    assert len({trigger.trigger_id for trigger in story.triggers}) == 2


def test_a_cart_of_thousands_of_lines_keeps_a_hundred_and_is_counted_once() -> None:
    story = Story(abandoned_cart("1h")).at("10:00", cart_updated(*(item(f"S{number:04d}") for number in range(5_000))))

    assert len(story.at("11:00").triggers[0].items) == 100
    assert story.counted("evictions") == ["cart_lines"]


def test_b18_a_backlog_that_holds_the_cart_and_then_its_purchase_reminds_of_nothing() -> None:
    story = Story(abandoned_cart("1h"))
    for told, happened in ((product_added("A", event_id="a"), "10:00"), (order_completed("A", event_id="b"), "11:30")):
        story.tell(replace(told, occurred_at_ms=at_ms(happened)), at_ms("12:30"))

    assert story.at("12:31").decisions == [("11:30", "dropped", "bought")]


def test_what_was_bought_meanwhile_in_another_cart_is_not_reminded_of() -> None:
    story = Story(abandoned_cart("60m")).at("10:00", product_added("A", "B", cart="online", price=1999))
    story.at("10:30", order_completed("A", cart="store", channel="pos")).at("11:00")

    (trigger,) = story.triggers
    assert [each.sku for each in trigger.items] == ["B"]
    assert trigger.reason == "Cart online with 1 item, 19.99 EUR, untouched for 60 min"


def test_a_cart_of_which_all_was_bought_in_another_is_not_reminded_of() -> None:
    story = Story(abandoned_cart("60m")).at("10:00", product_added("A", cart="online", price=1999))
    story.at("10:30", order_completed("A", cart="store", channel="pos")).at("11:00")

    assert story.decisions == [("11:00", "dropped", "bought")]


def test_what_was_put_into_the_cart_after_it_was_bought_is_wanted_again() -> None:
    story = Story(abandoned_cart("60m")).at("10:00", order_completed("A", cart="store", channel="pos"))
    story.at("10:30", product_added("A", cart="online", price=1999)).at("11:30")

    assert [each.sku for each in story.triggers[0].items] == ["A"]

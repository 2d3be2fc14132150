"""What was bought, spent, cancelled and given back, in whatever order we learn of it."""

from __future__ import annotations

from itertools import permutations

import msgspec

from pipeline.domain.customer.carts import ATTRIBUTE_CHARACTERS_KEPT, ATTRIBUTES_KEPT
from pipeline.domain.customer.orders import ORDERS_KEPT, SKUS_PER_ORDER
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages.effects import Send
from pipeline.domain.messages.to_product import BoughtTogether, OrderCounted, TakenBack
from pipeline.domain.money import MAX_SUM_MINOR
from pipeline.domain.product.keys import category_key, counter_of
from pipeline.streaming.envelope import MAX_EFFECTS
from pipeline.wire.records import encode_record
from tests.unit.domain.triggers.story import (
    Story,
    abandoned_cart,
    at_ms,
    cart_updated,
    event,
    item,
    order_completed,
    product_added,
)


def test_spend_is_added_up_per_currency() -> None:
    story = Story()
    story.at("10:00", order_completed("A", order="o-1", amount_minor=500, currency="EUR"))
    story.at("10:01", order_completed("B", order="o-2", amount_minor=700, currency="EUR"))
    story.at("10:02", order_completed("C", order="o-3", amount_minor=900, currency="PLN"))

    assert story.customer["spend_minor"] == {"EUR": 1200, "PLN": 900}
    assert (story.customer["orders"], story.customer["owned"]) == (3, ["A", "B", "C"])


def test_an_order_that_tells_no_amount_is_worth_its_lines() -> None:
    story = Story().at("10:00", event("order_completed", order_id="o-1", items=(item("A", 2, 250), item("B", 1, 99))))

    assert story.customer["spend_minor"] == {"EUR": 599}


def test_an_order_cancelled_is_neither_spend_nor_owned_in_whatever_order_we_learn_of_it() -> None:
    completed = order_completed("A", order="o-1", amount_minor=500, currency="EUR")
    cancelled = event("order_cancelled", order_id="o-1")
    for told in permutations((completed, cancelled)):
        story = Story().at("10:00", order_completed("B", order="o-2", amount_minor=100, currency="EUR"), *told)

        assert story.customer["spend_minor"] == {"EUR": 100}
        assert story.customer["owned"] == ["B"]


def test_refunds_come_off_the_spend_in_whatever_order_and_never_more_than_was_paid() -> None:
    completed = order_completed("A", order="o-1", amount_minor=500, currency="EUR")
    first, second = (event("order_refunded", order_id="o-1", amount_minor=amount) for amount in (200, 250))
    for told in permutations((completed, first, second)):
        story = Story().at("10:00", *told)
        assert story.customer["spend_minor"] == {"EUR": 50}
        assert story.customer["owned"] == ["A"]
        story.at("10:10", event("order_refunded", order_id="o-1", amount_minor=9_999))
        assert story.customer["spend_minor"] == {"EUR": 0}
        assert story.customer["owned"] == []


def test_the_sign_of_a_refund_does_not_matter() -> None:
    for refund in (
        event("order_refunded", order_id="o-1", amount_minor=-200, currency="EUR"),
        event("order_refunded", order_id="o-1", items=(item("A", -1, 200),)),
        event("order_refunded", order_id="o-1", items=(item("A", 1, 200),)),
    ):
        story = Story().at("10:00", order_completed("A", order="o-1", amount_minor=500, currency="EUR"), refund)
        assert story.customer["spend_minor"] == {"EUR": 300}


def test_a_refund_without_amount_or_lines_is_of_the_whole_order_in_whatever_order_we_learn_of_it() -> None:
    completed = order_completed("A", order="o-1", amount_minor=500, currency="EUR")
    told_states = set()
    for told in permutations((completed, event("order_refunded", order_id="o-1"))):
        story = Story().at("10:00", *told)
        assert (story.customer["spend_minor"], story.customer["owned"]) == ({"EUR": 0}, [])
        told_states.add(msgspec.json.encode(story.customer["last_orders"]))

    (last_orders,) = told_states
    assert b'"refunded_minor":500' in last_orders


def test_a_refund_of_every_piece_that_tells_no_price_is_of_the_whole_order_in_whatever_order_we_learn_of_it() -> None:
    completed = event("order_completed", order_id="o-1", items=(item("A", 2, 200), item("B", 1, 100)))
    back = [event("order_refunded", order_id="o-1", items=(item(sku, 1),)) for sku in ("A", "B", "A")]
    for told in permutations((completed, *back)):
        story = Story().at("10:00", *told)
        assert (story.customer["spend_minor"], story.customer["owned"]) == ({"EUR": 0}, [])

    story = Story().at("10:00", completed, *back[:2])
    assert (story.customer["spend_minor"], story.customer["owned"]) == ({"EUR": 500}, ["A"])


def test_a_refund_of_every_piece_that_tells_less_than_was_paid_leaves_the_rest_spent_and_nothing_owned() -> None:
    completed = event("order_completed", order_id="o-1", items=(item("A", 1, 500),))
    story = Story().at(
        "10:00", completed, event("order_refunded", order_id="o-1", items=(item("A"),), amount_minor=450)
    )

    assert (story.customer["spend_minor"], story.customer["owned"]) == ({"EUR": 50}, [])


def test_of_an_order_of_more_products_than_are_considered_nobody_knows_whether_all_came_back() -> None:
    lines = tuple(item(f"S{number:03d}", 1, 100) for number in range(80))
    back = event("order_refunded", order_id="o-1", items=tuple(item(line.sku) for line in lines[:50]))
    story = Story().at("10:00", event("order_completed", order_id="o-1", items=lines), back)

    assert story.customer["spend_minor"] == {"EUR": 8_000}


def test_a_refund_in_another_currency_than_its_order_is_counted_and_taken_off_nothing() -> None:
    completed = order_completed("A", order="o-1", amount_minor=500, currency="EUR")
    for told in permutations((completed, event("order_refunded", order_id="o-1", amount_minor=200, currency="USD"))):
        story = Story().at("10:00", *told)

        assert story.customer["spend_minor"] == {"EUR": 500}
        assert story.counted("events_incomplete") == ["currency"]


def test_lines_are_worth_their_own_currency_and_the_event_tells_that_of_lines_without_one() -> None:
    dollars, unknown = Item("A", 1, 100, "USD"), Item("B", 1, 50)
    story = Story()
    story.at("10:00", event("order_completed", order_id="o-1", items=(dollars,), currency="EUR"))
    story.at("10:01", event("order_completed", order_id="o-2", items=(dollars, unknown), currency="USD"))
    story.at("10:02", event("order_completed", order_id="o-3", items=(unknown,)))

    assert story.customer["spend_minor"] == {"USD": 250, "XXX": 50}
    assert story.counted("events_incomplete") == []


def test_lines_in_several_currencies_add_up_to_nothing_and_are_counted() -> None:
    mixed = (Item("A", 1, 100, "USD"), item("B", 1, 100))
    story = Story().at("10:00", event("order_completed", order_id="o-1", items=mixed))
    story.at("10:01", order_completed("C", order="o-2", amount_minor=900, currency="EUR"))
    story.at("10:02", event("order_refunded", order_id="o-2", items=mixed))

    assert story.customer["spend_minor"] == {"EUR": 900, "XXX": 0}
    assert story.customer["owned"] == ["A", "B", "C"]
    assert story.counted("events_incomplete") == ["currency", "currency"]


def test_what_two_orders_held_stays_owned_when_one_is_cancelled() -> None:
    story = Story().at("10:00", order_completed("A", order="o-1"), order_completed("A", "B", order="o-2"))
    story.at("10:10", event("order_cancelled", order_id="o-2"))

    assert story.customer["owned"] == ["A"]


def test_a_cancellation_that_names_no_order_is_counted_and_changes_nothing() -> None:
    story = Story().at("10:00", event("order_cancelled"), event("order_refunded", amount_minor=5))

    assert story.counted("events_incomplete") == ["order_id", "order_id"]
    assert story.customer["spend_minor"] == {}


def test_each_sku_of_an_order_learns_of_the_others_once() -> None:
    story = Story().at("10:00", order_completed("B", "A", "C", "A", order="o-1"))
    story.at("10:01", order_completed("A", "B", order="o-1"))

    told = [e.message for e in story.effects if isinstance(e, Send) and isinstance(e.message, BoughtTogether)]
    assert [(message.sku, message.others) for message in told] == [
        ("A", ("B", "C")),
        ("B", ("A", "C")),
        ("C", ("A", "B")),
    ]


def test_a_wholesale_order_tells_of_its_first_fifty_skus_only() -> None:
    story = Story().at("10:00", order_completed(*(f"S{number:03d}" for number in range(80))))

    told = [e.message for e in story.effects if isinstance(e, Send) and isinstance(e.message, BoughtTogether)]
    assert len(told) == SKUS_PER_ORDER
    assert story.counted("evictions") == ["order_skus"]


def test_the_oldest_order_is_forgotten_first_and_its_money_stays() -> None:
    story = Story()
    for number in range(ORDERS_KEPT + 2):
        story.at(f"10:{number:02d}", order_completed("A", order=f"o-{number}", amount_minor=100, currency="EUR"))

    assert story.state is not None
    assert "o-0" not in story.state.orders
    assert len(story.state.orders) == ORDERS_KEPT
    assert story.customer["orders"] == ORDERS_KEPT + 2
    assert story.customer["spend_minor"] == {"EUR": 100 * (ORDERS_KEPT + 2)}


def full() -> Story:
    """A customer of whom as many orders are known as are kept, a minute each from 10:00 on."""
    story = Story()
    for number in range(ORDERS_KEPT):
        story.at(f"10:{number:02d}", order_completed("A", order=f"o-{number}", amount_minor=100, currency="EUR"))
    return story


def test_an_order_older_than_all_that_are_kept_still_counts_once_and_can_be_refunded() -> None:
    story, late = full(), order_completed("B", order="late", amount_minor=700, currency="EUR")
    for minute in range(3):
        story.at("09:00", late, arriving=f"11:0{minute}")
    story.at("11:10", event("order_refunded", order_id="late", amount_minor=200))

    assert story.customer["orders"] == ORDERS_KEPT + 1
    assert story.customer["spend_minor"] == {"EUR": 100 * ORDERS_KEPT + 500}
    assert story.counted("orders_repeated") == ["web", "web"]


def test_of_orders_never_heard_of_the_cancellations_push_out_each_other_before_they_push_out_orders() -> None:
    story = full()
    for minute in range(5):
        story.at(f"11:0{minute}", event("order_cancelled", order_id=f"unknown-{minute}"))

    assert story.state is not None
    assert set(story.state.orders) == {*(f"o-{number}" for number in range(1, ORDERS_KEPT)), "unknown-4"}
    assert story.counted("evictions") == ["orders"] * 5


def test_what_was_spent_stops_at_64_bits() -> None:
    story = Story()
    for number in range(3):
        story.at("10:00", order_completed("A", order=f"o-{number}", amount_minor=2**62, currency="EUR"))

    assert story.customer["spend_minor"] == {"EUR": MAX_SUM_MINOR}


def test_a_cart_grown_over_many_events_is_worth_what_64_bits_hold_and_its_reminder_goes_out() -> None:
    story = Story(abandoned_cart(delay="30m"))
    for _ in range(11):
        story.at("10:00", product_added("A", price=1), event("product_added", items=(item("A", 100_000, 10**8),)))
    story.at("10:01", product_added("A", price=10**13)).at("10:31")

    (trigger,) = story.triggers
    assert trigger.context["amount_minor"] == MAX_SUM_MINOR
    assert encode_record(trigger)


def test_a_line_keeps_as_many_attributes_as_a_message_needs_first_by_name() -> None:
    many = {f"a{number:02d}": "v" for number in range(20)}
    long = dict.fromkeys("edcba", "v" * 255)

    story = Story().at("10:00", cart_updated(Item("A", attributes=many), Item("B", attributes=long)))

    assert story.state is not None
    lines = story.state.carts[""].lines
    assert list(lines["A"].attributes) == sorted(many)[:ATTRIBUTES_KEPT]
    assert list(lines["B"].attributes) == ["a", "b", "c", "d"]
    assert sum(len(name) + len(value) for name, value in lines["B"].attributes.items()) == ATTRIBUTE_CHARACTERS_KEPT


def test_an_order_cancelled_on_the_other_side_of_a_merge_is_not_owned() -> None:
    other = Story(customer_id="customer-2").at("10:10", event("order_cancelled", order_id="o-1"))
    story = Story().at("09:00", order_completed("B", order="o-0")).at("10:00", order_completed("A", "B", order="o-1"))
    story.joined_by(other, "11:00")

    assert story.customer["owned"] == ["B"]
    assert story.state is not None
    assert story.state.owned == {"B": at_ms("09:00")}


def story_of_return(*told: ChannelEvent) -> list[BoughtTogether | TakenBack | OrderCounted]:
    """What products are told by an order of two A and one B, and what comes after it."""
    story = Story().at("10:00", event("order_completed", order_id="o-1", items=(item("A", 2), item("B"))))
    before = len(story.effects)
    for number, each in enumerate(told):
        story.at(f"10:1{number}", each)
    return [
        e.message
        for e in story.effects[before:]
        if isinstance(e, Send) and isinstance(e.message, BoughtTogether | TakenBack | OrderCounted)
    ]


def test_products_hear_of_a_product_once_all_its_pieces_have_come_back_and_not_before() -> None:
    one_piece = event("order_refunded", order_id="o-1", items=(item("A", 1),))
    ten, eleven = at_ms("10:00"), at_ms("10:11")

    assert story_of_return(one_piece) == []
    assert story_of_return(one_piece, one_piece) == [
        TakenBack("default", "A", ("B",), eleven, ten, itself=True),
        TakenBack("default", "B", ("A",), eleven, ten, itself=False),
    ]


def test_products_and_the_count_of_orders_hear_of_an_order_called_off_or_refunded_whole_once() -> None:
    ten, ten_past = at_ms("10:00"), at_ms("10:10")
    for told in (event("order_cancelled", order_id="o-1"), event("order_refunded", order_id="o-1")):
        assert story_of_return(told, told) == [
            TakenBack("default", "A", ("B",), ten_past, ten, itself=True),
            TakenBack("default", "B", ("A",), ten_past, ten, itself=True),
            OrderCounted("default", counter_of("o-1"), ten_past, taken_back_ms=ten),
        ]


def test_an_order_called_off_before_we_hear_of_it_is_never_counted() -> None:
    story = Story().at("10:00", event("order_cancelled", order_id="o-1"))
    story.at("10:01", order_completed("A", "B", order="o-1"))

    assert [e for e in story.effects if isinstance(e, Send)] == []


def test_what_came_back_before_its_order_is_not_owned_and_was_never_bought_together() -> None:
    story = Story().at("10:00", event("order_refunded", order_id="o-1", items=(item("A", 1, 5),)))
    story.at("10:01", event("order_completed", order_id="o-1", items=(item("A", 1, 5), item("B", 1, 7))))

    told = [e.message for e in story.effects if isinstance(e, Send) and isinstance(e.message, BoughtTogether)]
    assert [(message.sku, message.others) for message in told] == [("B", ())]
    assert story.customer["owned"] == ["B"]


def test_a_product_given_back_is_owned_no_longer_unless_another_order_had_it_too() -> None:
    story = Story().at("10:00", event("order_completed", order_id="o-1", items=(item("A", 1, 5), item("B", 1, 7))))
    story.at("10:01", event("order_completed", order_id="o-2", items=(item("B", 1, 7),)))
    story.at("10:02", event("order_refunded", order_id="o-1", items=(item("A", 1, 5),)))
    assert story.customer["owned"] == ["B"]

    story.at("10:03", event("order_refunded", order_id="o-1", items=(item("B", 1, 7),)))
    assert story.customer["owned"] == ["B"]


def test_an_order_told_on_both_sides_of_a_merge_counts_once_for_its_products() -> None:
    told = order_completed("A", "B", order="o-1")
    other = Story(customer_id="customer-2").at("10:00", told)
    story = Story().at("10:00", told).joined_by(other, "11:00")

    taken = [e.message for e in story.effects if isinstance(e, Send) and isinstance(e.message, TakenBack)]
    assert [(message.sku, message.others, message.itself, message.channel) for message in taken] == [
        ("A", ("B",), True, "web"),
        ("B", ("A",), True, "web"),
    ]


def test_an_order_of_which_something_came_back_and_told_on_both_sides_is_one_sale_of_each_product() -> None:
    told = event("order_completed", order_id="o-1", items=(item("A", 1, 5), item("B", 1, 7)))
    back = event("order_refunded", order_id="o-1", items=(item("A", 1, 5),))
    other = Story(customer_id="customer-2").at("10:01", told).at("10:02", back)
    story = Story().at("10:00", told)
    before = len(story.effects)
    story.joined_by(other, "11:00")

    taken = [e.message for e in story.effects[before:] if isinstance(e, Send) and isinstance(e.message, TakenBack)]
    assert sorted((each.sku, each.bought_at_ms, each.itself, each.others, each.channel) for each in taken) == [
        ("A", at_ms("10:00"), True, ("B",), ""),  # where it was told first it has come back too
        ("A", at_ms("10:01"), False, (), "web"),
        ("B", at_ms("10:00"), False, ("A",), ""),
        ("B", at_ms("10:01"), True, (), "web"),
    ]


def test_an_order_that_was_never_a_sale_calls_none_off_when_it_turns_out_to_be_told_twice() -> None:
    told, cancelled = order_completed("A", order="o-1"), event("order_cancelled", order_id="o-1")
    other = Story(customer_id="customer-2").at("10:01", cancelled).at("10:02", told)
    story = Story().at("10:00", told)
    before = len(story.effects)
    story.joined_by(other, "11:00")

    taken = [e.message for e in story.effects[before:] if isinstance(e, Send) and isinstance(e.message, TakenBack)]
    assert [(each.itself, each.channel) for each in taken] == [(True, "")]


def test_a_category_is_told_of_the_products_of_other_categories_in_an_order() -> None:
    lines = (Item("A", attributes={"category": "PASTA"}), Item("B", attributes={"category": "PASTA"}), Item("C"))
    story = Story().at("10:00", event("order_completed", order_id="o-1", items=lines))

    told = [e.message for e in story.effects if isinstance(e, Send) and isinstance(e.message, BoughtTogether)]
    assert [(message.sku, message.others, message.category) for message in told] == [
        ("A", ("B", "C"), "PASTA"),
        ("B", ("A", "C"), "PASTA"),
        ("C", ("A", "B"), ""),
        (category_key("PASTA"), ("C",), ""),
    ]


def test_thirty_large_orders_told_on_both_sides_of_a_merge_are_taken_back_as_far_as_one_message_may_cause() -> None:
    story, other = Story(), Story(customer_id="customer-2")
    for number in range(ORDERS_KEPT):
        told = order_completed(*(f"S{sku:02d}" for sku in range(SKUS_PER_ORDER)), order=f"o-{number}")
        story.at("10:00", told)
        other.at("10:00", told)
    before = len(story.effects)
    story.joined_by(other, "11:00")

    caused = story.effects[before:]
    assert len(caused) < MAX_EFFECTS
    assert sum(isinstance(e, Send) and isinstance(e.message, TakenBack) for e in caused) == 10 * SKUS_PER_ORDER
    assert story.counted("evictions").count("returns") == ORDERS_KEPT - 10

"""What becomes of a piece that is kept for who hears of it later, for quiet hours or a cap hold the word back (B30)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import HELD_KEPT, CustomerState
from pipeline.domain.events import Item
from pipeline.domain.identity.merging import fold
from pipeline.domain.messages.effects import Send
from pipeline.domain.messages.keys import customer_key, product_key
from pipeline.domain.messages.to_customer import Merge, ProductNews
from pipeline.domain.messages.waves import Passed, Released, shard_of
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers.steps import Sent
from tests.unit.domain.product.market import SKU, Market
from tests.unit.domain.triggers.story import Story, a_cap, a_rule, at_ms, event


def back(**fields: Any) -> Rule:
    return a_rule("back_in_stock", quiet_hours="22:00-08:00", **fields)


def test_what_quiet_hours_held_back_says_until_when_the_piece_is_kept_by_then() -> None:
    market = Market(back()).at("20:00").stock({"": 0}).asks("ann").at("23:00").stock({"": 1})

    (trigger,) = market.at("1d 08:00").triggers

    assert trigger.context["kept_until"] == "2026-11-25T08:30:00.000Z"
    assert trigger.reason.endswith("one is kept until 2026-11-25T08:30:00.000Z")
    assert market.waves.wakes_at() == at_ms("1d 08:30")


def test_who_is_not_told_in_the_morning_either_gives_their_piece_to_the_next_and_is_told_when_it_comes_again() -> None:
    rules = back(expires_after="6h")
    market = Market(rules).at("20:00").stock({"": 0}).asks("ann", "bob").at("23:00").stock({"": 1})

    market.at("1d 08:00")
    assert [record.reason for record in market.records if record.customer_id == "ann"][-1] == "expired"
    assert market.fired == [("1d 08:00", "bob")]

    market.at("1d 10:00").stock({"": 0}).at("1d 11:00").stock({"": 1})
    assert market.fired == [("1d 08:00", "bob"), ("1d 11:00", "ann")]


def test_what_is_put_off_once_more_is_kept_until_then() -> None:
    first = back(name="first", at_most=[a_cap(1, "3h")], when_capped="defer")
    market = Market(first).at("20:00").stock({"": 0}).asks("ann", "bob").at("23:00").stock({"": 1})
    state = market.customer("ann")
    market.states["customer", customer_key("default", "ann")] = replace(
        state, sent=(Sent(at_ms("1d 07:00"), "first", "marketing", ""),)
    )

    market.at("1d 10:29")

    assert market.fired == [("1d 10:00", "ann")]
    assert market.triggers[0].context["kept_until"] == "2026-11-25T10:30:00.000Z"
    assert market.at("1d 10:30").fired[1:] == [("1d 10:30", "bob")]


def test_b30_a_word_of_one_size_held_over_night_does_not_go_out_to_who_wants_another_by_then() -> None:
    market = Market(back()).at("20:00").stock({"38": 0, "40": 0}).asks("ann", size="38")
    market.at("23:00").stock({"38": 1, "40": 0}).at("23:30").asks("ann", size="40").at("1d 09:00")
    assert market.fired == []
    assert market.records[-1].reason == "not_so"

    assert market.at("1d 10:00").stock({"38": 0, "40": 1}).fired == [("1d 10:00", "ann")]


@pytest.mark.parametrize("there", [{"38": 3, "40": 2}, {"": 1}])
def test_b30_whose_piece_is_gone_by_the_morning_is_told_of_another_that_is_there(there: dict[str, int]) -> None:
    market = Market(back()).at("20:00").stock({"": 0}).wishes("ann").at("23:00").stock(there)

    (trigger,) = market.at("1d 02:00").stock({"40": 2}).at("1d 08:00").triggers

    assert (trigger.customer_id, trigger.context["size"], trigger.context["in_stock"]) == ("ann", "40", 2)
    assert market.waves.kept("40") == 1


def test_on_the_event_clock_an_offer_that_waited_when_its_customer_became_part_of_another_is_given_back() -> None:
    actor = CustomerActor(Rules("test", [back()]), "event")
    offer = ProductNews("default", "bob", SKU, "s-1", at_ms("23:00"), 1, kept_until_ms=at_ms("23:30"), round=3)
    bob, _ = actor.handle(CustomerState("default", "bob"), offer, at_ms("22:50"))
    assert bob is not None
    ann = Draft(CustomerState("default", "ann"))
    fold(ann, bob, Merge("m-1", "bob", "ann", "cookie", ("cookie", "c"), "e-1", at_ms("22:55")))

    _, effects = actor.wake(ann.state(), at_ms("23:01"))

    released = Released("default", SKU, shard_of("bob"), at_ms("23:00"), "", at_ms("23:30"), number=3)
    assert effects == [Send("product", product_key("default", SKU), released)]


def test_b30_the_piece_of_an_offer_that_has_no_room_among_what_waits_is_given_back() -> None:
    story = Story(back())
    skus = [f"S{number:02}" for number in range(HELD_KEPT + 1)][::-1]
    for sku in skus:
        story.at("20:00", event("stock_alert_requested", items=(Item(sku),)))
    story.pass_time(at_ms("23:00"))
    for sku in skus:
        kept_until_ms = at_ms("23:30")
        story.deliver(
            ProductNews("default", "customer-1", sku, f"s-{sku}", at_ms("23:00"), 1, kept_until_ms=kept_until_ms),
            at_ms("23:00"),
        )

    words = [effect.message for effect in story.effects if isinstance(effect, Send)]
    assert [(word.sku, word.until_ms) for word in words if isinstance(word, Passed)][-2:] == [
        ("S00", at_ms("1d 08:30")),
        ("S32", 0),
    ]

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from pipeline.domain.event_types import EVENT_TYPES
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.config import IdentityConfig
from pipeline.settings import CHANNELS
from pipeline.sources.shop import shop
from pipeline.sources.shop_catalogue import BY_SKU, PRODUCTS
from pipeline.sources.shop_customers import shopper
from pipeline.wire.normalise import digest, normalise

START_MS = 1_795_510_800_000  # 2026-11-24 09:00


@pytest.fixture(scope="module")
def events() -> list[ChannelEvent]:
    return list(shop(7, 300, START_MS, 6))


def test_the_same_seed_is_the_same_shop_and_another_seed_another(events: list[ChannelEvent]) -> None:
    assert list(shop(7, 300, START_MS, 6)) == events
    assert list(shop(8, 300, START_MS, 6)) != events


def test_events_come_in_the_order_of_their_delivery(events: list[ChannelEvent]) -> None:
    delivered = [event.sent_at_ms or event.occurred_at_ms for event in events]

    assert delivered == sorted(delivered)
    assert delivered[0] >= START_MS


def test_the_beginning_of_a_long_day_is_there_at_once() -> None:
    assert len(list(islice(shop(1, 100_000, START_MS, 1), 100))) == 100


def test_every_event_is_valid_known_and_on_a_channel_of_ours(events: list[ChannelEvent]) -> None:
    for event in events:
        assert normalise(event, IdentityConfig()).event == event
        assert event.event_type in EVENT_TYPES
        assert event.channel in CHANNELS


def test_some_events_are_delivered_twice_with_the_same_content(events: list[ChannelEvent]) -> None:
    first: dict[str, ChannelEvent] = {}
    repeats = [(first[each.event_id], each) for each in events if first.setdefault(each.event_id, each) is not each]

    assert 0 < len(repeats) < len(events) * 0.03
    assert all(digest(one) == digest(other) for one, other in repeats)


def test_carts_are_left_bought_at_once_and_bought_elsewhere(events: list[ChannelEvent]) -> None:
    orders = [event for event in events if event.event_type == "order_completed"]
    carted = {event.cart_id for event in events if event.event_type == "product_added"}
    bought = {event.cart_id for event in orders if event.cart_id}

    assert len(carted - bought) > 20
    assert len(bought) > 20
    assert Counter(event.channel for event in orders)["pos"] > 20


def test_the_money_of_an_order_is_that_of_its_lines(events: list[ChannelEvent]) -> None:
    for event in events:
        for item in event.items:
            assert item.unit_price_minor == BY_SKU[item.sku].price_minor
        if event.event_type == "order_completed":
            assert event.amount_minor == sum(item.quantity * (item.unit_price_minor or 0) for item in event.items)


def test_what_goes_together_is_bought_together(events: list[ChannelEvent]) -> None:
    baskets = [{item.sku for item in each.items} for each in events if each.event_type == "order_completed"]
    together = sum(bool(basket & set(BY_SKU[sku].goes_with)) for basket in baskets for sku in basket)

    assert together > len(baskets) / 3


def test_anonymous_visitors_log_in_later_on_the_same_device(events: list[ChannelEvent]) -> None:
    known = {event.identifiers["cookie"] for event in events if {"cookie", "account"} <= event.identifiers.keys()}
    anonymous = {event.identifiers.get("cookie") for event in events if "account" not in event.identifiers}

    assert len(known & anonymous) > 20


def test_the_catalogue_names_only_products_it_has() -> None:
    assert len(BY_SKU) == len(PRODUCTS)
    assert {sku for product in PRODUCTS for sku in product.goes_with} <= set(BY_SKU)


def test_an_address_can_be_written_to() -> None:
    for number in range(500):
        who = shopper(7, number)
        assert who.email.isascii()
        assert " " not in who.email
        assert len(who.phone) == 14

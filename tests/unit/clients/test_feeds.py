"""Which topics a word of `omni tail` follows."""

from __future__ import annotations

import json

import pytest

from pipeline.clients.feeds import FEEDS
from pipeline.domain.records import Customer
from pipeline.settings import Settings
from pipeline.wire.records import encode_record

TOPICS = {
    "customers": "customers",
    "audiences": "audiences",
    "products": "catalog.products",
    "stock": "catalog.stock",
    "catalog": "catalog.view",
}
"""Word of `omni tail` → its topic."""


@pytest.mark.parametrize("word", TOPICS)
def test_a_feed_is_that_of_this_installation_not_of_another_on_the_same_broker(word: str) -> None:
    theirs = [f"south.{topic}" for topic in TOPICS.values()]

    found = [topic for topic in [*TOPICS.values(), *theirs, "shop-customer-changelog"] if FEEDS[word].topics(topic)]

    assert found == [TOPICS[word]]


def test_a_customer_has_carts_timers_and_whom_it_was_merged_from_beside_its_other_fields_in_order() -> None:
    details = {"carts": [{"cart_id": "c1", "open": True}], "merged_from": ["cu-2"], "timers": [{"rule": "r"}]}
    known = Customer("default", "cu-1", 1_795_514_400_000, orders=2, details=json.dumps(details))
    merged = Customer("default", "cu-2", 1_795_514_400_000, "cu-1")

    decode = FEEDS["customers"].decoder(Settings())
    said, pointer = decode(encode_record(known)), decode(encode_record(merged))

    assert said is not None
    assert pointer is not None
    assert {name: said[name] for name in details} == details
    assert (said["customer_id"], said["orders"], list(said)) == ("cu-1", 2, sorted(said))
    assert [pointer[name] for name in details] == [None, None, None]
    assert list(pointer) == list(said)

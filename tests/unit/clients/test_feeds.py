"""Which topics a word of `omni tail` follows."""

from __future__ import annotations

import pytest

from pipeline.clients.feeds import FEEDS

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

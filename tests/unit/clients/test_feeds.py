"""Which topics a word of `omni tail` follows."""

from __future__ import annotations

import pytest

from pipeline.clients.feeds import FEEDS


@pytest.mark.parametrize("word", ["customers", "audiences"])
def test_a_feed_is_that_of_this_installation_not_of_another_on_the_same_broker(word: str) -> None:
    topics = ["customers", "audiences", "south.customers", "south.audiences", "shop-customer-changelog"]

    assert [topic for topic in topics if FEEDS[word].topics(topic)] == [word]

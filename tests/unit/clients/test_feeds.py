"""Which topics a word of `omni tail` follows."""

from __future__ import annotations

import pytest

from pipeline.clients.feeds import FEEDS
from pipeline.settings import load_settings


@pytest.mark.parametrize("prefix", ["", "north."])
def test_customers_are_those_of_this_installation_not_of_another_on_the_same_broker(prefix: str) -> None:
    settings = load_settings(environ={"PIPELINE_TOPIC_PREFIX": prefix, "PIPELINE_APP_ID": "shop"})
    topics = [
        "shop-customer-changelog",
        "south.shop-customer-changelog",
        "other-customer-changelog",
        "shop-identity-changelog",
    ]

    assert [topic for topic in topics if FEEDS["customers"].topics(settings, topic)] == ["shop-customer-changelog"]

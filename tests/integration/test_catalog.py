"""The catalogue on a real Kafka: published, taken in by workers, looked up; bad records go to the dead letters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.event_types import END_OF_STREAM
from pipeline.domain.events import ChannelEvent
from pipeline.topics import CATALOG_PRODUCTS, CATALOG_STOCK, inbox_topic, prefixed
from tests.conftest import Omni
from tests.harness.fixtures import Install
from tests.harness.installation import Installation
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(200)]

NO_RULES = "version: test\nrules: []\n"
TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
MINUTE = 60_000
Line = dict[str, Any]

PRODUCTS: list[Line] = [
    {"sku": "SHOE", "name": "Shoe", "price_minor": 10_000, "currency": "EUR", "updated_at": TEN, "update_id": "p-1"},
    {"sku": "SHOE", "name": "Shoe", "price_minor": 9_500, "currency": "USD", "updated_at": TEN + 1, "update_id": "p-2"},
    {"sku": "SHOE", "name": "Shoe", "price_minor": 8_900, "currency": "EUR", "updated_at": TEN + 2, "update_id": "p-3"},
    {"sku": "GONE", "name": "Old shoe", "updated_at": TEN, "update_id": "p-4"},
    {"sku": "GONE", "deleted": True, "updated_at": TEN + MINUTE, "update_id": "p-5"},
]
STOCK: list[Line] = [
    {"sku": "SHOE", "levels": {"38": 5, "40": 1}, "updated_at": TEN, "update_id": "s-1"},
    {"sku": "SHOE", "store": "HH", "mode": "delta", "levels": {"38": -1}, "updated_at": TEN + 2, "update_id": "s-2"},
    {"sku": "SHOE", "store": "HH", "mode": "store", "levels": {"38": 2}, "updated_at": TEN + 1, "update_id": "s-3"},
    {"sku": "SHOE", "store": "HH", "mode": "delta", "levels": {"38": -1}, "updated_at": TEN + 2, "update_id": "s-2"},
    {"sku": "SHOE", "levels": {"40": 99}, "updated_at": TEN - 1, "update_id": "s-4"},
    {"sku": "GONE", "levels": {"": 7}, "updated_at": TEN + 2 * MINUTE, "update_id": "s-5"},
    {"sku": "UNKNOWN", "levels": {"": 7}, "updated_at": TEN, "update_id": "s-6"},
]


class Shop:
    """An installation, and the commands that a shop would give."""

    def __init__(self, installation: Installation, omni: Omni, folder: Path) -> None:
        self.installation = installation
        self._omni = omni
        self._folder = folder

    def publish(self, topic: str, lines: list[Line]) -> Line:
        path = self._folder / f"{topic}-{len(lines)}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        done = self._omni("publish", path, "--topic", topic, "--json", env=self.installation.environment)
        assert done.code == 0, done.stderr
        answer: Line = json.loads(done.stdout)
        return answer

    def product(self, sku: str) -> Line | None:
        done = self._omni("product", sku, "--json", env=self.installation.environment)
        if done.code == 1:
            assert f"Nothing is known of the product {sku}" in done.stderr
            return None
        assert done.code == 0, done.stderr
        answer: Line = json.loads(done.stdout)
        return answer

    def tail(self, what: str) -> list[Line]:
        done = self._omni("tail", what, "--from-start", "--until-end", env=self.installation.environment)
        assert done.code == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def settle(self) -> None:
        """Wait until the catalogue has been taken in."""
        installation, settings = self.installation, self.installation.settings
        topics = [prefixed(settings, CATALOG_PRODUCTS), prefixed(settings, CATALOG_STOCK)]
        wanted = [*topics, inbox_topic(settings, "product")]
        for number in (1, 2):  # what ingest sends stands in the inbox once the topics are committed
            wait_until(lambda: installation.lag_of(wanted) == 0, f"the catalogue is taken in, look {number}")


@pytest.fixture
def shop(install: Install, omni: Omni, tmp_path: Path) -> Shop:
    return Shop(install(NO_RULES), omni, tmp_path)


def assert_products(shop: Shop) -> None:
    shoe, gone, unknown = shop.product("SHOE"), shop.product("GONE"), shop.product("UNKNOWN")
    assert shoe is not None
    assert gone is not None
    assert unknown is not None
    assert (shoe["name"], shoe["price_minor"], shoe["currency"]) == ("Shoe", 8_900, "EUR")
    assert {name: [each["price_minor"] for each in prices] for name, prices in shoe["prices"].items()} == {
        "EUR": [10_000, 8_900],
        "USD": [9_500],
    }
    assert shoe["stock"] == {"": {"38": 5, "40": 1}, "HH": {"38": 1}}
    assert (gone["deleted"], gone["stock"], gone["available"]) == (True, {"": {"": 7}}, 0)
    assert unknown["available"] == 7
    assert unknown["name"] is None
    assert shop.product("NEVER-HEARD-OF") is None


@pytest.mark.parametrize(("transport", "number"), [("batch", 2), ("stock", 2)])
def test_what_is_published_of_the_catalogue_is_known_of_the_product_whatever_comes_late_or_twice(
    shop: Shop, transport: str, number: int
) -> None:
    workers = [shop.installation.start("--transport", transport)]
    assert shop.publish(CATALOG_PRODUCTS, PRODUCTS)["published"] == len(PRODUCTS)
    workers += [shop.installation.start("--transport", transport) for _ in range(1, number)]  # while records come
    assert shop.publish(CATALOG_STOCK, STOCK)["published"] == len(STOCK)
    wait_until(lambda: shop.product("UNKNOWN") is not None, "workers have begun")
    shop.settle()

    assert_products(shop)
    assert sum(worker.counted().get("catalog_ignored", 0) for worker in workers) >= 2
    assert [line["sku"] for line in shop.tail("products") if line.get("deleted")] == ["GONE"]
    assert {line["update_id"] for line in shop.tail("stock")} == {line["update_id"] for line in STOCK}


def test_b21_bad_records_go_to_the_dead_letters_with_field_and_remedy_and_the_rest_goes_on(shop: Shop) -> None:
    installation = shop.installation
    shop.installation.start()
    bad: dict[str, list[Line]] = {
        CATALOG_STOCK: [{"sku": "SHOE", "levels": {"38": -1}, "updated_at": TEN}, {"sku": "SHOE", "updated_at": TEN}],
        CATALOG_PRODUCTS: [{"sku": "SHOE", "price_minor": 100, "updated_at": TEN}, {"sku": "SHOE", "event_type": "x"}],
    }
    for topic, lines in bad.items():
        for line in lines:
            installation.producer.produce(prefixed(installation.settings, topic), json.dumps(line), partition=0)
        installation.producer.produce(
            prefixed(installation.settings, topic),
            json.dumps({"sku": "SHOE", "updated_at": TEN, "name": "Shoe", "levels": {"38": 3}}),
            partition=0,
        )
    installation.flush()
    wait_until(lambda: (shop.product("SHOE") or {}).keys() >= {"name", "stock"}, "the good records are taken in")

    letters = {f"{each['topic']}/{each['offset']}".partition("catalog.")[2]: each for each in shop.tail("deadletter")}
    assert {place: letter["reason"] for place, letter in letters.items()} == {
        "stock/0": "bad_value",
        "stock/1": "missing_field",
        "products/0": "missing_field",
        "products/1": "missing_field",
    }
    assert "what is there is 0 or more, what goes is a delta" in letters["stock/0"]["detail"]
    assert "add it, as in EUR" in letters["products/0"]["detail"]


def test_publish_refuses_what_its_topic_does_not_take(shop: Shop, omni: Omni) -> None:
    lines = [*PRODUCTS[:1], STOCK[0], {"event_id": "e-1", "event_type": "page_viewed"}]

    answer = shop.publish(CATALOG_STOCK, lines)

    assert (answer["published"], answer["rejected"]) == (1, 2)
    assert [line["sku"] for line in shop.tail("stock")] == ["SHOE"]


def test_a_silent_catalogue_does_not_hold_the_event_clock_and_a_telling_one_is_known_by_the_time(shop: Shop) -> None:
    installation = shop.installation
    shop.publish(CATALOG_STOCK, STOCK)  # and catalog.products stays silent
    installation.publish([ChannelEvent("e-1", "page_viewed", "web", TEN + 3 * MINUTE, {"account": "u-1"})])
    installation.control(END_OF_STREAM, TEN + 90_000)
    installation.start("--clock", "event")

    def told() -> Line:
        return shop.product("GONE") or {}

    wait_until(lambda: (shop.product("SHOE") or {}).get("available") == 7, "the clock has passed the stock of the shoe")
    assert told().get("stock", {}) == {}  # of two minutes past ten, which the clock has not reached
    installation.control(END_OF_STREAM, TEN + 5 * MINUTE)
    wait_until(lambda: told().get("available") == 7, "the clock has passed the rest")

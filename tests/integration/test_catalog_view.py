"""The topic `catalog.view` on a real Kafka, with workers that are killed; what reads it: copies and commands."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from pipeline.clients.lookup import product
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.product.state import product_json
from pipeline.domain.product.view import catalog_view
from pipeline.domain.records import CatalogView
from pipeline.topics import CATALOG_VIEW, prefixed
from pipeline.wire.records import decode_record
from tests.conftest import Omni
from tests.harness.fixtures import Install
from tests.harness.installation import Installation, Worker
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(200)]

RULES = "version: test\nrules: []\n"
PEOPLE, ROUNDS = 50, 8


def events(rounds: range, now_ms: int) -> Iterator[ChannelEvent]:
    """Everybody looks at HOT; one in five at a product of their own, one in ten buys both, with pick-up in Berlin.

    Two in ten buy a hat: what every order holds would go well with nothing.
    """
    for number in rounds:
        for person in range(PEOPLE):
            yield ChannelEvent(
                f"v-{number}-{person}", "product_viewed", "web", now_ms, {"account": f"u-{person}"},
                items=(Item("HOT"),) if person % 5 else (Item("HOT"), Item(f"OWN-{person}")),
            )  # fmt: skip
            if person % 10 == 0:
                yield ChannelEvent(
                    f"o-{number}-{person}", "order_completed", "app", now_ms, {"account": f"u-{person}"},
                    items=(Item("HOT"), Item(f"OWN-{person}")), store_id="berlin",
                )  # fmt: skip
            elif person % 10 in (3, 6):
                account, hat = {"account": f"u-{person}"}, (Item("HAT"),)
                yield ChannelEvent(f"o-{number}-{person}", "order_completed", "app", now_ms, account, items=hat)


def told(installation: Installation) -> dict[str, CatalogView]:
    """The last record of each product."""
    found: dict[str, CatalogView] = {}
    for record in installation.records(prefixed(installation.settings, CATALOG_VIEW)):
        assert record.value is not None
        view = decode_record(CatalogView, record.value)
        assert record.key == f"{view.tenant}\x1f{view.sku}".encode()
        found[view.sku] = view
    return found


def answer(worker: Worker, path: str) -> tuple[int, Any]:
    try:
        with urlopen(f"http://127.0.0.1:{worker.port}{path}", timeout=10) as page:
            return page.status, json.load(page)
    except HTTPError as error:
        return error.code, json.load(error)


def test_while_workers_are_killed_every_event_counts_once_and_copies_and_commands_tell_it(
    install: Install, omni: Omni
) -> None:
    installation = install(RULES, products_every_ms="300")
    settings = installation.settings
    workers = [installation.start(), installation.start()]
    installation.flowing(*workers)
    now_ms = int(time.time() * 1000)

    for part in range(4):
        installation.publish(events(range(part * 2, part * 2 + 2), now_ms))
        if part < 3:
            wait_until(lambda part=part: len(told(installation)) > part, "products are told of")  # type: ignore[misc]
            workers[part].kill()
            workers.append(installation.start())
    installation.settle(seconds=90)

    own, buyers = PEOPLE // 5, PEOPLE // 10
    expected = {"views": PEOPLE * ROUNDS, "carts": 0, "sales": buyers * ROUNDS, "wishes": 0}

    def current() -> bool:
        views = told(installation)
        states = {sku: product(settings, "default", sku) for sku in views}
        return len(views) == 2 + own and all(
            state is not None and views[sku] == catalog_view(state, views[sku].updated_at_ms)
            for sku, state in states.items()
        )

    wait_until(current, "the last record of each product is what its state says")
    hot = told(installation)["HOT"]
    assert {name: round(getattr(hot.demand, name)) for name in expected} == expected
    assert {name: round(counts.sales) for name, counts in hot.stores.items()} == {"berlin": buyers * ROUNDS}
    assert {name: round(counts.views) for name, counts in hot.channels.items()} == {"app": 0, "web": PEOPLE * ROUNDS}
    bought = product(settings, "default", "HOT")
    assert bought is not None
    together = {sku: pair.baskets for sku, pair in bought.companions.together.items()}
    assert together == {f"OWN-{person}": ROUNDS for person in range(0, PEOPLE, 10)}
    assert {each.sku for each in hot.complements} <= together.keys()

    late = installation.start()  # with a copy to load from the start
    installation.flowing(late)
    for worker in (workers[-1], late):
        wait_until(lambda w=worker: answer(w, "/v1/products/HOT")[0] == 200, "its copy is loaded")  # type: ignore[misc]
        status, page = answer(worker, "/v1/products/HOT?tenant=default")
        assert (status, page["sku"], round(page["demand"]["views"])) == (200, "HOT", PEOPLE * ROUNDS)
    wait_until(lambda: answer(late, "/ready")[1]["catalog"] == {"loaded": True, "products": 2 + own}, "all are there")
    status, page = answer(late, "/v1/products/HOT?tenant=other")
    assert (status, page["loaded"]) == (404, True)
    with urlopen(f"http://127.0.0.1:{late.port}/metrics", timeout=10) as metrics:
        assert f"omni_catalog_products {2.0 + own}" in metrics.read().decode()

    environment = installation.environment
    state = product(settings, "default", "HOT")
    assert state is not None
    shown = omni("product", "HOT", "--json", env=environment)
    assert json.loads(shown.stdout) == json.loads(json.dumps(product_json(state, 0)))
    lists = json.loads(omni("assortment", "--store", "berlin", "--top", "3", "--json", env=environment).stdout)
    assert [line["sku"] for line in lists["best_sellers"]] == ["HOT", "OWN-0", "OWN-10"]
    assert all(line["skus"][0] == "HOT" for line in lists["bought_together"])
    assert "wrong_channel" not in lists
    text = omni("assortment", env=environment).stdout
    assert "Best sellers\n  " in text
    assert "In the wrong channel\n  nothing yet" in text
    (first, *_) = omni("tail", "catalog", "--from-start", "--until-end", env=environment).stdout.splitlines()
    assert json.loads(first)["tenant"] == "default"
    for words in (("product", "NEVER-SEEN"), ("assortment", "--tenant", "nobody")):
        done = omni(*words, env=environment)
        assert (done.code, done.stdout) == (1, "")
        assert "tenant" in done.stderr

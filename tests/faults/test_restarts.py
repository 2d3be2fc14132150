"""Workers that are restarted as planned, and a broker whose topics were made anew meanwhile."""

from __future__ import annotations

import time
from urllib.request import urlopen

import pytest

from pipeline.broker.topic_admin import connected, create_topics
from pipeline.domain.events import ChannelEvent, Item
from pipeline.topics import changelog_topic, topics
from tests.harness.fixtures import Install, carts
from tests.harness.installation import Installation
from tests.harness.reading import CustomerTable
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def cart(account: str) -> ChannelEvent:
    now_ms = int(time.time() * 1000)
    items = (Item("A", 1, 999, "EUR"),)
    return ChannelEvent(f"e-{account}", "product_added", "web", now_ms, {"account": account}, cart_id="c1", items=items)


def test_a_planned_restart_sends_nothing_twice(install: Install) -> None:
    installation = install(carts("1s"))
    worker = installation.start()
    installation.flowing(worker)
    installation.publish(cart(f"u-{number}") for number in range(40))
    installation.settle()

    assert worker.stop() == 0
    again = installation.start()
    installation.flowing(again)
    assert again.stop() == 0

    assert len(installation.triggers()) == 40


@pytest.mark.parametrize(("data_dir", "reads"), [("data", False), ("elsewhere", True)])
def test_a_planned_restart_reads_nothing_back_but_on_another_machine_the_whole_changelog_and_the_metrics_tell(
    install: Install, data_dir: str, reads: bool
) -> None:
    installation = install(carts("1h"))
    worker = installation.start()
    installation.flowing(worker)
    installation.publish(cart(f"u-{number}") for number in range(40))
    installation.settle(until_ms=0)
    assert worker.stop() == 0

    again = installation.start(data_dir=str(installation.folder / data_dir))
    installation.flowing(again)
    with urlopen(f"http://127.0.0.1:{again.port}/metrics", timeout=10) as answer:
        values = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[0] != "#")
    installation.publish(cart(f"u-{number}") for number in range(40, 50))
    installation.publish(cart(f"u-{number}") for number in range(50))  # every one of them again
    installation.settle(until_ms=0)

    read = float(values.get('omni_recovered_records_total{actor="customer"}', 0))
    assert read >= 40 if reads else read == 0
    assert 0 < float(values["omni_recovery_seconds"]) < 60
    assert [state.events for state in installation.customers.by_account().values()] == [1] * 50


def made_anew(installation: Installation) -> None:
    """Delete every topic and create it again, as after a broker that has lost its disk."""
    wanted = topics(installation.settings, ["cart_reminder"])
    names = [topic.name for topic in wanted]
    with connected(installation.bootstrap) as client:
        client.delete_topics(names)
        wait_until(
            lambda: all(topic["error_code"] != 0 for topic in client.describe_topics(names)), "the topics are gone"
        )
    create_topics(installation.bootstrap, wanted)


def test_tables_on_disk_that_belong_to_deleted_topics_are_begun_anew(install: Install) -> None:
    installation = install(carts("1h"), store="rocksdb")
    worker = installation.start()
    installation.flowing(worker)
    installation.publish(cart(f"u-{number}") for number in range(40))
    installation.settle(until_ms=0)
    assert worker.stop() == 0

    made_anew(installation)
    installation.publish([cart("u-1"), cart("u-100")])
    again = installation.start()
    installation.flowing(again)
    installation.customers = CustomerTable(installation.reader(changelog_topic(installation.settings, "customer")))
    installation.settle(until_ms=0)

    assert {account: state.events for account, state in installation.customers.by_account().items()} == {
        "u-1": 1,
        "u-100": 1,
    }
    assert "follows another changelog" in again.said()

"""A broker that loses the end of a topic, as one with a single replica may when its machine dies."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from pipeline.domain.events import ChannelEvent, Item
from pipeline.streaming.table import DiskPartition, MemoryPartition, recover
from pipeline.topics import changelog_topic, channel_topic
from tests.harness.fixtures import carts
from tests.harness.installation import Installation, on_its_own_broker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def cart(account: str, sku: str) -> ChannelEvent:
    now_ms = int(time.time() * 1000)
    items = (Item(sku, 1, 999, "EUR"),)
    identifiers = {"account": account}
    return ChannelEvent(f"e-{account}-{sku}", "product_added", "web", now_ms, identifiers, cart_id="c1", items=items)


def batch_ends(log: bytes) -> Iterator[int]:
    """Where each record batch of a log segment ends (bytes)."""
    end = 0
    while end + 12 <= len(log) and (length := struct.unpack_from(">i", log, end + 8)[0]) > 0:
        end += 12 + length
        yield end


def cut(segment: Path) -> None:
    """Remove the last record batch."""
    ends = [0, *batch_ends(segment.read_bytes())]
    with segment.open("r+b") as file:
        file.truncate(ends[-2])


def kept(installation: Installation, partition: int) -> tuple[int | None, dict[bytes, bytes]]:
    """What the worker keeps on disk of a partition of the customers' changelog, and up to which offset."""
    (folder,) = installation.folder.glob(f"data/workers/0/tables/*/customer/{partition}")
    store = DiskPartition(folder)
    try:
        return store.offset, dict(store.items())
    finally:
        store.close()


def told(installation: Installation, partition: int) -> tuple[int | None, dict[bytes, bytes]]:
    """What the changelog says."""
    place = TopicPartition(changelog_topic(installation.settings, "customer"), partition)
    consumer = KafkaConsumer(bootstrap_servers=installation.bootstrap, auto_offset_reset="earliest")
    consumer.assign([place])
    end, store = consumer.end_offsets([place])[place], MemoryPartition()
    while consumer.position(place) < end:
        for records in consumer.poll(timeout_ms=500).values():
            recover(store, ((record.key, record.value) for record in records), records[-1].offset)
    consumer.close()
    return store.offset, dict(store.items())


def test_a_worker_whose_table_is_ahead_of_its_changelog_begins_it_anew_says_so_and_goes_on(tmp_path: Path) -> None:
    variables = {"store": "rocksdb", "partitions": "2"}
    with on_its_own_broker(tmp_path, "cut.", carts("1h"), **variables) as (broker, installation):
        worker = installation.start()
        installation.flowing(worker)
        for sku in ("A", "B", "C"):
            installation.publish(cart(f"u-{number}", sku) for number in range(20))
            installation.settle(until_ms=0)
        assert worker.stop() == 0
        before = kept(installation, 0)
        assert before == told(installation, 0)

        broker.kill()
        name = changelog_topic(installation.settings, "customer")
        (segment,) = broker.directory.glob(f"**/{name}-0/*.log")
        cut(segment)
        broker.start(ephemeral=True)
        again = installation.start()
        installation.flowing(again)

        installation.publish(cart(f"u-{number}", "D") for number in range(20))
        installation.settle(until_ms=0)
        assert again.stop() == 0
        assert f"{name}/0 has lost its end" in again.said()
        assert f"{name}/1 has" not in again.said()
        assert kept(installation, 0) == told(installation, 0)
        assert kept(installation, 1) == told(installation, 1)


@pytest.mark.parametrize("down", [True, False], ids=["while the worker is down", "under a running worker"])
def test_events_after_the_loss_of_a_channels_end_count_though_their_offsets_had_been_handled(
    tmp_path: Path, down: bool
) -> None:
    with on_its_own_broker(tmp_path, "lost.", carts("1h")) as (broker, installation):
        worker = installation.start()
        installation.flowing(worker)
        for sku in ("A", "B", "C"):
            installation.publish(cart(f"u-{number}", sku) for number in range(20))
            installation.settle(until_ms=0)
        if down:
            assert worker.stop() == 0

        broker.kill()
        name = channel_topic(installation.settings, "web")
        for segment in broker.directory.glob(f"**/{name}-*/*.log"):
            segment.write_bytes(b"")
        broker.start(ephemeral=True)
        installation.publish(cart(f"u-{number}", "D") for number in range(20))
        if down:
            worker = installation.start()
            installation.flowing(worker)
        installation.settle(until_ms=0)

        assert {state.events for state in installation.customers.by_account().values()} == {4}
        assert f"{name}/0 has lost its end" in worker.said()

"""`omni history` between a real Kafka and a real database: nothing lost, nothing shown twice, whatever dies when."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from pipeline.broker.local import LocalKafka
from pipeline.broker.ready import free_ports
from pipeline.broker.topic_admin import create_topics
from pipeline.history.consumer import consumer_for
from pipeline.settings import PROJECT_DIR, Settings, load_settings
from pipeline.topics import inbox_topic, prefixed, topics, trigger_topic
from pipeline.wire.records import encode_record
from tests.clickhouse_server import ClickhouseServer
from tests.harness.groups import members
from tests.harness.history_shop import ORDERS, PARTITIONS, Shop, StartHistory, asked, stored_events, until
from tests.harness.rounds import ROUNDS
from tests.harness.waiting import PATIENCE_SECONDS, wait_until
from tests.history_rows import CHANGE, DECISION, LETTER, TRIGGER

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]

# The sink as `omni history` runs it, but killed at the moment it would commit.
KILLED_BEFORE_COMMIT = """
import os, signal, threading
from pipeline.history.consumer import consumer_for
from pipeline.history.sink import Sink
from pipeline.history.writer import open_history
from pipeline.settings import load_settings
settings = load_settings()
consumer = consumer_for(settings)
consumer.commit = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
Sink(consumer, settings, lambda: open_history(settings)).run(threading.Event())
"""


def group_of(settings: Settings) -> str:
    return f"{settings.topic_prefix}{settings.app_id}-history"


def uncommitted(settings: Settings, topic: str) -> int:
    """How many messages of `topic` the group would read again."""
    consumer = KafkaConsumer(bootstrap_servers=settings.bootstrap, group_id=group_of(settings))
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    ends = consumer.end_offsets(places)
    left = sum(ends[place] - (consumer.committed(place) or 0) for place in places)
    consumer.close(autocommit=False)
    return int(left)


def test_what_the_workers_publish_becomes_rows_that_can_be_asked_for_while_history_runs(
    settings: Settings, shop: Shop, start_history: StartHistory
) -> None:
    (port,) = free_ports(1)
    history = start_history(PIPELINE_HISTORY_PORT=str(port))
    shop.events(100)
    shop.record(trigger_topic(settings, "cart_reminder"), encode_record(TRIGGER))
    shop.record(prefixed(settings, "decisions"), encode_record(DECISION))
    shop.record(prefixed(settings, "identity.changes"), encode_record(CHANGE))
    shop.record(prefixed(settings, "deadletter"), encode_record(LETTER))
    shop.record(prefixed(settings, "decisions"), b"no decision")

    until(settings, ORDERS, [[100, 100 * 10_499]])
    until(settings, "SELECT rule FROM triggers", [["cart_reminder"]])
    until(settings, "SELECT reason FROM decisions", [["bought"]])
    until(settings, "SELECT value FROM identity_changes", [["c-9"]])
    until(settings, "SELECT reason, count() FROM dead_letters GROUP BY reason", [["undecodable", 2]])
    assert history.poll() is None
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        told = answer.read().decode()
    assert 'omni_history_rows_total{table="events"} 100.0' in told
    assert 'omni_history_refused_rows_total{reason="undecodable"} 1.0' in told
    assert "omni_history_lag_records" in told
    assert "omni_history_delay_seconds" in told

    history.send_signal(signal.SIGTERM)

    assert history.wait(timeout=30) == 0
    assert uncommitted(settings, inbox_topic(settings, "customer")) == 0
    assert uncommitted(settings, prefixed(settings, "decisions")) == 0


def test_killed_between_insert_and_commit_it_shows_every_row_once(
    settings: Settings, shop: Shop, start_history: StartHistory
) -> None:
    shop.events(200)

    killed = start_history(KILLED_BEFORE_COMMIT)
    assert killed.wait(timeout=PATIENCE_SECONDS) == -signal.SIGKILL
    stored = asked(settings, "SELECT count() FROM events_log")
    assert stored is not None
    assert stored[0][0] > 0
    assert uncommitted(settings, inbox_topic(settings, "customer")) == 10

    again = start_history(KILLED_BEFORE_COMMIT)
    assert again.wait(timeout=PATIENCE_SECONDS) == -signal.SIGKILL
    start_history()
    until(settings, ORDERS, [[200, 200 * 10_499]])
    assert asked(settings, "SELECT count() FROM event_conflicts") == [[0]]


@pytest.mark.soak
@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_b38_killed_at_random_moments_it_loses_nothing_and_shows_nothing_twice(
    settings: Settings, shop: Shop, start_history: StartHistory, round_number: int
) -> None:
    chance = random.Random(38 + round_number)
    for _ in range(5):
        before = stored_events(settings)
        history = start_history()

        def writes(before: int = before) -> bool:
            shop.events(40)
            return stored_events(settings) > before

        wait_until(writes, "history writes")
        until_killed = time.monotonic() + chance.uniform(0.0, 1.5)  # it writes once a second
        while time.monotonic() < until_killed:
            shop.events(40)
            time.sleep(0.02)
        history.kill()
        history.wait()
    start_history()

    until(settings, ORDERS, [[shop.sent, shop.sent * 10_499]])


def test_b35_a_database_that_is_away_costs_delay_and_nothing_else(
    settings: Settings, shop: Shop, start_history: StartHistory, tmp_path: Path
) -> None:
    folder = tmp_path / "clickhouse"
    folder.mkdir()
    server = ClickhouseServer(folder)
    url = server.url("omni")
    there = settings.replace(clickhouse_url=url)
    server.kill()
    try:
        history = start_history(PIPELINE_CLICKHOUSE_URL=url)  # begins before the server does
        wait_until(lambda: "waiting for it" in (tmp_path / "history.log").read_text(), "history waits for the database")
        shop.events(200)
        server.start()
        until(there, ORDERS, [[200, 200 * 10_499]])

        server.kill()
        for _ in range(20):
            shop.events(100)
            time.sleep(0.05)
        server.start()
        until(there, ORDERS, [[shop.sent, shop.sent * 10_499]])

        server.stop()
        shop.events(100)
        history.send_signal(signal.SIGTERM)  # stops though it cannot store what it holds
        assert history.wait(timeout=30) == 0
        server.start()
        start_history(PIPELINE_CLICKHOUSE_URL=url)
        until(there, ORDERS, [[shop.sent, shop.sent * 10_499]])
    finally:
        server.kill()


def test_what_kafka_removed_while_history_was_down_is_told_and_the_rest_is_stored(
    settings: Settings, shop: Shop, start_history: StartHistory, tmp_path: Path
) -> None:
    first = start_history()
    shop.events(400)
    until(settings, ORDERS, [[400, 400 * 10_499]])
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=30) == 0
    shop.events(400)
    inbox = inbox_topic(settings, "customer")
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    admin.delete_records({TopicPartition(inbox, partition): 10 for partition in range(PARTITIONS)})  # all there are
    admin.close()
    shop.events(80)

    start_history()

    until(settings, ORDERS, [[480, 480 * 10_499]])
    said = (tmp_path / "history.log").read_text()
    for partition in range(PARTITIONS):
        assert f"{inbox}/{partition}: records 5 to 9 are gone, not stored" in said


def test_two_history_processes_share_the_partitions_of_one_server_and_one_may_leave(
    settings: Settings, shop: Shop, start_history: StartHistory, clickhouse: ClickhouseServer, prefix: str
) -> None:
    url = clickhouse.url("shared_" + prefix.rstrip(".").rpartition("-")[2])
    there = settings.replace(clickhouse_url=url)
    first, second = start_history(PIPELINE_CLICKHOUSE_URL=url), start_history(PIPELINE_CLICKHOUSE_URL=url)
    inbox = inbox_topic(settings, "customer")

    def shares() -> list[list[int]]:
        """The partitions of the customers' inbox that each process has."""
        owned = members(str(settings.bootstrap), group_of(settings)).values()
        return [sorted(number for topic, number in each if topic == inbox) for each in owned]

    wait_until(lambda: len(shares()) == 2 and all(shares()), "each process has partitions")
    shared = shares()
    shop.events(400)  # in every partition
    until(there, ORDERS, [[400, 400 * 10_499]])
    assert shares() == shared, "each has written what its partitions held"

    first.kill()
    shop.events(400)

    until(there, ORDERS, [[800, 800 * 10_499]])
    assert second.poll() is None


def test_the_triggers_of_a_rule_made_later_are_found(
    settings: Settings, shop: Shop, start_history: StartHistory
) -> None:
    start_history()
    shop.events(1)
    until(settings, ORDERS, [[1, 10_499]])

    create_topics(str(settings.bootstrap), topics(settings, ["cart_reminder", "win_back"]))
    shop.record(trigger_topic(settings, "win_back"), encode_record(_with_rule("win_back")))

    until(settings, "SELECT rule FROM triggers", [["win_back"]])


def test_a_rule_made_later_is_found_though_no_poll_is_long_enough_for_the_group_to_settle(settings: Settings) -> None:
    consumer = consumer_for(settings)

    def reads(rule: str) -> Callable[[], bool]:
        def polled() -> bool:
            consumer.poll(timeout_ms=1)
            return TopicPartition(trigger_topic(settings, rule), 0) in consumer.assignment()

        return polled

    try:
        wait_until(reads("cart_reminder"), "the first rule's triggers are read")
        create_topics(str(settings.bootstrap), topics(settings, ["cart_reminder", "win_back"]))

        wait_until(reads("win_back"), "the later rule's triggers are read")
    finally:
        consumer.close(autocommit=False)


def test_a_row_is_there_within_a_second_and_a_half_when_it_is_quiet(
    settings: Settings, shop: Shop, start_history: StartHistory
) -> None:
    start_history()
    shop.events(1)
    until(settings, ORDERS, [[1, 10_499]])
    delays = []
    for number in range(2, 5):
        began = time.monotonic()
        shop.events(1)
        until(settings, ORDERS, [[number, number * 10_499]])
        delays.append(time.monotonic() - began)

    assert sorted(delays)[1] < 1.5, delays


def test_without_a_broker_it_says_so_and_stops_with_status_3(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "history", "--bootstrap", "127.0.0.1:1"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 3
    assert "127.0.0.1:1" in done.stderr
    assert done.stdout == ""


def _with_rule(rule: str) -> Any:
    fields = {name: getattr(TRIGGER, name) for name in TRIGGER.__struct_fields__}
    return type(TRIGGER)(**fields | {"rule": rule})


def test_b39_after_the_broker_was_killed_and_started_again_it_goes_on_by_itself(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with LocalKafka(tmp_path / "broker") as broker:
        made = load_settings(
            environ={}, bootstrap=broker.bootstrap, partitions=PARTITIONS, channels=("web",), data_dir=tmp_path / "data"
        )
        create_topics(broker.bootstrap, topics(made, ["cart_reminder"]))
        history = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "history"],
            env=environment | {"KAFKA_BOOTSTRAP": broker.bootstrap, "PIPELINE_PARTITIONS": str(PARTITIONS)},
            cwd=PROJECT_DIR,
        )
        try:
            before = Shop(made)
            before.events(100)
            until(made, ORDERS, [[100, 100 * 10_499]])
            before.close()

            broker.kill()
            broker.start(ephemeral=True)

            after = Shop(made)
            after.sent = 100
            after.events(100)
            until(made, ORDERS, [[200, 200 * 10_499]])
            after.close()
            assert history.poll() is None
        finally:
            history.kill()
            history.wait()

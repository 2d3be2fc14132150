"""`omni publish` and `omni replay` on a real broker."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka.partitioner import DefaultPartitioner
from kafka import KafkaConsumer, TopicPartition
from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent
from pipeline.settings import Settings
from pipeline.wire.channel_event import Decoder
from tests.conftest import Omni
from tests.integration.clients.records import (
    PARTITIONS,
    START_MS,
    channel_records,
    jsonl,
)


def test_what_is_published_is_on_its_channel_in_its_customers_order(
    omni: Omni, env: dict[str, str], settings: Settings, events: list[ChannelEvent], tmp_path: Path
) -> None:
    done = omni("publish", jsonl(tmp_path / "events.jsonl", events), "--json", env=env)

    assert done.code == 0, done.stderr
    assert json.loads(done.stdout) | {"seconds": 0} == {
        "published": len(events), "rejected": 0, "skipped": 0, "seconds": 0,
    }  # fmt: skip
    decode, partitioner = Decoder().decode, DefaultPartitioner()
    found: dict[tuple[str, bytes], list[str]] = {}
    for record in channel_records(settings):
        event = decode(record.value)
        assert record.topic == f"{settings.topic_prefix}channel.{event.channel}"
        assert record.key is not None
        places = list(range(PARTITIONS))
        assert record.partition == partitioner(record.key, places, places)
        found.setdefault((event.channel, record.key), []).append(event.event_id)
    wanted: dict[tuple[str, bytes], list[str]] = {}
    for event in events:
        kind = next(kind for kind in ("account", "loyalty", "email", "phone", "payment_token", "device", "cookie")
                    if kind in event.identifiers)  # fmt: skip
        wanted.setdefault((event.channel, f"{kind}:{event.identifiers[kind]}".encode()), []).append(event.event_id)
    assert found == wanted


def test_b24_what_is_wrong_is_rejected_with_its_line_and_the_rest_is_published(
    omni: Omni, env: dict[str, str], settings: Settings
) -> None:
    good = {
        "event_id": "e",
        "event_type": "page_viewed",
        "channel": "web",
        "occurred_at": 1795514400000,
        "identifiers": {},
    }
    item = {"sku": "A", "unit_price_minor": "19.99"}
    text = "\n".join(
        json.dumps(event)
        for event in (
            {**good, "event_id": "e-1"},
            {**good, "items": [item]},
            {**good, "event_id": " "},
            {**good, "channel": "smart_mirror"},
            {**good, "event_id": "e-5", "channel": "pos"},
        )
    )

    done = omni("publish", "-", "--json", env=env, stdin=text)

    answer = json.loads(done.stdout)
    assert (done.code, answer["published"], answer["rejected"]) == (0, 2, 3)
    assert 'line 2: wrong_type: items[0].unit_price_minor: expected an integer, got "19.99"' in done.stderr
    assert "line 3: no_event_id: event_id is empty" in done.stderr
    assert "line 4: bad_value: " in done.stderr
    assert "'smart_mirror' has no topic" in done.stderr
    assert "PIPELINE_CHANNELS" in done.stderr
    assert len(channel_records(settings)) == 2


def test_nothing_but_rejections_is_a_no(omni: Omni, env: dict[str, str]) -> None:
    assert omni("publish", "-", env=env, stdin="{}").code == 1


def test_end_of_stream_reaches_every_partition_of_every_channel(
    omni: Omni, env: dict[str, str], settings: Settings
) -> None:
    done = omni("publish", "--end-of-stream", "2026-11-24T23:59:59Z", "--json", env=env)

    assert done.code == 0, done.stderr
    decode = Decoder().decode
    records = channel_records(settings)
    places = {(record.topic, record.partition) for record in records}
    assert len(records) == len(places) == len(settings.channels) * PARTITIONS
    told = {(event.event_type, event.occurred_at_ms) for event in map(decode, [each.value for each in records])}
    assert told == {("end_of_stream", 1_795_564_799_000)}


def test_a_replay_on_event_time_moves_the_clock_of_every_partition_but_never_past_an_event_to_come(
    omni: Omni, env: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    events = [
        ChannelEvent(f"e-{n}", "page_viewed", "web", START_MS + n // 3, {"account": f"u-{n % 50}"})
        for n in range(5_000)
    ]

    done = omni("replay", jsonl(tmp_path / "e.jsonl", events), "--clock", "event", "--json", env=env)

    assert json.loads(done.stdout)["published"] == 5_000
    clocks: dict[tuple[str, int], int] = {}
    heard = 0
    decode = Decoder().decode
    for record in channel_records(settings):
        event, place = decode(record.value), (record.topic, record.partition)
        if event.event_type == "stream_time":
            heard += 1
            clocks[place] = event.occurred_at_ms
        else:
            assert event.occurred_at_ms > clocks.get(place, 0)
    assert heard >= 2 * len(settings.channels) * PARTITIONS


def test_a_publishing_cut_short_goes_on_where_it_stopped_and_a_whole_one_is_sent_again(
    omni: Omni, env: dict[str, str], environment: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    events = [
        ChannelEvent(f"e-{n}", "page_viewed", "web", START_MS + n * 10, {"account": f"u-{n}"}) for n in range(20_000)
    ]
    path = jsonl(tmp_path / "long.jsonl", events)
    slow = [sys.executable, "-m", "pipeline", "replay", str(path), "--speed", "40"]
    process = subprocess.Popen(slow, cwd=tmp_path, env=environment | env, stderr=subprocess.PIPE)
    while len(channel_records(settings)) < 500:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)

    done = omni("replay", path, "--json", env=env)

    answer = json.loads(done.stdout)
    assert answer["skipped"] >= 500
    assert answer["published"] == 20_000 - answer["skipped"]
    decode = Decoder().decode
    sent = [decode(record.value).event_id for record in channel_records(settings)]
    assert set(sent) == {event.event_id for event in events}
    assert len(sent) <= 20_001
    assert json.loads(omni("replay", path, "--json", env=env).stdout)["published"] == 20_000


def test_speed_paces_the_replay_and_its_events_leave_at_their_time(
    omni: Omni, env: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    events = [ChannelEvent(f"e-{n}", "page_viewed", "web", START_MS + n * 1_000, {"account": "u-1"}) for n in range(5)]

    done = omni("replay", jsonl(tmp_path / "e.jsonl", events), "--speed", "2", "--json", env=env)

    assert json.loads(done.stdout)["seconds"] >= 2
    appended = [record.appended_at_ms for record in channel_records(settings)]
    assert 1_700 <= appended[-1] - appended[0] <= 4_000


def test_an_event_larger_than_a_worker_takes_is_rejected_with_its_size(
    omni: Omni, env: dict[str, str], settings: Settings, events: list[ChannelEvent], tmp_path: Path
) -> None:
    large = replace(events[0], properties={"text": "x" * 300_000})

    done = omni("publish", jsonl(tmp_path / "events.jsonl", [large, events[1]]), "--json", env=env)

    assert json.loads(done.stdout) | {"seconds": 0} == {"published": 1, "rejected": 1, "skipped": 0, "seconds": 0}
    assert re.search(r"line 1: value_too_long: 30\d{4} bytes, at most 262144 are taken", done.stderr)
    assert len(channel_records(settings)) == 1


def test_events_carry_tenant_schema_and_trace(
    omni: Omni, env: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    event = ChannelEvent("e-1", "page_viewed", "web", START_MS, {"account": "u-1"}, "shop-a")
    omni("publish", jsonl(tmp_path / "e.jsonl", [event]), env=env)

    topic = f"{settings.topic_prefix}channel.web"
    consumer = KafkaConsumer(bootstrap_servers=settings.bootstrap)
    consumer.assign([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
    consumer.seek_to_beginning()
    record = next(iter(consumer))
    consumer.close()

    assert record.headers == [("tenant", b"shop-a"), ("schema", b"channel_event"), ("trace", b"e-1")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["publish"], "Nothing to publish"),
        (["publish", "/nonexistent.jsonl"], "/nonexistent.jsonl: no such file"),
        (["publish", "--end-of-stream", "tomorrow"], "Write it like 2026-11-24T10:00:00Z"),
        (["replay", "-", "--speed", "0"], "must be greater than 0"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_sent(omni: Omni, words: list[str], said: str) -> None:
    done = omni(*words, env={"KAFKA_BOOTSTRAP": "127.0.0.1:9"})

    assert done.code == 2
    assert said in done.stderr


@pytest.mark.parametrize("topic", ["omni-customer-changelog", "identity.inbox", "decisions", "triggers.cart_reminder"])
def test_what_workers_alone_write_is_no_topic_to_publish_to(
    omni: Omni, env: dict[str, str], events: list[ChannelEvent], tmp_path: Path, topic: str
) -> None:
    assert omni("topics", "create", env=env).code == 0

    done = omni("publish", jsonl(tmp_path / "events.jsonl", events), "--topic", topic, env=env)

    assert done.code == 2
    assert f"{topic} is written by workers alone. What is published goes to channel.<name>" in done.stderr


def test_an_unknown_source_is_wrong_usage(omni: Omni, env: dict[str, str]) -> None:
    done = omni("replay", "-", "--source", "rees64", env=env)

    assert done.code == 2
    assert "Did you mean rees46?" in done.stderr

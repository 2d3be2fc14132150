"""The commands that speak to Kafka as clients, on a real broker."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiokafka.partitioner import DefaultPartitioner
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from msgspec.structs import replace

from pipeline.broker.local import LocalKafka
from pipeline.clients.follower import Received, follow
from pipeline.clients.lookup import decisions_of, events_of
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages import Arrived, customer_key
from pipeline.domain.records import DeadLetter, Decision, Trigger
from pipeline.settings import Settings, load_settings
from pipeline.sources.shop import shop
from pipeline.streaming.envelope import Entry, Envelope
from pipeline.streaming.envelope import encode as encode_envelope
from pipeline.streaming.partition import shard
from pipeline.topics import DEADLETTER, DECISIONS, inbox_topic, prefixed, trigger_topic
from pipeline.wire.channel_event import Decoder
from pipeline.wire.json_event import encode, to_object
from pipeline.wire.records import encode_record, to_json
from tests.conftest import Omni

START_MS = 1_795_510_800_000
PARTITIONS = 3
CHANNELS = ("web", "app", "email", "pos", "store_sensor", "call_center")


@pytest.fixture
def settings(kafka: LocalKafka, prefix: str) -> Settings:
    return load_settings(
        environ={}, bootstrap=kafka.bootstrap, topic_prefix=prefix, partitions=PARTITIONS, channels=CHANNELS
    )


@pytest.fixture
def env(settings: Settings) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP": str(settings.bootstrap),
        "PIPELINE_TOPIC_PREFIX": settings.topic_prefix,
        "PIPELINE_PARTITIONS": str(PARTITIONS),
        "PIPELINE_CHANNELS": ",".join(CHANNELS),
    }


@pytest.fixture(scope="module")
def events() -> list[ChannelEvent]:
    return list(shop(3, 60, START_MS, 4))


def jsonl(path: Path, events: list[ChannelEvent]) -> Path:
    path.write_bytes(b"".join(encode(event) + b"\n" for event in events))
    return path


def channel_records(settings: Settings) -> list[Received]:
    found = follow(settings, lambda topic: topic.startswith("channel."), from_start=True, until_end=True)
    return list(found)


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def str_id(event: dict[str, object]) -> tuple[str, str]:
    return str(event["event_id"]), str(event.get("sent_at"))


def produce(settings: Settings, topic: str, values: Mapping[bytes, bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap)
    for key, value in values.items():
        producer.send(topic, value, key=key).get(timeout=30)
    producer.close()


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


def test_tail_gives_back_the_events_as_they_were_published(
    omni: Omni, env: dict[str, str], events: list[ChannelEvent], tmp_path: Path
) -> None:
    omni("publish", jsonl(tmp_path / "events.jsonl", events[:100]), "--end-of-stream", "2026-11-25T00:00:00Z", env=env)

    done = omni("tail", "events", "--from-start", "--until-end", env=env)

    published = sorted((to_object(event) for event in events[:100]), key=str_id)
    assert sorted(lines(done.stdout), key=str_id) == published
    account = next(event.identifiers["account"] for event in events if "account" in event.identifiers)
    of_one = lines(
        omni("tail", "events", "--from-start", "--until-end", "--customer", f"account:{account}", env=env).stdout
    )
    assert len(of_one) == sum(event.identifiers.get("account") == account for event in events[:100])


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


TRIGGER = Trigger(
    "t-1", "fired", "cart_reminder", "abandoned_cart", "1", "default", "cu-1", "email", "a@example.com", "e-1",
    START_MS, START_MS, None, (Item("A", 1, 100, "EUR"),), None, {"lines": 1}, None, "left behind",
)  # fmt: skip
DECISION = Decision("d-1", "default", "cu-1", "cart_reminder", "fired", "due", "t-1", START_MS, "1", "e-1")
LETTER = DeadLetter("x.channel.web", 2, 17, "undecodable", "not JSON", START_MS, b"k", b"{oops", None)


def test_tail_filters_by_rule_and_customer(omni: Omni, env: dict[str, str], settings: Settings) -> None:
    omni("topics", "create", env=env)
    produce(settings, trigger_topic(settings, "cart_reminder"), {b"cu-1": encode_record(TRIGGER), b"x": b"damaged"})
    produce(settings, prefixed(settings, DECISIONS), {b"cu-1": encode_record(DECISION)})

    def tail(*words: str) -> list[dict[str, object]]:
        return lines(omni("tail", *words, "--from-start", "--until-end", env=env).stdout)

    assert tail("triggers") == [to_json(TRIGGER)]
    assert tail("triggers", "--rule", "cart_reminder", "--customer", "cu-1") == [to_json(TRIGGER)]
    assert tail("triggers", "--rule", "cross_sell") == tail("triggers", "--customer", "cu-2") == []
    assert tail("decisions") == [to_json(DECISION)]
    assert tail("identity") == []
    assert "not a trigger: it starts with" in omni("tail", "triggers", "--from-start", "--until-end", env=env).stderr
    assert omni("tail", "events", "--rule", "x", env=env).code == 2


def test_a_customer_is_found_whatever_number_of_partitions_is_configured_and_past_what_cannot_be_read(
    omni: Omni, env: dict[str, str], settings: Settings
) -> None:
    omni("topics", "create", env=env)
    inbox, customers = inbox_topic(settings, "customer"), [f"cu-{number}" for number in range(6)]
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap)
    for customer in customers:
        key = customer_key("default", customer)
        partition = shard(key, PARTITIONS)
        event = ChannelEvent(f"e-{customer}", "page_viewed", "web", START_MS, {"account": customer})
        arrived = Arrived("default", customer, (("account", customer),), START_MS, 7, event)
        envelope = encode_envelope(Envelope("channel.web/0", 0, 0, [Entry(1, key, 0, arrived)]))
        decided = Decision(f"d-{customer}", "default", customer, "r", "fired", "due", None, START_MS, "1", "e-1")
        for value in (b'{"foreign": 1}', b"", envelope):
            producer.send(inbox, value, partition=partition)
        for value in (b"damaged", encode_record(decided)):
            producer.send(prefixed(settings, DECISIONS), value, key=customer.encode())
    producer.flush()
    producer.close()
    elsewhere = settings.replace(partitions=12)

    for customer in customers:
        assert [event.event_id for _, event in events_of(elsewhere, "default", customer)] == [f"e-{customer}"]
        decisions = [decision.decision_id for decision in decisions_of(elsewhere, "default", customer)]
        assert decisions == [f"d-{customer}"]


def test_an_event_larger_than_a_worker_takes_is_rejected_with_its_size(
    omni: Omni, env: dict[str, str], settings: Settings, events: list[ChannelEvent], tmp_path: Path
) -> None:
    large = replace(events[0], properties={"text": "x" * 300_000})

    done = omni("publish", jsonl(tmp_path / "events.jsonl", [large, events[1]]), "--json", env=env)

    assert json.loads(done.stdout) | {"seconds": 0} == {"published": 1, "rejected": 1, "skipped": 0, "seconds": 0}
    assert re.search(r"line 1: value_too_long: 30\d{4} bytes, at most 262144 are taken", done.stderr)
    assert len(channel_records(settings)) == 1


def test_a_registry_that_is_away_ends_tail_with_status_3(omni: Omni, env: dict[str, str], settings: Settings) -> None:
    omni("topics", "create", env=env)
    produce(settings, prefixed(settings, "channel.web"), {b"k": b"\x00\x00\x00\x00\x07 framed"})

    done = omni(
        *("tail", "events", "--from-start", "--until-end"), env=env | {"PIPELINE_REGISTRY_URL": "http://127.0.0.1:9"}
    )

    assert (done.code, done.stdout) == (3, "")
    assert done.stderr.startswith("omni: registry at http://127.0.0.1:9 is not reachable")


def test_tail_follows_what_comes_after_it_began(
    omni: Omni, env: dict[str, str], environment: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    omni("topics", "create", env=env)
    topic = prefixed(settings, DECISIONS)
    produce(settings, topic, {b"old": encode_record(DECISION)})
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "tail", "decisions"],
        cwd=tmp_path, env=environment | env, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    heard, number, deadline = "", 0, time.monotonic() + 30
    reading = process.stdout.fileno()
    while not heard and time.monotonic() < deadline:  # it began when it hears the first that came after
        number += 1
        later = Decision(f"d-new-{number}", "default", "cu-1", "r", "fired", "due", None, START_MS, "1", "e")
        produce(settings, topic, {b"new": encode_record(later)})
        if select.select([reading], [], [], 0.1)[0]:
            heard = os.read(reading, 65_536).decode()
    process.terminate()
    process.wait(timeout=10)

    assert heard
    assert all(str(line["decision_id"]).startswith("d-new-") for line in lines(heard))


def test_dead_letters_are_listed_once_each_and_shown_with_their_bytes(
    omni: Omni, env: dict[str, str], settings: Settings
) -> None:
    assert omni("deadletter", "list", "--json", env=env).stdout == ""
    omni("topics", "create", env=env)
    letter = DeadLetter(
        f"{settings.topic_prefix}channel.web", *[getattr(LETTER, f) for f in LETTER.__struct_fields__[1:]]
    )
    twice = {b"1": encode_record(letter), b"2": encode_record(letter)}
    produce(settings, prefixed(settings, DEADLETTER), twice)

    assert lines(omni("deadletter", "list", "--json", env=env).stdout) == [to_json(letter)]
    assert omni("deadletter", "list", "--reason", "wrong_type", "--json", env=env).stdout == ""
    shown = omni("deadletter", "show", "channel.web/2/17", "--json", env=env)
    assert json.loads(shown.stdout)["value_text"] == "{oops"
    assert "undecodable  not JSON" in omni("deadletter", "list", env=env).stdout
    assert omni("deadletter", "show", "channel.web/2/18", env=env).code == 1
    assert omni("deadletter", "show", env=env).code == 2


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
    "words",
    [
        ["publish", "-"],
        ["replay", "-"],
        ["tail", "triggers"],
        ["deadletter", "list"],
    ],
)
def test_a_broker_that_is_away_is_said_within_ten_seconds(omni: Omni, words: list[str]) -> None:
    began = time.monotonic()

    done = omni(*words, env={"KAFKA_BOOTSTRAP": "127.0.0.1:9"}, stdin="{}")

    assert done.code == 3
    assert "127.0.0.1:9" in done.stderr
    assert "omni kafka start" in done.stderr
    assert time.monotonic() - began < 10


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


def test_an_unknown_source_is_wrong_usage(omni: Omni, env: dict[str, str]) -> None:
    done = omni("replay", "-", "--source", "rees64", env=env)

    assert done.code == 2
    assert "Did you mean rees46?" in done.stderr

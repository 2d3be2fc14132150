"""Rules that change while workers run, on a real Kafka: all switch at the same point of the stream. B29."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from msgspec.structs import replace

from pipeline.domain.event_types import END_OF_STREAM, STREAM_TIME
from pipeline.domain.events import ChannelEvent, Item
from pipeline.rules_log.log import LEAD_MS
from pipeline.topics import RULES, channel_topic, prefixed, trigger_topic
from pipeline.wire.channel_event import Decoder
from tests.conftest import Omni
from tests.harness.fixtures import Install
from tests.harness.installation import Installation, Worker
from tests.harness.reading import Reading, TopicReader, sent_triggers
from tests.harness.traffic import Traffic, assert_exact
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
MINUTE = 60_000


def rules(version: str, *names: str, delay: str = "1s") -> str:
    entries = "".join(f"  - {{name: {name}, kind: abandoned_cart, delay: {delay}}}\n" for name in names)
    return f"version: {version}\ndefaults: {{expires_after: none}}\nrules:\n{entries}"


def applied(installation: Installation, version: str) -> list[Reading]:
    """The records of the rules topic that have a version; workers that start together may both write one."""
    reader = TopicReader(installation.bootstrap, prefixed(installation.settings, RULES), 1)
    found = [record for record in reader.news() if f"version: {version}\n".encode() in (record.value or b"")]
    reader.close()
    return found


def appended_at_ms(installation: Installation) -> dict[str, int]:
    """When the broker took each event, by its id."""
    decode = Decoder(None).decode
    return {
        decode(record.value).event_id: record.timestamp_ms
        for channel in installation.settings.channels
        for record in installation.records(channel_topic(installation.settings, channel))
    }


def in_force(worker: Worker) -> dict[str, Any]:
    """The rules in force, as the worker's page has it, ready or not; nothing before it has one."""
    try:
        with urlopen(f"http://127.0.0.1:{worker.port}/ready", timeout=10) as answer:
            text = answer.read()
    except HTTPError as unready:
        text = unready.read()
    except OSError:
        return {}
    return dict(json.loads(text)["rules"] or {})


def cart(name: str) -> ChannelEvent:
    now_ms = int(time.time() * 1000)
    return ChannelEvent(name, "product_added", "web", now_ms, {"account": name}, items=(Item("A"),), cart_id=name)


@pytest.mark.parametrize("killed", [False, True])
def test_b29_of_two_workers_the_file_of_one_changes_and_both_switch_at_the_same_time_of_the_stream(
    install: Install, tmp_path: Path, killed: bool
) -> None:
    installation = install(rules("v1", "cart_reminder"))
    of_one = tmp_path / "one.yaml"
    of_one.write_text(rules("v1", "cart_reminder"), encoding="utf-8")
    one, two = installation.start(rules_file=str(of_one)), installation.start()
    installation.flowing(one, two)
    traffic = Traffic(installation, seed=29)

    of_one.write_text(rules("v2", "cart_reminder"), encoding="utf-8")
    wait_until(lambda: applied(installation, "v2"), "the change is on the topic")
    if killed:  # what it had not made durable is decided again, later, by another worker
        installation.rules_file.write_text(rules("v2", "cart_reminder"), encoding="utf-8")
        two.kill()
        two = installation.start()
    wait_until(lambda: in_force(one).get("version") == "v2", "the change holds")
    if killed:
        one.kill()
        one = installation.start(rules_file=str(of_one))
    until = len(traffic.sent) + 500
    wait_until(lambda: len(traffic.sent) > until, "there was traffic under the new rules")
    traffic.stop()
    installation.settle()

    assert_exact(installation, traffic.sent)
    change = applied(installation, "v2")[0]
    since_ms = change.timestamp_ms + LEAD_MS
    taken = appended_at_ms(installation)
    versions = {sent.trigger.caused_by: sent.trigger.rules_version for sent in installation.triggers()}
    assert versions == {event: "v2" if at_ms >= since_ms else "v1" for event, at_ms in taken.items()}
    assert set(versions.values()) == {"v1", "v2"}
    assert in_force(one) == in_force(two) == {"number": change.offset + 1, "version": "v2"}


def test_b29_a_file_that_has_become_wrong_is_refused_whole_and_told_once_until_it_is_mended(install: Install) -> None:
    installation = install(rules("v1", "cart_reminder"))
    worker = installation.start()
    installation.flowing(worker)

    installation.rules_file.write_text(rules("v2", "cart_reminder").replace("delay", "dely"), encoding="utf-8")
    wait_until(lambda: "the running rules stay" in worker.said(), "the worker complains")
    installation.publish([cart("meanwhile")])
    installation.settle()
    worker.kill()
    worker = installation.start()
    assert worker.process.wait(timeout=60) == 2

    assert [sent.trigger.rules_version for sent in installation.triggers()] == ["v1"]
    assert applied(installation, "v2") == []
    installation.rules_file.write_text(rules("v3", "cart_reminder"), encoding="utf-8")
    worker = installation.start()
    wait_until(lambda: "number 2 hold" in worker.said(), "the mended file is applied")


def test_b29_rules_applied_by_command_hold_on_running_workers_and_outlast_a_restart_with_the_old_file(
    install: Install, tmp_path: Path, omni: Omni
) -> None:
    installation = install(rules("v1", "cart_reminder"))
    worker = installation.start()
    installation.flowing(worker)
    new = tmp_path / "new.yaml"
    new.write_text(rules("v2", "cart_reminder", "second_reminder"), encoding="utf-8")

    done = omni("rules", "apply", new, "--json", env=installation.environment)
    assert done.code == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["number"], said["version"], said["applied"]) == (2, "v2", True)
    wait_until(lambda: in_force(worker).get("version") == "v2", "the change holds")
    installation.publish([cart("a")])
    installation.settle()
    worker.kill()
    worker = installation.start()
    installation.flowing(worker)
    installation.publish([cart("b")])
    installation.settle()

    topic = installation.reader(trigger_topic(installation.settings, "second_reminder"))
    sent = sent_triggers(topic.news())
    assert {(each.trigger.caused_by, each.trigger.rules_version) for each in sent} == {("a", "v2"), ("b", "v2")}
    again = omni("rules", "apply", new, "--json", env=installation.environment)
    assert json.loads(again.stdout) == said | {"applied": False}


def test_a_wrong_file_is_not_applied_by_command_and_the_line_is_named(
    install: Install, tmp_path: Path, omni: Omni
) -> None:
    installation = install(rules("v1", "cart_reminder"))
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(rules("v2", "cart_reminder").replace("delay", "dely"), encoding="utf-8")

    done = omni("rules", "apply", wrong, env=installation.environment)

    assert done.code == 2
    assert f"{wrong}:4: unknown key dely" in done.stderr
    assert applied(installation, "v2") == []


def test_b29_in_a_replay_rules_hold_from_a_time_of_the_events_on(install: Install, tmp_path: Path, omni: Omni) -> None:
    installation = install(rules("v1", "cart_reminder", delay="1h"), clock="event")
    worker = installation.start()
    installation.flowing(worker)
    new = tmp_path / "new.yaml"
    new.write_text(rules("v2", "cart_reminder", delay="2h"), encoding="utf-8")

    half_past = TEN + 30 * MINUTE
    done = omni("rules", "apply", new, "--from", half_past, "--json", env=installation.environment)
    assert json.loads(done.stdout)["from"] == "2026-11-24T10:30:00.000Z"
    wait_until(lambda: "number 2 hold" in worker.said(), "the worker has read the change")
    installation.publish(replace(cart(f"at-{minute}"), occurred_at_ms=TEN + minute * MINUTE) for minute in (29, 30))
    installation.control(STREAM_TIME, TEN + 40 * MINUTE)
    installation.settle(TEN + 40 * MINUTE)
    worker.stop()
    installation.rules_file.write_text(rules("v3", "cart_reminder", delay="3h"), encoding="utf-8")
    installation.start()  # with another file, which holds from where the replay stands
    installation.publish([replace(cart("at-41"), occurred_at_ms=TEN + 41 * MINUTE)])
    installation.control(END_OF_STREAM, TEN + 300 * MINUTE)
    installation.settle()

    sent = {each.trigger.caused_by: each.trigger for each in installation.triggers()}
    assert {name: (t.rules_version, (t.fired_at_ms - TEN) // MINUTE) for name, t in sent.items()} == {
        "at-29": ("v1", 89),
        "at-30": ("v2", 150),
        "at-41": ("v3", 221),
    }

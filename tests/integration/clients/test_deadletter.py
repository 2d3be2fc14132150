"""`omni deadletter` on a real broker."""

from __future__ import annotations

import json

from msgspec.structs import replace

from pipeline.domain.records import DeadLetter
from pipeline.settings import Settings
from pipeline.topics import DEADLETTER, prefixed
from pipeline.wire.records import encode_record, to_json
from tests.conftest import Omni
from tests.integration.clients.records import (
    START_MS,
    channel_records,
    lines,
    produce,
)

LETTER = DeadLetter("x.channel.web", 2, 17, "undecodable", "not JSON", START_MS, b"k", b"{oops", None)


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


def test_b21_a_dead_letter_is_put_once_more_onto_its_topic_and_partition_byte_by_byte(
    omni: Omni, env: dict[str, str], settings: Settings
) -> None:
    web = f"{settings.topic_prefix}channel.web"
    letters = [
        replace(LETTER, topic=web),
        replace(LETTER, topic=web, offset=18),  # the same bytes, as of a letter that was sent again and refused again
        replace(LETTER, topic=web, partition=1, offset=3, reason="unknown_schema", key=None, value=b"\x00\xff"),
        replace(LETTER, topic=web, offset=19, value=None),
        replace(LETTER, topic=f"{web}.gone"),
    ]
    omni("topics", "create", env=env)
    topic = prefixed(settings, DEADLETTER)
    produce(settings, topic, {each.dead_letter_id.encode(): encode_record(each) for each in letters})

    one = omni("deadletter", "redrive", "channel.web/1/3", "--json", env=env)
    assert (one.code, lines(one.stdout)) == (
        0,
        [{"dead_letter_id": f"{web}/1/3", "reason": "unknown_schema", "redriven": True, "problem": None}],
    )
    (again,) = channel_records(settings)
    assert (again.topic, again.partition, again.key, again.value) == (web, 1, None, b"\x00\xff")
    assert dict(again.headers)["trace"] == f"{web}/1/3".encode()

    rest = omni("deadletter", "redrive", "--reason", "undecodable", env=env)
    assert rest.code == 1, "two of them cannot go"
    assert sorted(line.partition("  ")[2] for line in rest.stdout.splitlines()) == [
        "not sent: it has no value",
        f"not sent: nothing is read from partition 2 of {web}.gone",
        "sent again",
    ]
    sent = [(each.partition, each.key, each.value) for each in channel_records(settings)]
    assert sorted(sent) == [(1, None, b"\x00\xff"), (2, b"k", b"{oops")]

    assert omni("deadletter", "redrive", "channel.web/1/4", env=env).code == 1
    assert len(channel_records(settings)) == 2

"""`omni deadletter` on a real broker."""

from __future__ import annotations

import json

from pipeline.domain.records import DeadLetter
from pipeline.settings import Settings
from pipeline.topics import DEADLETTER, prefixed
from pipeline.wire.records import encode_record, to_json
from tests.conftest import Omni
from tests.integration.clients.records import (
    START_MS,
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

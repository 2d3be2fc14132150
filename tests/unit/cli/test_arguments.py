from __future__ import annotations

import argparse
import socket
from pathlib import Path

import pytest

from pipeline.cli.arguments import add_history_place, history_place, moment, port_to_serve
from pipeline.cli.tail import add_arguments, is_wanted
from pipeline.errors import USAGE, OmniError
from pipeline.settings import Settings, load_settings

SERVER = "clickhouse://localhost:9000/omni"


@pytest.mark.parametrize("text", ["2026-11-24T10:00:00Z", "2026-11-24T11:00:00+01:00", "1795514400000"])
def test_a_time_is_rfc_3339_or_milliseconds(text: str) -> None:
    assert moment(text) == 1_795_514_400_000


@pytest.mark.parametrize("text", ["tomorrow", "2026-11-24T10:00:00"])
def test_another_time_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="Write it like 2026-11-24T10:00:00Z"):
        moment(text)


@pytest.mark.parametrize(
    ("configured", "words", "place"),
    [
        ({}, [], Path(".omni/history")),
        ({"PIPELINE_CLICKHOUSE_URL": SERVER}, [], SERVER),
        ({"PIPELINE_CLICKHOUSE_URL": SERVER}, ["--history", "here"], Path("here")),
        ({}, ["--clickhouse-url", SERVER], SERVER),
        ({}, ["--history", "here", "--clickhouse-url", SERVER], SERVER),
    ],
)
def test_a_named_history_comes_before_a_configured_one(
    configured: dict[str, str], words: list[str], place: Path | str
) -> None:
    parser = argparse.ArgumentParser()
    add_history_place(parser)
    args = parser.parse_args(words)

    found = history_place(args, load_settings(environ=configured, **vars(args)))

    assert (found if isinstance(found, Path) else found.clickhouse_url) == place


def test_a_port_that_was_asked_for_must_be_free_and_another_is_looked_for() -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert port < port_to_serve(Settings(history_port=port), "history_port") <= port + 99
        with pytest.raises(OmniError, match=f"Port {port} is taken") as caught:
            port_to_serve(Settings(history_port=port, origins={"history_port": "command line"}), "history_port")
    assert caught.value.exit_code == USAGE


@pytest.mark.parametrize("customer", ["email:anna@example.com", "Email: ANNA@example.com "])
def test_events_are_found_by_an_identifier_however_it_is_written(customer: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(["events", "--customer", customer])

    assert is_wanted({"identifiers": {"email": "Anna@Example.com"}}, args)
    assert not is_wanted({"identifiers": {"email": "otto@example.com", "account": "anna@example.com"}}, args)
    assert not is_wanted({"identifiers": {}}, args)

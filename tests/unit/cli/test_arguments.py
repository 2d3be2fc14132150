from __future__ import annotations

import argparse
import socket
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.cli.arguments import add_history_place, history_place, identifier_named, moment, port_to_serve
from pipeline.cli.tail import add_arguments, is_wanted
from pipeline.domain.identity.config import IdentityConfig
from pipeline.errors import USAGE, OmniError
from pipeline.settings import Settings, load_settings

GERMAN = IdentityConfig(default_country="DE")
ANNA = sha256(b"anna@example.com").hexdigest()
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


def wanted(customer: str, identifiers: dict[str, str], country: str | None = None) -> bool:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(["events", "--customer", customer])
    return is_wanted({"identifiers": identifiers, "context": {"country": country}}, args, GERMAN)


@pytest.mark.parametrize("customer", ["email:anna@example.com", "Email: ANNA@example.com ", f"email_sha256:{ANNA}"])
def test_events_are_found_by_an_identifier_however_it_is_written(customer: str) -> None:
    assert wanted(customer, {"email": "Anna@Example.com"})
    assert wanted(customer, {" Email_SHA256": f" {ANNA.upper()} "})
    assert not wanted(customer, {"email": "otto@example.com", "account": "anna@example.com"})
    assert not wanted(customer, {})


def test_events_are_found_by_a_phone_number_with_the_country_of_each() -> None:
    assert wanted("phone:0170 1234567", {"phone": "+49 170 1234567"}, "GB")
    assert wanted("phone:+44 7911 123456", {"phone": "07911 123456"}, "GB")
    assert not wanted("phone:+44 7911 123456", {"phone": "07911 123456"})


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("phone:0170 1234567", ("phone", "+491701234567")),
        ("phone:+49 170 / 123-4567", ("phone", "+491701234567")),
        ("EMAIL: Anna@Example.com ", ("email", "anna@example.com")),
        (f"email_sha256:{ANNA.upper()}", ("email", f"sha256:{ANNA}")),
        (f"email:sha256:{ANNA}", ("email", f"sha256:{ANNA}")),
        ("cookie: C-9", ("cookie", "C-9")),
        ("account:null", ("account", "null")),
    ],
)
def test_an_identifier_is_typed_as_freely_as_events_carry_it(typed: str, found: tuple[str, str]) -> None:
    assert identifier_named(typed, GERMAN) == found


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("phone:100", "phone:100 links nothing: it is not a phone number. Write it like phone:+491701234567."),
        ("phone:0170 1234567", "its country is not known. Write it like phone:+491701234567, or name normalise."),
        (":u-1", "':u-1' is no identifier: write KIND:VALUE, as account:u-1."),
        ("account: ", "'account: ' is no identifier"),
        ("my kind:u-1", "'my kind:u-1' is no identifier"),
        ("email:anna", "it is not an e-mail address"),
        ("email_sha256:anna@example.com", "it is not a SHA-256"),
    ],
)
def test_what_no_event_can_link_by_is_refused_with_what_to_write(typed: str, says: str) -> None:
    with pytest.raises(OmniError) as caught:
        identifier_named(typed, IdentityConfig() if "0170" in typed else GERMAN)

    assert says in str(caught.value)
    assert caught.value.exit_code == USAGE

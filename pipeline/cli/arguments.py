"""What several commands read from the command line: times, numbers, ports, where the history is."""

from __future__ import annotations

import argparse
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pipeline.domain.errors import InvalidEvent
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.time import parse_duration
from pipeline.errors import USAGE, OmniError
from pipeline.identifiers import KIND, identifier_of
from pipeline.settings import Settings
from pipeline.wire.json_fields import time_ms
from pipeline.wire.tidy import check_time

Number = TypeVar("Number", int, float)

PORTS_TRIED = 100

MALFORMED = {
    "blocked_email": "it is not an e-mail address. Write it like email:anna@example.com.",
    "blocked_phone": "it is not a phone number. Write it like phone:+491701234567.",
    "blocked_phone_country": "its country is not known. Write it like phone:+491701234567, or name "
    "normalise.default_country in identity.yaml.",
    "blocked_hash": "it is not a SHA-256. Write 64 hexadecimal digits.",
}
"""Why no event can link by a value, and what to do."""


def moment(text: str) -> int:
    """Read a time: RFC 3339 text, or milliseconds.

    It moves clocks that never go back, so it is held to the bounds of an event's time.
    """
    try:
        at_ms = time_ms(int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text, "time")
        check_time("time", at_ms)
    except InvalidEvent as error:
        raise argparse.ArgumentTypeError(f"{error.detail}. Write it like 2026-11-24T10:00:00Z.") from None
    return at_ms


def duration(text: str) -> int:
    """Read a length of time, as in 90d; in ms."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def identifier_named(who: str, identity: IdentityConfig) -> Identifier:
    """Return the identifier KIND:VALUE that somebody typed, as events are linked by it.

    What no event can link by is refused, with what to write instead; a value that is blocked can be looked for.

    >>> identifier_named("Email: Anna@Example.com", IdentityConfig())
    ('email', 'anna@example.com')
    """
    before, _, after = who.partition(":")
    kind, value = before.strip().lower(), after.strip()
    if not KIND.fullmatch(kind) or not value:
        raise OmniError(f"{who!r} is no identifier: write KIND:VALUE, as account:u-1.", USAGE)
    identifier, why = identifier_of(kind, value, None, identity)
    if why in MALFORMED:
        raise OmniError(f"{who} links nothing: {MALFORMED[why]}", USAGE)
    return identifier


def within(kind: type[Number], least: Number, most: Number) -> Callable[[str], Number]:
    """Return the reader of a number from `least` to `most`."""

    def read(text: str) -> Number:
        try:
            number = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}")
        return number

    return read


def add_history_place(parser: argparse.ArgumentParser) -> None:
    """Declare where the history is."""
    parser.add_argument(
        "--history",
        "--history-path",
        dest="history_path",
        metavar="PATH",
        help="the embedded history there, whatever server is configured (default: history in --data-dir)",
    )
    parser.add_argument("--clickhouse-url", metavar="URL", help="clickhouse://user:password@host:9000/database")


def history_place(args: argparse.Namespace, settings: Settings) -> Settings | Path:
    """Return the folder of the embedded history where one is named, else what the settings say."""
    named = args.history_path is not None and args.clickhouse_url is None
    return settings.history_path if named or settings.clickhouse_url is None else settings


def port_to_serve(settings: Settings, setting: str) -> int:
    """Return the port that `setting` asks for, or a free one from its default upwards; 0 is any that is free."""
    asked: int = getattr(settings, setting)
    if asked == 0:
        with socket.socket() as probe:
            probe.bind(("", 0))
            return int(probe.getsockname()[1])
    if setting in settings.origins:
        if not _free(asked):
            raise OmniError(f"Port {asked} is taken. Give another: --port N, or --port 0 for any.", USAGE)
        return asked
    for port in range(asked, asked + PORTS_TRIED):
        if _free(port):
            return port
    raise OmniError(f"No port from {asked} to {asked + PORTS_TRIED - 1} is free. Give one: --port N", USAGE)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True

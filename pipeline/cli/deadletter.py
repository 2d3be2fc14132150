"""`omni deadletter list|show`: what was refused, and why."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import msgspec

from pipeline.domain.records import DeadLetter
from pipeline.domain.time import rfc3339
from pipeline.errors import DONE, NO, USAGE, OmniError
from pipeline.settings import Settings
from pipeline.topics import DEADLETTER
from pipeline.wire.records import UnreadableRecord, decode_record, json_line, to_json

HELP = "List what was refused and why, or show one with its original bytes."
EXAMPLE = """
omni deadletter list
omni deadletter list --reason wrong_type --json
omni deadletter show channel.web/3/1024
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action, the id, the filter."""
    parser.add_argument("action", choices=["list", "show"], help="list: one a line (--json: JSON lines); show: one")
    parser.add_argument("id", nargs="?", metavar="ID", help="topic/partition/offset of the original, as list prints it")
    parser.add_argument("--reason", metavar="R", help="list only those refused for this reason")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do the action."""
    if args.action == "show" and not args.id:
        raise OmniError("show needs an ID: topic/partition/offset, as omni deadletter list prints it.", USAGE)
    return _show(args, settings) if args.action == "show" else _list(args, settings)


def _list(args: argparse.Namespace, settings: Settings) -> int:
    shown = 0
    for letter in _letters(settings):
        if args.reason and letter.reason != args.reason:
            continue
        shown += 1
        if args.json:
            print(json_line(letter).decode())
        else:
            at = rfc3339(letter.appended_at_ms)
            print(f"{letter.dead_letter_id}  {at}  {letter.reason}  {letter.detail}")
    if not args.json:
        print(f"{shown} dead letters." if shown else "No dead letters.", file=sys.stderr)
    return DONE


def _show(args: argparse.Namespace, settings: Settings) -> int:
    wanted = {args.id, settings.topic_prefix + args.id}
    for letter in _letters(settings):
        if letter.dead_letter_id in wanted:
            line = json_line(letter)
            print(line.decode() if args.json else msgspec.json.format(msgspec.json.encode(to_json(letter))).decode())
            return DONE
    print(f"There is no dead letter {args.id}. They are listed by: omni deadletter list", file=sys.stderr)
    return NO


def _letters(settings: Settings) -> Iterator[DeadLetter]:
    """Yield each dead letter once, however often a crash had it written."""
    from pipeline.clients.follower import follow

    seen: set[str] = set()
    for record in follow(settings, lambda topic: topic == DEADLETTER, from_start=True, until_end=True):
        if record.value is None:
            continue
        try:
            letter = decode_record(DeadLetter, record.value)
        except UnreadableRecord as error:
            print(f"{record.topic}/{record.partition}/{record.offset}: {error}", file=sys.stderr)
            continue
        if letter.dead_letter_id not in seen:
            seen.add(letter.dead_letter_id)
            yield letter

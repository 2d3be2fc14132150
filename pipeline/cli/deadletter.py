"""`omni deadletter list|show|redrive`: what was refused, and why; and once more."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from pipeline.clients.publisher import Publisher
from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.records import DeadLetter
from pipeline.domain.time import rfc3339
from pipeline.errors import DONE, NO, USAGE, OmniError
from pipeline.settings import Settings
from pipeline.topics import DEADLETTER
from pipeline.wire.records import UnreadableRecord, decode_record, json_line, to_json
from pipeline.yaml_nodes import nearest

HELP = """List what was refused and why, show one with its original bytes, or put it onto its topic and partition once
more, as after a worker has learned its schema: redrive ID, or all that list lists with the same --reason. What was
counted in the week before is known by its event id and counts once; what is refused again is a dead letter of its own,
and far too much of it stops a worker. The same bytes go once in a run, in each run again."""
EXAMPLE = """
omni deadletter list
omni deadletter list --reason wrong_type --json
omni deadletter show channel.web/3/1024
omni deadletter redrive channel.web/3/1024
omni deadletter redrive --reason unknown_schema --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action, the id, the filter."""
    parser.add_argument(
        "action",
        choices=["list", "show", "redrive"],
        help="list: one a line (--json: JSON lines); show: one; redrive: once more, exit status 1 if one cannot go",
    )
    parser.add_argument("id", nargs="?", metavar="ID", help="topic/partition/offset of the original, as list prints it")
    parser.add_argument("--reason", metavar="R", type=_reason, help="list, redrive: only those refused for this reason")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do the action."""
    if args.action == "show" and not args.id:
        raise OmniError("show needs an ID: topic/partition/offset, as omni deadletter list prints it.", USAGE)
    do = {"list": _list, "show": _show, "redrive": _redrive}[args.action]
    return do(args, settings)


def _reason(text: str) -> str:
    known = tuple(map(str, InvalidReason))
    if text not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is no reason. {nearest(text, known)}")
    return text


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
    for letter in _letters(settings):
        if _is_called(letter, args.id, settings):
            line = json_line(letter)
            print(line.decode() if args.json else msgspec.json.format(msgspec.json.encode(to_json(letter))).decode())
            return DONE
    return _unknown(args.id)


def _redrive(args: argparse.Namespace, settings: Settings) -> int:
    outcomes: list[tuple[DeadLetter, str | None]] = []
    sent: set[tuple[str, bytes]] = set()
    with Publisher(settings) as publisher:
        for letter in _letters(settings):
            if args.id is not None and not _is_called(letter, args.id, settings):
                continue
            if args.reason is not None and letter.reason != args.reason:
                continue
            content = (letter.topic, sha256(repr((letter.key, letter.value)).encode()).digest())
            if content in sent:
                continue
            sent.add(content)
            outcomes.append((replace(letter, key=None, value=None), _sent_again(letter, publisher)))
    for letter, problem in outcomes:
        name = letter.dead_letter_id
        if args.json:
            said = {
                "dead_letter_id": name,
                "reason": letter.reason,
                "redriven": problem is None,
                "problem": problem,
            }
            print(msgspec.json.encode(said).decode())
        else:
            print(f"{name}  {f'not sent: {problem}' if problem else 'sent again'}")
    if args.id is not None and not outcomes:
        return _unknown(args.id)
    failed = sum(1 for _, problem in outcomes if problem)
    if not args.json:
        print(f"{len(outcomes) - failed} sent again, {failed} not.", file=sys.stderr)
    return NO if failed else DONE


def _sent_again(letter: DeadLetter, publisher: Publisher) -> str | None:
    """Put it onto its topic once more; return why that cannot be, else None."""
    try:
        publisher.send_again(letter)
    except InvalidEvent as error:
        return error.detail
    return None


def _is_called(letter: DeadLetter, name: str, settings: Settings) -> bool:
    return letter.dead_letter_id in (name, settings.topic_prefix + name)


def _unknown(name: str) -> int:
    print(f"There is no dead letter {name}. They are listed by: omni deadletter list", file=sys.stderr)
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

"""`omni publish`: events onto their channel topics."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from pipeline.cli import DONE, NO, USAGE, CommandError
from pipeline.cli.exits import exits, time_argument
from pipeline.clients.shipping import Shipment, Shipper, summary
from pipeline.domain.time import rfc3339
from pipeline.settings import Settings
from pipeline.sources import DEFAULT

HELP = "Put events onto the topics of their channels. What is no valid event is printed with its line and left out."
EXAMPLE = """
omni publish events.jsonl
cat events.jsonl | omni publish -
omni publish --end-of-stream 2026-11-24T23:59:59Z
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare files, source, topic, and the control event."""
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="a file, a folder, or - (standard input)")
    parser.add_argument("--source", default=DEFAULT, metavar="NAME", help=f"what the files hold (default: {DEFAULT})")
    parser.add_argument("--topic", metavar="T", help="put all onto this topic (without the prefix), not by channel")
    parser.add_argument("--restart", action="store_true", help="begin again where an earlier run was interrupted")
    parser.add_argument(
        "--end-of-stream",
        metavar="T",
        help="then tell every partition of every channel that nothing older than T will come (RFC 3339 or ms)",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Publish."""
    from pipeline.clients.publisher import Publisher
    from pipeline.domain.event_types import END_OF_STREAM

    if not args.files and args.end_of_stream is None:
        raise CommandError("Nothing to publish: name a FILE, or - for standard input, or --end-of-stream T.", USAGE)
    check_files(args.files)
    end_ms = time_argument("--end-of-stream", args.end_of_stream)
    with exits(), Publisher(settings, args.topic) as publisher:
        shipment = Shipper(settings, publisher, args.source, args.topic, args.restart).ship(args.files)
        if end_ms is not None:
            publisher.control(END_OF_STREAM, end_ms)
    return answer(shipment, end_ms, args.json)


def check_files(paths: list[Path]) -> None:
    """Refuse at once what is not there, before anything is sent."""
    for path in paths:
        if str(path) != "-" and not path.exists():
            raise CommandError(f"{path}: no such file. Check the name and the folder you are in.", USAGE)


def answer(shipment: Shipment, end_ms: int | None, as_json: bool) -> int:
    """Print what came of it; exit status 1 where every line was rejected."""
    if as_json:
        print(msgspec.json.encode(shipment).decode())
    else:
        print(summary(shipment))
        if end_ms is not None:
            print(f"every channel has ended at {rfc3339(end_ms)}", file=sys.stderr)
    return NO if shipment.rejected and not shipment.published + shipment.skipped else DONE

"""`omni publish`: events onto their channel topics, products and stock onto those of the catalogue."""

from __future__ import annotations

import argparse
import logging
import sys
from contextlib import closing
from pathlib import Path

import msgspec

from pipeline.cli.arguments import moment
from pipeline.cli.progress import Progress, lines_in
from pipeline.clients.pace import Pace
from pipeline.clients.publisher import Publisher
from pipeline.clients.shipping import Shipper, summary
from pipeline.domain.event_types import END_OF_STREAM
from pipeline.domain.time import rfc3339
from pipeline.errors import DONE, NO, USAGE, OmniError
from pipeline.settings import Settings
from pipeline.sources import DEFAULT

HELP = """Put events onto the topics of their channels, products and stock levels onto those of the catalogue; a line is
what its fields say. What is not valid is printed with its line and left out."""
EXAMPLE = """
omni publish events.jsonl
cat events.jsonl | omni publish -
omni publish products.jsonl --topic catalog.products
omni publish webhooks/ --source shopify_catalog
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
        type=moment,
        metavar="T",
        help="then tell every partition of every channel that nothing older than T will come (RFC 3339 or ms)",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Publish."""
    if not args.files and args.end_of_stream is None:
        raise OmniError("Nothing to publish: name a FILE, or - for standard input, or --end-of-stream T.", USAGE)
    check_files(args.files)
    hush_client()
    with Publisher(settings, args.topic) as publisher:
        return ship(args, settings, publisher)


def check_files(paths: list[Path]) -> None:
    """Refuse at once what is not there, before anything is sent."""
    for path in paths:
        if str(path) != "-" and not path.exists():
            raise OmniError(f"{path}: no such file. Check the name and the folder you are in.", USAGE)


def hush_client() -> None:
    """Keep the Kafka client from telling of each attempt, thirty a second; what they come to, the error says."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def ship(args: argparse.Namespace, settings: Settings, publisher: Publisher, pace: Pace | None = None) -> int:
    """Send the files and what is to follow them; print what came of it. Exit status 1 where all was rejected."""
    end_ms: int | None = args.end_of_stream
    with closing(Progress("lines", lines_in(args.files))) as progress:
        shipment = Shipper(
            settings, publisher, args.source, args.topic, args.restart, pace, note=progress, say=progress.say
        ).ship(args.files)
        if end_ms is not None:
            publisher.control(END_OF_STREAM, end_ms)
    if args.json:
        print(msgspec.json.encode(shipment).decode())
    else:
        print(summary(shipment))
        if end_ms is not None:
            print(f"every channel has ended at {rfc3339(end_ms)}", file=sys.stderr)
    return NO if shipment.rejected and not shipment.published + shipment.skipped else DONE

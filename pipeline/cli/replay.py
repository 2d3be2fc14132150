"""`omni replay`: a data set or an export onto the channel topics, at a chosen speed."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.cli.arguments import moment
from pipeline.cli.publish import check_files, hush_client, ship
from pipeline.clients.pace import Pace
from pipeline.clients.publisher import Publisher
from pipeline.domain.event_types import STREAM_TIME
from pipeline.errors import USAGE, OmniError
from pipeline.settings import Settings
from pipeline.sources import DEFAULT, source_names

HELP = "Play a known data set or an export onto the channel topics, as fast as possible or at a chosen speed."
EXAMPLE = """
omni replay events.csv.gz --source rees46
omni replay events.jsonl --speed 60 --clock event
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare files, source, speed and clock."""
    known = ", ".join(source_names())
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a file, a folder, or - (standard input)")
    parser.add_argument(
        "--source", default=DEFAULT, metavar="NAME", help=f"what the files hold: {known} (default: {DEFAULT})"
    )
    parser.add_argument(
        "--speed", type=float, metavar="X", help="event seconds per second; 1 is as it happened (default: at once)"
    )
    parser.add_argument(
        "--clock", choices=["wall", "event"], help="event: also tell workers on event time how far the stream has come"
    )
    parser.add_argument("--topic", metavar="T", help="put all onto this topic (without the prefix), not by channel")
    parser.add_argument("--restart", action="store_true", help="begin again where an earlier run was interrupted")
    parser.add_argument(
        "--end-of-stream", type=moment, metavar="T", help="then tell every channel that nothing older than T will come"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Replay."""
    if args.speed is not None and not args.speed > 0:
        raise OmniError(f"--speed {args.speed:g}: must be greater than 0; 60 plays an hour in a minute.", USAGE)
    check_files(args.files)
    hush_client()
    with Publisher(settings, args.topic) as publisher:
        on_event_time = settings.clock == "event"
        pace = Pace(args.speed, (lambda at_ms: publisher.control(STREAM_TIME, at_ms)) if on_event_time else None)
        return ship(args, settings, publisher, pace)

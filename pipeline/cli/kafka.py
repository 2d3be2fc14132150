"""`omni kafka start|stop|status`: the local broker of this installation."""

from __future__ import annotations

import argparse
import json
import sys

from pipeline.broker.jars import KAFKA_VERSION
from pipeline.broker.local import BrokerStatus, LocalKafka
from pipeline.errors import DONE, NO
from pipeline.settings import Settings

HELP = "Start, stop or look at the local broker: one Apache Kafka node, in the data directory."
EXAMPLE = """
omni kafka start
omni kafka status --json
omni kafka stop
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action."""
    parser.add_argument(
        "action",
        choices=["start", "stop", "status"],
        help="start: returns when the broker answers; status: exit status 1 when it is not running",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do the action; the same action twice changes nothing."""
    local = LocalKafka(settings.data_dir)
    if args.action == "start":
        sys.stderr.write("" if local.status() else f"Starting Kafka {KAFKA_VERSION}…\n")
        return _tell(args, local.start())
    if args.action == "stop":
        stopped = local.stop()
        sys.stderr.write("Stopped.\n" if stopped else "It was not running.\n")
        _tell(args, None)
        return DONE
    return _tell(args, local.status())


def _tell(args: argparse.Namespace, status: BrokerStatus | None) -> int:
    if args.json:
        facts = {"bootstrap": status and status.bootstrap, "pid": status and status.pid, "version": KAFKA_VERSION}
        print(json.dumps(facts))
    elif status:
        print(f"Kafka {status.version} at {status.bootstrap} (process {status.pid})")
    elif args.action == "status":
        print("The local broker is not running. Start it: omni kafka start")
    return DONE if status else NO

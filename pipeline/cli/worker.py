"""`omni worker`: one process of the pipeline; any number run side by side."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import time

from pipeline.broker.topic_admin import create_topics, differences
from pipeline.cli import DONE, UNREACHABLE, USAGE, CommandError
from pipeline.rules_file import RulesFileError, load_rules
from pipeline.settings import Settings
from pipeline.topics import topics

HELP = "Run a worker: events to customers to triggers, until it is told to stop (SIGTERM, Ctrl-C)."
EXAMPLE = """
omni worker
omni worker --port 6067 --store rocksdb
omni worker --clock event --rules my-rules.yaml
"""

log = logging.getLogger(__name__)

RESTARTS = "OMNI_WORKER_RESTARTS"
RESTART_SECONDS = (1, 2, 5, 10, 30)
"""Waits before a worker that failed starts again, the last one from then on."""
RUN_FORGIVES_SECONDS = 60
"""A worker that ran this long before it failed begins the waits anew."""
PORTS_TRIED = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the worker's options."""
    parser.add_argument("--port", dest="web_port", metavar="N", help="web port (default: 6066, else the next free one)")
    parser.add_argument("--clock", metavar="wall|event", help="time of day, or event time alone (for replays)")
    parser.add_argument("--rules", dest="rules_file", metavar="FILE", help="rules file (default: the configured one)")
    parser.add_argument("--identity", dest="identity_file", metavar="FILE", help="identity rules file")
    parser.add_argument("--store", metavar="memory|rocksdb", help="where tables are kept (default: memory)")
    parser.add_argument("--transport", metavar="batch|stock", help="stock: Faust's own transport, an event at a time")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run until told to stop. A worker that fails starts again, from what was committed."""
    if settings.bootstrap is None:
        raise CommandError("No Kafka is named. Start one: omni kafka start, or set KAFKA_BOOTSTRAP.", UNREACHABLE)
    try:
        rules = load_rules(settings.rules_file)
    except RulesFileError as error:
        raise CommandError(str(error), USAGE) from None
    _ensure_topics(settings, [rule.name for rule in rules.rules])
    settings = settings.replace(settings.origins.get("web_port", "default"), web_port=_port(settings))
    started = time.monotonic()
    from pipeline.agents.process import run_worker

    try:
        return run_worker(settings, rules)
    except Exception as error:  # noqa: BLE001 - whatever it was: the log has it, the next start reads from the commit
        log.critical("The worker failed: %r", error)
    _start_again(time.monotonic() - started)
    return DONE


def _ensure_topics(settings: Settings, rules: list[str]) -> None:
    assert settings.bootstrap is not None
    wanted = topics(settings, rules)
    create_topics(settings.bootstrap, wanted)
    wrong = [each for each in differences(settings.bootstrap, wanted) if each.what == "partitions"]
    if wrong:
        raise CommandError(
            f"{wrong[0]}. The number of partitions is fixed when topics are created: start with --partitions "
            f"{wrong[0].found}, or use another --topic-prefix for a new installation.",
            USAGE,
        )


def _port(settings: Settings) -> int:
    """Return the port to serve: the one asked for, or a free one from the default upwards."""
    asked = settings.web_port
    if "web_port" in settings.origins and asked:
        if not _free(asked):
            raise CommandError(f"Port {asked} is taken. Give another: --port N, or --port 0 for any.", USAGE)
        return asked
    if asked == 0:
        with socket.socket() as probe:
            probe.bind(("", 0))
            return int(probe.getsockname()[1])
    for port in range(asked, asked + PORTS_TRIED):
        if _free(port):
            return port
    raise CommandError(f"No port from {asked} to {asked + PORTS_TRIED - 1} is free. Give one: --port N", USAGE)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def _start_again(ran_seconds: float) -> None:
    """Replace this process by a fresh one with the same arguments, after a wait."""
    failures = 0 if ran_seconds > RUN_FORGIVES_SECONDS else int(os.environ.get(RESTARTS, "0"))
    wait = RESTART_SECONDS[min(failures, len(RESTART_SECONDS) - 1)]
    log.warning("Starting again in %d s", wait)
    time.sleep(wait)
    os.environ[RESTARTS] = str(failures + 1)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pipeline", *sys.argv[1:]])

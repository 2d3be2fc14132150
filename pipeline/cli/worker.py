"""`omni worker`: one process of the pipeline; any number run side by side."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time

from pipeline.broker import bootstrap_of
from pipeline.broker.topic_admin import create_topics, differences
from pipeline.cli.arguments import port_to_serve
from pipeline.domain.rules.in_force import Rules
from pipeline.ending import Ending, replace_process
from pipeline.errors import DONE, UNREACHABLE, USAGE, OmniError
from pipeline.rules_file import RulesFileError, load_rules
from pipeline.rules_log.applying import apply_rules, file_stamp
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
    began = time.monotonic()
    with Ending(lambda: _start_again(time.monotonic() - began)) as ending:
        started = RESTARTS in os.environ
        try:
            seen = file_stamp(settings.rules_file)
            rules = _rules(settings, started)
            _ensure_topics(settings, rules)
            if rules is not None:
                apply_rules(settings, settings.rules_file, "file")
            port = port_to_serve(settings, "web_port")
            settings = settings.replace(settings.origins.get("web_port", "default"), web_port=port)
            from pipeline.worker import run_worker

            started = True
            return run_worker(settings, seen, ending)
        except Exception as error:
            if not (started and may_pass(error)):
                raise
            log.critical("The worker failed: %r", error)
        if not ending.told:
            _start_again(time.monotonic() - began)
    return DONE


def may_pass(error: Exception) -> bool:
    """Whether starting again may help: not where a file or a version is wrong, which somebody has to mend."""
    return not isinstance(error, OmniError) or error.exit_code == UNREACHABLE


def _rules(settings: Settings, restarted: bool) -> Rules | None:
    """Read the rules file; None where it has become wrong since this worker ran: the running rules stay."""
    try:
        return load_rules(settings.rules_file)
    except RulesFileError as error:
        if not restarted:
            raise
        log.warning("The rules file is wrong, the running rules stay:\n%s", error)
        return None


def _ensure_topics(settings: Settings, rules: Rules | None) -> None:
    bootstrap = bootstrap_of(settings)
    wanted = topics(settings, [rule.name for rule in rules.rules] if rules else ())
    create_topics(bootstrap, wanted)
    wrong = [each for each in differences(bootstrap, wanted) if each.what == "partitions"]
    if wrong:
        raise OmniError(
            f"{wrong[0]}. The number of partitions is fixed when topics are created: start with --partitions "
            f"{wrong[0].found}, or use another --topic-prefix for a new installation.",
            USAGE,
        )


def _start_again(ran_seconds: float) -> None:
    """Replace this process by a fresh one with the same arguments, after a wait."""
    failures = 0 if ran_seconds > RUN_FORGIVES_SECONDS else int(os.environ.get(RESTARTS, "0"))
    wait = RESTART_SECONDS[min(failures, len(RESTART_SECONDS) - 1)]
    log.warning("Starting again in %d s", wait)
    time.sleep(wait)
    os.environ[RESTARTS] = str(failures + 1)
    sys.stdout.flush()
    sys.stderr.flush()
    replace_process(sys.executable, [sys.executable, "-m", "pipeline", *sys.argv[1:]])

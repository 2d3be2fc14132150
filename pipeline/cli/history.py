"""`omni history`: the sink, until it is told to stop."""

from __future__ import annotations

import argparse
import gc
import logging
import signal
import threading
from pathlib import Path

from kafka.errors import KafkaError

from pipeline.errors import DONE, NO, UNREACHABLE, OmniError
from pipeline.history.engine import HistoryUnavailable, QueryRefused
from pipeline.history.intake import Intake
from pipeline.history.sink import Sink, consumer_for
from pipeline.history.writer import HistoryWriter, open_history
from pipeline.settings import Settings, mask_url
from pipeline.streaming.envelope import UnknownVersion

HELP = (
    "Write events, triggers, decisions, identity changes and dead letters from Kafka into ClickHouse (clickhouse_url) "
    "or the embedded history. Stops cleanly on SIGTERM and Ctrl-C; can be killed at any moment."
)
EXAMPLE = """
omni history
omni history --clickhouse-url clickhouse://default@localhost:9000/omni
"""

# Rows live for a second and hold no cycles; at its usual pace the collector looks through all of them again and again.
GC_THRESHOLD = (100_000, 50, 100)

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where the history is."""
    parser.add_argument(
        "--history",
        "--history-path",
        dest="history_path",
        metavar="PATH",
        help="the embedded history there, whatever server is configured (default: history in --data-dir)",
    )
    parser.add_argument("--clickhouse-url", metavar="URL", help="clickhouse://user:password@host:9000/database")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Open both ends, work until a signal."""
    if settings.bootstrap is None:
        raise OmniError("No Kafka is named. Start one: omni kafka start, or set KAFKA_BOOTSTRAP.", UNREACHABLE)
    gc.set_threshold(*GC_THRESHOLD)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    embedded = settings.clickhouse_url is None or (args.history_path is not None and args.clickhouse_url is None)
    place = settings.history_path if embedded else settings
    first = _first_writer(place)
    try:
        consumer = consumer_for(settings)
    except KafkaError as error:
        if first is not None:
            first.close()
        raise OmniError(
            f"Kafka at {settings.bootstrap} does not answer: {error}. Start it, or name another with --bootstrap.",
            UNREACHABLE,
        ) from error
    waiting = [first] if first is not None else []
    sink = Sink(consumer, Intake(settings), lambda: waiting.pop() if waiting else open_history(place))
    log.info(
        "history: from %s into %s",
        settings.bootstrap,
        settings.history_path if embedded else mask_url(str(settings.clickhouse_url)),
    )
    try:
        sink.run(stop)
    except UnknownVersion as error:
        raise OmniError(
            f"the customer inbox was written by a newer version ({error}). Nothing is lost: upgrade `omni history`.", NO
        ) from error
    finally:
        sink.close()
        for writer in waiting:
            writer.close()
    log.info("history: %d rows stored", sink.stored)
    return DONE


def _first_writer(place: Settings | Path) -> HistoryWriter | None:
    """Open the database at once: what is wrong for good is said now. One that is merely away is waited for."""
    try:
        return open_history(place)
    except QueryRefused as error:
        raise OmniError(f"the history cannot be set up: {error}", UNREACHABLE) from error
    except HistoryUnavailable as error:
        if isinstance(place, Path):
            raise OmniError(str(error), UNREACHABLE) from error
        log.warning("%s; waiting for it", error)
        return None

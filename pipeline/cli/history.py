"""`omni history`: the sink, until it is told to stop."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import signal
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread
from wsgiref.simple_server import WSGIServer

from kafka.errors import KafkaError
from prometheus_client import start_http_server

from pipeline.broker import BrokerError, bootstrap_of
from pipeline.cli.arguments import add_history_place, history_place, port_to_serve
from pipeline.errors import DONE, USAGE, OmniError
from pipeline.history.consumer import consumer_for
from pipeline.history.engine import HistoryUnavailable
from pipeline.history.migrations import apply, pending
from pipeline.history.retention import NAME as KEEPING
from pipeline.history.retention import keep, to_keep
from pipeline.history.sink import Sink
from pipeline.history.writer import HistoryWriter, open_engine, open_history
from pipeline.settings import Settings, mask_url
from pipeline.streaming.envelope import UnknownVersion
from pipeline.streaming.ingest import FuseBlown

HELP = (
    "Write events, triggers, decisions, identity changes and dead letters from Kafka into ClickHouse (clickhouse_url) "
    "or the embedded history. Stops cleanly on SIGTERM and Ctrl-C; can be killed at any moment."
)
EXAMPLE = """
omni history
omni history --clickhouse-url clickhouse://default@localhost:9000/omni
omni history --migrate --dry-run
"""

# Rows live for a second and hold no cycles; at its usual pace the collector looks through all of them again and again.
GC_THRESHOLD = (100_000, 50, 100)

PORT_ATTEMPTS = 5  # another process may take a port between choosing it and listening on it

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where the history is."""
    add_history_place(parser)
    parser.add_argument(
        "--port", dest="history_port", metavar="N", help="port of /metrics (default: 6166, else the next free one)"
    )
    parser.add_argument(
        "--migrate", action="store_true", help="only bring the tables up to date, also in what they keep, then stop"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="with --migrate: print the statements only (the empty database is made)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Open both ends, work until a signal."""
    if args.migrate:
        return _migrate(history_place(args, settings), settings.history_keep_days, args.dry_run, args.json)
    if args.dry_run:
        raise OmniError("--dry-run belongs to --migrate.", USAGE)
    bootstrap = bootstrap_of(settings)
    gc.set_threshold(*GC_THRESHOLD)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    place = history_place(args, settings)
    with ExitStack() as stack:
        server, thread = _serve_metrics(settings)
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        first = _first_writer(place)
        waiting = [first] if first is not None else []
        stack.callback(_close, waiting)
        try:
            consumer = consumer_for(settings)
        except KafkaError as error:
            raise BrokerError(
                f"Kafka at {bootstrap} does not answer: {error}. Start it, or name another with --bootstrap."
            ) from error
        sink = Sink(consumer, settings, lambda: waiting.pop() if waiting else open_history(place))
        stack.callback(sink.close)
        shown = place if isinstance(place, Path) else mask_url(str(settings.clickhouse_url))
        log.info("history: from %s into %s, /metrics on port %d", bootstrap, shown, server.server_port)
        try:
            sink.run(stop)
        except UnknownVersion as error:
            raise UnknownVersion(
                f"a newer version writes already ({error}). Nothing is lost: upgrade `omni history`."
            ) from error
        except FuseBlown as error:
            raise OmniError(str(error)) from error
    log.info("history: %d rows stored", sink.stored)
    return DONE


def _migrate(place: Settings | Path, keep_days: int, dry_run: bool, as_json: bool) -> int:
    """Apply what has not been applied, and for how long rows are kept, or print it as SQL."""
    engine = open_engine(place)
    try:
        kept = to_keep(engine, keep_days)
        if dry_run:
            waiting = [(migration.name, statements) for migration, statements in pending(engine)]
            waiting += [(KEEPING, kept)] if kept else []
            if as_json:
                print(json.dumps({"pending": [{"name": name, "statements": each} for name, each in waiting]}))
            else:
                for name, statements in waiting:
                    sys.stdout.write(f"-- {name}\n" + "".join(f"{each};\n\n" for each in statements))
            return DONE
        applied = apply(engine) + ([KEEPING] if keep(engine, keep_days) else [])
    finally:
        engine.close()
    for name in applied:
        sys.stderr.write(f"applied {name}\n")
    if as_json:
        print(json.dumps({"applied": applied}))
    return DONE


def _serve_metrics(settings: Settings) -> tuple[WSGIServer, Thread]:
    """Serve /metrics. Raises OmniError."""
    for _ in range(PORT_ATTEMPTS):
        with suppress(OSError):
            return start_http_server(port_to_serve(settings, "history_port"))
    raise OmniError("No port for /metrics could be had. Give one: --port N", USAGE)


def _close(writers: list[HistoryWriter]) -> None:
    for writer in writers:
        writer.close()


def _first_writer(place: Settings | Path) -> HistoryWriter | None:
    """Open the database at once: what is wrong for good is said now. One that is merely away is waited for."""
    try:
        return open_history(place)
    except HistoryUnavailable as error:
        if isinstance(place, Path):
            raise
        log.warning("%s; waiting for it", error)
        return None

"""`omni demo`: a shop on every channel, played fast; its triggers in plain words."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

import msgspec

from pipeline.broker.bus import Bus, choose_bus
from pipeline.cli.arguments import within
from pipeline.cli.progress import Progress
from pipeline.demo.folder import CONFIG, run_settings
from pipeline.demo.stream import Stream, file_stream, shop_stream
from pipeline.demo.tally import Summary, Tally
from pipeline.demo.words import Words
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.rules.in_force import Rules
from pipeline.errors import DONE, UNREACHABLE, USAGE, OmniError
from pipeline.identity_file import load_identity
from pipeline.rules_file import load_rules
from pipeline.settings import Settings
from pipeline.sources import DEFAULT, source_names

HELP = """Play a made-up shop (or a file of yours) through the whole pipeline and watch its triggers arrive. Starts a
broker, a worker and the history, with topics and a folder of their own, and stops them at the end. Without --exit
they stay up after the play, for you to look around, until Ctrl-C."""
EXAMPLE = """
omni demo
omni demo --exit --bus memory
omni demo --exit --data events.csv --source rees46 --json
"""

CUSTOMERS = 300
SECONDS = 10.0
"""The shop's eight hours, so that they can be watched."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is played, where, and how fast."""
    known = ", ".join(source_names())
    parser.add_argument("--exit", action="store_true", help="play once and stop everything")
    parser.add_argument("--bus", choices=["kafka", "memory"], help="default: Kafka if one is to be had")
    parser.add_argument("--data", type=Path, metavar="FILE", help="play this file or folder instead of the shop")
    parser.add_argument("--source", metavar="NAME", help=f"what it holds: {known} (default: {DEFAULT})")
    parser.add_argument(
        "--customers", type=within(int, 1, 1_000_000), default=CUSTOMERS, metavar="N", help=f"of the shop ({CUSTOMERS})"
    )
    parser.add_argument(
        "--seconds",
        type=within(float, 0, 1_000_000),
        metavar="S",
        help=f"let the play take so long; 0: as fast as it goes (default: {SECONDS:.0f} for the shop, 0 for --data)",
    )
    parser.add_argument("--rules", dest="rules_file", metavar="FILE", help="rules file (default: the configured one)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Play; show; count."""
    signal.signal(signal.SIGTERM, _interrupt)
    rules = load_rules(settings.rules_file)
    stream = _stream(args, load_identity(settings.identity_file))
    with run_settings(settings, stream.channels) as own:
        return _Show(args, stream, rules, own).run(_bus(args.bus, own))


class _Show:
    """What a person sees: on standard output, or on standard error where a machine reads the answer."""

    def __init__(self, args: argparse.Namespace, stream: Stream, rules: Rules, settings: Settings) -> None:
        self._args = args
        self._stream = stream
        self._rules = rules
        self._settings = settings
        self._progress: Progress | None = None
        self._tally = Tally(rules, Words(rules, stream.names), self._say)
        default = 0.0 if args.data else SECONDS
        self._seconds: float = default if args.seconds is None else args.seconds

    def run(self, bus: Bus) -> int:
        self._say(f"{self._stream.title}: {self._stream.count:,} events on {', '.join(self._stream.channels)}.")
        self._say(bus.sentence.replace(str(self._settings.data_dir), str(_short(self._settings.data_dir))))
        if bus.kind == "memory":
            from pipeline.demo.in_memory import play_in_memory

            play = (self._settings, self._rules, self._stream, self._seconds, self._tally, self._played)
            self._answer(play_in_memory(*play))
            self._hint()
            return DONE
        from pipeline.demo.on_kafka import kafka_demo

        with kafka_demo(self._settings, bus, self._rules, self._tally) as demo:
            self._answer(demo.play(self._stream, self._seconds, self._played, self._say))
            if not self._args.exit:
                try:
                    self._invite()
                    demo.watch()
                except KeyboardInterrupt:
                    self._say("Stopping.")
        self._hint()
        return DONE

    def _played(self, events: int) -> None:
        self._progress = self._progress or Progress("events", self._stream.count)  # its clock runs from here on
        self._progress(events)

    def _say(self, line: str) -> None:
        if self._progress is not None:
            self._progress.close()
        print(line, file=sys.stderr if self._args.json else sys.stdout, flush=True)

    def _answer(self, summary: Summary) -> None:
        if self._tally.untold:
            self._say(f"  … and {self._tally.untold:,} more triggers, too fast to read.")
        if self._args.json:
            print(msgspec.json.encode(summary).decode(), flush=True)
        else:
            self._say(_table(summary))

    def _invite(self) -> None:
        config = f"--config {self._config()}"
        somebody = self._tally.told_of
        self._say(
            "\nEverything is still up, until Ctrl-C. In another terminal:\n"
            + (f"  omni customer {somebody} --timeline {config}\n" if somebody else "")
            + f"  omni tail triggers --from-start --until-end {config}\n"
            f'  omni sql "SELECT event_type, count() FROM events GROUP BY 1 ORDER BY 2 DESC" {config}\n'
            f"  curl http://127.0.0.1:{self._settings.web_port}/metrics"
        )

    def _hint(self) -> None:
        path = _short(self._settings.history_path)
        self._say(f'\nIts history can still be asked:\n  omni sql "SHOW TABLES" --history-path {path}')

    def _config(self) -> Path:
        return _short(self._settings.data_dir / CONFIG)


def _table(summary: Summary) -> str:
    rows: list[tuple[str, object]] = [("events", summary.events), ("customers", summary.customers)]
    rows += [("merges", summary.merges)]
    rows += [(f"triggers {rule}", number) for rule, number in summary.triggers.items()]
    rows += [(f"decisions {outcome}", number) for outcome, number in summary.decisions.items()]
    rows += [("dead letters", summary.dead_letters)]
    rows += [("rejected lines", summary.rejected)] if summary.rejected else []
    rows += [(f"history {table}", number) for table, number in summary.history_rows.items()]
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {number:>9,}" for name, number in rows]
    return "\n".join(["", *lines, f"  {'seconds':<{width}}  {summary.seconds:>9.1f}"])


def _stream(args: argparse.Namespace, identity: IdentityConfig) -> Stream:
    if args.data is None:
        if args.source is not None:
            raise OmniError("--source says what --data holds: give --data FILE too.", USAGE)
        return shop_stream(args.customers, identity)
    if not args.data.is_file() and not args.data.is_dir():
        raise OmniError(f"{args.data}: no such file or folder; a pipe will not do, it is read twice.", USAGE)
    stream = file_stream(args.data, args.source or DEFAULT, identity)
    if not stream.channels:
        raise OmniError(f"{args.data}: no event in it can be read. Is --source {args.source or DEFAULT} right?", USAGE)
    return stream


def _bus(wanted: str | None, settings: Settings) -> Bus:
    if wanted == "memory":
        return Bus(
            "memory", "The in-memory bus, as asked for. Without --bus memory it would be Kafka if one is to be had."
        )
    bus = choose_bus(settings)
    if wanted == "kafka" and bus.kind == "memory":
        raise OmniError(bus.lacking, UNREACHABLE)
    return bus


def _short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt

"""`omni backtest`: what a rules file would have sent over stored history or files, against another. Sends nothing."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec

from pipeline.backtest import Span, Tally, document
from pipeline.cli.arguments import add_history_place, duration, history_place, moment, within
from pipeline.cli.backtest_input import Events, FromFiles, FromHistory
from pipeline.cli.backtest_output import report
from pipeline.cli.progress import Progress
from pipeline.cli.simulate import ALLOCATIONS_PER_COLLECTION
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.rules.in_force import Rules
from pipeline.domain.time import rfc3339
from pipeline.errors import DONE, NO, USAGE, OmniError
from pipeline.history.reader import open_reader
from pipeline.history.stored_events import StoredEvents
from pipeline.identity_file import load_identity
from pipeline.rules_file import load_rules
from pipeline.settings import Settings
from pipeline.simulation import Simulation
from pipeline.sources import DEFAULT
from pipeline.streaming.ingest import Ingested

HELP = """What a rules file would have sent: plays stored history (or files) through the actors of the worker, on event
time, and counts what would have been sent, what not and why, by rule and day, against another rules file. Sends
nothing and writes nothing. Events before --from are played as well, so that carts, orders and limits stand as they
did; only what is decided from --from on and before --to counts. Days are days of UTC."""
EXAMPLE = """
omni backtest --rules new.yaml
omni backtest --rules new.yaml --against old.yaml --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z
omni backtest events.jsonl --rules new.yaml --against none --examples 20 --json
"""

NO_RULES = "none"
EXAMPLES = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's own options."""
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="files or folders instead of the history")
    parser.add_argument("--source", default=DEFAULT, metavar="NAME", help=f"what the files are (default: {DEFAULT})")
    parser.add_argument("--rules", dest="new_rules", type=Path, required=True, metavar="NEW", help="the rules to try")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="OLD",
        help=f"the rules to compare with; {NO_RULES} for none (default: the configured ones)",
    )
    parser.add_argument("--identity", dest="identity_file", metavar="FILE", help="identity rules file")
    parser.add_argument("--from", dest="since", type=moment, metavar="T", help="count from T on (default: all)")
    parser.add_argument("--to", dest="before", type=moment, metavar="T", help="count what is before T, and stop there")
    parser.add_argument(
        "--warm-up",
        type=duration,
        metavar="D",
        help="play so much of what lies before --from, as in 90d (default: all of it)",
    )
    parser.add_argument(
        "--examples",
        type=within(int, 0, 1_000_000),
        default=EXAMPLES,
        metavar="N",
        help=f"show up to N messages that only one of the two would have sent (default: {EXAMPLES})",
    )
    add_history_place(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Play under either rules file, count, print."""
    began = time.monotonic()
    gc.set_threshold(ALLOCATIONS_PER_COLLECTION)
    span = Span(args.since, args.before)
    first_ms = _first_ms(span, args.warm_up)
    old_file = None if str(args.against) == NO_RULES else args.against or settings.rules_file
    files = {"new": args.new_rules, "old": old_file}
    rules = {side: load_rules(path) for side, path in files.items() if path is not None}
    trial = _Trial(settings, load_identity(settings.identity_file), span)
    with ExitStack() as stack:
        events: Events
        if args.files:
            events = FromFiles(args.files, args.source, len(rules), first_ms)
        else:
            reader = stack.enter_context(closing(open_reader(history_place(args, settings))))
            events = FromHistory(StoredEvents(reader, first_ms, span.before_ms))
        tallies = {side: trial.run(each, events) for side, each in rules.items()}
    said = {
        "from": None if span.since_ms is None else rfc3339(span.since_ms),
        "to": None if span.before_ms is None else rfc3339(span.before_ms),
        "clock": rfc3339(trial.clock_ms),
        "events": trial.counted,
        "events_before": trial.played - trial.counted,
        "events_refused": events.refused,
        "rules_files": {side: None if path is None else str(path) for side, path in files.items()},
        "rules_versions": {side: rules[side].version if side in rules else None for side in files},
        **document(tallies["new"], tallies.get("old"), _names(rules.values()), args.examples),
        "seconds": round(time.monotonic() - began, 3),
    }
    if args.json:
        sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    else:
        print("\n".join(report(said)))
    return DONE


def _first_ms(span: Span, warm_up_ms: int | None) -> int | None:
    """Return from when on events are played, None for all."""
    if span.since_ms is None:
        if warm_up_ms is not None:
            raise OmniError("--warm-up says how much to play before --from: name --from T as well.", USAGE)
        return None
    if span.before_ms is not None and span.since_ms >= span.before_ms:
        raise OmniError("--from is not before --to: nothing lies between them.", USAGE)
    return None if warm_up_ms is None else span.since_ms - warm_up_ms


def _names(rules: Iterable[Rules]) -> list[str]:
    return list(dict.fromkeys(rule.name for each in rules for rule in each.rules))


class _Trial:
    """Plays the same events under one rules file after the other."""

    def __init__(self, settings: Settings, identity: IdentityConfig, span: Span) -> None:
        self._settings, self._identity, self._span = settings, identity, span
        #: Of the latest run: events played, those of them within the span, and where the clock stopped.
        self.played = self.counted = 0
        self.clock_ms = 0

    def run(self, rules: Rules, events: Events) -> Tally:
        """Play and count. Raises OmniError where there is nothing to count, or other events than the time before."""
        before, self.played, self.counted = self.played, 0, 0
        tally = Tally(self._span)
        simulation = Simulation(self._settings, rules, self._identity, on_published=tally.take, keep=False)
        until_ms = None if self._span.before_ms is None else self._span.before_ms - 1
        with closing(Progress("events", events.count)) as progress:
            simulation.play(self._noted(events.read_by(simulation), until_ms), until_ms, progress)
        if not self.counted:
            raise OmniError(
                'There are no events in this span, so nothing would have been sent. `omni sql "SELECT '
                'min(occurred_at), max(occurred_at) FROM events"` shows what the history holds.',
                NO,
            )
        if before not in (0, self.played):
            raise OmniError("The events changed between the two runs; try again when nobody writes them.", NO)
        self.clock_ms = simulation.bus.clock_ms
        return tally

    def _noted(self, stream: Iterable[Ingested], until_ms: int | None) -> Iterator[Ingested]:
        for event in stream:
            if event.is_event and (until_ms is None or event.occurred_at_ms <= until_ms):
                self.played += 1
                self.counted += self._span.holds(event.occurred_at_ms)
            yield event

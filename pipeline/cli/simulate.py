"""`omni simulate`: the actors of the worker over files, on event time, in memory, deterministic."""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from pipeline.cli.arguments import moment, within
from pipeline.cli.progress import Progress, lines_in
from pipeline.cli.simulate_input import Input
from pipeline.cli.simulate_output import Summary, summarise, write_folder
from pipeline.domain.records import DeadLetter
from pipeline.domain.rules.book import RuleBook
from pipeline.domain.time import DAY_MS
from pipeline.errors import DONE, USAGE, OmniError
from pipeline.history.recorder import Recorder
from pipeline.history.writer import open_history
from pipeline.identity_file import load_identity
from pipeline.rules_file import read_text, rules_of
from pipeline.settings import Settings
from pipeline.simulation import Conditions, Simulation
from pipeline.sources import DEFAULT, find_source

HELP = """Run the actors of the worker over files, on event time and without a broker. The same files give the same
customers and triggers, byte for byte. The clock follows the events and stops at the last one, so that later timers
stay pending; with --until T it stops at T: events after T are left out, timers due by T fire. Several files are
merged by time. A line that cannot be read becomes a dead letter and the run goes on. Products and stock levels may
stand among the events: a line is what its fields say."""
EXAMPLE = """
omni simulate events.jsonl --out result
omni simulate events.csv --source rees46 --rules my-rules.yaml --until 2019-10-01T02:50:00Z --json
omni simulate events.jsonl --rules old.yaml --rules-from 2026-11-24T10:30:00Z=new.yaml --out result
omni simulate events.csv --source rees46 --catalog products.jsonl --catalog stock.jsonl
omni simulate web.jsonl store.jsonl --partitions 8 --seed 7 --duplicate 0.1 --shuffle 20 --crash 0.05
"""

ALLOCATIONS_PER_COLLECTION = 100_000
"""Nothing here forms cycles, and looking for them (every 700 allocations, by default) took a sixth of the time."""
MOST_PARTITIONS = 1_000
MOST_CRASHES = 0.9
"""A unit that crashes every time is never done."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's own options."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="file or folder; - is standard input")
    parser.add_argument("--source", default=DEFAULT, metavar="NAME", help=f"what the files are (default: {DEFAULT})")
    parser.add_argument("--rules", dest="rules_file", metavar="FILE", help="rules file (default: the configured one)")
    parser.add_argument(
        "--rules-from",
        action="append",
        default=[],
        type=_later_rules,
        metavar="T=FILE",
        help="let another rules file hold from T on; may be given again",
    )
    parser.add_argument("--identity", dest="identity_file", metavar="FILE", help="identity rules file")
    parser.add_argument("--until", type=moment, metavar="T", help="stop the clock at T: RFC 3339, or milliseconds")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write triggers.jsonl … summary.json there")
    parser.add_argument("--history", type=Path, metavar="PATH", help="write the embedded history there as well")
    parser.add_argument(
        "--catalog",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="products and stock levels in our own form, in any order, beside files of another source; "
        "may be given again",
    )
    parser.add_argument(
        "--demand",
        action="store_true",
        help="count how much each product is wanted (products.jsonl); a third slower",
    )
    disturbances = parser.add_argument_group("disturbances (none of them changes the digests)")
    disturbances.add_argument(
        "--partitions",
        dest="simulated_partitions",
        type=within(int, 1, MOST_PARTITIONS),
        default=1,
        metavar="N",
        help="partitions of every topic (default: 1)",
    )
    disturbances.add_argument("--seed", type=int, metavar="N", help="let partitions take turns at random, on this seed")
    disturbances.add_argument(
        "--duplicate",
        type=within(float, 0.0, 1.0),
        default=0.0,
        metavar="P",
        help="deliver this share of events and messages twice",
    )
    disturbances.add_argument(
        "--shuffle",
        type=within(int, 0, 1_000_000),
        default=0,
        metavar="N",
        help="hand events over up to N places out of order",
    )
    disturbances.add_argument(
        "--crash",
        type=within(float, 0.0, MOST_CRASHES),
        default=0.0,
        metavar="P",
        help="kill and recover partitions in this share of steps",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Play the files; write and print what came of them."""
    began = time.monotonic()
    gc.set_threshold(ALLOCATIONS_PER_COLLECTION)
    if args.out is not None:
        with _writing_to(args.out):  # before an hour of play comes to nothing
            args.out.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=args.out).close()
    book, names = _rule_book(settings.rules_file, args.rules_from)
    identity = load_identity(settings.identity_file)
    files = Input(args.files, find_source(args.source), args.source, args.catalog)
    conditions = Conditions(args.simulated_partitions, args.seed, args.duplicate, args.shuffle, args.crash)
    with ExitStack() as stack:
        writer = stack.enter_context(closing(open_history(args.history))) if args.history else None
        recorder = Recorder(writer)
        _say_what_is_there(args.history, recorder.rows())
        simulation = Simulation(
            settings,
            book,
            identity,
            conditions,
            recorder.published if writer else None,
            recorder.arrived if writer else None,
            products_every_ms=DAY_MS if args.demand else 0,
        )
        progress = Progress("events", lines_in(files.paths))
        try:
            simulation.play(files.events(simulation), args.until, progress)
            recorder.refused(files.refused)
            rows = recorder.rows()
        finally:
            progress.close()
    summary = summarise(simulation, names, len(files.refused), rows, time.monotonic() - began)
    if args.out is not None:
        with _writing_to(args.out):
            write_folder(args.out, simulation, files.refused, summary)
    if args.json:
        print(json.dumps(summary))
    else:
        _print(summary, files.refused, args.out)
    return DONE


def _say_what_is_there(folder: Path, rows: Mapping[str, int]) -> None:
    """Say that the history is of more than this run; a later day onto an earlier one is a good use of it."""
    if any(rows.values()):
        print(
            f"{folder} holds {rows['events']:,} events and {rows['decisions']:,} decisions already. Those of this run "
            "are added, the same ones once. For this run alone, name a new folder.",
            file=sys.stderr,
        )


def _later_rules(text: str) -> tuple[int, Path]:
    """Read `T=FILE`."""
    time_text, equals, name = text.partition("=")
    if not (equals and name):
        raise argparse.ArgumentTypeError(f"{text} is not T=FILE. Write it like 2026-11-24T10:30:00Z=new-rules.yaml.")
    return moment(time_text), Path(name)


def _rule_book(first: Path, later: Sequence[tuple[int, Path]]) -> tuple[RuleBook, list[str]]:
    """Return the rules with the times from which they hold, and the names of all. Raises RulesFileError."""
    book, names = RuleBook(), dict[str, None]()
    for number, (from_ms, path) in enumerate([(0, first), *later]):
        rules = rules_of(read_text(path), path, number)
        book.put(rules, from_ms)
        names |= dict.fromkeys(rule.name for rule in rules.rules)
    return book, list(names)


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OmniError(f"{folder}: cannot be written: {error.strerror}. Name a folder of yours.", USAGE) from None


def _print(summary: Summary, refused: Sequence[DeadLetter], folder: Path | None) -> None:
    print(f"{summary['events']:,} events of {summary['customers']:,} customers in {summary['seconds']} s", end="")
    print(f"; {summary['merges']:,} merges, {summary['duplicates']:,} duplicates", end="")
    print(f", {summary['dead_letters']:,} dead letters", end="")
    print(f"; {summary['catalog_updates']:,} updates of the catalogue." if summary["catalog_updates"] else ".")
    if refused:
        reasons = sorted(Counter(letter.reason for letter in refused).items())
        first = refused[0]
        print("dead letters: " + ", ".join(f"{reason} {number:,}" for reason, number in reasons), end="")
        print(f". The first is {first.topic}:{first.offset}: {first.detail}.")
    print(f"The clock stopped at {summary['clock']}.")
    for name in ("triggers", "decisions", "audiences", "history_rows"):
        counts = summary[name]
        assert isinstance(counts, dict)
        if counts:
            print(f"{name.replace('_', ' ')}: " + ", ".join(f"{key} {number:,}" for key, number in counts.items()))
    print(f"state {summary['state_digest']}")
    print(f"triggers {summary['triggers_digest']}")
    sys.stdout.flush()
    if folder is not None:
        print(f"Written to {folder}.", file=sys.stderr)

"""`omni identity suggest`: pairs of customers that a person may find to be one."""

from __future__ import annotations

import argparse
import logging
import sys
from contextlib import closing

import msgspec

from pipeline.cli.arguments import add_history_place, history_place, within
from pipeline.errors import DONE, NO, USAGE, OmniError
from pipeline.history.reader import open_reader
from pipeline.identity_file import load_identity
from pipeline.settings import Settings
from pipeline.suggestions.people import kept_apart, people
from pipeline.suggestions.words import as_json, lines

THRESHOLD = 0.8
"""Measured in pipeline/suggestions/README.md: hardly ever wrong there."""
LIMIT = 100
"""As many as a person goes through at a sitting."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what suggest alone takes."""
    group = parser.add_argument_group("options of suggest")
    group.add_argument(
        "--threshold",
        type=within(float, 0.0, 1.0),
        default=THRESHOLD,
        metavar="P",
        help=f"the least probability that a pair is one customer (default: {THRESHOLD})",
    )
    group.add_argument(
        "--limit",
        type=within(int, 1, 1_000_000),
        default=LIMIT,
        metavar="N",
        help=f"the likeliest pairs, at most so many (default: {LIMIT})",
    )
    add_history_place(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Read the history, compare, print."""
    try:
        from pipeline.suggestions.model import RECORDS_NEEDED, suggest
    except ModuleNotFoundError as error:
        raise OmniError(
            f"omni identity suggest needs the extra `suggest` ({error.name} is missing): "
            "pip install 'omni-pipeline[suggest]', or make install.",
            USAGE,
        ) from error
    logging.getLogger("splink").setLevel(logging.ERROR)  # it warns of each value that is too rare to learn from
    with closing(open_reader(history_place(args, settings))) as reader:
        records = people(reader, args.tenant, load_identity(settings.identity_file))
        apart = kept_apart(reader, args.tenant)
    if len(records) < RECORDS_NEEDED:
        raise OmniError(
            f"Too few to compare: of tenant {args.tenant}, {len(records)} customers told at least two of name, birth "
            f"date, address, e-mail and phone; {RECORDS_NEEDED} are needed. They tell them in the properties of "
            "`identified` and `order_completed`, as firstName, lastName, birthday.",
            NO,
        )
    found = suggest(records, args.threshold, apart)
    shown = found[: args.limit]
    if args.json:
        pairs = [as_json(suggestion, args.tenant) for suggestion in shown]
        said = {"compared": len(records), "threshold": args.threshold, "found": len(found), "suggestions": pairs}
        sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
        return DONE
    pairs_found = "1 pair" if len(found) == 1 else f"{len(found):,} pairs"
    likeliest = "" if len(shown) == len(found) else f" The likeliest {len(shown):,}:"
    print(f"{len(records):,} customers compared, {pairs_found} of at least {args.threshold:.0%}.", end="")
    print(f" Nothing was merged.{likeliest}")
    for suggestion in shown:
        print()
        for line in lines(suggestion, args.tenant):
            print(line)
    return DONE

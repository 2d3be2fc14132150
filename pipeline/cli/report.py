"""`omni report NAME`: a question to the history that people ask again and again."""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from pipeline.cli.answer_format import chosen_format
from pipeline.cli.arguments import add_history_place, history_place
from pipeline.cli.report_chart import draw, in_words
from pipeline.errors import DONE, USAGE, OmniError
from pipeline.history.engine import Answer
from pipeline.history.formats import rows_json
from pipeline.history.reader import open_reader
from pipeline.history.reports.asking import ask
from pipeline.history.reports.catalogue import Report, report, reports
from pipeline.settings import Settings

HELP = """Answer a named question from the history: ClickHouse if clickhouse_url is set, else the embedded one.
Without a name, list the reports. Each has its own options: `omni report NAME --about` explains it."""
EXAMPLE = """
omni report
omni report rfm --from 2026-01-01 --to 2026-07-01 --json
omni report touchpoints --model time_decay --window 14d --chart
omni report funnel --steps product_viewed,product_added,order_completed --by device --per week --plot funnel.png
omni report trigger_effect --about
"""

PREFIX = "parameter_"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which report and in what form, and the parameters of all of them."""
    parser.add_argument("name", metavar="NAME", nargs="?", help=f"one of {', '.join(reports())}")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "--format", metavar="F", help="as of omni sql (default: Pretty on a terminal, else TabSeparated)"
    )
    shown.add_argument("--chart", action="store_true", help="draw it with characters instead")
    shown.add_argument("--sql", action="store_true", help="print the query instead, as it would be sent")
    shown.add_argument("--about", action="store_true", help="explain the report and its options instead")
    parser.add_argument("--plot", metavar="FILE.png", type=Path, help="draw it into a file too (the extra `plot`)")
    owners = defaultdict[str, list[str]](list)
    for each in reports().values():
        for name in each.parameters:
            owners[name].append(each.name)
    parameters = parser.add_argument_group("options of reports")
    for name, those in owners.items():
        of = "" if len(those) > 2 else f" (of {' and '.join(those)})"
        said = reports()[those[0]].parameters[name].says
        parameters.add_argument(f"--{name.replace('_', '-')}", dest=PREFIX + name, metavar="V", help=f"{said}{of}")
    add_history_place(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Ask; print, and draw if that is wanted."""
    if args.name is None:
        _list(args.json)
        return DONE
    wanted = report(args.name)
    if args.plot is not None and (args.sql or args.about):
        other = "--sql" if args.sql else "--about"
        raise OmniError(f"--plot draws an answer, and with {other} there is none: leave one of them out", USAGE)
    given = {
        name.removeprefix(PREFIX): value
        for name, value in vars(args).items()
        if name.startswith(PREFIX) and value is not None
    }
    if args.about:
        print(json.dumps({**_described(wanted), "about": wanted.about}) if args.json else _about(wanted))
        return DONE
    if args.sql:
        query = wanted.sql(given)
        print(json.dumps({"name": wanted.name, "sql": query}) if args.json else query)
        return DONE
    write = rows_json if args.json else chosen_format(args.format)
    with closing(open_reader(history_place(args, settings))) as reader:
        answer = ask(reader, wanted, given)
    sys.stdout.write(in_words(wanted, answer) if args.chart and not args.json else write(answer))
    if args.plot is not None:
        sys.stdout.flush()
        _plot(wanted, answer, args.plot)
    return DONE


def _plot(wanted: Report, answer: Answer, file: Path) -> None:
    """Draw into `file` what there is to draw, and say so."""
    if not answer.rows:
        sys.stderr.write(f"omni: no rows, so nothing is drawn into {file}\n")
        return
    try:
        draw(wanted, answer, file)
    except OSError as error:
        raise OmniError(f"--plot {file}: cannot be written: {error.strerror}", USAGE) from None
    sys.stderr.write(f"omni: drawn into {file}\n")


def _list(as_json: bool) -> None:
    """Print what there is, each with its sentence."""
    if as_json:
        print(json.dumps([_described(each) for each in reports().values()]))
        return
    width = max(map(len, reports()))
    for each in reports().values():
        print(f"{each.name:<{width}}  {each.sentence}")


def _described(wanted: Report) -> dict[str, object]:
    """Return what of a report machines are told."""
    return {
        "name": wanted.name,
        "says": wanted.sentence,
        "parameters": [
            {"name": one.name, "kind": one.kind, "default": one.default, "says": one.says}
            for one in wanted.parameters.values()
        ],
    }


def _about(wanted: Report) -> str:
    """Return what the report's file says of it."""
    options = [
        f"  --{one.name.replace('_', '-'):<14} {one.says}"
        + (f"; {', '.join(one.choices)}" if one.choices else "")
        + (f" (default: {one.default})" if one.default and "(default" not in one.says else "")
        for one in wanted.parameters.values()
    ]
    return "\n".join([wanted.sentence, "", wanted.about, "", *options])

"""`omni rules check|show|explain|apply|schema|kinds|conditions`: is a file right, what does it do, let it hold."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import yaml

from pipeline.cli.arguments import moment
from pipeline.domain.time import rfc3339
from pipeline.errors import DONE, NO, USAGE, OmniError
from pipeline.kinds import load_kinds
from pipeline.rules_file.model import FORMS, AudienceEntry, Sheet
from pipeline.rules_file.reading import RulesFileError, read_sheet
from pipeline.rules_file.schema import rules_schema
from pipeline.rules_file.words import (
    advice,
    audience_sentences,
    conditions_table,
    in_force,
    kind_parameters,
    kinds_table,
    purpose,
    rule_in_force,
    sentences,
)
from pipeline.settings import Settings
from pipeline.struct_types import written
from pipeline.yaml_nodes import nearest

HELP = """Check a rules file, show the rules in force with the defaults filled in, or explain one rule in plain words.
Or let a file hold from now on, on every worker, without a restart: what waits keeps the version it began under.
Also: the JSON Schema that editors complete and check rules files with, and the tables of kinds and of
conditions (Markdown)."""
EXAMPLE = """
omni rules check my-rules.yaml
omni rules show
omni rules explain cart_reminder
omni rules apply my-rules.yaml
omni rules schema > schemas/rules.schema.json
omni rules kinds
omni rules conditions
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action, and the file or rule it is about."""
    parser.add_argument(
        "action",
        choices=["check", "show", "explain", "apply", "schema", "kinds", "conditions"],
        help="check: exit status 1, and every mistake with its line, if the file is wrong; apply: 2",
    )
    parser.add_argument(
        "what",
        nargs="?",
        metavar="FILE|RULE",
        help="check, show, apply: the file; explain: the name of a rule or audience",
    )
    parser.add_argument("--rules", dest="rules_file", metavar="FILE", help="rules file (default: the configured one)")
    parser.add_argument(
        "--from", dest="from_ms", type=moment, metavar="T", help="apply: let it hold from T on, not now"
    )
    parser.add_argument("--clock", metavar="wall|event", help="apply: the clock that the workers run on")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do the action."""
    if args.action in ("schema", "kinds", "conditions"):
        if args.what is not None:
            raise OmniError(f"{args.action} is about no file and no rule. Leave {args.what} out.", USAGE)
        load_kinds()
        if args.action == "schema":
            print(_text(rules_schema()))
        else:
            table = kinds_table() if args.action == "kinds" else conditions_table()
            print(_text({args.action: table}) if args.json else table)
        return DONE
    if args.action == "explain":
        return _explain(args, read_sheet(settings.rules_file))
    path = settings.rules_file if args.what is None else Path(args.what)
    if args.action == "apply":
        return _apply(args, settings, path)
    return _check(args, path) if args.action == "check" else _show(args, read_sheet(path))


def _apply(args: argparse.Namespace, settings: Settings, path: Path) -> int:
    from pipeline.rules_log.applying import apply_rules

    applied, is_new = apply_rules(settings, path, "command", args.from_ms)
    version, since = applied.rules().version, rfc3339(applied.from_ms) if applied.from_ms else None
    if args.json:
        print(json.dumps({"number": applied.number, "version": version, "from": since, "applied": is_new}))
        return DONE
    if not is_new:
        print("These rules were applied last already. Nothing is changed.", file=sys.stderr)
    print(f"Rules {version} (number {applied.number}) hold from {since or 'the beginning'} on.")
    return DONE


def _check(args: argparse.Namespace, path: Path) -> int:
    problems: tuple[str, ...] = ()
    warnings: list[str] = []
    rules = 0
    try:
        sheet = read_sheet(path)
    except RulesFileError as error:
        problems = error.problems
    else:
        warnings, rules = list(advice(sheet)), len(sheet.rules)
    if args.json:
        said = {"ok": not problems, "file": str(path), "rules": rules, "problems": problems, "warnings": warnings}
        print(json.dumps(said))
        return NO if problems else DONE
    for problem in problems:
        print(problem)
    for warning in warnings:
        print(f"{path}: warning: {warning}")
    if problems:
        print("Nothing of this file would be taken: a wrong file is refused whole.", file=sys.stderr)
        return NO
    print(f"{path}: right. {rules} rules.")
    return DONE


def _show(args: argparse.Namespace, sheet: Sheet) -> int:
    shown = in_force(sheet)
    print(json.dumps(shown) if args.json else yaml.safe_dump(shown, sort_keys=False, allow_unicode=True).rstrip())
    return DONE


def _explain(args: argparse.Namespace, sheet: Sheet) -> int:
    if args.what is None:
        raise OmniError("explain needs the name of a rule, as in: omni rules explain cart_reminder", USAGE)
    entry = next((entry for entry in sheet.rules if entry.rule.name == args.what), None)
    audience = next((audience for audience in sheet.audiences if audience.name == args.what), None)
    if entry is None and audience is not None:
        return _explain_audience(audience, sheet, args.json)
    if entry is None:
        names = (*(e.rule.name for e in sheet.rules), *(audience.name for audience in sheet.audiences))
        raise OmniError(f"there is no rule {args.what}. {nearest(args.what, names)}", NO)
    binds = list(sentences(entry, sheet))
    if args.json:
        print(json.dumps({"rule": rule_in_force(entry), "does": purpose(entry), "bounds": binds}))
        return DONE
    print(f"{entry.rule.name} – {entry.rule.kind}\n\n{purpose(entry)}\n")
    for key, value in kind_parameters(entry).items():
        print(f"  {key}: {json.dumps(value, ensure_ascii=False) if isinstance(value, bool | list | dict) else value}")
    print()
    for sentence in binds:
        print(f"- {sentence}")
    return DONE


def _explain_audience(audience: AudienceEntry, sheet: Sheet, as_json: bool) -> int:
    says = list(audience_sentences(audience, sheet))
    if as_json:
        print(json.dumps({"audience": written(audience, FORMS), "says": says}))
        return DONE
    print(f"{audience.name} – audience\n")
    for sentence in says:
        print(f"- {sentence}")
    return DONE


def _text(document: object) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False)

"""`omni topics create|check|table`: the declared topics and the broker's."""

from __future__ import annotations

import argparse
import json

import msgspec

from pipeline.broker import bootstrap_of
from pipeline.broker.topic_admin import create_topics, differences
from pipeline.errors import DONE, NO
from pipeline.rules_file import load_rules
from pipeline.settings import Settings
from pipeline.topics import markdown_table, topics

HELP = "Create the topics, compare the broker's with the declared ones, or print their table."
EXAMPLE = """
omni topics create --partitions 24
omni topics check
omni topics table
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action and the rules file, whose rules have a topic each."""
    parser.add_argument(
        "action",
        choices=["create", "check", "table"],
        help="create: those that are missing; check: exit status 1 if one is missing or different; table: Markdown",
    )
    parser.add_argument("--rules", dest="rules_file", metavar="FILE", help="rules file (default: the configured one)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do the action."""
    if args.action == "table" and not args.json:
        print(markdown_table(settings))
        return DONE
    wanted = topics(settings, [rule.name for rule in load_rules(settings.rules_file).rules])
    if args.action == "table":
        print(json.dumps({"topics": [msgspec.to_builtins(topic) for topic in wanted]}))
        return DONE
    bootstrap = bootstrap_of(settings)
    if args.action == "create":
        created = create_topics(bootstrap, wanted)
        kept = [topic.name for topic in wanted if topic.name not in created]
        print(
            json.dumps({"created": created, "existing": kept})
            if args.json
            else f"{len(created)} topics created, {len(kept)} were there already."
        )
        return DONE
    found = differences(bootstrap, wanted)
    if args.json:
        print(json.dumps({"ok": not found, "differences": [msgspec.to_builtins(each) for each in found]}))
    else:
        for each in found:
            print(each)
        print(f"{len(wanted)} topics checked, {len(found)} differences.")
    return NO if found else DONE

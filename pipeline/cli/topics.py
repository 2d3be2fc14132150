"""`omni topics create|check|table`: the declared topics and the broker's."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import msgspec
import yaml

from pipeline.broker.topic_admin import create_topics, differences
from pipeline.cli import DONE, NO, UNREACHABLE, USAGE, CommandError
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
    wanted = topics(settings, rule_names(settings.rules_file))
    if args.action == "table":
        print(json.dumps({"topics": [msgspec.to_builtins(topic) for topic in wanted]}))
        return DONE
    if settings.bootstrap is None:
        raise CommandError("No Kafka is named. Start one: omni kafka start, or set KAFKA_BOOTSTRAP.", UNREACHABLE)
    if args.action == "create":
        created = create_topics(settings.bootstrap, wanted)
        kept = [topic.name for topic in wanted if topic.name not in created]
        print(
            json.dumps({"created": created, "existing": kept})
            if args.json
            else f"{len(created)} topics created, {len(kept)} were there already."
        )
        return DONE
    found = differences(settings.bootstrap, wanted)
    if args.json:
        print(json.dumps({"ok": not found, "differences": [msgspec.to_builtins(each) for each in found]}))
    else:
        for each in found:
            print(each)
        print(f"{len(wanted)} topics checked, {len(found)} differences.")
    return NO if found else DONE


def rule_names(path: Path) -> list[str]:
    """Return the names of the rules in `path`, in its order; what they say is checked by whoever runs them."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return [str(rule["name"]) for rule in content["rules"]]
    except OSError as error:
        raise CommandError(
            f"{path}: cannot be read ({error.strerror}). Name a rules file: --rules FILE", USAGE
        ) from None
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise CommandError(
            f"{path}: is not a rules file ({error}). It needs `rules:` with a `name` each.", USAGE
        ) from None

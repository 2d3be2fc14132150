"""`omni schemas check|register|types`: may a schema change this way; its place in a registry; known event types."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from pipeline.domain.catalog import MODES
from pipeline.domain.event_types import EVENT_TYPES
from pipeline.errors import DONE, NO, UNREACHABLE, USAGE, OmniError
from pipeline.rules_file import load_rules
from pipeline.settings import Settings
from pipeline.topics import topics
from pipeline.wire.registry import Registry
from pipeline.wire.schemas import current, names, schema_folder

HELP = """Check the schemas against every released version of them, register them for the topics of this installation
with the schema registry of registry_url, or list the known event types and stock modes."""
EXAMPLE = """
omni schemas check
PIPELINE_REGISTRY_URL=http://registry:8081 omni schemas register
omni schemas types --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action and the folder."""
    parser.add_argument(
        "action",
        choices=["check", "register", "types"],
        help="check: exit status 1 if a schema cannot be read by, or cannot read, a released version; "
        "register: each topic's schema, as the subject TOPIC-value; exit status 1 if the registry refuses one; "
        "types: event types with what each changes, and how stock levels may be meant",
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="check the schemas of this folder (default: the project's own)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do the action."""
    if args.action == "register":
        if args.folder is not None:
            raise OmniError("--folder goes with check. What is registered is what this version writes.", USAGE)
        return _register(settings, args.json)
    return _types(args.json) if args.action == "types" else _check(args.folder or schema_folder(), args.json)


def _register(settings: Settings, as_json: bool) -> int:
    if settings.registry_url is None:
        raise OmniError("No schema registry is named. Set PIPELINE_REGISTRY_URL, as http://host:8081.", UNREACHABLE)
    by_record = {current(name).definition["name"]: current(name) for name in names()}
    rules = [rule.name for rule in load_rules(settings.rules_file).rules]
    registry = Registry(settings.registry_url)
    registered: list[dict[str, object]] = []
    for topic in topics(settings, rules):
        schema = by_record.get(topic.value.removesuffix(" (Avro)"))
        if schema is not None:
            subject = f"{topic.name}-value"
            number = registry.register(subject, schema.definition)
            registered.append({"subject": subject, "schema": schema.name, "id": number})
    if as_json:
        print(msgspec.json.encode({"registry": registry.url, "registered": registered}).decode())
        return DONE
    for each in registered:
        print("{subject}  {schema}  id {id}".format(**each))
    return DONE


def _types(as_json: bool) -> int:
    if as_json:
        modes = [{"name": name, "says": says} for name, says in MODES.items()]
        print(msgspec.json.encode({"event_types": list(EVENT_TYPES.values()), "stock_modes": modes}).decode())
        return DONE
    width = max(len(name) for name in EVENT_TYPES)
    changed = max(len(", ".join(kind.changes)) for kind in EVENT_TYPES.values())
    for kind in EVENT_TYPES.values():
        print(f"{kind.name:<{width}}  {', '.join(kind.changes):<{changed}}  {kind.says}")
    for name, says in MODES.items():
        print(f"{name:<{width}}  {'stock (mode)':<{changed}}  {says}")
    print(
        "Any other type is kept and counted, and changes last_seen: with it goes what any event may bring along, which "
        "is context, consent, session, store and the message that led there.",
        file=sys.stderr,
    )
    return DONE


def _check(folder: Path, as_json: bool) -> int:
    from pipeline.wire.compatibility import check

    if not any(folder.glob("*.avsc")):
        raise OmniError(f"{folder}: no schemas (*.avsc) here. Name another folder: --folder DIR", USAGE)
    verdicts = check(folder)
    wrong = any(verdict.problems for verdict in verdicts)
    if as_json:
        print(msgspec.json.encode({"ok": not wrong, "schemas": verdicts}).decode())
        return NO if wrong else DONE
    for verdict in verdicts:
        for problem in verdict.problems:
            print(f"{verdict.name}: {problem}")
        if not verdict.problems:
            state = "new, compatible" if verdict.is_new else "as released"
            print(f"{verdict.name}: {state}; held against {verdict.versions} released version(s), both ways")
    if wrong:
        print(
            "Give new fields a default, keep old ones with their types; what must differ gets a new name.",
            file=sys.stderr,
        )
    return NO if wrong else DONE

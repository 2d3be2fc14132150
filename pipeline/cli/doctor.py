"""`omni doctor`: what is configured, what is reachable, and what to do about the rest."""

from __future__ import annotations

import argparse
import json

import msgspec

from pipeline.cli.doctor_checks import Finding, examine
from pipeline.errors import DONE, NO
from pipeline.settings import Settings

HELP = "Show the settings with where each came from, what is reachable, and what to do about the rest."
EXAMPLE = """
omni doctor
omni doctor --json
KAFKA_BOOTSTRAP=broker:9092 omni doctor
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has no options of its own."""


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit status 1 if something that is needed is not there."""
    findings = examine(settings)
    healthy = all(finding.ok for finding in findings if finding.needed)
    if args.json:
        checks = [msgspec.to_builtins(finding) for finding in findings]
        print(json.dumps({"ok": healthy, "settings": settings.describe(), "checks": checks}))
    else:
        _print_settings(settings)
        print()
        for finding in findings:
            print(_line(finding))
        print()
        print("Everything needed is there." if healthy else "Something needed is missing: see the lines marked !")
    return DONE if healthy else NO


def _print_settings(settings: Settings) -> None:
    described = settings.describe()
    width = max(map(len, described))
    for name, entry in described.items():
        value = entry["value"]
        shown = " ".join(value) if isinstance(value, list) else "–" if value in (None, "") else str(value)
        print(f"{name:<{width}}  {shown}  ({entry['origin']})")


def _line(finding: Finding) -> str:
    mark = "✓" if finding.ok else "!" if finding.needed else "–"
    remedy = f"\n{'':14}→ {finding.remedy}" if finding.remedy and not finding.ok else ""
    return f"{mark} {finding.name:<11} {finding.found}{remedy}"

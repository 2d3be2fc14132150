"""The reports there are, read from their SQL files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from string import Template
from typing import Final

from msgspec import Struct

from pipeline.errors import USAGE, OmniError
from pipeline.history.reports.parts import parts
from pipeline.history.reports.values import Parameter, written

_PARAMETER: Final = re.compile(r"\$(?P<name>\w+) (?P<kind>[\w|]+)(?: = (?P<default>[^:]+))?: (?P<says>.+)")
_CHART: Final = re.compile(
    r"chart: (?P<kind>bar|interval|heat) (?P<values>[\w ]+?)(?: over (?P<over>\w+))? by (?P<labels>\w+(?:, \w+)*)"
)


class Chart(Struct, frozen=True):
    """How a report is drawn: `bar`, `interval` (value, low, high) or `heat` (`over` from left to right)."""

    kind: str
    values: list[str]
    labels: list[str]
    over: str | None


class Report(Struct, frozen=True):
    """One report. `sentence` says what it answers, `about` the rest of it; `template` is its SQL with `$parameters`."""

    name: str
    sentence: str
    about: str
    parameters: dict[str, Parameter]
    chart: Chart
    template: str

    def sql(self, given: Mapping[str, str] | None = None) -> str:
        """Return the statement for the values `given`, as a person types them; the others have their defaults.

        Raises OmniError where a parameter or its value is none of this report.
        """
        return self.filled({}, given or {})

    def filled(self, words: Mapping[str, str], given: Mapping[str, str]) -> str:
        """Return the statement with some `words` as they are, and the values `given` as a person types them.

        Raises OmniError as `sql` does.
        """
        for name in given:
            if name not in self.parameters:
                known = ", ".join(f"--{each.replace('_', '-')}" for each in self.parameters)
                raise OmniError(f"the report {self.name} has no --{name.replace('_', '-')}; it has {known}", USAGE)
        told = dict[str, str]()
        for name, parameter in self.parameters.items():
            told |= written(parameter, given.get(name, parameter.default))
        if "from" in told and int(told["from"]) >= int(told["to"]):
            raise OmniError(
                f"--from {given.get('from', '')} --to {given.get('to', '')}: no time lies between. "
                "--to is not in the span: name the day after the last one",
                USAGE,
            )
        words = {**told, **words}
        statement = Template(self.template)
        return statement.substitute({**parts(words, statement.get_identifiers()), **words})


@cache
def reports() -> dict[str, Report]:
    """Return all reports by name."""
    folder = files("pipeline.history.reports")
    named = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return {name[:-4]: _read(name[:-4], folder.joinpath(name).read_text(encoding="utf-8")) for name in named}


def report(name: str) -> Report:
    """Return one report. Raises OmniError, with the nearest name, where there is none of that name."""
    found = reports().get(name)
    if found is None:
        near = get_close_matches(name, reports(), 1, cutoff=0.5)
        remedy = f"Did you mean {near[0]}? " if near else ""
        raise OmniError(f"there is no report {name}. {remedy}There are {', '.join(reports())}.", USAGE)
    return found


def _read(name: str, text: str) -> Report:
    lines = text.splitlines()
    head = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
    parameters, chart, prose = dict[str, Parameter](), None, list[str]()
    for line in head:
        if found := _PARAMETER.fullmatch(line):
            parameters[found["name"]] = Parameter(found["name"], found["kind"], found["default"] or "", found["says"])
        elif found := _CHART.fullmatch(line):
            chart = Chart(found["kind"], found["values"].split(), found["labels"].split(", "), found["over"])
        else:
            prose.append(line)
    sentence, _, about = "\n".join(prose).strip().partition("\n\n")
    if chart is None:
        raise ValueError(f"{name}.sql does not say how it is drawn")
    body = "\n".join(line for line in lines if not line.startswith("--"))
    return Report(name, " ".join(sentence.split()), about.strip(), parameters, chart, body)

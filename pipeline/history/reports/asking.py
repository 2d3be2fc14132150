"""A report's answer, from whichever engine, and what the database alone cannot compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.history.engine import Answer, QueryRefused, Reader
from pipeline.history.reader import needing_tables
from pipeline.history.reports.attribution import Path, removal_shares
from pipeline.history.reports.catalogue import Report, report

MARKOV: Final = "markov"
ALL_PATHS: Final = "1000000"
"""As many rows as an answer may have: a model of some of the paths would be wrong."""


def ask(reader: Reader, wanted: Report, given: Mapping[str, str]) -> Answer:
    """Ask for a report with the values `given`. Raises HistoryUnavailable, QueryRefused, OmniError (a wrong value)."""
    sql = wanted.sql(given)
    try:
        with needing_tables(reader):
            answer = reader.query(sql)
            if given.get("model") == MARKOV:
                answer = _by_markov(reader, given, answer)
    except QueryRefused as error:
        raise QueryRefused(f"the report {wanted.name} was refused: {error}") from error
    columns = [place for place, name in enumerate(answer.columns) if not name.endswith("_")]

    def shown(values: list[str]) -> list[str]:
        return [values[place] for place in columns]

    return Answer(shown(answer.columns), shown(answer.types), [shown(row) for row in answer.rows])


def _by_markov(reader: Reader, given: Mapping[str, str], touchpoints: Answer) -> Answer:
    """Return the touchpoints with what the Markov model credits them with, the most purchases first."""
    asked = {name: value for name, value in given.items() if name in report("paths").parameters}
    rows = reader.query(report("paths").sql({**asked, "limit": ALL_PATHS})).objects()
    paths = [Path(tuple(row["touchpoints_"]), row["purchases"], row["lost"]) for row in rows]
    shares = removal_shares(paths)
    purchases = sum(path.purchases for path in paths)
    revenue_minor = sum(row["revenue_minor"] for row in rows)
    place = {name: number for number, name in enumerate(touchpoints.columns)}
    credited = []
    for row in touchpoints.rows:
        share = shares.get(row[place["touchpoint"]])
        if share is not None:
            row = list(row)
            row[place["purchases"]] = round(share * purchases, 4)
            row[place["revenue_minor"]] = round(share * revenue_minor)
        credited.append(row)
    credited.sort(key=lambda row: (-row[place["purchases"]], row[place["touchpoint"]]))
    return Answer(touchpoints.columns, touchpoints.types, credited)

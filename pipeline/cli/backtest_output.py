"""The document of a backtest as a page for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

from pipeline.backtest import OUTCOMES, Json
from pipeline.domain.arbiter.decision_words import in_words
from pipeline.history.engine import Answer
from pipeline.history.formats import grid

Line: TypeAlias = tuple[list[str], int, int | None]
"""Words, the number of new, and of old."""
MOST_DAYS: Final = 60
"""Lines of the table by day: two months of one rule. --json has all."""


def report(said: Json) -> Iterator[str]:
    """Yield the lines of the page."""
    compared = said["compared"] is not None
    files = said["rules_files"]
    against = f", against {files['old']}" if compared else ""
    start = said["from"] or "the start"
    end = said["to"] or said["clock"]
    yield f"What {files['new']} would have sent from {start} to {end}{against}. Nothing was sent."
    before = f"; {said['events_before']:,} before them were played to warm up" if said["from"] else ""
    refused = f"; {said['events_refused']:,} are no valid events and were left out" if said["events_refused"] else ""
    yield f"{_many(said['events'], 'event')}{before}{refused}."
    for side in ("new", "old") if compared else ("new",):
        totals = said[side]
        most = totals["messages_per_customer"]
        sent = f"{_many(totals['messages'], 'message')} to {_many(totals['customers'], 'customer')}"
        yield f"{side}: {sent}, each {most['median']:g} (median), at most {most['max']:,}."
    if compared:
        both = "In both {in_both:,}, of these at another time {moved:,}; ".format(**said["compared"])
        yield both + "only in new {only_new:,}, only in old {only_old:,}.".format(**said["compared"])
    yield from _table(["rule", "outcome", "why"], _outcomes(said["rules"]), compared)
    days: list[Line] = [
        ([each["day"], each["rule"]], each["new"]["fired"], _old(each, "fired")) for each in said["days"]
    ]
    sent_by_day = [row for row in days if row[1] or row[2]]
    yield from _table(["day", "rule"], sent_by_day[:MOST_DAYS], compared)
    if len(sent_by_day) > MOST_DAYS:
        yield f"… and {len(sent_by_day) - MOST_DAYS:,} more lines: --json has all of them."
    for side in ("new", "old"):
        examples = said["examples"][f"only_{side}"]
        if examples:
            yield ""
            yield f"Only in {side}, for example:" if compared else "For example:"
        for example in examples:
            by = f" by {example['channel']}" if example["channel"] else ""
            who = f"{example['fired_at']}  customer {example['customer_id']}"
            yield f"  {who}  {example['rule']}{by}: {example['reason']}"


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _outcomes(rules: Sequence[Json]) -> list[Line]:
    """A line for what each rule sent, and one for each other outcome and reason that there was."""
    lines: list[Line] = []
    for rule in rules:
        name = rule["rule"]
        lines.append(([name, in_words("fired", "")[0], ""], rule["new"]["fired"], _old(rule, "fired")))
        sides = [each["reasons"] for each in (rule["new"], rule["old"]) if each is not None]
        for outcome in OUTCOMES:
            reasons = sorted({reason for side in sides for reason in side.get(outcome, {})})
            numbers = [[side.get(outcome, {}).get(reason, 0) for side in sides] for reason in reasons]
            for reason, (new, *old) in zip(reasons, numbers, strict=True):
                lines.append((["", *in_words(outcome, reason)], new, old[0] if old else None))
    return lines


def _old(each: Json, outcome: str) -> int | None:
    return None if each["old"] is None else int(each["old"][outcome])


def _against(new: int, old: int | None) -> list[Any]:
    return [] if old is None else [old, f"{new - old:+,}" if new != old else "="]


def _table(names: list[str], lines: Sequence[Line], compared: bool) -> Iterator[str]:
    """Yield a table with the numbers of new, and of old and their difference if there is an old."""
    if not lines:
        return
    columns = [*names, "new", *(["old", "difference"] if compared else [])]
    rows: list[list[Any]] = [[*words, new, *_against(new, old)] for words, new, old in lines]
    types = ["String"] * len(names) + ["Int64"] * (len(columns) - len(names))
    yield ""
    yield from grid(Answer(columns, types, rows))

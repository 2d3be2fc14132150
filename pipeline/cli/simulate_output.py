"""What `omni simulate` leaves behind: files of JSON lines, a summary, rows of the embedded history."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from msgspec import json

from pipeline.domain.messages import Arrived
from pipeline.domain.records import DeadLetter, Decision, IdentityChange, Trigger
from pipeline.domain.rules import Rules
from pipeline.domain.time import rfc3339
from pipeline.history.rows import TABLES, Kind, Origin, Row
from pipeline.history.writer import HistoryWriter
from pipeline.simulation import Published, Simulation
from pipeline.wire.records import json_line, to_json

Summary: TypeAlias = dict[str, object]

BLOCK_ROWS = 20_000
"""Rows gathered before they are written: a good block for the database, about 20 MB of memory."""

KINDS: dict[type, Kind] = {
    Trigger: Kind.TRIGGER,
    Decision: Kind.DECISION,
    IdentityChange: Kind.IDENTITY_CHANGE,
}


class Recorder:
    """Writes history as the simulation goes. Without a writer it does nothing."""

    def __init__(self, writer: HistoryWriter | None) -> None:
        """`writer` is open and stays the caller's to close."""
        self._writer = writer
        self._rows: list[Row] = []
        self._published: Counter[Kind] = Counter()
        self._began_ms = time.time_ns() // 1_000_000

    def arrived(self, source: str, position: int, event: Arrived) -> None:
        """Note an event that has found its customer."""
        self._note(Row(Kind.EVENT, event, source, position, Origin(source, 0, position, event.received_at_ms)))

    def published(self, record: Published) -> None:
        """Note a trigger, decision or identity change."""
        kind = KINDS[type(record)]
        position = self._published[kind]
        source = f"simulation/{kind}"
        origin = Origin(source, 0, position, self._began_ms)  # no broker took it
        self._note(Row(kind, record, source, position, origin))
        self._published[kind] += 1

    def refused(self, letters: Iterable[DeadLetter]) -> None:
        """Note the dead letters."""
        for letter in letters:
            origin = Origin(letter.topic, letter.partition, letter.offset, letter.appended_at_ms)
            self._note(Row(Kind.DEAD_LETTER, letter, letter.topic, letter.offset, origin))

    def rows(self) -> dict[str, int]:
        """Write what is left and return how many rows users see in each table."""
        if self._writer is None:
            return {}
        self._flush()
        views = [table.view for table in TABLES.values()]
        counted = [self._writer.engine.query(f"SELECT count() FROM {view}") for view in views]
        return {view: int(answer.rows[0][0]) for view, answer in zip(views, counted, strict=True)}

    def _note(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) >= BLOCK_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._writer is not None:
            self._writer.write(self._rows)
        self._rows.clear()


def summarise(
    simulation: Simulation, rules: Rules, refused: int, history_rows: Mapping[str, int], seconds: float
) -> Summary:
    """Return the counts of the run."""
    counted = simulation.counted()
    fired = Counter(trigger.rule for trigger in simulation.triggers() if trigger.status == "fired")
    outcomes = Counter(decision.outcome for decision in simulation.decisions())
    return {
        "bus": "memory",
        "broker": None,
        "events": simulation.distinct_events(),
        "customers": len(simulation.customer_lines()),
        "merges": 0,
        "triggers": {rule.name: fired[rule.name] for rule in rules.rules},
        "decisions": dict(sorted(outcomes.items())),
        "dead_letters": refused,
        "history_rows": dict(history_rows),
        "seconds": round(seconds, 3),
        "duplicates": simulation.duplicates(),
        "event_conflicts": counted["event_conflicts"],
        "left_out": simulation.left_out,
        "clock": rfc3339(simulation.bus.clock_ms),
        "crashes": simulation.bus.crashes.happened,
        "counted": {f"{what}/{reason}": number for (what, reason), number in sorted(simulation.bus.counts.items())},
        "state_digest": simulation.state_digest(),
        "triggers_digest": simulation.triggers_digest(),
    }


def write_folder(folder: Path, simulation: Simulation, refused: Iterable[DeadLetter], summary: Summary) -> None:
    """Write the files of surfaces.md §4 into `folder`, which is made if it is not there. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "triggers.jsonl", map(json_line, simulation.triggers()))
    _write(folder / "decisions.jsonl", map(json_line, simulation.decisions()))
    _write(folder / "customers.jsonl", simulation.customer_lines())
    _write(folder / "identity_changes.jsonl", map(json_line, simulation.identity_changes()))
    _write(folder / "products.jsonl", simulation.product_lines())
    _write(folder / "dead_letters.jsonl", map(_letter_line, refused))
    (folder / "summary.json").write_bytes(json.format(json.encode(summary)) + b"\n")


def _letter_line(letter: DeadLetter) -> bytes:
    shown = to_json(letter)
    for absent in ("topic", "partition", "offset", "appended_at"):
        del shown[absent]
    return json.encode({"file": letter.topic, "line": letter.offset, **shown})


def _write(path: Path, lines: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in lines)

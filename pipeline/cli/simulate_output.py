"""What `omni simulate` leaves behind: files of JSON lines and a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from msgspec import json

from pipeline.domain.records import DeadLetter
from pipeline.domain.time import rfc3339
from pipeline.simulation import Simulation
from pipeline.wire.records import json_line, to_json

Summary: TypeAlias = dict[str, object]


def summarise(
    simulation: Simulation, rules: Iterable[str], refused: int, history_rows: Mapping[str, int], seconds: float
) -> Summary:
    """Return the counts of the run."""
    counted = simulation.counted()
    fired = Counter(trigger.rule for trigger in simulation.triggers() if trigger.status == "fired")
    members = Counter(each.audience for each in simulation.audience_members() if each.member)
    outcomes = Counter(decision.outcome for decision in simulation.decisions())
    return {
        "bus": "memory",
        "broker": None,
        "events": simulation.distinct_events(),
        "customers": len(simulation.customer_lines()),
        "merges": simulation.merges(),
        "triggers": {rule: fired[rule] for rule in rules},
        "decisions": dict(sorted(outcomes.items())),
        "audiences": dict(sorted(members.items())),
        "dead_letters": refused,
        "history_rows": dict(history_rows),
        "seconds": round(seconds, 3),
        "duplicates": simulation.duplicates(),
        "event_conflicts": counted["event_conflicts"],
        "left_out": simulation.left_out,
        "catalog_updates": simulation.catalog_updates,
        "clock": rfc3339(simulation.bus.clock_ms),
        "crashes": simulation.bus.crashes.happened,
        "counted": {f"{what}/{reason}": number for (what, reason), number in sorted(simulation.bus.counts.items())},
        "state_digest": simulation.state_digest(),
        "triggers_digest": simulation.triggers_digest(),
    }


def write_folder(folder: Path, simulation: Simulation, refused: Iterable[DeadLetter], summary: Summary) -> None:
    """Write all files of a run into `folder`, which is made if it is not there. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "triggers.jsonl", map(json_line, simulation.triggers()))
    _write(folder / "decisions.jsonl", map(json_line, simulation.decisions()))
    _write(folder / "audiences.jsonl", map(json_line, simulation.audience_members()))
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

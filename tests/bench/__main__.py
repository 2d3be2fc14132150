"""`python -m tests.bench`: measure this pipeline on this machine.

Exit status: 0 measured and valid, 1 a round was void or a trigger missing, 3 no broker could be started.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from pipeline.broker import BrokerError
from pipeline.broker.local import LocalKafka
from pipeline.settings import load_settings
from tests.bench import endurance, latency, machine
from tests.bench.dataset import Spec
from tests.bench.endurance import Endurance
from tests.bench.installation import USED
from tests.bench.processes import UNPINNED, clean_environment, cores, pin
from tests.bench.race import FAUST, LOOP, OURS, Race, Track, run
from tests.bench.report import Results, table

PARTS = ("race", "ladder", "latency", "endurance")
BEFORE_MS = 45 * 60_000
"""Events begin so long ago: even the longest stream has then happened, and no cart is due for its reminder yet."""
LADDER_SECONDS = 600


class Plan(Struct, frozen=True):
    """What is measured, and how long."""

    races: tuple[Race, ...]
    ladder_events: int
    ladder_repeats: int
    latency_seconds: float
    memory_events: int
    memory_customers: int
    """Few, and as busy as each other, so that what is remembered of each is full early in the run: what grows then is a
    leak."""
    recovery_events: int
    recovery_customers: int


QUICK = Plan(
    (Race("all", 8_000, 20_000, (OURS, FAUST, LOOP), 2), Race("large", 60_000, 20_000, (OURS, LOOP), 2)),
    30_000,
    1,
    8.0,
    200_000,
    5_000,
    40_000,
    20_000,
)
FULL = Plan(
    (
        Race("all", 25_000, 20_000, (OURS, FAUST, LOOP), 3),
        Race("large", 200_000, 20_000, (OURS, LOOP), 3),
        Race("many", 400_000, 200_000, (OURS, LOOP), 2),
    ),
    60_000,
    3,
    30.0,
    2_000_000,
    200,
    400_000,
    200_000,
)


def main() -> int:
    """Measure, write the raw rounds, print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, epilog="example: python -m tests.bench --quick --only race"
    )
    parser.add_argument("--quick", action="store_true", help="about 90 seconds: a smoke test, not a measurement")
    parser.add_argument("--only", metavar="PARTS", help=f"of {','.join(PARTS)}; --quick leaves endurance out")
    parser.add_argument("--partitions", type=int, default=4, metavar="N", help="of every topic (default: 4)")
    parser.add_argument("--output", type=Path, default=Path(".omni/bench.json"), metavar="FILE", help="raw results")
    parser.add_argument("--json", action="store_true", help="the raw results on standard output instead of the table")
    args = parser.parse_args()
    parts = args.only.split(",") if args.only else [part for part in PARTS if part != "endurance" or not args.quick]
    if wrong := [part for part in parts if part not in PARTS]:
        parser.error(f"--only: {wrong[0]} is none of {', '.join(PARTS)}")
    try:
        results = _measure(QUICK if args.quick else FULL, parts, args.partitions)
    except BrokerError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 3
    document = msgspec.json.format(msgspec.json.encode(results), indent=1)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_bytes(document)
    if args.json:
        sys.stdout.write(document.decode() + "\n")
    else:
        sys.stdout.write(table(results) + f"\nraw rounds: {args.output}\n")
    lost = results.latency is not None and (results.latency.missing > 0 or results.latency.void)
    forgot = results.endurance is not None and bool(results.endurance.memory.wrong)
    return 1 if results.void or lost or forgot else 0


def _measure(plan: Plan, parts: list[str], partitions: int) -> Results:
    described = machine.describe()
    shared, began = cores(), time.monotonic()

    def say(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {line}\n")

    settings = load_settings(environ={}, partitions=partitions, **USED)
    described["settings"] = f"partitions={partitions}, one contender at a time on core {shared.contender}, broker and "
    described["settings"] += f"all else on core {shared.rest}; {machine.settings_line(settings)}"
    results = Results(described, [machine.load()], [], {})
    if "latency" in parts:
        say(f"latency, {plan.latency_seconds:.0f} s")
        with tempfile.TemporaryDirectory(prefix="omni-bench-") as name, LocalKafka(Path(name)) as broker:
            track = Track(broker.bootstrap, Path(name), UNPINNED, partitions, say)
            results.latency = latency.measure(track, plan.latency_seconds)
    pin(shared.rest)
    with tempfile.TemporaryDirectory(prefix="omni-bench-") as name, LocalKafka(Path(name)) as broker:
        track = Track(broker.bootstrap, Path(name), shared, partitions, say)
        first_ms = int(time.time() * 1000) - BEFORE_MS
        if "race" in parts:
            for race in plan.races:
                results.rounds += run(race, track, first_ms)
        if "ladder" in parts:
            say("ladder")
            results.ladder = _ladder(plan, track, first_ms)
        if "endurance" in parts:
            say(f"endurance, {plan.memory_events:,} events, then recovery of {plan.recovery_customers:,} customers")
            results.endurance = Endurance(
                endurance.memory(track, Spec(plan.memory_events, plan.memory_customers, first_ms, key_exponent=0.0)),
                endurance.recovery(track, Spec(plan.recovery_events, plan.recovery_customers, first_ms)),
            )
        results.load.append(machine.load())
    return results


def _ladder(plan: Plan, track: Track, first_ms: int) -> dict[str, list[float]]:
    folder = track.folder / "ladder"
    folder.mkdir()
    races = plan.races[0]
    numbers = (track.partitions, plan.ladder_events, races.customers, first_ms, plan.ladder_repeats)
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.ladder", track.bootstrap, "ladder.", *map(str, numbers), str(folder)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=LADDER_SECONDS,
        preexec_fn=lambda: pin(track.cores.contender),
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the ladder left with status {done.returncode}:\n{done.stderr[-2000:]}")
    layers: dict[str, list[float]] = json.loads(done.stdout)
    return layers


if __name__ == "__main__":
    sys.exit(main())

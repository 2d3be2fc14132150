"""Rounds: each contender plays the same bytes on topics of its own, in turn, and must pass the gate."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from pipeline.streaming.values import state_bytes
from tests.bench.dataset import Sample, Spec, stream
from tests.bench.gate import Facts, Names, differences, fold
from tests.bench.installation import Installation, StateOf
from tests.bench.processes import Cores, Measured

WARM_UP = 0.2
"""Share of the input played before the measurement begins."""
START_SECONDS = 120.0
SECONDS_PER_EVENT = 0.004
"""Patience: ten times what stock Faust needs on a slow machine."""


class Contender(Struct, frozen=True):
    """Who plays: the arguments of Python, and how to find the state in a value of its changelog."""

    name: str
    says: str
    arguments: tuple[str, ...]
    state_of: StateOf = bytes


OURS = Contender(
    "omni", "this pipeline: a real worker, batches, changelogs, wall clock", ("-m", "pipeline", "worker"), state_bytes
)
FAUST = Contender(
    "faust", "the same slice in stock Faust, an event at a time", ("-m", "tests.bench.contenders.stock_faust")
)
LOOP = Contender(
    "loop", "a bare confluent-kafka loop: one process, one hop, no recovery", ("-m", "tests.bench.contenders.bare_loop")
)


class Round(Struct, frozen=True):
    """One contender's turn. `cpu_us` and `wall_us` are per event after the warm-up; `wrong` says why it is void."""

    race: str
    number: int
    contender: str
    events: int
    measured: int
    cpu_us: float
    wall_us: float
    resident_mib: float
    triggers: dict[str, int]
    digest: str
    wrong: list[str]


class Race(Struct, frozen=True):
    """An input and who plays it how often."""

    name: str
    events: int
    customers: int
    contenders: tuple[Contender, ...]
    rounds: int


class Track(Struct, frozen=True):
    """Where races are held."""

    bootstrap: str
    folder: Path
    cores: Cores
    partitions: int
    say: Callable[[str], None]


def run(race: Race, track: Track, first_ms: int) -> list[Round]:
    """Hold a race."""
    track.say(f"{race.name}: {race.events:,} events of {race.customers:,} customers")
    samples = list(stream(Spec(race.events, race.customers, first_ms)))
    expected, names = fold(samples), Names(race.customers)
    rounds = []
    for number in range(race.rounds):
        for contender in race.contenders:
            result = _round(race, number, contender, track, samples, expected, names)
            rounds.append(result)
            verdict = f"VOID: {'; '.join(result.wrong)}" if result.wrong else "valid"
            track.say(f"  round {number + 1} {contender.name:<6} {result.cpu_us:8.1f} µs CPU an event, {verdict}")
    return rounds


def start(contender: Contender, place: Installation, track: Track) -> Measured:
    """Start a contender on its core."""
    log = track.folder / f"{place.group}.log"
    return Measured([sys.executable, *contender.arguments], place.environment, log, track.cores.contender)


def alive(process: Measured) -> Callable[[], None]:
    """Return a check that raises when the process has ended by itself."""

    def check() -> None:
        if not process.running:
            raise RuntimeError(f"the process ended by itself. The end of {process.log}:\n{process.last_words()}")

    return check


def _round(
    race: Race,
    number: int,
    contender: Contender,
    track: Track,
    samples: Sequence[Sample],
    expected: Facts,
    names: Names,
) -> Round:
    prefix = f"{race.name}-{number}-{contender.name}."
    warm = int(len(samples) * WARM_UP)
    measured = len(samples) - warm
    patience = START_SECONDS + len(samples) * SECONDS_PER_EVENT
    folder = track.folder / f"{race.name}-{number}-{contender.name}"
    folder.mkdir()
    with Installation(track.bootstrap, prefix, contender.name, track.partitions, folder) as place:
        place.produce(samples[:warm])
        with start(contender, place, track) as process:
            place.wait_drained(alive(process), patience)
            process.hold()
            place.produce(samples[warm:])
            cpu = process.cpu_seconds()
            process.go_on()
            began = time.monotonic()
            ended = place.wait_drained(alive(process), patience)
            cpu = process.cpu_seconds() - cpu
            resident = process.resident_bytes()
            process.stop()
        found, triggers = place.facts(names, contender.state_of), place.triggers()
    return Round(
        race.name,
        number + 1,
        contender.name,
        len(samples),
        measured,
        round(cpu / measured * 1e6, 2),
        round((ended - began) / measured * 1e6, 2),
        round(resident / 2**20, 1),
        triggers,
        found.digest(),
        differences(expected, found),
    )

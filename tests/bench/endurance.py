"""A long run of one worker: its memory while two million events pass, and how soon it is back after a restart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from pipeline.topics import changelog_topic
from tests.bench.dataset import Spec, stream
from tests.bench.gate import Names, differences, fold
from tests.bench.installation import Installation
from tests.bench.processes import Measured
from tests.bench.race import OURS, SECONDS_PER_EVENT, START_SECONDS, Track, alive, start

PORTION = 50_000
"""Events produced at a time, and how far production may be ahead of the worker."""
FLOWS = " partitions flow, "
"""What a worker logs when it has recovered and events flow."""


class Memory(Struct, frozen=True):
    """Resident MiB by events handled. `state_bytes`: mean size of a customer in the changelog."""

    events: int
    customers: int
    at_start_mib: float
    samples: list[tuple[int, float]]
    bytes_per_customer: int
    state_bytes: int
    wrong: list[str]


class Recovery(Struct, frozen=True):
    """Seconds from the start of a process until events flow: with an empty changelog, and with `records` to read."""

    customers: int
    records: int
    empty_seconds: float
    ready_seconds: float
    records_per_second: int


class Endurance(Struct, frozen=True):
    """Both."""

    memory: Memory
    recovery: Recovery


def measure(track: Track, events: int, customers: int, first_ms: int) -> Endurance:
    """Play `events`, sample memory, stop the worker, start it anew."""
    folder = track.folder / "endurance"
    folder.mkdir()
    with Installation(track.bootstrap, "endurance.", OURS.name, track.partitions, folder) as place:
        with start(OURS, place, track) as process:
            empty_seconds = _ready(process)
            at_start = process.resident_bytes()
            samples = list(_play(place, process, track, Spec(events, customers, first_ms)))
            process.stop()  # leaves its group: a kill would measure the session timeout
        facts = place.facts(Names(customers), OURS.state_of)
        wrong = differences(fold(stream(Spec(events, customers, first_ms))), facts)
        known = place.latest(changelog_topic(place.settings, "customer"))
        records = place.changelog_records()
        process.log.unlink()
        with start(OURS, place, track) as process:
            ready_seconds = _ready(process)
            process.stop()
    state_bytes = sum(len(value) for value in known.values()) // max(len(known), 1)
    grown = (samples[-1][1] - _mib(at_start)) * 2**20
    memory = Memory(events, len(known), _mib(at_start), samples, int(grown / len(known)), state_bytes, wrong)
    reading = max(ready_seconds - empty_seconds, 0.001)
    recovery = Recovery(len(known), records, round(empty_seconds, 2), round(ready_seconds, 2), int(records / reading))
    return Endurance(memory, recovery)


def _play(place: Installation, process: Measured, track: Track, spec: Spec) -> Iterator[tuple[int, float]]:
    """Produce in portions, never far ahead of the worker; yield (events so far, resident MiB)."""
    source = stream(spec)
    sent = 0
    while portion := list(islice(source, PORTION)):
        sent += place.produce(portion)
        while place.handled() < sent - PORTION:
            alive(process)()
            time.sleep(0.2)
        yield sent, _mib(process.resident_bytes())
        if sent % (10 * PORTION) == 0:
            track.say(f"  {sent:,} events, {_mib(process.resident_bytes()):.0f} MiB")
    place.wait_drained(alive(process), START_SECONDS + PORTION * SECONDS_PER_EVENT)
    yield sent, _mib(process.resident_bytes())


def _ready(process: Measured) -> float:
    """Wait until events flow; return the seconds since the process started."""
    deadline = process.started + START_SECONDS
    while time.monotonic() < deadline:
        alive(process)()
        lines = process.log.read_text(errors="replace").splitlines()
        if any(FLOWS in line and f" 0{FLOWS}" not in line for line in lines):
            return time.monotonic() - process.started
        time.sleep(0.02)
    raise RuntimeError(f"no events flowed within {START_SECONDS:.0f} s. See {process.log}")


def _mib(size: int) -> float:
    return round(size / 2**20, 1)

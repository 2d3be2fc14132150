"""A long run of one worker: its memory while two million events pass, and how soon it is back after a restart."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from itertools import islice
from urllib.request import urlopen

from msgspec import Struct

from pipeline.broker.ready import free_ports
from pipeline.topics import changelog_topic
from tests.bench.dataset import Spec, stream
from tests.bench.gate import Names, differences, fold
from tests.bench.installation import Installation
from tests.bench.processes import Measured
from tests.bench.race import OURS, SECONDS_PER_EVENT, START_SECONDS, Track, alive, start

PORTION = 50_000
"""Events produced at a time: as many as a worker may be behind. Counted in events, since one record of an inbox may
hold thousands of them."""
FLOWS = " partitions flow, "
"""What a worker logs when it has recovered and events flow."""
FLAT = 0.05
"""Memory is called flat if it grows by less than this share in the second half of the run."""


class Memory(Struct, frozen=True):
    """Resident MiB by events handled, from an empty worker on, and those of the states in it, as they are encoded.

    `wrong` says why the run is void.
    """

    events: int
    customers: int
    at_start_mib: float
    samples: list[tuple[int, float, float]]
    wrong: list[str]

    @property
    def growth(self) -> float:
        """Return by which share it grew in the second half."""
        middle = next(mib for events, mib, _ in self.samples if events * 2 >= self.events)
        return self.samples[-1][1] / middle - 1


class Recovery(Struct, frozen=True):
    """Seconds from the start of a process until events flow: with an empty changelog, and with `records` to read.

    `restart_seconds` is after a planned stop, on the data directory that was left; `ready_seconds` on an empty one,
    from the changelog alone. `bytes_per_customer` is what they took in memory, `state_bytes` the mean size of one in
    the changelog.
    """

    customers: int
    records: int
    empty_seconds: float
    restart_seconds: float
    ready_seconds: float
    bytes_per_customer: int
    state_bytes: int

    @property
    def records_per_second(self) -> int | None:
        """Return how fast the changelog was read; None if a restart took no longer than an empty one."""
        reading = self.ready_seconds - self.empty_seconds
        return int(self.records / reading) if reading > 0 else None


class Endurance(Struct, frozen=True):
    """Both."""

    memory: Memory
    recovery: Recovery


def memory(track: Track, spec: Spec) -> Memory:
    """Play `spec`, a portion after the other, and sample the worker's memory."""
    folder = track.folder / "memory"
    folder.mkdir()
    (port,) = free_ports(1)
    with Installation(track.bootstrap, "memory.", OURS.name, track.partitions, folder, web_port=port) as place:
        with start(OURS, place, track) as process:
            _ready(process)
            at_start = _mib(process.resident_bytes())
            samples = [(sent, mib, _mib(_state_bytes(port))) for sent, mib in _play(place, process, track, spec)]
            process.stop()
        wrong = differences(fold(stream(spec)), place.facts(Names(spec.customers), OURS.state_of))
    return Memory(spec.events, spec.customers, at_start, samples, wrong)


def recovery(track: Track, spec: Spec) -> Recovery:
    """Play `spec`, stop the worker, start it again as it is, and then with nothing but the changelogs."""
    folder = track.folder / "recovery"
    folder.mkdir()
    with Installation(track.bootstrap, "recovery.", OURS.name, track.partitions, folder) as place:
        with start(OURS, place, track) as process:
            empty_seconds = _ready(process)
            at_start = process.resident_bytes()
            for _ in _play(place, process, track, spec):
                pass
            grown = process.resident_bytes() - at_start
            process.stop()  # leaves its group: a kill would measure the session timeout
        known = place.latest(changelog_topic(place.settings, "customer"))
        records = place.changelog_records()
        process.log.unlink()
        with start(OURS, place, track) as process:
            restart_seconds = _ready(process)
            process.stop()
        process.log.unlink()
        shutil.rmtree(place.settings.data_dir)
        with start(OURS, place, track) as process:
            ready_seconds = _ready(process)
            process.stop()
    state_bytes = sum(len(value) for value in known.values()) // len(known)
    seconds = (round(empty_seconds, 2), round(restart_seconds, 2), round(ready_seconds, 2))
    return Recovery(len(known), records, *seconds, grown // len(known), state_bytes)


def _play(place: Installation, process: Measured, track: Track, spec: Spec) -> Iterator[tuple[int, float]]:
    """Produce in portions, each once all actors are done with the one before, so that no more events ever wait.

    Yield (events so far, greatest resident MiB seen while this portion was handled).
    """
    source = stream(spec)
    sent = 0
    while portion := list(islice(source, PORTION)):
        sent += place.produce(portion)
        seen = [_mib(process.resident_bytes())]

        def look(seen: list[float] = seen) -> None:
            alive(process)()
            seen.append(_mib(process.resident_bytes()))

        place.wait_drained(look, START_SECONDS + len(portion) * SECONDS_PER_EVENT)
        yield sent, max(seen)
        if sent % (10 * PORTION) == 0:
            track.say(f"  {sent:,} events, {max(seen):.0f} MiB")


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


def _state_bytes(port: int) -> int:
    """Return what the worker says its states take, encoded."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return int(sum(float(size) for size in re.findall(r"^omni_table_bytes\{.*\} (\S+)$", text, re.MULTILINE)))


def _mib(size: int) -> float:
    return round(size / 2**20, 1)

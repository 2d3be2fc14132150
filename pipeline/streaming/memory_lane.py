"""One partition of one stage on the in-memory bus: an engine between a log it reads and a changelog it writes.

It keeps the same durable order as on Kafka – outputs, changelog, commit – and can be made to crash between any two
steps of it. What survives a crash is what Kafka would hold: the logs, the changelog, the committed offset.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from random import Random

from pipeline.streaming.lane import Engine
from pipeline.streaming.units import Output, Record, Unit
from pipeline.streaming.values import META, is_absent


class MemoryLog:
    """One partition of a topic: an append-only list. What is committed may be forgotten."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._first = 0

    @property
    def end(self) -> int:
        """Offset of the next record."""
        return self._first + len(self._records)

    def append(self, timestamp_ms: int, value: bytes) -> None:
        """Add one record, taken at `timestamp_ms`."""
        self._records.append(Record(self.end, timestamp_ms, None, value))

    def read(self, offset: int, limit: int) -> list[Record]:
        """Return up to `limit` records from `offset` on."""
        start = offset - self._first
        return self._records[start : start + limit]

    def forget(self, offset: int) -> None:
        """Drop what lies before `offset`."""
        del self._records[: offset - self._first]
        self._first = offset


class Changelog:
    """A compacted changelog: the last value of each key. It is also the table that an engine reads."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, None if absent."""
        return self._values.get(key)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Return every key with its value."""
        return self._values.items()

    def overwritten(self) -> Collection[bytes]:
        """Nothing: there is one process."""
        return ()

    def keys_of_actor(self) -> list[str]:
        """Return the keys that hold an actor's state."""
        return [key.decode() for key in self._values if not key.startswith(META)]

    def append(self, changes: Mapping[bytes, bytes]) -> None:
        """Take the changes of a unit, all or (by a crash before) none."""
        values = self._values
        for key, value in changes.items():
            if is_absent(value):
                values.pop(key, None)
            else:
                values[key] = value

    def write(self, changes: Mapping[bytes, bytes], offset: int) -> None:
        """Nothing: what the engine tells its table is here already, by `append`."""


class Crashes:
    """Decides, on a seed, which units are cut short and where."""

    def __init__(self, share: float = 0.0, seed: int = 0) -> None:
        """Cut short `share` (0 to below 1) of all units."""
        self._share = share
        self._random = Random(seed)
        self.happened = 0

    def step(self, steps: int) -> int | None:
        """Return before which of `steps` steps this unit crashes, None if it does not."""
        if not self._share or self._random.random() >= self._share:
            return None
        self.happened += 1
        return self._random.randrange(steps)


class _Crashed(Exception):
    """The process that ran this lane is gone."""


class MemoryLane:
    """Reads `log`, drives the engine, delivers its outputs, keeps its changelog."""

    def __init__(
        self,
        log: MemoryLog,
        build: Callable[[Changelog], Engine],
        deliver: Callable[[Output], None],
        counted: Callable[[Unit], None],
        crashes: Crashes,
    ) -> None:
        """`build` makes the engine from a recovered changelog; `counted` is told of each unit once, when durable."""
        self.log = log
        self.changelog = Changelog()
        self._build = build
        self._deliver = deliver
        self._counted = counted
        self._crashes = crashes
        self._committed = 0
        self.engine = self._take_over()

    @property
    def behind(self) -> bool:
        """Whether there are records it has not committed."""
        return self._committed < self.log.end

    def process(self, limit: int) -> None:
        """Handle up to `limit` records, or crash trying and come back recovered."""
        try:
            for unit in self.engine.apply(self.log.read(self._committed, limit)):
                self._complete(unit)
        except _Crashed:
            self._recover()
        self.log.forget(self._committed)

    def tick(self, clock_ms: int) -> None:
        """Let the engine do everything that waits for `clock_ms`."""
        while True:
            try:
                unit = self.engine.tick(clock_ms)
                if unit is None:
                    return
                self._complete(unit)
            except _Crashed:
                self._recover()

    def _recover(self) -> None:
        self.engine = self._take_over()

    def _take_over(self) -> Engine:
        engine = self._build(self.changelog)
        unit = engine.takeover()
        if unit is not None:
            for output in unit.outputs:
                self._deliver(output)
            self.changelog.append(unit.changes)
            engine.durable(unit, -1)
        return engine

    def _complete(self, unit: Unit) -> None:
        """Make `unit` durable: outputs, changelog, commit; the changelog first if it is written ahead."""
        crash_at = self._crashes.step(len(unit.outputs) + 3)
        step = 0
        if unit.write_ahead:
            _survive(crash_at, step)
            self._append(unit)
            step += 1
        for output in unit.outputs:
            _survive(crash_at, step)
            self._deliver(output)
            step += 1
        if not unit.write_ahead:
            _survive(crash_at, step)
            self._append(unit)
            step += 1
        _survive(crash_at, step)
        if not unit.changes:
            self._counted(unit)
        self.engine.durable(unit, -1)
        if unit.next_offset is not None:
            self._committed = unit.next_offset
        _survive(crash_at, step + 1)

    def _append(self, unit: Unit) -> None:
        if unit.changes:
            self.changelog.append(unit.changes)
            self._counted(unit)


def _survive(crash_at: int | None, step: int) -> None:
    if crash_at == step:
        raise _Crashed

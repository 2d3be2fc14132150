"""The in-memory bus: ingest and the three actors on N partitions, in one thread, deterministic on a seed.

The engines are those that run on Kafka; only what moves the bytes differs. Without a seed, each partition in turn
handles all it has; with one, random partitions handle random numbers of records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, TypeAlias

from pipeline.domain.actor import Actor
from pipeline.streaming.ingest import Fuse, Ingested, IngestPartition
from pipeline.streaming.memory_lane import Changelog, Crashes, MemoryLane, MemoryLog
from pipeline.streaming.partition import ActorPartition, shard
from pipeline.streaming.units import Output, Record, Topology, Unit

CHANNELS = "channels"
"""The one topic that stands for all channel topics."""

WHOLE_LOG = 1_000_000
FEW_RECORDS = 40
"""With a seed, a lane handles at most this many records at a time, so that others come in between."""

AnyActor: TypeAlias = Actor[Any, Any]


class MemoryBus:
    """Topics, partitions and a clock. `put` events, `settle`, `advance` the clock, read `states`."""

    def __init__(
        self,
        actors: Sequence[AnyActor],
        topology: Topology,
        partitions: int,
        delivered: Callable[[Output], None],
        seed: int | None = None,
        crashes: Crashes | None = None,
        duplicate: float = 0.0,
    ) -> None:
        """Run `actors` on `partitions` partitions, as `topology` has it; `delivered` sees every output.

        `crashes` decides which units are cut short, `duplicate` is the share of envelopes delivered twice.
        """
        self.counts: Counter[tuple[str, str]] = Counter()
        self.clock_ms = 0
        self._partitions = partitions
        self._topology = topology
        self._delivered = delivered
        self._duplicate = duplicate
        self._random = None if seed is None else Random(seed)
        self._chance = Random(seed or 0)
        self.crashes = crashes or Crashes()
        self._ingested: list[dict[int, Ingested]] = [{} for _ in range(partitions)]
        self._inputs = [self._ingest_lane(number) for number in range(partitions)]
        self._actors: dict[str, list[MemoryLane]] = {}
        self._inboxes: dict[tuple[str, int], MemoryLane] = {}
        for actor in actors:
            lanes = [self._actor_lane(actor, number) for number in range(partitions)]
            self._actors[actor.name] = lanes
            inbox = topology.inbox(actor.name, "")[0]
            self._inboxes.update({(inbox, number): lane for number, lane in enumerate(lanes)})
        self._behind: dict[MemoryLane, None] = {}

    def put(self, ingested: Iterable[Ingested]) -> None:
        """Append events to the channel partitions, in order for each anchor."""
        for event in ingested:
            number = shard(event.key, self._partitions)
            lane = self._inputs[number]
            self._ingested[number][lane.log.end] = event
            lane.log.append(self.clock_ms, b"")
            self._behind[lane] = None

    def settle(self) -> None:
        """Let every partition handle what it has, and what follows from it, until all is quiet."""
        behind, random = self._behind, self._random
        while behind:
            if random is None:
                lane, limit = next(iter(behind)), WHOLE_LOG
            else:
                lane, limit = random.choice(list(behind)), random.randint(1, FEW_RECORDS)
            del behind[lane]
            lane.process(limit)
            if lane.behind:
                behind[lane] = None

    def advance(self, clock_ms: int) -> None:
        """Move the clock to `clock_ms`, stopping at every time something waits for, so that causes precede effects."""
        lanes = [lane for name in self._actors for lane in self._actors[name]]
        while True:
            self.settle()
            wakes = [(wakes_at, lane) for lane in lanes if (wakes_at := _next_wake(lane)) is not None]
            due_ms = min((wakes_at for wakes_at, _ in wakes), default=None)
            if due_ms is None or due_ms > clock_ms:
                break
            self.clock_ms = max(self.clock_ms, due_ms)
            due = [lane for wakes_at, lane in wakes if wakes_at <= self.clock_ms]
            if self._random is not None:
                self._random.shuffle(due)
            for lane in due:
                lane.tick(self.clock_ms)
        self.clock_ms = max(self.clock_ms, clock_ms)

    def states(self, actor: str) -> Iterable[tuple[str, Any]]:
        """Return every key of `actor` with its state."""
        for lane in self._actors[actor]:
            engine = lane.engine
            assert isinstance(engine, ActorPartition)
            for key in lane.changelog.keys_of_actor():
                yield key, engine.state(key)

    def _ingest_lane(self, number: int) -> MemoryLane:
        waiting = self._ingested[number]

        def read(record: Record) -> Ingested:
            return waiting[record.offset]

        def build(_: Changelog) -> IngestPartition:
            never = Fuse(ratio=1.0, minimum=1)
            return IngestPartition(CHANNELS, number, read, _unreachable, self._topology, never, event_clock=True)

        def counted(unit: Unit) -> None:
            self.counts.update(unit.counts)
            for offset in [offset for offset in waiting if offset < (unit.next_offset or 0)]:
                del waiting[offset]

        return MemoryLane(MemoryLog(), build, self._deliver, counted, self.crashes)

    def _actor_lane(self, actor: AnyActor, number: int) -> MemoryLane:
        def build(changelog: Changelog) -> ActorPartition[Any, Any]:
            return ActorPartition(actor, number, changelog, self._topology)

        def counted(unit: Unit) -> None:
            if unit.counts:
                self.counts.update(unit.counts)

        return MemoryLane(MemoryLog(), build, self._deliver, counted, self.crashes)

    def _deliver(self, output: Output) -> None:
        self._delivered(output)
        lane = self._inboxes.get((output.topic, output.partition or 0))
        if lane is None:
            return
        again = self._duplicate and self._chance.random() < self._duplicate
        for _ in range(2 if again else 1):
            lane.log.append(self.clock_ms, output.value)
        self._behind[lane] = None


def _next_wake(lane: MemoryLane) -> int | None:
    engine = lane.engine
    assert isinstance(engine, ActorPartition)
    return engine.next_wake()


def _unreachable(topic: str, partition: int, record: Record, reason: str, detail: str) -> Output:
    raise AssertionError(f"{topic}/{partition}: what is put on the bus was read before: {reason}, {detail}")

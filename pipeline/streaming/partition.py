"""One partition of one actor, without any I/O: messages and clock in, durable units out.

The same engine runs under Faust and Kafka, on the in-memory bus and in tests; the harness around it only moves
bytes. Its promise: however often a harness crashes and hands records again, state and outputs are as if every
message had been handled once.

How: all changes of a unit are one atomic append to the changelog, and among them is, per source, the position up
to which messages were handled. A message at or below it is a repetition and is dropped. Since a repeated message
meets the same state it met before the crash, its outputs are the same again, at the same positions, and the next
actor drops them in turn.

The clock is not in the log and cannot be repeated. So a unit caused by the clock is written ahead: its changes go to
the changelog together with its outputs (the outbox), then the outputs are delivered, and the next unit empties the
outbox. What is found in the outbox after a crash is delivered again, byte for byte.

A worker that was replaced without knowing it (stopped and continued, cut off) may still append to the changelog. So
every value begins with an epoch, which each new owner raises first of all: recovery ignores what stands behind that
record with a lower one, and the owner writes those keys again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeAlias, TypeVar

import msgspec

from pipeline.domain.actor import Actor
from pipeline.streaming import envelope, recovery
from pipeline.streaming.cache import Cache
from pipeline.streaming.envelope import EFFECT_BITS, Envelope, EnvelopeDecoder
from pipeline.streaming.recovery import Seen
from pipeline.streaming.step import Held, Step
from pipeline.streaming.units import Output, Record, Store, Topology, Unit
from pipeline.streaming.values import (
    CLOCK,
    EPOCH,
    EPOCH_BYTES,
    HEADER,
    LAYOUT,
    NEVER,
    OUTBOX,
    SEEN,
    STATE_VERSION,
    is_absent,
    wake_time,
)
from pipeline.streaming.wakes import Wakes

S = TypeVar("S")
M = TypeVar("M")

OnInvalid: TypeAlias = Callable[[Record, Exception], Output]
"""Turns a record that cannot be read into its dead letter."""

MAX_UNIT_BYTES = 8 * 1024 * 1024
"""Bound of a unit's changes and outputs together, as estimated: half of what one changelog record batch may hold
(16 MiB), since a state may grow while the unit runs and a unit of the clock has its outputs in the changelog too."""
MAX_UNIT_MESSAGES = 500
"""Bound of a unit's messages (some 20 ms of one core): between two units the other lanes of the worker have their
turn, and with dozens of lanes longer units starve the heartbeat of the process."""
MAX_WAKES = 500
"""Bound of the keys that one tick wakes; the next tick goes on."""

_encode = msgspec.msgpack.Encoder().encode


def shard(key: str, partitions: int) -> int:
    """Partition of an actor's key: CRC-32, because it is one C call (0.1 µs; murmur2 in Python costs 10)."""
    return zlib.crc32(key.encode()) % partitions


class ActorPartition(Generic[S, M]):
    """The state of one partition of `actor`, advanced by records and by the clock.

    `store` must already hold what the changelog holds (the harness recovers it). Units come out of `apply` and
    `tick` one at a time; the harness makes one durable and calls `durable(unit, offset)` before it asks for the next.
    """

    def __init__(
        self,
        actor: Actor[S, M],
        partition: int,
        store: Store,
        topology: Topology,
        on_invalid: OnInvalid | None = None,
    ) -> None:
        """Take over a recovered partition: scan its table for positions, wake times and a left-over outbox.

        A record that is not an envelope, or one with a message that cannot be read, is given to `on_invalid`, whose
        output (a dead letter) joins the unit; without one its error is raised.
        """
        self.actor = actor
        self.source = f"{actor.name}/{partition}"
        self._store = store
        self._topology = topology
        self._on_invalid = on_invalid
        self._envelopes: EnvelopeDecoder[msgspec.Raw] = EnvelopeDecoder(msgspec.Raw)
        self._decode_message: Callable[[msgspec.Raw], M] = msgspec.msgpack.Decoder(actor.message_type).decode
        self._decode_state = msgspec.msgpack.Decoder(actor.state_type).decode
        self._held: Cache[S] = Cache()
        self._unwritten: dict[bytes, bytes] = {}
        self._taken_over = False
        #: Inboxes have no watermark of their own.
        self.watermark: int | None = None
        found = recovery.scan(store, self.source)
        #: Number of keys with a state.
        self.keys = found.keys
        #: What these states take, encoded.
        self.bytes = found.bytes
        self._seen = found.seen
        self._wakes = Wakes(found.wakes)
        self._outbox = found.outbox
        self._ticks = found.ticks
        self._epoch = found.epoch + 1
        self._stamp = self._epoch.to_bytes(EPOCH_BYTES, "big")

    @property
    def timers(self) -> int:
        """Number of keys that wait for a time."""
        return len(self._wakes)

    def next_wake(self) -> int | None:
        """Return the earliest time (ms) any key waits for."""
        return self._wakes.next_ms()

    def takeover(self) -> Unit | None:
        """Return the unit that makes this partition ours, to be made durable before anything else; None once it is.

        It delivers what a crash left in the outbox, raises the epoch, and writes again the keys that a replaced worker
        has overwritten.
        """
        if self._taken_over:
            return None
        self._taken_over = True
        unit = Unit(outputs=self._outbox, changes={EPOCH: self._stamp + LAYOUT, OUTBOX: self._stamp})
        self._outbox = []
        for key in self._store.overwritten():
            if key not in unit.changes:
                unit.changes[key] = self._stamp + (self._store.get(key) or b"")[EPOCH_BYTES:]
        return unit

    def leave(self) -> Unit | None:
        """Return the unit that leaves nothing for the next owner to deliver again, None if there is nothing."""
        if not self._outbox or not self._taken_over:
            return None  # what a crash left is only delivered by a takeover
        self._outbox = []
        return Unit(changes={OUTBOX: self._stamp})

    def state(self, key: str) -> S | None:
        """Return the state of `key` as of the last unit."""
        return (self._held.get(key) or self._read(key)).state

    def _hold(self, key: str) -> Held[S]:
        held = self._held.get(key)
        if held is None:
            held = self._read(key)
            self._held.put(key, held)
        return held

    def _read(self, key: str) -> Held[S]:
        name = key.encode()
        value = self._unwritten.get(name) or self._store.get(name)
        if value is None or is_absent(value):
            return Held(None)
        if value[EPOCH_BYTES] != STATE_VERSION:
            raise envelope.UnknownVersion(
                f"state of {key!r} has version {value[EPOCH_BYTES]}, known is {STATE_VERSION}: upgrade this worker"
            )
        return Held(self._decode_state(memoryview(value)[HEADER.size :]), len(value), wake_time(value))

    def apply(self, records: Sequence[Record]) -> Iterator[Unit]:
        """Handle the records of this partition's inbox, in order; yield units to make durable one by one."""
        step: Step[S] = Step(self._topology, self.source)
        for record in records:
            try:
                decoded = self._envelopes.decode(record.value or b"")
            except envelope.UNREADABLE as error:
                self._refuse(step, record, error)
            else:
                yield from self._apply_envelope(step, record, decoded)
            step.unit.next_offset = record.offset + 1
        if step.unit.next_offset is not None:
            yield self._finish(step)

    def _refuse(self, step: Step[S], record: Record, error: Exception) -> None:
        if self._on_invalid is None:
            raise error
        step.unit.outputs.append(self._on_invalid(record, error))
        step.unit.counts["dead_letters", "undecodable"] += 1

    def _apply_envelope(self, step: Step[S], record: Record, decoded: Envelope[msgspec.Raw]) -> Iterator[Unit]:
        """Handle message by message: each is decoded, and its state encoded, while they are in the processor's cache.

        Of an envelope with messages that cannot be read, the others are handled.
        """
        source, handle = decoded.source, self.actor.handle
        seen = self._seen.get(source)
        last = seen.position if seen else -1
        if seen and decoded.first_ms > seen.last_ms > 0 and decoded.entries and decoded.entries[0].position <= last:
            last = -1  # appended after all we know of this source, yet lower: its topic was made anew
            step.unit.counts["sources_restarted", decoded.source.partition("/")[0]] += 1
        newest = max(decoded.last_ms, seen.last_ms if seen else 0)
        base = record.offset << envelope.INDEX_BITS
        step.touch(record.timestamp_ms)
        step.message_bytes = len(record.value or b"") // max(1, len(decoded.entries))
        unit = step.unit
        unreadable: Exception | None = None
        for index, entry in enumerate(decoded.entries):
            if entry.position <= last:
                unit.counts["repeats_dropped", self.actor.name] += 1
                continue
            last = entry.position
            key = entry.key
            at_ms = entry.at_ms
            try:
                message = self._decode_message(entry.message)
            except envelope.UNREADABLE as error:
                unreadable = error
                continue
            held = self._hold(key)
            state, effects = handle(held.state, message, at_ms)
            if state is not held.state:
                step.change(key, held, state)
            if self._held.is_full:
                self._let_pass(step)
            if effects:
                step.emit(effects, (base | index) << EFFECT_BITS, at_ms)
            unit.handled += 1
            if at_ms < unit.earliest_ms or not unit.earliest_ms:
                unit.earliest_ms = at_ms
            if step.estimated_bytes >= MAX_UNIT_BYTES or unit.handled >= MAX_UNIT_MESSAGES:
                self._note(step, source, last, newest)
                yield self._finish(step)
                step.begin(record.timestamp_ms)
                unit = step.unit
        if unreadable is not None:
            self._refuse(step, record, unreadable)
        self._note(step, source, last, newest)

    def _note(self, step: Step[S], source: str, last: int, newest: int) -> None:
        seen = Seen(last, newest)
        if self._seen.get(source) != seen:
            self._seen[source] = seen
            step.unit.changes[SEEN + source.encode()] = self._stamp + _encode(seen)

    def tick(self, clock_ms: int) -> Unit | None:
        """Wake up to `MAX_WAKES` keys whose time has come at `clock_ms`; return their written-ahead unit."""
        due = self.next_wake()
        if due is None or due > clock_ms:
            return None
        step: Step[S] = Step(self._topology, f"{self.source}/clock")
        step.touch(clock_ms)
        step.unit.due_ms = due
        woken = 0
        while due is not None and due <= clock_ms and woken < MAX_WAKES and step.estimated_bytes < MAX_UNIT_BYTES:
            key = self._wakes.pop()
            held = self._hold(key)
            held.wakes_at = None
            if held.state is not None:
                self._ticks += 1
                state, effects = self.actor.wake(held.state, clock_ms)
                step.change(key, held, state)
                if self._held.is_full:
                    self._let_pass(step)
                if effects:
                    step.emit(effects, self._ticks << EFFECT_BITS, clock_ms)
            woken += 1
            due = self.next_wake()
        unit = self._finish(step)
        unit.write_ahead = bool(unit.outputs)
        unit.changes[CLOCK] = self._stamp + self._ticks.to_bytes(8, "big")
        if unit.write_ahead:
            unit.changes[OUTBOX] = self._stamp + _encode(unit.outputs)
            self._outbox = unit.outputs
        return unit

    def durable(self, unit: Unit, offset: int) -> None:
        """Note that `unit` is in the changelog up to `offset`: its changes may now be read back from the store."""
        if unit.changes:
            self._store.write(unit.changes, offset)
        self._unwritten = {}

    def _finish(self, step: Step[S]) -> Unit:
        unit = step.pack()
        for key, held in step.changed:
            self._encode(step, key, held)
        self._held.tidy()
        if self._outbox:
            unit.changes[OUTBOX] = self._stamp
            self._outbox = []
        return unit

    def _let_pass(self, step: Step[S]) -> None:
        """Put the changed passers-by into the unit, encoded, and let go of them."""
        regulars = []
        for entry in step.changed:
            if entry[1].is_regular:
                regulars.append(entry)
            else:
                self._encode(step, *entry)
        step.changed = regulars
        self._held.let_pass()

    def _encode(self, step: Step[S], key: str, held: Held[S]) -> None:
        held.changed = False
        self._unwritten = step.unit.changes
        self._unwritten[key.encode()] = self._encoded(key, held)

    def _encoded(self, key: str, held: Held[S]) -> bytes:
        state = held.state
        wakes_at = None if state is None else self.actor.wakes_at(state)
        if wakes_at != held.wakes_at:
            held.wakes_at = wakes_at
            self._wakes.put(key, wakes_at)
        if state is None:
            self.keys -= held.size > 0
            self.bytes -= held.size
            held.size = 0
            return self._stamp
        value = HEADER.pack(self._epoch, STATE_VERSION, NEVER if wakes_at is None else wakes_at) + _encode(state)
        self.keys += held.size == 0
        self.bytes += len(value) - held.size
        held.size = len(value)
        return value

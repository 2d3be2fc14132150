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
every value begins with an epoch, which each new owner raises: recovery ignores a value whose epoch is below the one it
has, and the owner writes that key again.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Generic, TypeAlias, TypeVar

import msgspec

from pipeline.domain.actor import Actor
from pipeline.domain.messages import Count, Effect, Message, Send
from pipeline.streaming import envelope
from pipeline.streaming.envelope import EFFECT_BITS, MAX_EFFECTS, MAX_ENTRIES, Entry, Envelope, EnvelopeDecoder
from pipeline.streaming.units import Output, Record, Store, Topology, Unit

S = TypeVar("S")
M = TypeVar("M")

OnInvalid: TypeAlias = Callable[[Record, Exception], Output]
"""Turns a record that cannot be read into its dead letter."""

META = b"\x00"
"""Keys of the engine itself start with a zero byte; no actor key does."""
SEEN = META + b"seen/"
OUTBOX = META + b"outbox"
CLOCK = META + b"clock"
EPOCH = META + b"epoch"

LAYOUT = b"\x00\x01"
"""How table and changelog are laid out; stands behind the epoch in the value of EPOCH. Another one is refused."""
EPOCH_BYTES = 4
"""Every value in table and changelog begins with the epoch of who wrote it, big-endian, so that bytes compare."""
STATE_VERSION = 1
_HEADER = struct.Struct(">IBq")
"""In front of each state: epoch, version and the time it wants to wake (ms), NEVER for none; read without decoding."""
NEVER = -1

MAX_UNIT_BYTES = 8 * 1024 * 1024
"""Bound of a unit's encoded changes: half of what one changelog record batch may hold (16 MiB), since a state may
grow while the unit runs."""
MAX_UNIT_MESSAGES = 500
"""Bound of a unit's messages (some 20 ms of one core): between two units the other lanes of the worker have their
turn, and with dozens of lanes longer units starve the heartbeat of the process."""
MAX_WAKES = 500
"""Bound of the keys that one tick wakes; the next tick goes on."""
CACHED_STATES = 5_000
"""Decoded states kept per partition. With 1,000 to 20,000 the customer stage was equally fast: a state that lies cold
in memory takes as long to walk as its bytes take to decode, and ten times the room."""


class Seen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far a source was handled: greatest position, and append time of its newest record (ms)."""

    position: int
    last_ms: int


class _Held(msgspec.Struct, Generic[S], gc=False):
    """What is held of one key: all in one place, because every look-up among many keys waits for memory.

    `size` is what its value in the table takes, 0 if it has none; `wakes_at` is its entry among the wake times;
    `changed` tells that the unit under construction will write it.
    """

    state: S | None
    size: int = 0
    wakes_at: int | None = None
    changed: bool = False


class TooManyEffects(RuntimeError):
    """An actor answered one message with more effects than a position can number."""


_encode = msgspec.msgpack.Encoder().encode
_decode_seen = msgspec.msgpack.Decoder(Seen).decode
_decode_outbox = msgspec.msgpack.Decoder(list[Output]).decode


def shard(key: str, partitions: int) -> int:
    """Partition of an actor's key: CRC-32, because it is one C call (0.1 µs; murmur2 in Python costs 10)."""
    return zlib.crc32(key.encode()) % partitions


def state_bytes(value: bytes) -> memoryview | None:
    """Return the encoded state in a value of a table or changelog; None for the engine's own records."""
    is_state = len(value) > EPOCH_BYTES and value[EPOCH_BYTES] == STATE_VERSION
    return memoryview(value)[_HEADER.size :] if is_state else None


def wake_time(value: bytes) -> int | None:
    """Return when the state in a value of a table or changelog wants to wake (ms), None for never."""
    wakes_at: int = _HEADER.unpack_from(value)[2]
    return None if wakes_at == NEVER else wakes_at


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

        A record that is not an envelope is given to `on_invalid`, whose output (a dead letter) joins the unit;
        without one its error is raised.
        """
        self.actor = actor
        self.source = f"{actor.name}/{partition}"
        self._store = store
        self._topology = topology
        self._on_invalid = on_invalid
        self._envelopes: EnvelopeDecoder[M] = EnvelopeDecoder(actor.message_type)
        self._decode_state = msgspec.msgpack.Decoder(actor.state_type).decode
        self._held: dict[str, _Held[S]] = {}
        self._seen: dict[str, Seen] = {}
        self._heap: list[tuple[int, str]] = []
        self._wakes: dict[str, int] = {}
        self._outbox: list[Output] = []
        self._ticks = 0
        self._epoch = 0
        self._taken_over = False
        #: Inboxes have no watermark of their own.
        self.watermark: int | None = None
        #: Number of keys with a state.
        self.keys = 0
        self._recover()

    def _recover(self) -> None:
        self._check_layout()
        for key, value in self._store.items():
            if not key.startswith(META):
                self.keys += 1
                wakes_at = wake_time(value)
                if wakes_at is not None:
                    self._wakes[key.decode()] = wakes_at
            elif key.startswith(SEEN):
                self._seen[key[len(SEEN) :].decode()] = _decode_seen(value[EPOCH_BYTES:])
            elif key == OUTBOX and len(value) > EPOCH_BYTES:
                self._outbox = _decode_outbox(value[EPOCH_BYTES:])
            elif key == CLOCK:
                self._ticks = int.from_bytes(value[EPOCH_BYTES:], "big")
            elif key == EPOCH:
                self._epoch = int.from_bytes(value[:EPOCH_BYTES], "big")
        self._epoch += 1
        self._stamp = self._epoch.to_bytes(EPOCH_BYTES, "big")
        self._heap = [(wakes_at, key) for key, wakes_at in self._wakes.items()]
        heapify(self._heap)

    def _check_layout(self) -> None:
        found = self._store.get(EPOCH)
        if found is None:
            if any(True for _ in self._store.items()):
                raise envelope.UnknownVersion(f"{self.source}: the changelog is not one of ours: use another app_id")
        elif found[EPOCH_BYTES:] != LAYOUT:
            raise envelope.UnknownVersion(
                f"{self.source}: the changelog has layout {found[EPOCH_BYTES:].hex()}, known is {LAYOUT.hex()}: "
                "upgrade this worker, or use another app_id"
            )

    @property
    def timers(self) -> int:
        """Number of keys that wait for a time."""
        return len(self._wakes)

    def next_wake(self) -> int | None:
        """Return the earliest time (ms) any key waits for."""
        heap = self._heap
        while heap and self._wakes.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

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
            value = self._store.get(key)
            if value is not None and key not in unit.changes:
                unit.changes[key] = self._stamp + value[EPOCH_BYTES:]
        return unit

    def state(self, key: str) -> S | None:
        """Return the state of `key` as of the last unit."""
        return self._hold(key).state

    def _hold(self, key: str) -> _Held[S]:
        held = self._held.get(key)
        if held is not None:
            return held
        value = self._store.get(key.encode())
        if value is None:
            held = _Held(None)
        elif value[EPOCH_BYTES] != STATE_VERSION:
            raise envelope.UnknownVersion(
                f"state of {key!r} has version {value[EPOCH_BYTES]}, known is {STATE_VERSION}: upgrade this worker"
            )
        else:
            held = _Held(self._decode_state(memoryview(value)[_HEADER.size :]), len(value), wake_time(value))
        self._held[key] = held
        return held

    def apply(self, records: Sequence[Record]) -> Iterator[Unit]:
        """Handle the records of this partition's inbox, in order; yield units to make durable one by one."""
        step = _Step(self, self.source)
        for record in records:
            try:
                decoded = self._envelopes.decode(record.value or b"")
            except (msgspec.MsgspecError, envelope.NoEnvelope) as error:
                if self._on_invalid is None:
                    raise
                step.unit.outputs.append(self._on_invalid(record, error))
                step.unit.counts["dead_letters", "undecodable"] += 1
                step.unit.next_offset = record.offset + 1
                continue
            yield from self._apply_envelope(step, record, decoded)
            step.unit.next_offset = record.offset + 1
        if step.unit.next_offset is not None:
            yield step.finish()

    def _apply_envelope(self, step: _Step[S, M], record: Record, decoded: Envelope[M]) -> Iterator[Unit]:
        source, handle = decoded.source, self.actor.handle
        seen = self._seen.get(source)
        last = seen.position if seen else -1
        if seen and decoded.first_ms > seen.last_ms > 0 and decoded.entries and decoded.entries[0].position <= last:
            last = -1  # appended after all we know of this source, yet lower: its topic was made anew
            step.unit.counts["sources_restarted", decoded.source.partition("/")[0]] += 1
        newest = max(decoded.last_ms, seen.last_ms if seen else 0)
        base = record.offset << envelope.INDEX_BITS
        step.touch(record.timestamp_ms)
        unit = step.unit
        for index, entry in enumerate(decoded.entries):
            if entry.position <= last:
                unit.counts["repeats_dropped", self.actor.name] += 1
                continue
            last = entry.position
            key = entry.key
            at_ms = entry.at_ms
            held = self._hold(key)
            state, effects = handle(held.state, entry.message, at_ms)
            if state is not held.state:
                step.change(key, held, state)
            if effects:
                step.emit(effects, (base | index) << EFFECT_BITS, at_ms)
            unit.handled += 1
            unit.at_ms = at_ms
            if step.bytes >= MAX_UNIT_BYTES or unit.handled >= MAX_UNIT_MESSAGES:
                self._note(step, source, last, newest)
                yield step.finish()
                step.restart(record.timestamp_ms)
                unit = step.unit
        self._note(step, source, last, newest)

    def _note(self, step: _Step[S, M], source: str, last: int, newest: int) -> None:
        seen = Seen(last, newest)
        if self._seen.get(source) != seen:
            self._seen[source] = seen
            step.unit.changes[SEEN + source.encode()] = self._stamp + _encode(seen)

    def tick(self, clock_ms: int) -> Unit | None:
        """Wake up to `MAX_WAKES` keys whose time has come at `clock_ms`; return their written-ahead unit."""
        due = self.next_wake()
        if due is None or due > clock_ms:
            return None
        step = _Step(self, f"{self.source}/clock")
        step.touch(clock_ms)
        woken = 0
        while due is not None and due <= clock_ms and woken < MAX_WAKES and step.bytes < MAX_UNIT_BYTES:
            key = heappop(self._heap)[1]
            del self._wakes[key]
            held = self._hold(key)
            held.wakes_at = None
            if held.state is not None:
                self._ticks += 1
                state, effects = self.actor.wake(held.state, clock_ms)
                step.change(key, held, state)
                if effects:
                    step.emit(effects, self._ticks << EFFECT_BITS, clock_ms)
            woken += 1
            due = self.next_wake()
        unit = step.finish()
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
        if len(self._held) > CACHED_STATES:
            for key in list(self._held)[: CACHED_STATES // 4]:
                del self._held[key]

    def _encoded(self, key: str, held: _Held[S]) -> bytes | None:
        state = held.state
        wakes_at = None if state is None else self.actor.wakes_at(state)
        if wakes_at != held.wakes_at:
            held.wakes_at = wakes_at
            if wakes_at is None:
                del self._wakes[key]
            else:
                self._wakes[key] = wakes_at
                heappush(self._heap, (wakes_at, key))
        if state is None:
            self.keys -= held.size > 0
            held.size = 0
            return None
        value = _HEADER.pack(self._epoch, STATE_VERSION, NEVER if wakes_at is None else wakes_at) + _encode(state)
        self.keys += held.size == 0
        held.size = len(value)
        return value


class _Step(Generic[S, M]):
    """A unit under construction: effects gathered per destination, touched keys still unencoded.

    `source` is what its envelopes name as their source; `bytes` estimates what its changes will take.
    """

    def __init__(self, partition: ActorPartition[S, M], source: str) -> None:
        self._partition = partition
        self._source = source
        self.restart(0)

    def restart(self, appended_ms: int) -> None:
        self.unit = Unit()
        self._changed: list[tuple[str, _Held[S]]] = []
        self.bytes = 0
        self._sends: dict[tuple[str, int], list[Entry[Message]]] = {}
        self._first_ms = self._last_ms = appended_ms

    def touch(self, appended_ms: int) -> None:
        self._first_ms = min(self._first_ms or appended_ms, appended_ms)
        self._last_ms = max(self._last_ms, appended_ms)

    def change(self, key: str, held: _Held[S], state: S | None) -> None:
        held.state = state
        if not held.changed:
            held.changed = True
            self._changed.append((key, held))
            self.bytes += held.size + 512

    def emit(self, effects: Sequence[Effect], base: int, at_ms: int) -> None:
        if len(effects) > MAX_EFFECTS:
            raise TooManyEffects(f"{len(effects)} effects of one message at {self._source}, at most {MAX_EFFECTS}")
        topology, unit, sends = self._partition._topology, self.unit, self._sends
        for number, effect in enumerate(effects):
            if type(effect) is Send:
                key = effect.key
                entry: Entry[Message] = Entry(base | number, key, at_ms, effect.message)
                place = topology.inbox(effect.actor, key)
                if place in sends:
                    sends[place].append(entry)
                else:
                    sends[place] = [entry]
            elif type(effect) is Count:
                unit.counts[effect.counter, effect.reason] += 1
            else:
                unit.outputs.append(topology.record(effect))  # type: ignore[arg-type]

    def finish(self) -> Unit:
        unit, partition = self.unit, self._partition
        for (topic, number), entries in self._sends.items():
            for start in range(0, len(entries), MAX_ENTRIES):
                sent = Envelope(self._source, self._first_ms, self._last_ms, entries[start : start + MAX_ENTRIES])
                unit.outputs.append(Output(topic, number, None, envelope.encode(sent)))
        for key, held in self._changed:
            held.changed = False
            unit.changes[key.encode()] = partition._encoded(key, held)
        if partition._outbox:
            unit.changes[OUTBOX] = partition._stamp
            partition._outbox = []
        return unit

"""A unit under construction: effects gathered per destination, touched keys still unencoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from pipeline.domain.messages.effects import Count, Effect, Send
from pipeline.domain.messages.to_product import Message
from pipeline.domain.records import Trigger
from pipeline.streaming import envelope
from pipeline.streaming.envelope import MAX_EFFECTS, Entry
from pipeline.streaming.units import Output, Topology, Unit

S = TypeVar("S")

CHANGE_BYTES = 512
"""What a changed state is taken to grow by, key and framing included."""


class TooManyEffects(RuntimeError):
    """An actor answered one message with more effects than a position can number."""


class Held(msgspec.Struct, Generic[S], gc=False):
    """What is held of one key: all in one place, because every look-up among many keys waits for memory.

    `size` is what its value in the table takes, 0 if it has none; `wakes_at` is its entry among the wake times;
    `changed` tells that the unit under construction will write it; `is_regular` is the cache's (see `cache.py`).
    """

    state: S | None
    size: int = 0
    wakes_at: int | None = None
    changed: bool = False
    is_regular: bool = False


class Step(Generic[S]):
    """Gathers a unit. Between two units `begin` it anew.

    `unit` has counts and public records already; `changed` are the keys to encode; `estimated_bytes` is about what
    changes and outputs will take; `message_bytes` is what a message that goes on is taken to be.
    """

    def __init__(self, topology: Topology, source: str) -> None:
        """Send to the places of `topology`, in envelopes that name `source` as their source."""
        self._topology = topology
        self._source = source
        self.message_bytes = CHANGE_BYTES
        self.begin(0)

    def begin(self, appended_ms: int) -> None:
        """Start a unit whose cause was appended at `appended_ms` (0: not known yet)."""
        self.unit = Unit()
        self.changed: list[tuple[str, Held[S]]] = []
        self.estimated_bytes = 0
        self._sends: dict[tuple[str, int], list[Entry[Message]]] = {}
        self._first_ms = self._last_ms = appended_ms

    def touch(self, appended_ms: int) -> None:
        """Note the append time of a further cause."""
        self._first_ms = min(self._first_ms or appended_ms, appended_ms)
        self._last_ms = max(self._last_ms, appended_ms)

    def change(self, key: str, held: Held[S], state: S | None) -> None:
        """Let `key` have `state`."""
        held.state = state
        if not held.changed:
            held.changed = True
            self.changed.append((key, held))
            self.estimated_bytes += held.size + CHANGE_BYTES

    def emit(self, effects: Sequence[Effect], base: int, at_ms: int) -> None:
        """Take the effects of one message, numbered from position `base` on. Raises `TooManyEffects`."""
        if len(effects) > MAX_EFFECTS:
            raise TooManyEffects(f"{len(effects)} effects of one message at {self._source}, at most {MAX_EFFECTS}")
        topology, unit, sends = self._topology, self.unit, self._sends
        for number, effect in enumerate(effects):
            if type(effect) is Send:
                key = effect.key
                entry: Entry[Message] = Entry(base | number, key, at_ms, effect.message)
                place = topology.inbox(effect.actor, key)
                if place in sends:
                    sends[place].append(entry)
                else:
                    sends[place] = [entry]
                self.estimated_bytes += self.message_bytes
            elif type(effect) is Count:
                unit.counts[effect.counter, effect.reason] += 1
            else:
                output = topology.record(effect)  # type: ignore[arg-type]
                unit.outputs.append(output)
                self.estimated_bytes += len(output.value)
                record = effect.record  # type: ignore[union-attr]
                if type(record) is Trigger and record.status == "fired":
                    unit.fired_ms[record.rule] = min(unit.fired_ms.get(record.rule, at_ms), record.fired_at_ms)

    def pack(self) -> Unit:
        """Put what is sent into envelopes; return the unit, whose changes are still to be encoded."""
        unit = self.unit
        for (topic, number), entries in self._sends.items():
            for value in envelope.pack(self._source, self._first_ms, self._last_ms, entries):
                unit.outputs.append(Output(topic, number, None, value))
        return unit

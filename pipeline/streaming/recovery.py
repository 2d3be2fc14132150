"""What the table of a partition tells its next owner: positions, wake times, a left-over outbox, the last epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from pipeline.streaming.envelope import UnknownVersion
from pipeline.streaming.units import Output, Store
from pipeline.streaming.values import CLOCK, EPOCH, EPOCH_BYTES, LAYOUT, META, OUTBOX, SEEN, wake_time


class Seen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far a source was handled: greatest position, and append time of its newest record (ms)."""

    position: int
    last_ms: int


@dataclass(slots=True)
class Recovered:
    """The engine's own part of a table, and what it must know of every state without decoding it.

    `keys` counts the states, `bytes` is what they take, `wakes` has the time (ms) of each key that waits for one,
    `ticks` numbers the wakes so far, `outbox` is what the clock caused and may not have been delivered.
    """

    epoch: int = 0
    ticks: int = 0
    keys: int = 0
    bytes: int = 0
    seen: dict[str, Seen] = field(default_factory=dict)
    wakes: dict[str, int] = field(default_factory=dict)
    outbox: list[Output] = field(default_factory=list)


_decode_seen = msgspec.msgpack.Decoder(Seen).decode
_decode_outbox = msgspec.msgpack.Decoder(list[Output]).decode


def scan(store: Store, source: str) -> Recovered:
    """Read a recovered table once. `source` names the partition in the error if its layout is not ours."""
    _check_layout(store, source)
    found = Recovered()
    for key, value in store.items():
        if not key.startswith(META):
            found.keys += 1
            found.bytes += len(value)
            wakes_at = wake_time(value)
            if wakes_at is not None:
                found.wakes[key.decode()] = wakes_at
        elif key.startswith(SEEN):
            found.seen[key[len(SEEN) :].decode()] = _decode_seen(value[EPOCH_BYTES:])
        elif key == OUTBOX:
            found.outbox = _decode_outbox(value[EPOCH_BYTES:])
        elif key == CLOCK:
            found.ticks = int.from_bytes(value[EPOCH_BYTES:], "big")
        elif key == EPOCH:
            found.epoch = int.from_bytes(value[:EPOCH_BYTES], "big")
    return found


def _check_layout(store: Store, source: str) -> None:
    found = store.get(EPOCH)
    if found is None:
        if any(True for _ in store.items()):
            raise UnknownVersion(f"{source}: the changelog is not one of ours: use another app_id")
    elif found[EPOCH_BYTES:] != LAYOUT:
        raise UnknownVersion(
            f"{source}: the changelog has layout {found[EPOCH_BYTES:].hex()}, known is {LAYOUT.hex()}: "
            "upgrade this worker, or use another app_id"
        )

"""How the keys and values of an actor's table and changelog are laid out.

A value begins with the epoch of who wrote it, which each new owner of the partition raises. A value that ends there
stands for nothing: its key is absent. It is what a removal looks like in the changelog, because a null record could
not say who removed, and a worker that had been replaced would remove what the new owner holds.
"""

from __future__ import annotations

import struct

META = b"\x00"
"""Keys of the engine itself start with a zero byte; no actor key does."""
SEEN = META + b"seen/"
OUTBOX = META + b"outbox"
CLOCK = META + b"clock"
EPOCH = META + b"epoch"
"""The first record of each owner. Whatever has a lower epoch behind it was written by a worker that was replaced."""

LAYOUT = b"\x00\x01"
"""How table and changelog are laid out; stands behind the epoch in the value of EPOCH. Another one is refused."""
EPOCH_BYTES = 4
"""Length of the epoch, big-endian, so that bytes compare."""
STATE_VERSION = 1
HEADER = struct.Struct(">IBq")
"""In front of each state: epoch, version and the time it wants to wake (ms), NEVER for none; read without decoding."""
NEVER = -1


def is_absent(value: bytes) -> bool:
    """Tell whether a value of a changelog says that its key has none."""
    return len(value) <= EPOCH_BYTES


def state_bytes(value: bytes) -> memoryview | None:
    """Return the encoded state in a value of a table or changelog; None for an absent key and the engine's own."""
    is_state = len(value) > EPOCH_BYTES and value[EPOCH_BYTES] == STATE_VERSION
    return memoryview(value)[HEADER.size :] if is_state else None


def wake_time(value: bytes) -> int | None:
    """Return when the state in a value of a table or changelog wants to wake (ms), None for never."""
    if is_absent(value):
        return None
    wakes_at: int = HEADER.unpack_from(value)[2]
    return None if wakes_at == NEVER else wakes_at

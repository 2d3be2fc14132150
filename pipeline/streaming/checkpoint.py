"""Checkpoints: a table partition in memory as a file, so that a restart reads only the changelog's tail.

A checkpoint is what the changelog said up to an offset, so an old one is as right as a new one: it only leaves more to
be read. It is not synced to disk; one that a power failure cut short is noticed and not used.
"""

from __future__ import annotations

import logging
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)

USABLE_SECONDS = 12 * 3600
"""An older one is not used: a removal by an operator (a null record) may be gone from the changelog a day later
(`delete.retention.ms`), and what was removed would be back."""
ENTRIES_PER_FRAME = 4_096
"""Some megabytes: what writing takes beside the table itself."""
_FRAME = struct.Struct(">II")  # length and CRC-32 of what follows
_SUFFIX = ".unfinished"


class Head(msgspec.Struct, frozen=True, array_like=True):
    """What a checkpoint is of: which changelog, up to which offset, when it was written, and how many keys follow.

    `overwritten` are the keys whose last record was ignored.
    """

    topic_id: str
    offset: int
    written_at: float
    keys: int
    overwritten: list[bytes]


_encode = msgspec.msgpack.Encoder().encode
_decode_head = msgspec.msgpack.Decoder(Head).decode
_decode_entries = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode


def save(file: Path, head: Head, data: Mapping[bytes, bytes]) -> None:
    """Write a checkpoint; whatever happens meanwhile, `file` holds the one before or this one."""
    unfinished = file.with_name(file.name + _SUFFIX)
    entries = iter(data.items())
    with unfinished.open("wb") as out:
        part: bytes | None = _encode(head)
        while part is not None:
            out.write(_FRAME.pack(len(part), zlib.crc32(part)))
            out.write(part)
            some = dict(islice(entries, ENTRIES_PER_FRAME))
            part = _encode(some) if some else None
    unfinished.replace(file)


def load(file: Path, topic_id: str) -> tuple[Head, dict[bytes, bytes]] | None:
    """Read a checkpoint of the changelog `topic_id`; None if there is none that can be used."""
    if not file.exists():
        return None
    parts = _parts(file)
    try:
        head = _decode_head(next(parts, b""))
        if head.topic_id != topic_id:
            log.warning("%s is of another changelog (topic id %s, now %s): not used", file, head.topic_id, topic_id)
            return None
        if not 0 <= time.time() - head.written_at <= USABLE_SECONDS:
            log.warning("%s was not written in the last %d h: not used", file, USABLE_SECONDS // 3600)
            return None
        data: dict[bytes, bytes] = {}
        for part in parts:
            data.update(_decode_entries(part))
    except msgspec.MsgspecError as error:
        log.warning("%s is damaged (%s): not used", file, error)
        return None
    if len(data) != head.keys:
        log.warning("%s is damaged (%d of %d keys): not used", file, len(data), head.keys)
        return None
    return head, data


def _parts(file: Path) -> Iterator[bytes]:
    """Yield the whole and undamaged parts, up to the first that is not."""
    with file.open("rb") as source:
        while len(frame := source.read(_FRAME.size)) == _FRAME.size:
            length, checksum = _FRAME.unpack(frame)
            part = source.read(length)
            if len(part) != length or zlib.crc32(part) != checksum:
                return
            yield part

"""Reads blocks as the driver does, whose reader knows nothing of how we write them."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from clickhouse_driver.bufferedreader import CompressedBufferedReader
from clickhouse_driver.streams.native import BlockInputStream

from pipeline.history.batch import Batch
from pipeline.history.native import Block
from pipeline.history.rows import Row

_AS_TEXT = {"use_numpy": False, "strings_as_bytes": False, "strings_encoding": "utf-8"}
LATE_REVISION = 54_454
"""From this one on a block is headed by eight bytes, and each column by one that tells how it is serialised."""
_HEAD = b"\x01\x00\x02\xff\xff\xff\xff\x00"


def read(block: Block, revision: int = 0) -> list[dict[str, Any]]:
    """Return the rows of a block, by column, as a server of `revision` would (0: the Native format in a file)."""
    late = revision >= LATE_REVISION
    context = SimpleNamespace(client_settings=_AS_TEXT, server_info=SimpleNamespace(used_revision=revision))
    sent = [(_HEAD if late else b"") + block.native(custom_serialization=late)]
    found = BlockInputStream(CompressedBufferedReader(sent.pop, 1 << 20), context).read()
    names = [name for name, _ in found.columns_with_types]
    return [dict(zip(names, row, strict=True)) for row in found.get_rows()]


def stored(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return what the database is given of rows of one kind."""
    batch = Batch()
    batch.add(rows)
    ((_, block),) = batch.blocks()
    return read(block)

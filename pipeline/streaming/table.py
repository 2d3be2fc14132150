"""Tables: Faust's, with a store per partition and changes that arrive a unit at a time.

A unit's changes are one record batch of the changelog, and are written to the store with the changelog offset they
end at, in one step. Recovery applies the changelog in batches and begins where the store ends: a partition that never
left, is on disk, or has a checkpoint reads only what it misses.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import faust
import msgspec
from faust.stores.base import Store as FaustStore
from faust.types import TP, EventT
from rocksdict import AccessType, Options, Rdict, WriteBatch
from yarl import URL

from pipeline import metrics
from pipeline.streaming.batch import Batch
from pipeline.streaming.checkpoint import Head, load, save
from pipeline.streaming.values import EPOCH, EPOCH_BYTES, META, is_absent

log = logging.getLogger(__name__)

OFFSET = META + b"offset"
"""Where a store on disk keeps the changelog offset it has reached. This and the next two are never in a changelog."""
OVERWRITTEN = META + b"overwritten"
"""Where it keeps the keys whose last changelog record it has ignored."""
TOPIC_ID = META + b"topic"
"""Where it keeps which changelog it follows: a topic that is made anew has the same name and another id."""
_LOCAL = frozenset({OFFSET, OVERWRITTEN, TOPIC_ID})
CHECKPOINT = "checkpoint"
"""Name of the file in a partition's folder that a partition in memory keeps."""


CHECKPOINT_CHANGES = 100_000
"""Changes between two checkpoints, or as many as there were keys, if more. So the next start after a kill reads no more
than that, however fast events come; and a change is written to a file at most twice."""


class MemoryPartition:
    """A partition in memory, with a checkpoint in a file now and then and when it is closed."""

    def __init__(self, file: Path | None = None, topic_id: str = "") -> None:
        """Start from the checkpoint in `file` if it follows the changelog of `topic_id`, else empty."""
        self.offset: int | None = None
        self._data: dict[bytes, bytes] = {}
        self._overwritten: set[bytes] = set()
        self._file = file
        self._topic_id = topic_id
        self._unsaved = 0
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            if (found := load(file, topic_id)) is not None:
                head, self._data = found
                self.offset, self._overwritten = head.offset, set(head.overwritten)
        self._save_after = max(CHECKPOINT_CHANGES, len(self._data))

    def overwritten(self) -> Collection[bytes]:
        """Return the keys whose last changelog record was ignored."""
        return self._overwritten

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, None if absent."""
        return self._data.get(key)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Return every key with its value."""
        return iter(self._data.items())

    def write(self, changes: Mapping[bytes, bytes], offset: int, ignored: Collection[bytes] = ()) -> None:
        """Apply changes; `ignored` are keys whose last record, up to `offset`, was not applied."""
        data = self._data
        for key, value in changes.items():
            if is_absent(value):
                data.pop(key, None)
            else:
                data[key] = value
        if self._overwritten:
            self._overwritten -= changes.keys()
        self._overwritten.update(ignored)
        self.offset = offset
        self._unsaved += len(changes)
        if self._unsaved >= self._save_after:
            self._save()

    def close(self) -> None:
        """Leave a checkpoint for the next start."""
        if self._unsaved:
            self._save()

    def _save(self) -> None:
        self._unsaved, self._save_after = 0, max(CHECKPOINT_CHANGES, len(self._data))
        if self._file is not None and self.offset is not None:
            head = Head(self._topic_id, self.offset, time.time(), len(self._data), sorted(self._overwritten))
            save(self._file, head, self._data)


def recover(store: MemoryPartition | DiskPartition, records: Iterable[tuple[bytes, bytes | None]], last: int) -> None:
    """Apply changelog records that end at offset `last`, but for those of a worker that had been replaced.

    Those stand behind the record with which a new owner raised the epoch, and have a lower one. A null record removes:
    no worker writes one, so it is an operator's.
    """
    changes: dict[bytes, bytes] = {}
    ignored: set[bytes] = set()
    epoch = (store.get(EPOCH) or b"")[:EPOCH_BYTES]
    for key, value in records:
        if value is None:
            value = epoch
        elif value[:EPOCH_BYTES] < epoch:
            ignored.add(key)
            continue
        elif key == EPOCH:
            epoch = value[:EPOCH_BYTES]
        changes[key] = value
        if ignored:
            ignored.discard(key)
    store.write(changes, last, ignored)


class DiskPartition:
    """A partition in RocksDB: survives the worker, so that recovery reads only the changelog's tail."""

    def __init__(self, path: Path, topic_id: str = "") -> None:
        """Open or create the database in folder `path`; a new one follows the changelog of `topic_id`."""
        path.mkdir(parents=True, exist_ok=True)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_size(16 * 1024 * 1024)
        options.set_max_write_buffer_number(2)
        self._db = Rdict(str(path), options, access_type=AccessType.read_write())
        reached = self._db.get(OFFSET)
        self.offset: int | None = None if reached is None else int.from_bytes(reached, "big")
        self._overwritten: set[bytes] = set(
            msgspec.msgpack.decode(self._db.get(OVERWRITTEN) or b"\x90", type=list[bytes])
        )
        if reached is None:
            self._db[TOPIC_ID] = topic_id.encode()
        #: Which changelog it follows; empty where that was not noted.
        self.topic_id = (self._db.get(TOPIC_ID) or b"").decode()

    def overwritten(self) -> Collection[bytes]:
        """Return the keys whose last changelog record was ignored."""
        return self._overwritten

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, None if absent."""
        value: bytes | None = self._db.get(key)
        return value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Return every key with its value."""
        found: Iterator[tuple[Any, Any]] = iter(self._db.items())
        return ((key, value) for key, value in found if key not in _LOCAL)

    def write(self, changes: Mapping[bytes, bytes], offset: int, ignored: Collection[bytes] = ()) -> None:
        """Apply changes, the offset they end at and what was `ignored` up to there as one atomic write."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if is_absent(value):
                batch.delete(key)
            else:
                batch.put(key, value)
        if self._overwritten or ignored:
            self._overwritten = (self._overwritten - changes.keys()).union(ignored)
            batch.put(OVERWRITTEN, msgspec.msgpack.encode(sorted(self._overwritten)))
        batch.put(OFFSET, offset.to_bytes(8, "big"))
        self._db.write(batch)
        self.offset = offset

    def close(self) -> None:
        """Close the database; its lock on the folder ends."""
        self._db.close()


class Partitions(FaustStore[bytes, bytes]):
    """Faust's view of a table's stores: which offset each partition has reached."""

    def __init__(self, *args: Any, folder: Path, in_memory: bool = False, **kwargs: Any) -> None:
        """Keep partitions in RocksDB below `folder`, or in memory with checkpoints there."""
        super().__init__(*args, **kwargs)
        self._folder = folder
        self._in_memory = in_memory
        self._open: dict[int, MemoryPartition | DiskPartition] = {}
        #: Which topic the changelog is now; known before the first partition is opened.
        self.topic_id = ""

    def partition(self, number: int) -> MemoryPartition | DiskPartition:
        """Return the store of one partition, opened at first use."""
        store = self._open.get(number)
        if store is None:
            path = self._folder / str(number)
            store = MemoryPartition(path / CHECKPOINT, self.topic_id) if self._in_memory else self._on_disk(path)
            self._open[number] = store
        return store

    def _on_disk(self, path: Path) -> DiskPartition:
        """Open what is kept; begin anew where it does not fit the changelog, whose offsets would mean other records."""
        store = DiskPartition(path, self.topic_id)
        if store.topic_id != self.topic_id:
            log.warning(
                "%s follows another changelog (topic id %s, now %s): removed", path, store.topic_id, self.topic_id
            )
            store.close()
            shutil.rmtree(path)
            store = DiskPartition(path, self.topic_id)
        return store

    def persisted_offset(self, tp: TP) -> int | None:
        """Return the changelog offset that this partition's store has reached."""
        return self.partition(tp.partition).offset

    def keep_only(self, numbers: Iterable[int]) -> None:
        """Let go of every partition not in `numbers`: somebody else's now."""
        for number in set(self._open) - set(numbers):
            self._open.pop(number).close()

    def begin_anew(self, number: int) -> None:
        """Forget all that one partition has kept."""
        self._open.pop(number).close()
        shutil.rmtree(self._folder / str(number))

    async def on_stop(self) -> None:
        """Close every partition."""
        self.keep_only(())

    # Faust's table interface reads single keys through these; agents go through `partition`.
    def __getitem__(self, key: bytes) -> bytes:
        for store in self._open.values():
            value = store.get(key)
            if value is not None:
                return value
        raise KeyError(key)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        raise TypeError("changes of a table go through units, see ActorTable")

    def __delitem__(self, key: bytes) -> None:
        raise TypeError("changes of a table go through units, see ActorTable")

    def __iter__(self) -> Iterator[bytes]:
        return (key for store in self._open.values() for key, _ in store.items())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def apply_changelog_batch(self, batch: Any, to_key: Any = None, to_value: Any = None) -> None:
        """Nothing: `ActorTable.on_changelog_event` has applied it already."""

    def reset_state(self) -> None:
        """Nothing is kept but the data."""

    async def backup_partition(self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """Raise: the changelog is the backup."""
        raise TypeError("a table is backed up by its changelog")

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """Raise: the changelog is the backup."""
        raise TypeError("a table is restored from its changelog")


class ActorTable(faust.Table[bytes, bytes]):
    """The table of one actor, recovered a batch at a time."""

    def __init__(self, *args: Any, folder: Path, in_memory: bool = False, **kwargs: Any) -> None:
        """Declare the table; `folder` is for its partitions in RocksDB, or the checkpoints of those in memory."""
        self.folder = folder
        self._in_memory = in_memory
        super().__init__(*args, key_type=bytes, value_type=bytes, **kwargs)

    def _new_store(self) -> Partitions:
        return Partitions(
            URL("memory://"),
            self.app,
            self,
            table_name=self.name,
            folder=self.folder,
            in_memory=self._in_memory,
            loop=self.loop,
        )

    @property
    def partitions_of(self) -> Partitions:
        """The stores behind this table."""
        store = self.data
        assert isinstance(store, Partitions)
        return store

    async def on_changelog_event(self, event: EventT[Any]) -> None:
        """Apply what recovery reads. A fault here must stop the worker: Faust would log it and go on with a hole."""
        try:
            message = event.message
            value: Any = event.value
            records: Sequence[Any] = value.records if isinstance(value, Batch) else [message]
            store = self.partitions_of.partition(message.partition)
            recover(store, ((record.key, record.value) for record in records), message.offset)
            metrics.RECOVERED.labels(self.name).inc(len(records))
        except Exception as error:
            await self.app.crash(error)
            raise

    def apply_changelog_batch(self, batch: Iterable[EventT[Any]]) -> None:
        """Nothing: `on_changelog_event` has applied it already."""

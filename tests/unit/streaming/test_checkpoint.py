"""Checkpoints of a partition in memory: what is found again, what is not trusted, and how often one is written."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from pipeline.streaming import table
from pipeline.streaming.checkpoint import USABLE_SECONDS
from pipeline.streaming.table import MemoryPartition, recover
from pipeline.streaming.values import EPOCH, LAYOUT

OLD, NEW = b"\x00\x00\x00\x01", b"\x00\x00\x00\x02"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the partition keeps its checkpoint; the folder is not there yet."""
    return tmp_path / "customer" / "3" / "checkpoint"


def left(file: Path, keys: int) -> None:
    """Leave a checkpoint of `keys` keys at offset 41."""
    partition = MemoryPartition(file, "one")
    partition.write({f"key-{number}".encode(): OLD + b"1" for number in range(keys)}, 41)
    partition.close()


@pytest.mark.parametrize("keys", [1, 4_096, 10_000])
def test_a_closed_partition_opened_again_goes_on_where_it_was(file: Path, keys: int) -> None:
    left(file, keys)

    again = MemoryPartition(file, "one")

    assert again.offset == 41
    assert dict(again.items()) == {f"key-{number}".encode(): OLD + b"1" for number in range(keys)}


def test_what_came_after_the_checkpoint_is_read_on_top_of_it(file: Path) -> None:
    left(file, 2)

    again = MemoryPartition(file, "one")
    recover(again, [(b"key-0", OLD), (b"key-1", OLD + b"2"), (b"key-2", OLD + b"3")], 44)
    again.close()

    assert dict(MemoryPartition(file, "one").items()) == {b"key-1": OLD + b"2", b"key-2": OLD + b"3"}


def test_it_still_knows_which_keys_a_replaced_worker_wrote(file: Path) -> None:
    first = MemoryPartition(file, "one")
    recover(first, [(EPOCH, NEW + LAYOUT), (b"a", OLD + b"1")], 1)
    first.close()

    assert set(MemoryPartition(file, "one").overwritten()) == {b"a"}


def _of_another_topic(file: Path) -> None:
    left(file, 10_000)


def _cut_short(file: Path) -> None:
    left(file, 10_000)
    with file.open("r+b") as whole:
        whole.truncate(file.stat().st_size // 2)


def _cut_between_parts(file: Path) -> None:
    left(file, 4_096)
    first = file.read_bytes()
    left(file.with_name("longer"), 5_000)
    head_of_longer = file.with_name("longer").read_bytes()[: len(first)]
    file.write_bytes(head_of_longer)


def _altered(file: Path) -> None:
    left(file, 10_000)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _empty(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.touch()


def _all_zeros(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(4096))


@pytest.mark.parametrize("spoil", [_of_another_topic, _cut_short, _cut_between_parts, _altered, _empty, _all_zeros])
def test_a_checkpoint_that_is_damaged_or_of_another_changelog_is_not_used(
    file: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    spoil(file)

    opened = MemoryPartition(file, "two" if spoil is _of_another_topic else "one")

    assert (opened.offset, list(opened.items())) == (None, [])
    assert str(file) in caplog.text


@pytest.mark.parametrize(("seconds", "offset"), [(USABLE_SECONDS - 60, 41), (USABLE_SECONDS + 60, None), (-60, None)])
def test_one_that_is_so_old_that_removals_may_be_missing_behind_it_is_not_used(
    file: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, offset: int | None
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    left(file, 1)

    monkeypatch.setattr(time, "time", lambda: 1_000_000.0 + seconds)

    assert MemoryPartition(file, "one").offset == offset


def test_a_worker_that_is_killed_has_written_one_after_as_many_changes_as_there_are_keys_but_not_too_few(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "CHECKPOINT_CHANGES", 10)
    running = MemoryPartition(file, "one")
    found = []
    for number in range(8):
        running.write({f"key-{number * 5 + place}".encode(): OLD + b"1" for place in range(5)}, number)
        found.append(MemoryPartition(file, "one").offset)

    assert found == [None, 1, 1, 3, 3, 3, 3, 7]  # after 10, 20 and 40 keys


def test_a_crash_in_the_middle_of_writing_leaves_the_checkpoint_before(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(file, 10)
    running = MemoryPartition(file, "one")
    running.write({b"more": OLD + b"1"}, 42)

    class Killed(BaseException):
        pass

    def dies(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(zlib, "crc32", dies)
    with pytest.raises(Killed):
        running.close()
    monkeypatch.undo()

    assert MemoryPartition(file, "one").offset == 41


@pytest.mark.parametrize("seed", range(20))
def test_however_often_a_worker_is_killed_a_checkpoint_and_the_tail_give_what_the_whole_changelog_gives(
    file: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(table, "CHECKPOINT_CHANGES", 15)
    chance = Random(seed)
    changelog: list[tuple[bytes, bytes]] = []
    running, epoch, checkpoints = MemoryPartition(file, "one"), 1, set()
    for _ in range(200):
        stamp = epoch.to_bytes(4, "big")
        unit = {f"key-{chance.randrange(30)}".encode(): stamp + chance.choice((b"", b"1", b"2")) for _ in range(5)}
        if chance.random() < 0.1:  # killed; who it was goes on writing for a moment
            running, epoch = MemoryPartition(file, "one"), epoch + 1
            checkpoints.add(running.offset)
            unit = {EPOCH: epoch.to_bytes(4, "big") + LAYOUT}
            changelog += [*unit.items(), (b"key-1", stamp + b"late")]
            start = -1 if running.offset is None else running.offset
            recover(running, changelog[start + 1 :], len(changelog) - 1)
        else:
            changelog += unit.items()
            running.write(unit, len(changelog) - 1)

    whole = MemoryPartition()
    recover(whole, changelog, len(changelog) - 1)
    assert dict(running.items()) == dict(whole.items())
    assert set(running.overwritten()) == set(whole.overwritten())
    assert len(checkpoints) > 3

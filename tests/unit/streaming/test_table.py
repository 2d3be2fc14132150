"""Stores of a table: what recovery takes, and what it refuses from a worker that had been replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.streaming.table import DiskPartition, MemoryPartition, recover

OLD, NEW = b"\x00\x00\x00\x01", b"\x00\x00\x00\x02"


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> MemoryPartition | DiskPartition:
    """Both kinds of store."""
    return MemoryPartition() if request.param == "memory" else DiskPartition(tmp_path / "0")


def test_the_last_value_of_a_key_wins_and_none_removes_it(store: MemoryPartition | DiskPartition) -> None:
    recover(store, [(b"a", OLD + b"1"), (b"a", OLD + b"2"), (b"b", OLD + b"1"), (b"b", None)], 3)

    assert (store.get(b"a"), store.get(b"b"), store.offset) == (OLD + b"2", None, 3)


def test_a_value_of_an_earlier_epoch_is_ignored_and_its_key_to_be_written_again(
    store: MemoryPartition | DiskPartition,
) -> None:
    recover(store, [(b"a", NEW + b"right")], 0)

    recover(store, [(b"a", OLD + b"of a worker that was replaced")], 1)

    assert store.get(b"a") == NEW + b"right"
    assert set(store.overwritten()) == {b"a"}


def test_a_key_written_again_is_no_longer_overwritten(store: MemoryPartition | DiskPartition) -> None:
    recover(store, [(b"a", NEW + b"1"), (b"a", OLD + b"0"), (b"a", NEW + b"1")], 2)

    assert set(store.overwritten()) == set()


def test_a_disk_partition_opened_again_goes_on_where_it_was(tmp_path: Path) -> None:
    first = DiskPartition(tmp_path / "3")
    first.write({b"a": OLD + b"1", b"b": OLD + b"2"}, 41)
    first.close()

    again = DiskPartition(tmp_path / "3")

    assert again.offset == 41
    assert dict(again.items()) == {b"a": OLD + b"1", b"b": OLD + b"2"}

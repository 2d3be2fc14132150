"""Stores of a table: what recovery takes, and what it refuses from a worker that had been replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import pytest

from pipeline.streaming.table import DiskPartition, MemoryPartition, Partitions, recover
from pipeline.streaming.values import EPOCH, LAYOUT

Store: TypeAlias = MemoryPartition | DiskPartition

OLD, NEW = b"\x00\x00\x00\x01", b"\x00\x00\x00\x02"


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Both kinds of store."""
    return MemoryPartition() if request.param == "memory" else DiskPartition(tmp_path / "0")


def opened(epoch: bytes) -> tuple[bytes, bytes]:
    """Return the record with which an owner begins."""
    return EPOCH, epoch + LAYOUT


def test_the_last_value_of_a_key_wins_and_one_that_ends_with_its_epoch_removes_it(store: Store) -> None:
    recover(store, [(b"a", OLD + b"1"), (b"a", OLD + b"2"), (b"b", OLD + b"1"), (b"b", OLD)], 3)

    assert (store.get(b"a"), store.get(b"b"), store.offset) == (OLD + b"2", None, 3)


def test_a_null_record_which_only_an_operator_can_have_written_removes(store: Store) -> None:
    recover(store, [opened(NEW), (b"a", NEW + b"1"), (b"a", None)], 2)

    assert store.get(b"a") is None


def test_what_follows_a_new_owners_first_record_with_a_lower_epoch_is_ignored_whether_it_sets_or_removes(
    store: Store,
) -> None:
    recover(store, [opened(OLD), (b"a", OLD + b"1"), (b"b", OLD + b"1"), opened(NEW)], 3)

    recover(store, [(b"a", OLD + b"2"), (b"b", OLD), (b"c", OLD + b"1"), opened(OLD)], 7)

    assert (store.get(b"a"), store.get(b"b"), store.get(b"c"), store.offset) == (OLD + b"1", OLD + b"1", None, 7)
    assert set(store.overwritten()) == {b"a", b"b", b"c", EPOCH}


def test_what_was_written_before_the_new_owner_counts(store: Store) -> None:
    recover(store, [(b"a", OLD + b"1"), opened(NEW)], 1)

    assert (store.get(b"a"), set(store.overwritten())) == (OLD + b"1", set())


def test_a_key_written_again_is_no_longer_overwritten(store: Store) -> None:
    recover(store, [opened(NEW), (b"a", OLD + b"0"), (b"b", OLD + b"0"), (b"c", OLD + b"0"), (b"a", NEW + b"1")], 4)
    assert set(store.overwritten()) == {b"b", b"c"}

    store.write({b"b": NEW + b"1"}, 5)

    assert set(store.overwritten()) == {b"c"}


def test_a_disk_partition_opened_again_goes_on_where_it_was(tmp_path: Path) -> None:
    first = DiskPartition(tmp_path / "3")
    first.write({b"a": OLD + b"1", b"b": OLD + b"2"}, 41)
    first.close()

    again = DiskPartition(tmp_path / "3")

    assert again.offset == 41
    assert dict(again.items()) == {b"a": OLD + b"1", b"b": OLD + b"2"}


def test_a_disk_partition_opened_again_still_knows_which_keys_are_to_be_written_again(tmp_path: Path) -> None:
    first = DiskPartition(tmp_path / "3")
    recover(first, [opened(NEW), (b"a", OLD + b"1")], 1)
    first.close()

    again = DiskPartition(tmp_path / "3")

    assert set(again.overwritten()) == {b"a"}
    assert dict(again.items()) == {EPOCH: NEW + LAYOUT}


def partitions_of(folder: Path, topic_id: str) -> Partitions:
    nothing: Any = None
    partitions = Partitions("memory://", nothing, nothing, table_name="customer", folder=folder)
    partitions.topic_id = topic_id
    return partitions


def test_what_is_kept_of_a_changelog_that_was_made_anew_is_removed(tmp_path: Path) -> None:
    before = partitions_of(tmp_path, "one")
    before.partition(0).write({b"a": OLD + b"1"}, 41)
    before.keep_only(())

    same, other = partitions_of(tmp_path, "one"), partitions_of(tmp_path, "two")
    kept = same.partition(0).offset
    same.keep_only(())

    assert kept == 41
    assert (other.partition(0).offset, list(other.partition(0).items())) == (None, [])

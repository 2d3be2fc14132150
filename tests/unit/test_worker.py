from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from pipeline.errors import USAGE, OmniError
from pipeline.settings import Settings
from pipeline.worker import SLOTS, run_worker


def test_wrong_identity_rules_end_a_worker_before_it_takes_anything(tmp_path: Path) -> None:
    wrong = tmp_path / "identity.yaml"
    wrong.write_text("order: 3", encoding="utf-8")

    with pytest.raises(OmniError, match=r"identity.yaml:1: order must be a list") as caught:
        run_worker(Settings(identity_file=wrong, data_dir=tmp_path / "data"), ())

    assert caught.value.exit_code == USAGE
    assert not (tmp_path / "data").exists()


def test_a_data_directory_that_cannot_be_written_is_wrong_configuration(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")

    with pytest.raises(OmniError, match=r"cannot be written .* --data-dir") as caught:
        run_worker(Settings(data_dir=tmp_path / "data"), ())

    assert caught.value.exit_code == USAGE


def test_a_data_directory_whose_places_are_all_taken_is_wrong_configuration(tmp_path: Path) -> None:
    locks = []
    for number in range(SLOTS):
        place = tmp_path / "workers" / str(number)
        place.mkdir(parents=True)
        locks.append((place / "lock").open("w"))
        fcntl.flock(locks[-1], fcntl.LOCK_EX)

    with pytest.raises(OmniError, match=f"all {SLOTS} places are taken") as caught:
        run_worker(Settings(data_dir=tmp_path), ())

    assert caught.value.exit_code == USAGE
    for lock in locks:
        lock.close()

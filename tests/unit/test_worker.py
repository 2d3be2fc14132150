from __future__ import annotations

import fcntl
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.ending import Ending
from pipeline.errors import USAGE, OmniError
from pipeline.settings import Settings
from pipeline.worker import SLOTS, run_worker


def test_wrong_identity_rules_end_a_worker_before_it_takes_anything(tmp_path: Path) -> None:
    wrong = tmp_path / "identity.yaml"
    wrong.write_text("order: 3", encoding="utf-8")

    with pytest.raises(OmniError, match=r"identity.yaml:1: order must be a list") as caught:
        run_worker(Settings(identity_file=wrong, data_dir=tmp_path / "data"), (), Ending(lambda: None))

    assert caught.value.exit_code == USAGE
    assert not (tmp_path / "data").exists()


def test_a_data_directory_that_cannot_be_written_is_wrong_configuration(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")

    with pytest.raises(OmniError, match=r"cannot be written .* --data-dir") as caught:
        run_worker(Settings(data_dir=tmp_path / "data"), (), Ending(lambda: None))

    assert caught.value.exit_code == USAGE


def test_a_data_directory_whose_places_are_all_taken_is_wrong_configuration(tmp_path: Path) -> None:
    locks = []
    for number in range(SLOTS):
        place = tmp_path / "workers" / str(number)
        place.mkdir(parents=True)
        locks.append((place / "lock").open("w"))
        fcntl.flock(locks[-1], fcntl.LOCK_EX)

    with pytest.raises(OmniError, match=f"all {SLOTS} places are taken") as caught:
        run_worker(Settings(data_dir=tmp_path), (), Ending(lambda: None))

    assert caught.value.exit_code == USAGE
    for lock in locks:
        lock.close()


CHURN = """
import sys
from pipeline.worker import give_back_memory

def resident_mib():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 // 2**20

if sys.argv[1] == "given back":
    give_back_memory()
before, kept = resident_mib(), []
bytearray(30 * 2**20)  # from now on, glibc takes blocks of up to this size from its heap
for _ in range(100):
    batches = [bytearray(2**20) for _ in range(20)]
    kept += [bytes(100_000) for _ in range(3)]  # between them, and there to stay: 29 MiB in all
    del batches
print(resident_mib() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc", reason="is about glibc")
def test_what_large_batches_took_is_given_back_whatever_is_kept_between_them() -> None:
    def grown(how: str) -> int:
        done = subprocess.run([sys.executable, "-c", CHURN, how], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert grown("given back") + 10 < grown("as glibc does")

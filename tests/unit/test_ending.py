"""A worker ends when it is told to, even one that hangs. Each in a process of its own, which is what ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.environment import clean_environment

HEAD = """
import logging, os, signal, sys, threading
from pipeline import ending
logging.basicConfig(level="INFO")
ending.STOP_SECONDS = 0.2
hang = threading.Event().wait
def told(number=signal.SIGTERM):
    os.kill(os.getpid(), number)
def started_again():
    os._exit(7)
with ending.Ending(started_again) as worker:
"""


def ended(text: str, tmp_path: Path) -> tuple[int, str]:
    body = "".join(f"    {line}\n" for line in text.split("; "))
    done = subprocess.run(
        [sys.executable, "-c", HEAD + body],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_told_to_stop_before_it_runs_it_ends_at_once(number: str, tmp_path: Path) -> None:
    assert ended(f"told(signal.{number}); hang()", tmp_path) == (0, "")


def test_told_to_stop_it_has_time_to_do_so(tmp_path: Path) -> None:
    stops = "stop = threading.Event(); worker.hand_to(stop.set); told(); stop.wait(); sys.exit('stopped')"

    assert ended(stops, tmp_path) == (1, "stopped\n")


def test_one_that_hangs_in_a_wait_for_a_thread_ends_all_the_same_and_says_why(tmp_path: Path) -> None:
    hangs = (
        "worker.hand_to(lambda: None); thread = threading.Thread(target=hang); thread.start(); told(); thread.join()"
    )

    code, said = ended(hangs, tmp_path)

    assert code == 0
    assert "Told to stop, this worker has not stopped within" in said


def test_one_that_failed_and_hangs_starts_again_but_not_if_it_was_told_to_stop(tmp_path: Path) -> None:
    assert ended("worker.hand_to(lambda: None); worker.failed(); hang()", tmp_path)[0] == 7
    assert ended("worker.hand_to(lambda: None); worker.failed(); told(); hang()", tmp_path)[0] == 0


def test_a_failure_that_has_ended_the_worker_is_waited_for_no_more(tmp_path: Path) -> None:
    waits = "worker.failed(); worker.over(); import time; time.sleep(0.5); sys.exit(5)"  # as long as nothing comes

    assert ended(waits, tmp_path)[0] == 5


def test_a_signal_that_comes_while_it_starts_again_is_heard(tmp_path: Path) -> None:
    again = f"import pathlib; pathlib.Path('again.py').write_text({(HEAD + '    hang()')!r})"
    replaced = "signal.pthread_sigmask(signal.SIG_BLOCK, ending.SIGNALS); told()"  # as between the two programs
    becomes = "ending.replace_process(sys.executable, [sys.executable, 'again.py'])"

    assert ended("; ".join((again, replaced, becomes)), tmp_path) == (0, "")

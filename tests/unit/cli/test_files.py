"""Files that are no files: pipes, what may not be read, folders that may not be written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from pipeline.__main__ import main
from pipeline.cli.progress import lines_in
from pipeline.errors import DONE, USAGE

EVENT = {
    "event_id": "e-1", "event_type": "page_viewed", "channel": "web", "occurred_at": "2026-11-24T10:00:00Z",
    "identifiers": {"account": "u-1"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@contextmanager
def piped(path: Path, text: str) -> Iterator[Path]:
    """A named pipe into which `text` goes, as <(zcat FILE) makes one."""
    os.mkfifo(path)
    writing = Thread(target=path.write_text, args=(text,), daemon=True)
    writing.start()
    yield path
    writing.join(timeout=10)


def test_a_pipe_can_be_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with piped(tmp_path / "pipe", json.dumps(EVENT) + "\n") as pipe:
        assert main(["simulate", str(pipe), "--json"]) == DONE

    assert json.loads(capsys.readouterr().out)["events"] == 1


def test_a_pipe_is_not_read_for_its_number_of_lines(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("1\n2\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text("3\n", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")

    assert lines_in([tmp_path / "a.jsonl", tmp_path / "b.jsonl"]) == 3
    assert lines_in([tmp_path / "a.jsonl", tmp_path / "pipe"]) is None
    assert lines_in([Path("-")]) is lines_in([tmp_path]) is None


def test_a_demo_reads_twice_and_refuses_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert main(["demo", "--exit", "--bus", "memory", "--data", str(tmp_path / "pipe")]) == USAGE
    assert "a pipe will not do" in capsys.readouterr().err


def test_a_file_that_may_not_be_read_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(EVENT), encoding="utf-8")
    opened = Path.open

    def refused(path: Path, *args: object, **more: object) -> object:
        if path == file:
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refused)  # whoever tests as root may read everything

    assert main(["simulate", str(file)]) == USAGE
    assert f"{file}: cannot be read: Permission denied" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "result").write_text("a file", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")  # nobody writes: reading it would wait for ever

    assert main(["simulate", str(tmp_path / "pipe"), "--out", str(tmp_path / "result")]) == USAGE
    assert "result: cannot be written" in capsys.readouterr().err


def test_a_data_directory_that_cannot_be_is_wrong_usage_not_a_broker_that_is_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    assert main(["kafka", "start", "--data-dir", str(tmp_path / "file")]) == USAGE
    assert "choose another data directory: --data-dir" in capsys.readouterr().err
